//! Requests of actions, and their checks.

use serde::Deserialize;

use crate::limits::{
    ACTION_CANARY_MAX, ACTION_CANARY_SECONDS_DEFAULT, ACTION_CANARY_SECONDS_MAX, ACTION_RATE_MAX, NOTE_CHARS_MAX,
};
use crate::manage::filter::{DEAD_LETTER_FILTERS, JOB_FILTERS, JobFilter};
use crate::model::action::{ActionFilters, ActionVerb};
use crate::model::state::State;
use crate::wire::checks::check_note;
use crate::wire::invalid::{InvalidField, unknown};
use crate::wire::problem::Problem;
use crate::wire::values::{Whole, read_word};

/// Request of an action on all jobs that a filter selects.
#[derive(Debug, Deserialize)]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct ActionRequest {
    /// Operation.
    #[serde(rename = "do", deserialize_with = "read_word")]
    verb: ActionVerb,
    /// Filters with the names and values of the list of jobs, all of which must match; `{}` selects all. `state` is for `cancel`
    /// only.
    filter: ActionFilters,
    /// True to make a replay also retry the selected jobs that wait for another attempt. Default is false.
    #[serde(default)]
    include_retrying: bool,
    /// Jobs that a replay or retry starts in a second. Default is all at once.
    #[serde(default)]
    rate_per_second: Option<Whole<1, ACTION_RATE_MAX>>,
    /// Jobs to replay or retry first. The action continues when all of them have succeeded, and is paused when one fails.
    #[serde(default)]
    canary: Option<Whole<1, ACTION_CANARY_MAX>>,
    /// Time in which the jobs of the canary must succeed. Default is 600.
    #[serde(default)]
    canary_seconds: Option<Whole<1, ACTION_CANARY_SECONDS_MAX>>,
    /// Note for people on the dead letters that a discard closes, without control characters.
    #[cfg_attr(feature = "openapi", schemars(length(max = NOTE_CHARS_MAX)))]
    #[serde(default)]
    note: Option<String>,
    /// True to only count what would be selected. Default is false.
    #[serde(default)]
    dry_run: bool,
}

/// A checked request.
#[derive(Debug, Clone)]
pub struct ActionPlan {
    /// Operation.
    pub verb: ActionVerb,
    /// Filters as requested.
    pub filters: ActionFilters,
    /// Filters as statements get them.
    pub filter: JobFilter,
    /// True if a replay also retries.
    pub include_retrying: bool,
    /// Jobs to start in a second.
    pub rate: Option<u32>,
    /// Jobs of the canary.
    pub canary: Option<u32>,
    /// Time in which they must succeed.
    pub canary_seconds: Option<u32>,
    /// Note of a discard.
    pub note: Option<String>,
    /// True if nothing must be changed.
    pub dry_run: bool,
}

impl ActionRequest {
    /// Checks the request.
    ///
    /// # Errors
    /// `InvalidRequest` with all wrong fields.
    pub fn check(self) -> Result<ActionPlan, Problem> {
        let mut wrong: Vec<_> = self.misplaced().collect();
        wrong.extend(self.rate_per_second.and_then(|rate| rate.check("#/rate_per_second")));
        wrong.extend(self.canary.and_then(|canary| canary.check("#/canary")));
        wrong.extend(self.canary_seconds.and_then(|seconds| seconds.check("#/canary_seconds")));
        wrong.extend(self.note.as_ref().and_then(|note| check_note("#/note", note, NOTE_CHARS_MAX)));
        let filter = match read_filter(self.verb, &self.filter) {
            Ok(filter) if wrong.is_empty() => filter,
            read => {
                wrong.extend(read.err());
                return Err(Problem::InvalidRequest(wrong));
            }
        };
        let canary_seconds = self.canary_seconds.map_or(ACTION_CANARY_SECONDS_DEFAULT, Whole::get);
        Ok(ActionPlan {
            verb: self.verb,
            filters: self.filter,
            filter,
            include_retrying: self.include_retrying,
            rate: self.rate_per_second.map(Whole::get),
            canary: self.canary.map(Whole::get),
            canary_seconds: self.canary.map(|_| canary_seconds),
            note: self.note,
            dry_run: self.dry_run,
        })
    }

