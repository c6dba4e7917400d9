//! The D1 databases of the account, their ids in both wrangler files, and their migrations.

use serde::Deserialize;

use super::error::DeployError;
use super::names::DatabaseName;
use super::wrangler::{Look, RunMode};
use super::wrangler_file::is_id;
use super::{PRODUCER_FILE, Run, WranglerFile};

/// An entry of `d1 list --json`.
#[derive(Deserialize)]
struct Listed {
    uuid: String,
    name: String,
    jurisdiction: Option<String>,
}

impl Run<'_> {
    /// Creates the databases and writes their ids into both files.
    pub(super) fn databases(&mut self) -> Result<(), DeployError> {
        let databases = self.names.databases();
        // Checks the ids before anything is created.
        for database in &databases {
            self.ids_in_files(database)?;
        }
        databases.iter().try_for_each(|database| self.database(database))
    }

    /// Returns the ids in the consumer's file and in the producer's file.
    fn ids_in_files(&self, database: &DatabaseName) -> Result<[Option<String>; 2], DeployError> {
        let env = &self.names.env;
        Ok([self.consumer.database_id(env, database)?, self.producer.database_id(env, database)?])
    }

    fn database(&mut self, database: &DatabaseName) -> Result<(), DeployError> {
        let (env, name) = (self.names.env.clone(), &database.name);
        let in_files = self.ids_in_files(database)?;
        let mut found = self.find(name)?;
        if found.is_none()
            && self.wrangler.mode != RunMode::DryUnseen
            && let Some(id) = in_files.iter().flatten().next()
        {
            return Err(DeployError::Disagreement(format!(
                "The wrangler files name the database {id}, which this account does not have. Is it another account? If \
                 the database is gone, remove its database_id from [env.{env}] in both files."
            )));
        }
        if found.is_none() && in_files == [None, None] {
            let jurisdiction = self.recorded.jurisdiction.name();
            let option: &[&str] = match &jurisdiction {
                Some(jurisdiction) => &["--jurisdiction", jurisdiction],
                None => &[],
            };
            self.change(&[&["d1", "create", name.as_str()], option].concat())?;
            if !self.is_dry() {
                found = self.find(name)?;
            }
        }
        let id = match found {
            Some(listed) => self.checked_id(listed)?,
            None if self.is_dry() => format!("<id of {name}>"),
            None => return Err(DeployError::Disagreement(format!("{name} was created and is not listed; run again."))),
        };
        self.write_id(database, &id, &in_files)
    }

    fn find(&self, name: &str) -> Result<Option<Listed>, DeployError> {
        let arguments = ["d1", "list", "--json"];
        let Look::Found(text) = self.wrangler.look(&arguments, &[])? else { return Ok(None) };
        let wrong = |reason: String| DeployError::Answer { command: arguments.join(" "), reason };
        let all: Vec<Listed> = serde_json::from_str(&text).map_err(|error| wrong(error.to_string()))?;
        match all.into_iter().find(|listed| listed.name == name) {
            Some(listed) if !is_id(&listed.uuid) => Err(wrong(format!("{:?} is not a database id", listed.uuid))),
            found => Ok(found),
        }
    }

    fn checked_id(&self, listed: Listed) -> Result<String, DeployError> {
        let recorded = self.recorded.jurisdiction.name();
        match listed.jurisdiction {
            // Accounts without jurisdictions report none.
            Some(found) if Some(found.as_str()) != recorded => Err(DeployError::Disagreement(format!(
                "{} has the jurisdiction {found}, the wrangler files have {}; a jurisdiction can never be changed.",
                listed.name,
                self.recorded.jurisdiction.label()
            ))),
            _ => Ok(listed.uuid),
        }
    }

    fn write_id(
        &mut self,
        database: &DatabaseName,
        id: &str,
        in_files: &[Option<String>; 2],
    ) -> Result<(), DeployError> {
        if in_files.iter().all(|known| known.as_deref() == Some(id)) {
            return Ok(());
        }
        if let Some(other) = in_files.iter().flatten().find(|known| known.as_str() != id)
            && self.wrangler.mode != RunMode::DryUnseen
        {
            return Err(DeployError::Disagreement(format!(
                "{} has the id {id} in this account, the wrangler files name {other}; remove the wrong line.",
                database.name
            )));
        }
        self.consumer.set_database_id(&self.names, database, id)?;
        self.producer.set_database_id(&self.names, database, id)?;
        self.save(&format!("database_id {id}"))
    }

    /// Applies missing migrations. They run before the new code is deployed, because it needs them.
    pub(super) fn migrations(&mut self) -> Result<(), DeployError> {
        self.names.databases().iter().try_for_each(|database| self.migrate(database))
    }

    fn migrate(&mut self, database: &DatabaseName) -> Result<(), DeployError> {
        let env = self.names.env.clone();
        let target = [database.name.as_str(), "--remote", "-c", PRODUCER_FILE, "-e", &env];
        // Before the first real run the files have no section of this environment, which wrangler requires.
        let is_known = !self.is_dry() || self.producer_names(database)?;
        let look = [&["d1", "migrations", "list"], target.as_slice()].concat();
        let applied = is_known
            && match self.wrangler.look(&look, &[])? {
                Look::Found(text) => text.contains("No migrations to apply"),
                Look::Missing => false,
            };
        if applied {
            return Ok(());
        }
        self.change(&[&["d1", "migrations", "apply"], target.as_slice()].concat())
    }

    /// True if the producer's file on disk has this environment with this database.
    fn producer_names(&self, database: &DatabaseName) -> Result<bool, DeployError> {
        let on_disk = WranglerFile::read(&self.wrangler.root.join(PRODUCER_FILE))?;
        Ok(on_disk.database_id(&self.names.env, database)?.is_some())
    }
}
