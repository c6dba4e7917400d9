//! The statements without their comments and indentation, which D1 would be sent with every call and the Workers would carry:
//! 5 KB, gzipped. No text in them goes over a line.

use std::env::var;
use std::error::Error;
use std::fs::{create_dir_all, read_dir, read_to_string, write};
use std::path::Path;

const STATEMENTS: &str = "src/store";

fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo::rerun-if-changed={STATEMENTS}");
    let folder = Path::new(&var("OUT_DIR")?).join("store");
    create_dir_all(&folder)?;
    for entry in read_dir(STATEMENTS)? {
        let entry = entry?;
        let text = read_to_string(entry.path())?;
        let lines = text.lines().map(str::trim).filter(|line| !line.starts_with("--"));
        write(folder.join(entry.file_name()), lines.collect::<Vec<_>>().join("\n") + "\n")?;
    }
    Ok(())
}
