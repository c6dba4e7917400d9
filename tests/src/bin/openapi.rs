//! Writes the document of the API and the list of its problems into `docs/`: `make openapi`.

use std::fs::write;

fn main() -> std::io::Result<()> {
    write("docs/openapi.json", longshore::openapi::text())?;
    write("docs/problems.md", longshore::openapi::markdown())
}
