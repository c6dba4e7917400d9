//! What lives in the account: the database and its migrations, the queues, the bucket and its rule.

use longshore::limits::DAY_MS;
use serde::Deserialize;

use super::error::DeployError;
use super::options::PlanName;
use super::wrangler::{Look, Mode};
use super::wrangler_file::is_id;
use super::{PRODUCER_FILE, Run};

const DAY_SECONDS: u32 = 24 * 3_600;
/// Queues keep a message 14 days at most on Workers Paid, and 24 hours, no other time, on Workers Free.
const RETENTION_DAYS_PAID: u32 = 14;
/// Evidence of a dead letter's first attempt is older than the dead letter: by 4 days on the longest named schedule with
/// its jitter, and by more if a receiver's Retry-After or a pause held the job.
const EVIDENCE_DAYS_BEYOND: i64 = 15;
/// The rule's name, and what the keys of packs begin with.
const RULE: &str = "evidence";
const RULE_PREFIX: &str = "evidence/";

/// How long a queue keeps a message.
pub(super) fn retention_seconds(plan: PlanName) -> u32 {
    match plan {
        PlanName::Free => DAY_SECONDS,
        PlanName::Paid => RETENTION_DAYS_PAID * DAY_SECONDS,
    }
}

/// How long the bucket keeps evidence: longer than the dead letters that point at it.
fn evidence_days(plan: PlanName) -> i64 {
    plan.limits().retention_dead_ms / DAY_MS + EVIDENCE_DAYS_BEYOND
}

/// One of `d1 list --json`.
#[derive(Deserialize)]
struct Database {
    uuid: String,
    name: String,
    jurisdiction: Option<String>,
}

