//! A stand-in for wrangler and the account behind it, kept in a folder. Its answers and refusals are those of wrangler
//! 4.156.0 against a local API, shortened where the CLI ignores them; it refuses what Cloudflare refuses. A test can
//! choose the change that fails, and if that change is made all the same.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use serde::{Deserialize, Serialize};
use serde_json::json;
use toml_edit::{DocumentMut, Item};

/// Id of the ledger's database, and of any database except that of search.
pub const DATABASE_ID: &str = "5f0c1d7e-8a46-4c1b-9a59-3f4f5b6c7d8e";
/// Id of the search database.
pub const INDEX_DATABASE_ID: &str = "c3a1f2b4-6d58-4e7f-8a90-1b2c3d4e5f60";
const VERSION_ID: &str = "0f0f0f0f-0000-4000-8000-000000000001";

/// A Cloudflare account.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Account {
    /// True if a user is logged in.
    pub logged_in: bool,
    /// True for Workers Free.
    pub is_free: bool,
    /// Address of a deployed producer.
    pub url: String,
    /// Jurisdictions of databases by name; empty for none.
    pub databases: BTreeMap<String, String>,
    /// Seconds that queues keep messages, and their jurisdictions, by name.
    pub queues: BTreeMap<String, (String, String)>,
    /// Jurisdictions of buckets by name.
    pub buckets: BTreeMap<String, String>,
    /// Days after which the rule of a bucket deletes objects, by bucket.
    pub rules: BTreeMap<String, String>,
    /// Databases whose migrations have been applied.
    pub migrated: BTreeSet<String>,
    /// Workers by name.
    pub workers: BTreeMap<String, Worker>,
    /// Change that fails, counted from 1; 0 for none.
    pub fail_at: usize,
    /// True if the failing change is made all the same, as if its answer had been lost.
    pub fail_late: bool,
}

/// A Worker.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Worker {
    /// Secrets by name.
    pub secrets: BTreeMap<String, String>,
    /// Tag of its version; `None` before the first deployment.
    pub tag: Option<String>,
}

impl Account {
    /// Reads the account of a folder.
    pub fn read(folder: &Path) -> Self {
        serde_json::from_slice(&std::fs::read(folder.join("account.json")).unwrap()).unwrap()
    }

    /// Writes the account to a folder.
    pub fn write(&self, folder: &Path) {
        std::fs::write(folder.join("account.json"), serde_json::to_vec_pretty(self).unwrap()).unwrap();
    }
}

/// Calls so far, one line each; the file `changes` has only those that change the account.
pub fn calls(folder: &Path, file: &str) -> Vec<String> {
    let text = std::fs::read_to_string(folder.join(file)).unwrap_or_default();
    text.lines().map(str::to_owned).collect()
}

/// Output of wrangler; `Err` if it fails.
type Said = Result<String, String>;

/// Plays one call.
pub fn main(mut arguments: impl Iterator<Item = String>) -> ExitCode {
    let folder = PathBuf::from(arguments.next().expect("the folder of the account"));
    let line: Vec<String> = arguments.collect();
    let mut input = String::new();
    std::io::stdin().read_to_string(&mut input).unwrap();
    match play(&folder, &line, &input) {
        Ok(said) => {
            println!("{said}");
            ExitCode::SUCCESS
        }
        Err(said) => {
            eprintln!("\u{1b}[31m✘ \u{1b}[41;31m[\u{1b}[41;97mERROR\u{1b}[41;31m]\u{1b}[0m \u{1b}[1m{said}\u{1b}[0m\n");
            ExitCode::FAILURE
        }
    }
}

fn note(folder: &Path, file: &str, line: &[String]) -> usize {
    let mut lines = calls(folder, file);
    lines.push(line.join(" "));
    std::fs::write(folder.join(file), lines.join("\n")).unwrap();
    lines.len()
}

fn play(folder: &Path, line: &[String], input: &str) -> Said {
    note(folder, "calls", line);
    let mut account = Account::read(folder);
    let words: Vec<&str> = line.iter().map(String::as_str).collect();
    if words == ["whoami", "--json"] {
        let text = json!({ "loggedIn": account.logged_in }).to_string();
        // Wrangler prints its answer and exits with an error.
        println!("{text}");
        return if account.logged_in { Ok(String::new()) } else { Err(String::new()) };
    }
    if !account.logged_in {
        return Err("You are not authenticated. Set CLOUDFLARE_API_TOKEN.".to_owned());
    }
    if let Some(said) = look(&account, &words) {
        return said;
    }
    let number = note(folder, "changes", line);
    if account.fail_at == number && !account.fail_late {
        return Err("A request to the Cloudflare API failed. fetch failed".to_owned());
    }
    let said = change(&mut account, &words, input)?;
    account.write(folder);
    if account.fail_at == number {
        return Err("A request to the Cloudflare API failed. fetch failed".to_owned());
    }
    Ok(said)
}

