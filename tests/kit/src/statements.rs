//! SQL statements of the core, read from their files with the fragments that they include.

use std::path::Path;

use crate::scratch::repository;

/// Prefix of a line that names a fragment; `shared/build.rs` inserts the text of the fragment.
const INCLUDE: &str = "-- include: ";

/// SQL statement.
#[derive(Debug)]
pub struct Statement {
    /// Name of the file, without `.sql`.
    pub name: String,
    /// Text with comments and with the inserted fragments.
    pub text: String,
    /// Names of the included fragments.
    pub fragments: Vec<String>,
}

/// Returns the statements of a folder of `shared/src`, sorted by name.
pub fn statements(folder: &str) -> Vec<Statement> {
    let folder = repository().join("shared/src").join(folder);
    let mut statements: Vec<_> = names(&folder).into_iter().map(|name| read(&folder, name)).collect();
    statements.sort_by(|a, b| a.name.cmp(&b.name));
    statements
}

/// Returns the names of the fragments in a folder of `shared/src`.
pub fn fragments(folder: &str) -> Vec<String> {
    names(&repository().join("shared/src").join(folder).join("fragments"))
}

fn names(folder: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(folder).unwrap();
    entries.filter_map(|entry| entry.unwrap().file_name().to_str()?.strip_suffix(".sql").map(str::to_owned)).collect()
}

fn read(folder: &Path, name: String) -> Statement {
    let mut fragments = Vec::new();
    let text = text(folder, &folder.join(format!("{name}.sql")), &mut fragments);
    Statement { name, text, fragments }
}

/// Returns the text of a file with its fragments, which may include others.
fn text(folder: &Path, file: &Path, fragments: &mut Vec<String>) -> String {
    let mut whole = String::new();
    for line in std::fs::read_to_string(file).unwrap().lines() {
        match line.strip_prefix(INCLUDE).and_then(|file| file.strip_suffix(".sql")) {
            Some(fragment) => {
                fragments.push(fragment.to_owned());
                whole += &text(folder, &folder.join("fragments").join(format!("{fragment}.sql")), fragments);
            }
            None => whole.extend([line, "\n"]),
        }
    }
    whole
}
