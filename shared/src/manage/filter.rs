//! Filters of jobs, the same for the list of jobs and for that of dead letters.

use serde::Serialize;

use crate::limits::{METADATA_FILTERS_MAX, PAGE_ROWS_READ_MAX};
use crate::model::state::{DeadReason, State};
use crate::wire::checks::read_time;
use crate::wire::invalid::{InvalidField, check_word};

/// Prefix of parameters that filter by a member of the metadata, such as `metadata.customer.id`.
pub const METADATA_PREFIX: &str = "metadata.";
/// Names of the filters of jobs, as query parameters: an idempotency key alone, or any of the others.
pub const JOB_FILTERS: [&str; 15] = [
    "idempotency_key",
    "state",
    "kind",
    "endpoint",
    "group",
    "event_id",
    "cause",
    "action",
    "reason",
    "schedule",
    "created_after",
    "created_before",
    "died_after",
    "died_before",
    METADATA_PREFIX,
];
/// Names of the filters of dead letters, as query parameters: those of jobs after the key and the state, because all of them are
/// `dead`.
pub const DEAD_LETTER_FILTERS: &[&str] = JOB_FILTERS.split_at(2).1;

/// Filters of a list of jobs, combined with AND.
#[derive(Debug, Clone, Default, Serialize)]
pub struct JobFilter {
    /// Name of a state.
    pub state: Option<String>,
    /// Name of a kind.
    pub kind: Option<String>,
    /// Name of an endpoint.
    pub endpoint: Option<String>,
    /// Name of a group.
    pub group: Option<String>,
    /// Event id.
    pub event_id: Option<String>,
    /// Id of a cause.
    pub cause: Option<String>,
    /// Id of an action.
    pub action: Option<String>,
    /// Reason of a death.
    pub reason: Option<String>,
    /// Name of a schedule.
    pub schedule: Option<String>,
    /// Time of creation at or after this, in ms.
    pub created_after: Option<i64>,
    /// Time of creation before this, in ms.
    pub created_before: Option<i64>,
    /// Time of death at or after this, in ms.
    pub died_after: Option<i64>,
    /// Time of death before this, in ms.
    pub died_before: Option<i64>,
    /// Members of the metadata: the path in SQLite's notation, and the value as text.
    pub metadata: Vec<(String, String)>,
}

impl JobFilter {
    /// Reads the filters of a request. `parameters` are all of its query parameters; others than filters are skipped.
    ///
    /// # Errors
    /// The first wrong value: an unknown state or reason, a text that is no time, or a metadata path that names nothing.
    pub fn read<'a>(parameters: impl Iterator<Item = (&'a str, &'a str)>) -> Result<JobFilter, InvalidField> {
        let mut filter = JobFilter::default();
        for (name, value) in parameters {
            let text = Some(value.to_owned());
            match name {
                "state" => filter.state = known(name, value, &State::ALL.map(State::name))?,
                "reason" => filter.reason = known(name, value, &DeadReason::ALL.map(DeadReason::name))?,
                "kind" => filter.kind = text,
                "endpoint" => filter.endpoint = text,
                "group" => filter.group = text,
                "event_id" => filter.event_id = text,
                "cause" => filter.cause = text,
                "action" => filter.action = text,
                "schedule" => filter.schedule = text,
                "created_after" => filter.created_after = Some(read_time(name, value)?),
                "created_before" => filter.created_before = Some(read_time(name, value)?),
                "died_after" => filter.died_after = Some(read_time(name, value)?),
                "died_before" => filter.died_before = Some(read_time(name, value)?),
                _ => {
                    if let Some(path) = name.strip_prefix(METADATA_PREFIX) {
                        filter.metadata.push((json_path(name, path)?, value.to_owned()));
                    }
                }
            }
        }
        if filter.metadata.len() > METADATA_FILTERS_MAX {
            let detail = format!("has {} filters; at most {METADATA_FILTERS_MAX} are allowed", filter.metadata.len());
            return Err(InvalidField::of("metadata", "too-many", detail));
        }
        Ok(filter)
    }

    /// Returns the maximum number of rows that one statement of a page reads. Two statements read the same rows, and a page
    /// of `limit` jobs that no filter narrows reads no others.
    pub(crate) fn rows_read(&self, limit: i64) -> i64 {
        let JobFilter { state, kind, endpoint, group, event_id, cause, action, reason, schedule, .. } = self;
        let named = [state, kind, endpoint, group, event_id, cause, action, reason, schedule];
        let is_narrow = named.iter().any(|filter| filter.is_some())
            || self.died_after.is_some()
            || self.died_before.is_some()
            || !self.metadata.is_empty();
        if is_narrow { PAGE_ROWS_READ_MAX / 2 } else { limit }
    }
}

fn known(name: &str, value: &str, words: &[&str]) -> Result<Option<String>, InvalidField> {
    check_word(name, value, words).map_or_else(|| Ok(Some(value.to_owned())), Err)
}

/// Converts `customer.id` into the JSON path `$."customer"."id"`.
fn json_path(name: &str, path: &str) -> Result<String, InvalidField> {
    let is_wrong = |step: &str| step.is_empty() || step.contains(['"', '\\']) || step.chars().any(char::is_control);
    if path.split('.').any(is_wrong) {
        let detail = "must name a member of the metadata, such as `metadata.customer.id`; a name must not have quotes";
        return Err(InvalidField::of(name, "invalid-path", detail));
    }
    Ok(path.split('.').fold("$".to_owned(), |path, step| format!("{path}.\"{step}\"")))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(parameters: &[(&str, &str)]) -> Result<JobFilter, (String, &'static str)> {
        JobFilter::read(parameters.iter().copied()).map_err(|wrong| (wrong.pointer, wrong.code))
    }

    #[test]
    fn filters_are_read_and_other_parameters_are_skipped() {
        let filter = read(&[("limit", "5"), ("state", "dead"), ("died_after", "1970-01-01T00:00:01Z")]).unwrap();
        assert_eq!((filter.state.as_deref(), filter.died_after, filter.rows_read(5)), (Some("dead"), Some(1_000), 500));
        assert_eq!(read(&[("created_after", "1970-01-01T00:00:01Z")]).unwrap().rows_read(5), 5);
    }

    #[test]
    fn a_metadata_path_is_quoted_step_by_step() {
        let filter = read(&[("metadata.customer.e-mail", "a b")]).unwrap();
        assert_eq!(filter.metadata, [("$.\"customer\".\"e-mail\"".to_owned(), "a b".to_owned())]);
        for wrong in ["metadata.", "metadata.a..b", "metadata.a\"b", "metadata.a\\b", "metadata.a\n"] {
            assert_eq!(read(&[(wrong, "x")]).unwrap_err(), (wrong.to_owned(), "invalid-path"), "{wrong:?}");
        }
        let many: Vec<_> = (0..=METADATA_FILTERS_MAX).map(|n| format!("metadata.m{n}")).collect();
        let many: Vec<_> = many.iter().map(|name| (name.as_str(), "1")).collect();
        assert_eq!(read(&many).unwrap_err(), ("metadata".to_owned(), "too-many"));
    }

    #[test]
    fn wrong_values_are_refused() {
        for (name, value, code) in [
            ("state", "gone", "unknown-value"),
            ("reason", "tired", "unknown-value"),
            ("died_before", "now", "invalid-time"),
        ] {
            assert_eq!(read(&[(name, value)]).unwrap_err(), (name.to_owned(), code));
        }
    }
}
