//! The statements without their comments and indentation, which D1 would be sent with every call and the Workers would carry:
//! 5 KB, gzipped. No text in them goes over a line.

use std::env::var;
use std::error::Error;
use std::fs::{create_dir_all, read_dir, read_to_string, write};
use std::path::Path;

/// Where they are, each folder for one database.
const FOLDERS: [&str; 2] = ["store", "index"];

fn main() -> Result<(), Box<dyn Error>> {
    for folder in FOLDERS {
        let from = Path::new("src").join(folder);
        println!("cargo::rerun-if-changed={}", from.display());
        if from.is_dir() {
            strip(&from, &Path::new(&var("OUT_DIR")?).join(folder))?;
        }
    }
    Ok(())
}

fn strip(from: &Path, to: &Path) -> Result<(), Box<dyn Error>> {
    create_dir_all(to)?;
    for entry in read_dir(from)? {
        let path = entry?.path();
        let Some(name) = path.file_name().filter(|_| path.extension().is_some_and(|it| it == "sql")) else { continue };
        let text = read_to_string(&path)?;
        let lines = text.lines().map(str::trim).filter(|line| !line.starts_with("--"));
        write(to.join(name), lines.collect::<Vec<_>>().join("\n") + "\n")?;
    }
    Ok(())
}