/// Value of an option.
fn option<'a>(words: &[&'a str], name: &str) -> &'a str {
    words.iter().position(|word| *word == name).and_then(|at| words.get(at + 1)).copied().unwrap_or_default()
}

/// Answers commands that change nothing.
fn look(account: &Account, words: &[&str]) -> Option<Said> {
    let worker = account.workers.get(option(words, "--name"));
    let api =
        |code: u32, text: &str| Err(format!("A request to the Cloudflare API failed.\n\n  {text} [code: {code}]"));
    let no_worker = || api(10007, "This Worker does not exist on your account.");
    Some(match words {
        ["d1", "list", "--json"] => Ok(json!(
            account
                .databases
                .iter()
                .map(|(name, jurisdiction)| json!({
                    "uuid": id_of(name), "name": name, "version": "production", "num_tables": 0,
                    "jurisdiction": Some(jurisdiction).filter(|it| !it.is_empty()),
                }))
                .collect::<Vec<_>>()
        )
        .to_string()),
        ["queues", "info", name] if account.queues.contains_key(*name) => {
            Ok(format!("\n ⛅️ wrangler 4.156.0\n────────\nQueue Name: {name}\nQueue ID: abc0"))
        }
        ["queues", "info", name] => {
            Err(format!("Queue \"{name}\" does not exist. To create it, run: wrangler queues create {name}"))
        }
        ["r2", "bucket", "lifecycle", "list", name, ..] => {
            match (bucket(account, words, name), account.rules.get(*name)) {
                (false, _) => api(10006, "The specified bucket does not exist."),
                (true, None) => Ok(format!("Listing...\nThere are no lifecycle rules for bucket '{name}'.")),
                (true, Some(days)) => Ok(format!(
                    "Listing...\nname:     evidence\nenabled:  Yes\nprefix:   evidence/\naction:   Expire objects after {days} days"
                )),
            }
        }
        ["secret", "list", ..] => match worker {
            None => Err(format!("Worker \"{}\" not found.", option(words, "--name"))),
            Some(worker) => Ok(json!(
                worker.secrets.keys().map(|name| json!({ "name": name, "type": "secret_text" })).collect::<Vec<_>>()
            )
            .to_string()),
        },
        ["d1", "migrations", "list", name, ..] => match named_in_environment(account, words, name) {
            Err(said) => Err(said),
            Ok(()) if account.migrated.contains(*name) => Ok("✅ No migrations to apply!".to_owned()),
            Ok(()) => Ok("Migrations to be applied:\n│ 0001_initial.sql │".to_owned()),
        },
        ["deployments", "status", "--json", ..] => match worker {
            None => no_worker(),
            Some(_) => {
                Ok(json!({ "id": "dep", "versions": [{ "version_id": VERSION_ID, "percentage": 100 }] }).to_string())
            }
        },
        ["versions", "view", _, "--json", ..] => match worker {
            None => no_worker(),
            Some(worker) => Ok(json!({ "id": VERSION_ID, "annotations": { "workers/tag": worker.tag } }).to_string()),
        },
        _ => return None,
    })
}

fn id_of(database: &str) -> &'static str {
    if database.ends_with("-index") { INDEX_DATABASE_ID } else { DATABASE_ID }
}

/// Returns true if the bucket exists; a bucket of a jurisdiction is visible only there.
fn bucket(account: &Account, words: &[&str], name: &str) -> bool {
    account.buckets.get(name).is_some_and(|jurisdiction| jurisdiction == option(words, "--jurisdiction"))
}

/// Changes the account.
fn change(account: &mut Account, words: &[&str], input: &str) -> Said {
    let jurisdiction = option(words, "--jurisdiction").to_owned();
    let seconds = option(words, "--message-retention-period-secs").to_owned();
    let fits = !account.is_free || seconds == "86400";
    match words {
        ["d1", "create", name, ..] if !account.databases.contains_key(*name) => {
            account.databases.insert((*name).to_owned(), jurisdiction);
            Ok(format!("✅ Successfully created DB '{name}'"))
        }
        ["queues", "create", name, ..] if fits && !account.queues.contains_key(*name) => {
            account.queues.insert((*name).to_owned(), (seconds, jurisdiction));
            Ok(format!("✅ Created queue '{name}'"))
        }
        ["queues", "update", name, ..] if fits && account.queues.contains_key(*name) => {
            account.queues.entry((*name).to_owned()).and_modify(|queue| queue.0 = seconds);
            Ok(format!("Updated queue {name}."))
        }
        ["r2", "bucket", "create", name, ..] if !account.buckets.contains_key(*name) => {
            account.buckets.insert((*name).to_owned(), jurisdiction);
            Ok(format!("✅ Created bucket '{name}' with default storage class of Standard."))
        }
        ["r2", "bucket", "lifecycle", "add", name, "evidence", "evidence/", ..] if bucket(account, words, name) => {
            let rule = account.rules.insert((*name).to_owned(), option(words, "--expire-days").to_owned());
            rule.map_or(Ok("✨ Added lifecycle rule".to_owned()), |_| Err("the rule exists".to_owned()))
        }
        ["secret", "put", name, ..] => {
            let section = section(words)?;
            let worker = account.workers.entry(text(&section, "name")).or_default();
            worker.secrets.insert((*name).to_owned(), input.trim_end().to_owned());
            worker.tag = None;
            Ok(format!("✨ Success! Uploaded secret {name}"))
        }
        ["d1", "migrations", "apply", name, "--remote", ..] => {
            named_in_environment(account, words, name)?;
            account.migrated.insert((*name).to_owned());
            Ok("✅".to_owned())
        }
        ["deploy", ..] => deploy(account, words),
        _ => Err(format!("Unknown, or refused: {}", words.join(" "))),
    }
}

