//! A wrangler file: reads the settings of an environment's section, and writes that section without changing the rest.

use std::path::{Path, PathBuf};

use toml_edit::{Array, ArrayOfTables, DocumentMut, Item, Table, Value};

use super::error::DeployError;
use super::names::{DatabaseName, Names};
use super::options::{Jurisdiction, PlanName};

/// Batch size of hints on Workers Paid, the maximum of Queues.
const PAID_BATCH_SIZE: i64 = 100;
/// Maximum CPU time per invocation on Workers Paid in ms: 30 s, the platform's default, set explicitly so that a new
/// default cannot change the bill. Workers Free does not allow this setting; its 10 ms are fixed.
const PAID_CPU_MS: i64 = 30_000;
/// Keys that environments do not inherit in wrangler, so that the section repeats them.
const REPEATED: [&str; 4] = ["vars", "d1_databases", "r2_buckets", "queues"];
/// Further keys that the section repeats, if the file has them.
const REPEATED_IF_PRESENT: [&str; 3] = ["ratelimits", "services", "ai"];
/// Arrays of tables that newer versions of a file extend, each with the key that tells its entries apart.
const EXTENDED: [(&[&str], &str); 3] =
    [(&["ratelimits"], "name"), (&["queues", "producers"], "binding"), (&["queues", "consumers"], "queue")];
/// Suffix of the variables that name queues. Only these variables depend on the environment's name.
const QUEUE_VARIABLE: &str = "_QUEUE";

/// Settings recorded in an environment's section.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Recorded {
    pub(crate) jurisdiction: Jurisdiction,
    pub(crate) plan: PlanName,
}

/// One of the two wrangler files.
#[derive(Debug)]
pub(crate) struct WranglerFile {
    path: PathBuf,
    document: DocumentMut,
}

impl WranglerFile {
    pub(crate) fn read(path: &Path) -> Result<Self, DeployError> {
        let text = std::fs::read_to_string(path).map_err(|error| DeployError::File { path: path.to_owned(), error })?;
        Self::parse(path, &text)
    }

    fn parse(path: &Path, text: &str) -> Result<Self, DeployError> {
        let wrong = |error: toml_edit::TomlError| DeployError::WranglerFile {
            path: path.to_owned(),
            reason: error.to_string(),
        };
        Ok(Self { path: path.to_owned(), document: text.parse().map_err(wrong)? })
    }

    fn section(&self, env: &str) -> Option<&Table> {
        self.document.get("env")?.get(env)?.as_table()
    }

    fn section_mut(&mut self, env: &str) -> Option<&mut Table> {
        self.document.get_mut("env")?.get_mut(env)?.as_table_mut()
    }

    fn wrong(&self, reason: &str) -> DeployError {
        DeployError::WranglerFile { path: self.path.clone(), reason: reason.to_owned() }
    }

    /// Returns the settings of the section, if it exists.
    pub(crate) fn recorded(&self, env: &str) -> Result<Option<Recorded>, DeployError> {
        let Some(section) = self.section(env) else { return Ok(None) };
        let bucket = first(section, "r2_buckets").ok_or_else(|| self.wrong("the environment has no r2_buckets"))?;
        let jurisdiction = match bucket.get("jurisdiction") {
            None => Jurisdiction::None,
            Some(item) => item
                .as_str()
                .and_then(Jurisdiction::labelled)
                .ok_or_else(|| self.wrong("the environment's jurisdiction must be eu, us or fedramp"))?,
        };
        let plan = match section.get("vars").and_then(|vars| vars.get("PLAN")).and_then(Item::as_str) {
            Some("free") => PlanName::Free,
            Some("paid") => PlanName::Paid,
            _ => return Err(self.wrong("the environment's PLAN is neither free nor paid")),
        };
        Ok(Some(Recorded { jurisdiction, plan }))
    }

    /// Returns the id of a database in the section, if it has one.
    ///
    /// # Errors
    /// `Placeholder` if it is not a valid id.
    pub(crate) fn database_id(&self, env: &str, database: &DatabaseName) -> Result<Option<String>, DeployError> {
        let tables = self.section(env).and_then(|section| section.get("d1_databases")?.as_array_of_tables());
        let table = tables.and_then(|tables| tables.iter().find(|table| is_of(table, database)));
        let Some(id) = table.and_then(|table| table.get("database_id")) else { return Ok(None) };
        let id = id.as_str().unwrap_or_default();
        if is_id(id) {
            return Ok(Some(id.to_owned()));
        }
        Err(DeployError::Placeholder { path: self.path.clone(), env: env.to_owned(), id: id.to_owned() })
    }

