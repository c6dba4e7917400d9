//! `longshore audit`: who changed what.

use clap::Args;
use longshore::manage::audit::audited_operations;
use longshore_client::{AuditEntry, Request};
use serde_json::value::RawValue;

use crate::commands::filter::{ListSize, word};
use crate::context::Context;
use crate::failure::{DONE, Failure};
use crate::times::shown;

/// Filters of the audit log.
#[derive(Debug, Clone, Args)]
pub(crate) struct Filter {
    /// Key that made the changes: its id, or `root`.
    #[arg(long = "by", value_name = "KEY")]
    key: Option<String>,
    /// Operation, such as `CancelJob`.
    #[arg(long, value_name = "OPERATION", value_parser = operation)]
    operation: Option<String>,
    /// Id or name of what was changed.
    #[arg(long, value_name = "ID")]
    target: Option<String>,
    /// Time from which the changes were made, such as `2026-11-02T08:00:00Z`.
    #[arg(long, value_name = "TIME")]
    after: Option<String>,
    /// Time before which the changes were made.
    #[arg(long, value_name = "TIME")]
    before: Option<String>,
    #[command(flatten)]
    size: ListSize,
}

fn operation(text: &str) -> Result<String, String> {
    let names = audited_operations();
    word(text, &names.iter().map(String::as_str).collect::<Vec<_>>())
}

/// Lists the audit log, the newest first.
pub(crate) fn run(context: &Context, filter: &Filter) -> Result<u8, Failure> {
    let request = Request::new("GET", &["v1", "audit"])
        .parameter("key", filter.key.as_ref())
        .parameter("operation", filter.operation.as_ref())
        .parameter("target", filter.target.as_ref())
        .parameter("after", filter.after.as_ref())
        .parameter("before", filter.before.as_ref());
    let entries = context.client().list::<AuditEntry>(&request, filter.size.limit())?;
    context.output.list(&entries, &HEADER, row).map(|()| DONE)
}

const HEADER: [&str; 7] = ["AT", "KEY", "ADDRESS", "OPERATION", "TARGET", "BEFORE", "AFTER"];

/// Maximum characters of a state in the table; `-o json` has all of it.
const STATE_CHARS_MAX: usize = 60;

/// Shortens a state for the table.
fn shortened(state: &str) -> String {
    if state.chars().count() <= STATE_CHARS_MAX {
        return state.to_owned();
    }
    let begin: String = state.chars().take(STATE_CHARS_MAX - 1).collect();
    begin + "…"
}

fn row(entry: &AuditEntry) -> Vec<String> {
    let state =
        |json: &Option<Box<RawValue>>| json.as_ref().map_or_else(|| "-".to_owned(), |json| shortened(json.get()));
    vec![
        shown(&entry.at),
        entry.key.clone(),
        entry.address.clone().unwrap_or_else(|| "-".to_owned()),
        entry.operation.clone(),
        format!("{} {}", entry.target.kind, entry.target.id),
        state(&entry.before),
        state(&entry.after),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_state_is_shortened() {
        assert_eq!(shortened("{}"), "{}");
        assert_eq!(shortened(&"ä".repeat(61)), "ä".repeat(59) + "…");
    }
}