/// Section of `-e` in the file of `-c`.
fn section(words: &[&str]) -> Result<Item, String> {
    let document: DocumentMut = std::fs::read_to_string(option(words, "-c")).unwrap().parse().unwrap();
    let environment = option(words, "-e");
    let section = document.get("env").and_then(|all| all.get(environment)).cloned();
    section.ok_or_else(|| format!("No environment found in configuration with name \"{environment}\"."))
}

fn text(item: &Item, key: &str) -> String {
    item.get(key).and_then(Item::as_str).unwrap_or_default().to_owned()
}

/// Names of the databases in a section, if all of them belong to the account.
fn databases_of(account: &Account, section: &Item) -> Result<Vec<String>, String> {
    let tables = section.get("d1_databases").and_then(Item::as_array_of_tables);
    let name_if_there = |table: &toml_edit::Table| {
        let name = text_of(table, "database_name");
        if account.databases.contains_key(&name) && text_of(table, "database_id") == id_of(&name) {
            return Ok(name);
        }
        let binding = text_of(table, "binding");
        Err(format!("binding {binding} of type d1 must have a valid `id` specified [code: 10021]"))
    };
    tables.into_iter().flatten().map(name_if_there).collect()
}

/// Checks that the section of the environment has the database of that name.
fn named_in_environment(account: &Account, words: &[&str], name: &str) -> Result<(), String> {
    if databases_of(account, &section(words)?)?.iter().any(|known| known == name) {
        return Ok(());
    }
    Err(format!("Couldn't find a D1 DB with the name or binding '{name}' in your wrangler.toml file."))
}

fn deploy(account: &mut Account, words: &[&str]) -> Said {
    let section = section(words)?;
    let databases = databases_of(account, &section)?;
    let bucket = &section["r2_buckets"][0];
    if account.buckets.get(&text(bucket, "bucket_name")) != Some(&text(bucket, "jurisdiction")) {
        return Err("The specified bucket does not exist. [code: 10085]".to_owned());
    }
    if account.is_free && section.get("limits").is_some() {
        return Err("CPU limits are not supported for the Free plan. [code: 100328]".to_owned());
    }
    let queues = section["queues"].clone();
    let named = ["producers", "consumers"].into_iter().filter_map(|key| queues.get(key)?.as_array_of_tables().cloned());
    for name in named.flatten().flat_map(|table| [text_of(&table, "queue"), text_of(&table, "dead_letter_queue")]) {
        if !name.is_empty() && !account.queues.contains_key(&name) {
            return Err(format!("Queue \"{name}\" does not exist."));
        }
    }
    let name = text(&section, "name");
    let worker = account.workers.entry(name.clone()).or_default();
    if !worker.secrets.contains_key("MASTER_KEY") || !databases.iter().all(|name| account.migrated.contains(name)) {
        return Err(format!("{name} would start without its secret or its tables"));
    }
    worker.tag = Some(option(words, "--tag").to_owned());
    let targets = if name.ends_with("-producer") { vec![account.url.as_str()] } else { vec!["schedule: * * * * *"] };
    let session = json!({ "type": "wrangler-session", "version": 1, "command_line_args": words });
    let event = json!({ "type": "deploy", "version": 1, "worker_name": name, "targets": targets });
    if let Some(report) = std::env::var_os("WRANGLER_OUTPUT_FILE_PATH") {
        std::fs::write(report, format!("{session}\n{event}\n")).unwrap();
    }
    Ok(format!("Uploaded {name}\nDeployed {name} triggers\n  {}", targets.join("\n  ")))
}

fn text_of(table: &toml_edit::Table, key: &str) -> String {
    table.get(key).and_then(Item::as_str).unwrap_or_default().to_owned()
}