    /// Writes the id of a database into the section. Adds the database to a section of an older version that lacks it.
    pub(crate) fn set_database_id(
        &mut self,
        names: &Names,
        database: &DatabaseName,
        id: &str,
    ) -> Result<(), DeployError> {
        let wrong = self.wrong(&format!("there is no d1_databases of binding {}", database.binding));
        let at_top = self.document.get("d1_databases").map(|item| renamed(item, names));
        let section = self.section_mut(&names.env).and_then(|section| section.get_mut("d1_databases"));
        let (Some(Item::ArrayOfTables(at_top)), Some(Item::ArrayOfTables(tables))) = (at_top, section) else {
            return Err(wrong);
        };
        if !tables.iter().any(|table| is_of(table, database)) {
            let mut added: Vec<Table> = at_top.into_iter().filter(|table| is_of(table, database)).collect();
            for table in &mut added {
                table.remove("database_id");
            }
            tables.extend(added);
        }
        let table = tables.iter_mut().find(|table| is_of(table, database));
        table.ok_or(wrong)?.insert("database_id", id.into());
        Ok(())
    }

    /// Appends the environment's section, copied from the top of the file.
    pub(crate) fn add_environment(&mut self, names: &Names, recorded: Recorded) -> Result<(), DeployError> {
        let mut section = Table::new();
        let name = self.document.get("name").and_then(Item::as_str).ok_or_else(|| self.wrong("there is no name"))?;
        section.insert("name", names.of(name).into());
        for key in REPEATED {
            let item = self.document.get(key).ok_or_else(|| self.wrong(&format!("there is no {key}")))?;
            section.insert(key, renamed(item, names));
        }
        for (key, item) in REPEATED_IF_PRESENT.iter().filter_map(|key| Some((key, self.document.get(key)?))) {
            section.insert(key, item.clone());
        }
        section.insert("observability", Item::Table([("enabled", true)].into_iter().collect()));
        if let Some(Item::ArrayOfTables(databases)) = section.get_mut("d1_databases") {
            for database in databases.iter_mut() {
                database.remove("database_id");
            }
        }
        if let (Some(bucket), Some(jurisdiction)) =
            (first_mut(&mut section, "r2_buckets"), recorded.jurisdiction.name())
        {
            bucket.insert("jurisdiction", jurisdiction.into());
        }
        let mut environments = Table::new();
        environments.set_implicit(true);
        environments.insert(&names.env, Item::Table(section));
        let mut addition = DocumentMut::new();
        addition.insert("env", Item::Table(environments));
        let comment = format!(
            "# Written by `make deploy ENV={}`. Your changes here stay. The jurisdiction can never be changed.",
            names.env
        );
        let text = format!("{}\n{comment}\n{addition}", self.document);
        *self = Self::parse(&self.path, &text)?;
        self.set_plan(names, recorded.plan)
    }

    /// Adds entries at the top of a newer version of the file that the section lacks: variables that name queues, queues,
    /// and rate limits. Existing entries are not changed. Returns true if something was added.
    pub(crate) fn add_missing(&mut self, names: &Names) -> Result<bool, DeployError> {
        let wrong = self.wrong("the environment has no section");
        let of_vars = self.document.get("vars").map(|item| renamed(item, names));
        let at_top = |path: &[&str]| path.iter().try_fold(self.document.as_item(), |item, key| item.get(key));
        let known = EXTENDED.map(|(path, key)| (path, key, at_top(path).map(|item| renamed(item, names))));
        let section = self.section_mut(&names.env).ok_or(wrong)?;
        let mut is_added = false;
        if let (Some(Item::Table(known)), Some(vars)) =
            (of_vars, section.get_mut("vars").and_then(Item::as_table_like_mut))
        {
            for (key, item) in known.iter().filter(|(key, _)| key.ends_with(QUEUE_VARIABLE)) {
                if !vars.contains_key(key) {
                    vars.insert(key, item.clone());
                    is_added = true;
                }
            }
        }
        for (path, key, known) in known {
            if let Some(Item::ArrayOfTables(known)) = known {
                is_added |= extend(section, path, key, known);
            }
        }
        Ok(is_added)
    }

