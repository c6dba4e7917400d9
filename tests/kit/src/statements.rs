//! The statements of the core as their files have them, each with the fragments that it includes.

use std::path::Path;

use crate::scratch::repository;

/// How a line begins that names a fragment; `shared/build.rs` puts its text there.
const INCLUDE: &str = "-- include: ";

/// A statement.
#[derive(Debug)]
pub struct Statement {
    /// Its name, without `.sql`.
    pub name: String,
    /// Its text with comments, and with the fragments in their places.
    pub text: String,
    /// The fragments that it includes.
    pub fragments: Vec<String>,
}

/// The statements of a folder of `shared/src`, by name.
pub fn statements(folder: &str) -> Vec<Statement> {
    let folder = repository().join("shared/src").join(folder);
    let mut statements: Vec<_> = names(&folder).into_iter().map(|name| read(&folder, name)).collect();
    statements.sort_by(|a, b| a.name.cmp(&b.name));
    statements
}

/// The names of the fragments in a folder of `shared/src`.
pub fn fragments(folder: &str) -> Vec<String> {
    names(&repository().join("shared/src").join(folder).join("fragments"))
}

fn names(folder: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(folder).unwrap();
    entries.filter_map(|entry| entry.unwrap().file_name().to_str()?.strip_suffix(".sql").map(str::to_owned)).collect()
}

fn read(folder: &Path, name: String) -> Statement {
    let (mut text, mut fragments) = (String::new(), Vec::new());
    for line in std::fs::read_to_string(folder.join(format!("{name}.sql"))).unwrap().lines() {
        match line.strip_prefix(INCLUDE).and_then(|file| file.strip_suffix(".sql")) {
            Some(fragment) => {
                text += &std::fs::read_to_string(folder.join("fragments").join(format!("{fragment}.sql"))).unwrap();
                fragments.push(fragment.to_owned());
            }
            None => text.extend([line, "\n"]),
        }
    }
    Statement { name, text, fragments }
}
