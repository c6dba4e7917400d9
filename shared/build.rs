//! Strips comments and indentation from the SQL statements. Otherwise D1 would receive them with every call, and the
//! Workers would contain them: 5 KB, gzipped. No string literal in them spans lines.
//!
//! Text that several statements share is a fragment: the line `-- include: job.sql` is replaced by the text of
//! `fragments/job.sql`.

use std::env::var;
use std::error::Error;
use std::fs::{create_dir_all, read_dir, read_to_string, write};
use std::path::Path;

/// Folders of the statements, one per database.
const FOLDERS: [&str; 2] = ["store", "index"];

/// Prefix of a line that includes a fragment.
const INCLUDE: &str = "-- include: ";

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
        write(to.join(name), text(&path, &from.join("fragments"))?)?;
    }
    Ok(())
}

/// Returns the stripped text with its fragments. A missing fragment fails the build.
fn text(path: &Path, fragments: &Path) -> Result<String, Box<dyn Error>> {
    let file = read_to_string(path).map_err(|error| format!("{}: {error}", path.display()))?;
    let mut sent = String::new();
    for line in file.lines().map(str::trim) {
        if let Some(fragment) = line.strip_prefix(INCLUDE) {
            sent += &text(&fragments.join(fragment), fragments)?;
        } else if !line.starts_with("--") {
            sent += line;
            sent.push('\n');
        }
    }
    Ok(sent)
}
