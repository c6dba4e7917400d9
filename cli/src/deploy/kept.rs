//! Saved state of an environment on this machine, `.deploy/<env>.env`: the secrets, which Cloudflare never shows again,
//! and the producer's address. A value is saved before it is used, so that an interrupted run loses no secret.

use std::collections::BTreeMap;
use std::fs::{DirBuilder, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};

use super::error::DeployError;

/// Folder of the file, ignored by git.
const FOLDER: &str = ".deploy";

/// Contents of the file.
pub(crate) struct SavedState {
    path: PathBuf,
    values: BTreeMap<String, String>,
}

impl SavedState {
    pub(crate) fn read(root: &Path, env: &str) -> Result<Self, DeployError> {
        let path = root.join(FOLDER).join(format!("{env}.env"));
        let text = match std::fs::read_to_string(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => String::new(),
            Err(error) => return Err(DeployError::File { path, error }),
        };
        let pairs = text.lines().filter_map(|line| line.split_once('='));
        let values = pairs.map(|(key, value)| (key.trim().to_owned(), value.trim().to_owned())).collect();
        Ok(Self { path, values })
    }

    pub(crate) fn get(&self, key: &str) -> Option<&str> {
        self.values.get(key).map(String::as_str).filter(|value| !value.is_empty())
    }

    /// Saves a value. It is on disk when this returns.
    pub(crate) fn set(&mut self, key: &str, value: &str) -> Result<(), DeployError> {
        self.values.insert(key.to_owned(), value.to_owned());
        self.save().map_err(|error| DeployError::File { path: self.path.clone(), error })
    }

    /// Returns the path of another file in the private folder.
    pub(crate) fn beside(&self, name: &str) -> Result<PathBuf, DeployError> {
        let folder = self.folder().map_err(|error| DeployError::File { path: self.path.clone(), error })?;
        Ok(folder.join(name))
    }

    fn folder(&self) -> std::io::Result<&Path> {
        let folder = self.path.parent().unwrap_or(Path::new("."));
        let mut builder = DirBuilder::new();
        #[cfg(unix)]
        std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
        builder.recursive(true).create(folder)?;
        Ok(folder)
    }

    fn save(&self) -> std::io::Result<()> {
        self.folder()?;
        let mut file = OpenOptions::new();
        file.write(true).create(true).truncate(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut file, 0o600);
        let beside = self.path.with_extension("env.new");
        // A file left by an interrupted run may have other permissions.
        let _ = std::fs::remove_file(&beside);
        let mut file = file.open(&beside)?;
        writeln!(file, "# Longshore's secrets of this environment. Keep a copy in a safe place; never commit it.")?;
        for (key, value) in &self.values {
            writeln!(file, "{key}={value}")?;
        }
        file.sync_all()?;
        std::fs::rename(&beside, &self.path)
    }
}