    /// Returns an error for each field that the operation does not have.
    fn misplaced(&self) -> impl Iterator<Item = InvalidField> {
        let (runs, verb) = (self.verb.runs_jobs(), self.verb);
        let fields = [
            ("include_retrying", self.include_retrying && verb != ActionVerb::Replay, "`replay`"),
            ("rate_per_second", self.rate_per_second.is_some() && !runs, "`replay` and `retry`"),
            ("canary", self.canary.is_some() && !runs, "`replay` and `retry`"),
            ("note", self.note.is_some() && verb != ActionVerb::Discard, "`discard`"),
        ];
        let misplaced = fields.into_iter().filter(|(_, is_misplaced, _)| *is_misplaced).map(move |(name, _, verbs)| {
            let detail = format!("is for {verbs} only, not for `{}`; remove it", verb.name());
            InvalidField::of(format!("#/{name}"), "either-or", detail)
        });
        let lone = (self.canary_seconds.is_some() && self.canary.is_none()).then(|| {
            InvalidField::of("#/canary_seconds", "either-or", "is for an action with a `canary` only; remove it")
        });
        misplaced.chain(lone)
    }
}

/// Reads the filters of an action.
///
/// # Errors
/// The first wrong one: an unknown name, a state that the operation cannot change, or a wrong value.
pub(crate) fn read_filter(verb: ActionVerb, ActionFilters(filters): &ActionFilters) -> Result<JobFilter, InvalidField> {
    // An idempotency key names one job.
    let known = || JOB_FILTERS.into_iter().filter(|name| DEAD_LETTER_FILTERS.contains(name) || *name == "state");
    let is_known = |name: &str| known().any(|known| known == name || known.ends_with('.') && name.starts_with(known));
    let at = |name: &str| format!("#/filter/{}", name.replace('~', "~0").replace('/', "~1"));
    if let Some(name) = filters.keys().find(|name| !is_known(name)) {
        return Err(InvalidField::new(at(name), "unknown-field", unknown("filter", name, known())));
    }
    let state = filters.get("state").map(String::as_str);
    if state.is_some() && verb != ActionVerb::Cancel {
        let detail = "is for `cancel` only: other actions select dead letters, or jobs that wait to be retried";
        return Err(InvalidField::of(at("state"), "either-or", detail));
    }
    if state.and_then(State::named).is_some_and(State::is_terminal) {
        let detail = "must be the state of a job that has not ended, because only such a job can be cancelled";
        return Err(InvalidField::of(at("state"), "unknown-value", detail));
    }
    let filter = JobFilter::read(filters.iter().map(|(name, value)| (name.as_str(), value.as_str())));
    filter.map_err(|wrong| InvalidField { pointer: at(&wrong.pointer), ..wrong })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::invalid::read;
    use serde_json::{Value, json};

    fn wrong(body: &Value) -> Vec<(String, &'static str)> {
        let request: ActionRequest = read(body.to_string().as_bytes(), "#").unwrap();
        match request.check() {
            Err(Problem::InvalidRequest(fields)) => {
                fields.into_iter().map(|field| (field.pointer, field.code)).collect()
            }
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_request_is_checked_as_a_whole() {
        let body =
            json!({"do": "discard", "filter": {"state": "dead"}, "rate_per_second": 0, "canary": 101, "note": "a\nb"});
        let expected = [
            ("#/rate_per_second", "either-or"),
            ("#/canary", "either-or"),
            ("#/rate_per_second", "out-of-range"),
            ("#/canary", "out-of-range"),
            ("#/note", "too-long"),
            ("#/filter/state", "either-or"),
        ];
        assert_eq!(wrong(&body), expected.map(|(at, code)| (at.to_owned(), code)));
    }

    #[test]
    fn filters_of_an_action_are_those_of_lists() {
        for (filter, at, code) in [
            (json!({"endpiont": "a"}), "#/filter/endpiont", "unknown-field"),
            (json!({"idempotency_key": "a"}), "#/filter/idempotency_key", "unknown-field"),
            (json!({"state": "succeeded"}), "#/filter/state", "unknown-value"),
            (json!({"died_after": "now"}), "#/filter/died_after", "invalid-time"),
            (json!({"metadata.a/": "1", "metadata.": "1"}), "#/filter/metadata.", "invalid-path"),
        ] {
            assert_eq!(wrong(&json!({"do": "cancel", "filter": filter})), [(at.to_owned(), code)]);
        }
        assert_eq!(
            wrong(&json!({"do": "replay", "filter": {}, "canary_seconds": 5})),
            [("#/canary_seconds".to_owned(), "either-or")]
        );
    }

    #[test]
    fn a_canary_has_ten_minutes_unless_it_asks_for_others() {
        let plan = |body: Value| read::<ActionRequest>(body.to_string().as_bytes(), "#").unwrap().check().unwrap();
        let replay = plan(json!({"do": "replay", "filter": {"cause": "c"}, "canary": 1, "include_retrying": true}));
        assert_eq!((replay.canary, replay.canary_seconds, replay.include_retrying), (Some(1), Some(600), true));
        assert_eq!(replay.filter.cause.as_deref(), Some("c"));
        let slow = plan(json!({"do": "retry", "filter": {}, "rate_per_second": 5}));
        assert_eq!((slow.rate, slow.canary, slow.canary_seconds), (Some(5), None, None));
    }
}
