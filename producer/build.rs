//! Writes the document of the API without the spaces between its tokens: they are 7 KB of the bundle, gzipped.

use std::error::Error;
use std::path::Path;

fn main() -> Result<(), Box<dyn Error>> {
    let document = Path::new("../docs/openapi.json");
    println!("cargo::rerun-if-changed={}", document.display());
    let text = std::fs::read_to_string(document)?;
    std::fs::write(Path::new(&std::env::var("OUT_DIR")?).join("openapi.json"), without_spaces(&text))?;
    Ok(())
}

/// The same JSON on one line.
fn without_spaces(json: &str) -> String {
    let (mut in_text, mut escaped) = (false, false);
    json.chars()
        .filter(|character| {
            let kept = in_text || !character.is_ascii_whitespace();
            in_text ^= *character == '"' && !escaped;
            escaped = *character == '\\' && !escaped;
            kept
        })
        .collect()
}