    /// Writes the plan and the settings that depend on it.
    pub(crate) fn set_plan(&mut self, names: &Names, plan: PlanName) -> Result<(), DeployError> {
        let free_size = first_consumer(&self.document).and_then(|consumer| consumer.get("max_batch_size")).cloned();
        let wrong = self.wrong("the environment has no section");
        let section = self.section_mut(&names.env).ok_or(wrong)?;
        section["vars"]["PLAN"] = plan.limits().name.into();
        let consumer = section.get_mut("queues").and_then(|queues| queues.get_mut("consumers"));
        let consumer = consumer.and_then(Item::as_array_of_tables_mut).and_then(|consumers| consumers.get_mut(0));
        match plan {
            PlanName::Free => {
                section_size(consumer, free_size);
                section.remove("limits");
            }
            PlanName::Paid => {
                section_size(consumer, Some(PAID_BATCH_SIZE.into()));
                section.insert("limits", Item::Table([("cpu_ms", PAID_CPU_MS)].into_iter().collect()));
            }
        }
        Ok(())
    }

    /// Returns the file's text without the database ids, for the tag of a deployment.
    pub(crate) fn text_without_ids(&self) -> String {
        let is_id = |line: &&str| line.trim_start().starts_with("database_id");
        self.document.to_string().lines().filter(|line| !is_id(line)).collect::<Vec<_>>().join("\n")
    }

    /// Replaces the file in one step, so that an interrupted run leaves the old file.
    pub(crate) fn save(&self) -> Result<(), DeployError> {
        let wrong = |error| DeployError::File { path: self.path.clone(), error };
        let beside = self.path.with_extension("toml.new");
        std::fs::write(&beside, self.document.to_string()).map_err(wrong)?;
        std::fs::rename(&beside, &self.path).map_err(wrong)
    }
}

/// Adds the tables whose `key` no table at `path` has. Returns true if there was one.
fn extend(section: &mut Table, path: &[&str], key: &str, known: ArrayOfTables) -> bool {
    let Some((last, parents)) = path.split_last() else { return false };
    let parent = parents.iter().try_fold(section, |table, parent| table.get_mut(parent)?.as_table_mut());
    let tables = parent.map(|table| table.entry(last).or_insert(Item::ArrayOfTables(ArrayOfTables::new())));
    let Some(tables) = tables.and_then(Item::as_array_of_tables_mut) else { return false };
    let before = tables.len();
    for table in known {
        let is_same = |there: &Table| there.get(key).and_then(Item::as_str) == table.get(key).and_then(Item::as_str);
        if !tables.iter().any(is_same) {
            tables.push(table);
        }
    }
    tables.len() > before
}

fn section_size(consumer: Option<&mut Table>, size: Option<Item>) {
    if let (Some(consumer), Some(size)) = (consumer, size) {
        consumer.insert("max_batch_size", size);
    }
}

fn is_of(table: &Table, database: &DatabaseName) -> bool {
    table.get("binding").and_then(Item::as_str) == Some(database.binding)
}

/// Returns the first table of an array of tables.
fn first<'a>(table: &'a Table, key: &str) -> Option<&'a Table> {
    table.get(key)?.as_array_of_tables()?.get(0)
}

fn first_mut<'a>(table: &'a mut Table, key: &str) -> Option<&'a mut Table> {
    table.get_mut(key)?.as_array_of_tables_mut()?.get_mut(0)
}

fn first_consumer(document: &DocumentMut) -> Option<&Table> {
    document.get("queues")?.get("consumers")?.as_array_of_tables()?.get(0)
}

/// Copies an item with the environment's names, without comments, spacing and positions.
fn renamed(item: &Item, names: &Names) -> Item {
    let table = |table: &Table| table.iter().map(|(key, item)| (key, renamed(item, names))).collect::<Table>();
    match item {
        Item::Table(it) => {
            let mut copy = table(it);
            copy.set_implicit(it.is_implicit());
            Item::Table(copy)
        }
        Item::ArrayOfTables(tables) => Item::ArrayOfTables(tables.iter().map(table).collect::<ArrayOfTables>()),
        Item::Value(Value::String(text)) => names.of(text.value()).into(),
        Item::Value(Value::Array(values)) => {
            Item::Value(Value::Array(values.iter().map(|value| value.clone().decorated("", "")).collect::<Array>()))
        }
        Item::Value(value) => Item::Value(value.clone().decorated(" ", "")),
        Item::None => Item::None,
    }
}

/// True for a UUID that is not one repeated digit.
pub(crate) fn is_id(id: &str) -> bool {
    let groups: Vec<usize> = id.split('-').map(str::len).collect();
    let mut digits = id.chars().filter(|digit| *digit != '-');
    let first = digits.next();
    groups == [8, 4, 4, 4, 12]
        && id.chars().all(|digit| digit == '-' || digit.is_ascii_hexdigit())
        && digits.any(|digit| Some(digit) != first)
}
