//! Profiles: addresses and keys of deployments in a file that only its owner can read.

use std::io::Write;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use toml_edit::{DocumentMut, Item, Table, value};

use crate::failure::Failure;

/// Entry of the file that names the profile for commands without one.
const DEFAULT: &str = "default";

/// A deployment.
#[derive(Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Profile {
    /// Address of the producer.
    pub(crate) url: String,
    /// API key.
    pub(crate) key: String,
    /// Tenant of the requests, for a key of all tenants.
    pub(crate) tenant: Option<String>,
    /// True if each change must be confirmed.
    #[serde(default)]
    pub(crate) production: bool,
}

/// The file of profiles.
pub(crate) struct Profiles {
    path: PathBuf,
    document: DocumentMut,
}

/// Returns the path of the file: below `XDG_CONFIG_HOME`, or below `.config` of the home folder.
pub(crate) fn path() -> Result<PathBuf, Failure> {
    let configured = std::env::var_os("XDG_CONFIG_HOME").map(PathBuf::from).filter(|path| path.is_absolute());
    let folder = configured.or_else(|| Some(std::env::home_dir()?.join(".config")));
    let folder = folder.ok_or_else(|| Failure::Usage("There is no home folder; set XDG_CONFIG_HOME".to_owned()))?;
    Ok(folder.join("longshore").join("profiles.toml"))
}

fn wrong(path: &Path, reason: impl std::fmt::Display) -> Failure {
    Failure::Usage(format!("{}: {reason}", path.display()))
}

impl Profiles {
    /// Reads the file; a missing one has no profiles.
    ///
    /// # Errors
    /// [`Failure::Usage`] if others can read the file, or if it is not TOML.
    pub(crate) fn read(path: &Path) -> Result<Profiles, Failure> {
        let text = match std::fs::read_to_string(path) {
            Ok(text) => text,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => String::new(),
            Err(error) => return Err(wrong(path, error)),
        };
        if !text.is_empty() {
            private(path)?;
        }
        // The error of the parser would quote the line, which may have a key.
        let document = text.parse().map_err(|error: toml_edit::TomlError| {
            let line = error.span().map_or(1, |span| text[..span.start.min(text.len())].lines().count().max(1));
            wrong(path, format!("line {line} is not TOML"))
        })?;
        Ok(Profiles { path: path.to_owned(), document })
    }

    /// Returns the names of the profiles, in the order of the file.
    pub(crate) fn names(&self) -> Vec<&str> {
        self.document.iter().filter(|(_, item)| item.is_table_like()).map(|(name, _)| name).collect()
    }

    /// Returns the name for commands that name no profile: `default`, or the only profile.
    pub(crate) fn default_name(&self) -> Option<&str> {
        let named = self.document.get(DEFAULT).and_then(Item::as_str);
        named.or_else(|| match self.names().as_slice() {
            [only] => Some(only),
            _ => None,
        })
    }

    /// Returns the profile of that name.
    ///
    /// # Errors
    /// [`Failure::Usage`] with the known names, or with the wrong field.
    pub(crate) fn get(&self, name: &str) -> Result<Profile, Failure> {
        let Some(table) = self.document.get(name).and_then(Item::as_table) else {
            let known = self.names().join(", ");
            let known = if known.is_empty() { "there are none".to_owned() } else { format!("known: {known}") };
            return Err(wrong(
                &self.path,
                format!("no profile `{name}`; {known}. Add one with `longshore profiles add`"),
            ));
        };
        let mut document = DocumentMut::new();
        *document.as_table_mut() = table.clone();
        toml_edit::de::from_document(document).map_err(|error: toml_edit::de::Error| {
            // The message names the field; the whole error would quote its value.
            wrong(&self.path, format!("profile `{name}`: {}", error.message()))
        })
    }

    /// Adds or replaces a profile. The first one becomes the default.
    pub(crate) fn put(&mut self, name: &str, profile: &Profile, is_default: bool) {
        if is_default || self.names().is_empty() {
            self.document.insert(DEFAULT, value(name));
        }
        let mut table = Table::new();
        table.insert("url", value(&profile.url));
        table.insert("key", value(&profile.key));
        if let Some(tenant) = &profile.tenant {
            table.insert("tenant", value(tenant));
        }
        if profile.production {
            table.insert("production", value(true));
        }
        self.document.insert(name, Item::Table(table));
    }

    /// Removes a profile. Returns false if there is none of that name.
    pub(crate) fn remove(&mut self, name: &str) -> bool {
        if self.default_name() == Some(name) {
            self.document.remove(DEFAULT);
        }
        self.document.get(name).is_some_and(Item::is_table_like) && self.document.remove(name).is_some()
    }

