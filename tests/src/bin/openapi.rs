//! Writes the API's document and the page of its errors into `docs/`: `make openapi`.

use std::fs::write;

fn main() -> std::io::Result<()> {
    write("docs/openapi.json", longshore::openapi::text())?;
    write("docs/errors.md", longshore_tests::wrong_requests::errors_page())
}