impl Run<'_> {
    fn find_database(&self) -> Result<Option<Database>, DeployError> {
        let arguments = ["d1", "list", "--json"];
        let Look::Found(text) = self.wrangler.look(&arguments, &[])? else { return Ok(None) };
        let wrong = |reason: String| DeployError::Answer { command: arguments.join(" "), reason };
        let all: Vec<Database> = serde_json::from_str(&text).map_err(|error| wrong(error.to_string()))?;
        let found = all.into_iter().find(|database| database.name == self.names.database());
        match found {
            Some(database) if !is_id(&database.uuid) => Err(wrong(format!("{:?} is no id", database.uuid))),
            found => Ok(found),
        }
    }

    /// Creates the database and writes its id into both files.
    pub(super) fn database(&mut self) -> Result<(), DeployError> {
        let (env, name) = (self.names.env.clone(), self.names.database());
        let in_files = [self.consumer.database_id(&env)?, self.producer.database_id(&env)?];
        let mut found = self.find_database()?;
        if found.is_none()
            && self.wrangler.mode != Mode::DryUnseen
            && let Some(id) = in_files.iter().flatten().next()
        {
            return Err(DeployError::Disagreement(format!(
                "The wrangler files name the database {id}, which this account does not have. Is it another account? If \
                 the database is gone, remove database_id from [env.{env}] in both files."
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
                found = self.find_database()?;
            }
        }
        let id = match found {
            Some(database) => self.checked_id(database)?,
            None if self.is_dry() => format!("<id of {name}>"),
            None => return Err(DeployError::Disagreement(format!("{name} was created and is not listed; run again."))),
        };
        self.write_id(&id, &in_files)
    }

    fn checked_id(&self, database: Database) -> Result<String, DeployError> {
        let recorded = self.recorded.jurisdiction.name();
        match database.jurisdiction {
            // An account without jurisdictions does not tell any.
            Some(found) if Some(found.as_str()) != recorded => Err(DeployError::Disagreement(format!(
                "{} lies in jurisdiction {found}, the wrangler files say {}; a jurisdiction can never be changed.",
                database.name,
                self.recorded.jurisdiction.label()
            ))),
            _ => Ok(database.uuid),
        }
    }

    fn write_id(&mut self, id: &str, in_files: &[Option<String>; 2]) -> Result<(), DeployError> {
        if in_files.iter().all(|known| known.as_deref() == Some(id)) {
            return Ok(());
        }
        if let Some(other) = in_files.iter().flatten().find(|known| known.as_str() != id)
            && self.wrangler.mode != Mode::DryUnseen
        {
            return Err(DeployError::Disagreement(format!(
                "{} has the id {id} in this account, the wrangler files name {other}; remove the wrong line.",
                self.names.database()
            )));
        }
        let env = self.names.env.clone();
        self.consumer.set_database_id(&env, id)?;
        self.producer.set_database_id(&env, id)?;
        self.save(&format!("database_id {id}"))
    }

    /// Whether the queue is there.
    pub(super) fn has_queue(&self, name: &str) -> Result<bool, DeployError> {
        let look = self.wrangler.look(&["queues", "info", name], &["does not exist"])?;
        Ok(matches!(look, Look::Found(_)))
    }

    /// Creates the queues, the dead one first: the others' consumers name it.
    pub(super) fn queues(&mut self) -> Result<(), DeployError> {
        let seconds = retention_seconds(self.recorded.plan).to_string();
        for name in self.names.queues() {
            if self.has_queue(&name)? {
                continue;
            }
            let mut arguments = vec!["queues", "create", &name, "--message-retention-period-secs", &seconds];
            if let Some(jurisdiction) = self.recorded.jurisdiction.name() {
                arguments.extend(["--jurisdiction", jurisdiction]);
            }
            self.change(&arguments)?;
        }
        Ok(())
    }

    /// Creates the bucket, and the rule by which evidence leaves it.
    pub(super) fn evidence(&mut self) -> Result<(), DeployError> {
        let name = self.names.bucket();
        let jurisdiction: Vec<&str> =
            self.recorded.jurisdiction.name().map_or(Vec::new(), |name| vec!["--jurisdiction", name]);
        // One look for both: the rules of a bucket that is not there are an error of its own.
        let look = [&["r2", "bucket", "lifecycle", "list", name.as_str()], jurisdiction.as_slice()].concat();
        let found = self.wrangler.look(&look, &["code: 10006"])?;
        if matches!(found, Look::Missing) {
            self.change(&[&["r2", "bucket", "create", name.as_str()], jurisdiction.as_slice()].concat())?;
        }
        let days = evidence_days(self.recorded.plan).to_string();
        let add = ["r2", "bucket", "lifecycle", "add", &name, RULE, RULE_PREFIX, "--expire-days", &days, "--force"];
        match found {
            // Another age than ours is the operator's own choice.
            Look::Found(rules) if has_rule(&rules) => Ok(()),
            _ => self.change(&[add.as_slice(), jurisdiction.as_slice()].concat()),
        }
    }

    /// Applies the migrations that are missing: before the code, which needs them.
    pub(super) fn migrations(&mut self) -> Result<(), DeployError> {
        let (name, env) = (self.names.database(), self.names.env.clone());
        let target = [name.as_str(), "--remote", "-c", PRODUCER_FILE, "-e", &env];
        // Before the first real run the files have no such environment, which wrangler could ask.
        let is_known = !self.is_dry() || self.producer_is_saved()?;
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

    /// Whether the producer's file on disk has the environment and its database.
    fn producer_is_saved(&self) -> Result<bool, DeployError> {
        let on_disk = super::WranglerFile::read(&self.wrangler.root.join(PRODUCER_FILE))?;
        Ok(on_disk.database_id(&self.names.env)?.is_some())
    }
}

/// Whether one of the printed rules has our prefix or our name.
fn has_rule(rules: &str) -> bool {
    rules.lines().filter_map(|line| line.split_once(':')).any(|(label, value)| match label.trim() {
        "name" => value.trim() == RULE,
        "prefix" => value.trim() == RULE_PREFIX,
        _ => false,
    })
}