    /// Writes the file in one step, readable only by its owner.
    ///
    /// # Errors
    /// [`Failure::Usage`] with the error of the system.
    pub(crate) fn save(&self) -> Result<(), Failure> {
        let failed = |error: std::io::Error| wrong(&self.path, error);
        let folder = self.path.parent().unwrap_or(Path::new("."));
        std::fs::create_dir_all(folder).map_err(failed)?;
        let beside = self.path.with_extension(format!("toml.{}", std::process::id()));
        let written = write_private(&beside, self.document.to_string().as_bytes());
        written.and_then(|()| std::fs::rename(&beside, &self.path)).map_err(|error| {
            // The file may be missing, if it could not be created.
            let _ = std::fs::remove_file(&beside);
            failed(error)
        })
    }
}

/// Checks a name of a new profile.
///
/// # Errors
/// [`Failure::Usage`].
pub(crate) fn check_name(name: &str) -> Result<(), Failure> {
    let is_plain = |character: char| character.is_ascii_alphanumeric() || "_-".contains(character);
    if name.is_empty() || name == DEFAULT || !name.chars().all(is_plain) {
        let text = format!("`{name}`: the name of a profile has only A-Z a-z 0-9 _ - and is not `{DEFAULT}`");
        return Err(Failure::Usage(text));
    }
    Ok(())
}

#[cfg(unix)]
fn private(path: &Path) -> Result<(), Failure> {
    use std::os::unix::fs::PermissionsExt;
    let mode = std::fs::metadata(path).map_err(|error| wrong(path, error))?.permissions().mode();
    let of_others = mode & 0o077;
    if of_others == 0 {
        return Ok(());
    }
    let path_text = path.display();
    Err(wrong(path, format!("other users can read its keys (mode {:o}); run `chmod 600 {path_text}`", mode & 0o777)))
}

#[cfg(not(unix))]
fn private(_path: &Path) -> Result<(), Failure> {
    Ok(())
}

fn write_private(path: &Path, bytes: &[u8]) -> std::io::Result<()> {
    let mut options = std::fs::OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(path)?;
    file.write_all(bytes)?;
    file.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn profile(url: &str) -> Profile {
        Profile { url: url.into(), key: "ls_secret".into(), tenant: Some("acme".into()), production: true }
    }

    #[test]
    fn profiles_are_written_read_and_removed() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("longshore/profiles.toml");
        let mut profiles = Profiles::read(&path).unwrap();
        profiles.put("a", &profile("https://a"), false);
        profiles.put("b", &Profile { tenant: None, production: false, ..profile("https://b") }, false);
        profiles.save().unwrap();
        let mut profiles = Profiles::read(&path).unwrap();
        assert_eq!((profiles.names(), profiles.default_name()), (vec!["a", "b"], Some("a")));
        assert!(profiles.get("a").ok() == Some(profile("https://a")));
        assert!(!profiles.get("b").is_ok_and(|profile| profile.production || profile.tenant.is_some()));
        assert!(profiles.remove("a") && !profiles.remove("a") && !profiles.remove("default"));
        assert_eq!(profiles.default_name(), Some("b"), "the only profile is the default");
        profiles.put("c", &profile("https://c"), true);
        assert_eq!(profiles.default_name(), Some("c"));
    }

    #[cfg(unix)]
    #[test]
    fn a_file_that_others_can_read_is_refused_and_a_new_one_is_private() {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("profiles.toml");
        let mut profiles = Profiles::read(&path).unwrap();
        profiles.put("a", &profile("https://a"), false);
        profiles.save().unwrap();
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        for mode in [0o640, 0o604, 0o644] {
            std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).unwrap();
            let Err(Failure::Usage(text)) = Profiles::read(&path) else { panic!("{mode:o} is refused") };
            assert!(text.contains("chmod 600"), "{text}");
        }
    }

    #[test]
    fn an_error_quotes_no_key() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("profiles.toml");
        for (text, expected) in [
            ("[a]\nkey = ls_secret", "line 2 is not TOML"),
            ("[a]\nkey = \"ls_secret\"\nurl = 1", "profile `a`"),
            ("[a]\nkey = \"ls_secret\"\nurl = \"x\"\nsecret_key = \"ls_secret\"", "unknown field"),
            ("[b]\nkey = \"ls_secret\"", "no profile `a`; known: b"),
        ] {
            write_private(&path, text.as_bytes()).unwrap();
            let read = Profiles::read(&path).and_then(|profiles| profiles.get("a"));
            let Err(Failure::Usage(shown)) = read else { panic!("{text} is refused") };
            assert!(shown.contains(expected) && !shown.contains("ls_secret"), "{shown}");
            std::fs::remove_file(&path).unwrap();
        }
    }
}
