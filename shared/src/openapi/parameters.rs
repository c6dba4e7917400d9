//! Parameters and headers that several operations share.

use serde_json::{Value, json};

use crate::limits::{EMBED_ID_BYTES_MAX, IDEMPOTENCY_KEY_CHARS_MAX, PAGE_DEFAULT, PAGE_MAX, WAIT_SECONDS_MAX};
use crate::manage::audit::audited_operations;
use crate::manage::causes::CauseState;
use crate::model::action::ActionState;
use crate::model::state::{DeadReason, State};
use crate::wire::prefer::RETURN_MINIMAL;
use crate::wire::schema::NAME;

fn parameter(place: &str, name: &str, description: &str, schema: Value) -> Value {
    let mut parameter = json!({"name": name, "in": place, "description": description});
    parameter["schema"] = schema;
    parameter
}

fn in_query(name: &str, description: &str, schema: Value) -> (String, Value) {
    (name.to_owned(), parameter("query", name, description, schema))
}

fn in_header(name: &str, description: &str, schema: Value) -> (String, Value) {
    (name.to_owned(), parameter("header", name, description, schema))
}

/// Lists all parameters except those in paths.
pub(super) fn parameters() -> Value {
    Value::Object(
        headers_of_requests()
            .into_iter()
            .chain(queries())
            .chain(queries_of_documents())
            .chain(queries_of_audit())
            .chain(queries_of_causes())
            .chain([state_of_actions()])
            .chain(queries_of_statistics())
            .collect(),
    )
}

fn headers_of_requests() -> [(String, Value); 6] {
    let name = json!({"type": "string", "pattern": NAME});
    [
        in_header(
            "Idempotency-Key",
            "A repeated request with the same key, kind and endpoint within the window returns the same job. The key \
             is a quoted string or a bare word; in a batch it stands for one key per job.",
            json!({"type": "string", "pattern": format!(
                r#"^([!#-+\--:<-\[\]-~]{{1,{IDEMPOTENCY_KEY_CHARS_MAX}}}|"([ !#-\[\]-~]|\\[\\"]){{1,{IDEMPOTENCY_KEY_CHARS_MAX}}}")$"#
            )}),
        ),
        in_header(
            "Prefer",
            "With `return=minimal` (RFC 7240) the answer contains only refused jobs and the summary.",
            json!({"type": "string"}),
        ),
        in_header(
            "traceparent",
            "Trace that the jobs belong to (W3C Trace Context), unless a job names its own. An invalid value is \
             ignored.",
            json!({"type": "string"}),
        ),
        in_header(
            "tracestate",
            "Vendor data of that trace (W3C Trace Context). An invalid value is ignored.",
            json!({"type": "string"}),
        ),
        in_header(
            "Longshore-Hops",
            "Number of jobs that created one another before this request. Requests that Longshore sends carry it.",
            json!({"type": "string", "pattern": "^[0-9]+$"}),
        ),
        in_header("Longshore-Tenant", "Tenant of the request; required with a key for all tenants.", name),
    ]
}

fn queries() -> [(String, Value); 20] {
    let name = json!({"type": "string", "pattern": NAME});
    let time = json!({"type": "string", "format": "date-time"});
    let day = json!({"type": "string", "format": "date"});
    let states: Vec<_> = State::ALL.iter().map(|state| state.name()).collect();
    [
        in_query(
            "tenant",
            "Same as Longshore-Tenant; if both are given, they must name the same tenant.",
            name.clone(),
        ),
        in_query(
            "limit",
            "Maximum number of items per page.",
            json!({"type": "integer", "minimum": 1, "maximum": PAGE_MAX, "default": PAGE_DEFAULT}),
        ),
        in_query(
            "cursor",
            "`next_cursor` of the previous page, with the same filters; valid for a day.",
            json!({"type": "string"}),
        ),
        in_query(
            "wait",
            "Waits until the job, or each job of the group or action, has ended, at most this many seconds.",
            json!({"type": "integer", "minimum": 0, "maximum": WAIT_SECONDS_MAX, "default": 0}),
        ),
        in_query("state", "Only jobs in this state.", json!({"type": "string", "enum": states})),
        in_query("kind", "Only jobs of this kind.", json!({"type": "string"})),
        in_query("endpoint", "Only jobs to this endpoint.", name.clone()),
        in_query("group", "Only jobs of this group.", name.clone()),
        in_query("event_id", "Only jobs with this event id, such as a job and its replays.", name.clone()),
        in_query("cause", "Only jobs whose last failure has this cause.", json!({"type": "string"})),
        in_query("action", "Only jobs that this action has created or changed.", json!({"type": "string"})),
        in_query(
            "idempotency_key",
            "Only the jobs that hold this key; cannot be combined with other filters.",
            json!({"type": "string", "minLength": 1}),
        ),
        in_query("created_after", "Only jobs created at this time or later.", time.clone()),
        in_query("created_before", "Only jobs created before this time.", time.clone()),
        in_query("died_after", "Only dead jobs that died at this time or later.", time.clone()),
        in_query("died_before", "Only dead jobs that died before this time.", time),
        in_query(
            "reason",
            "Only dead jobs with this reason.",
            json!({"type": "string", "enum": DeadReason::ALL.map(DeadReason::name)}),
        ),
        in_query("schedule", "Only jobs of this schedule.", name.clone()),
        in_query("from", "Only this day and later days.", day.clone()),
        in_query("to", "Only this day and earlier days.", day),
    ]
}

fn queries_of_audit() -> [(String, Value); 5] {
    let time = json!({"type": "string", "format": "date-time"});
    let key = "Only what this API key did: its id, or `root` for `ROOT_TOKEN`.";
    [
        ("key-of-audit".to_owned(), parameter("query", "key", key, json!({"type": "string"}))),
        in_query(
            "operation",
            "Only this operation: its `operationId`.",
            json!({"type": "string", "enum": audited_operations()}),
        ),
        in_query("target", "Only what was done to the thing with this id or name.", json!({"type": "string"})),
        in_query("after", "Only entries of this time or later.", time.clone()),
        in_query("before", "Only entries of before this time.", time),
    ]
}

fn queries_of_causes() -> [(String, Value); 2] {
    let about = "Only causes in this state. If omitted, open ones that hold up jobs now.";
    let state = json!({"type": "string", "enum": CauseState::ALL.map(CauseState::name)});
    let since = "Only causes that were last seen at this time or later.";
    [
        ("state-of-causes".to_owned(), parameter("query", "state", about, state)),
        in_query("since", since, json!({"type": "string", "format": "date-time"})),
    ]
}

fn state_of_actions() -> (String, Value) {
    let state = json!({"type": "string", "enum": ActionState::ALL.map(ActionState::name)});
    ("state-of-actions".to_owned(), parameter("query", "state", "Only actions in this state.", state))
}

fn queries_of_statistics() -> [(String, Value); 5] {
    let time = json!({"type": "string", "format": "date-time"});
    let named = |key: &str, name, description, schema| (key.to_owned(), parameter("query", name, description, schema));
    let from = "Start of the range, rounded down to a step. Default: 60 steps before `to`.";
    let to = "End of the range, rounded up to a step. Default: now.";
    let step = json!({"type": "string", "enum": ["minute", "hour", "day"], "default": "hour"});
    let by = json!({"type": "string", "enum": ["kind", "endpoint"], "default": "kind"});
    [
        named("from-time", "from", from, time.clone()),
        named("to-time", "to", to, time),
        named("step", "step", "Length of a point. Days begin at midnight UTC.", step),
        named("by", "by", "Difference between the series.", by),
        named(
            "endpoints",
            "endpoints",
            "True to add a label for the endpoint.",
            json!({"type": "boolean", "default": false}),
        ),
    ]
}

fn queries_of_documents() -> [(String, Value); 2] {
    let group = "Name of the group of the jobs. If omitted, it is derived from the idempotency key or from the \
                 request.";
    [
        (
            "group-of-documents".to_owned(),
            parameter("query", "group", group, json!({"type": "string", "pattern": NAME})),
        ),
        in_query(
            "replace",
            "Source whose documents are replaced by the documents in this request. After the jobs of all lines have \
             succeeded, older documents of the source are removed. Nothing is removed if a line is refused or cannot \
             be read, or if one of the jobs dies or is cancelled. Cannot be combined with `group`.",
            json!({"type": "string", "minLength": 1, "maxLength": EMBED_ID_BYTES_MAX}),
        ),
    ]
}

/// Lists all headers of answers.
pub(super) fn headers() -> Value {
    let header = |description: &str, schema: Value| json!({"description": description, "schema": schema});
    let text = json!({"type": "string"});
    let seconds = json!({"type": "string", "pattern": "^[0-9]+$"});
    let ulid = json!({"type": "string", "pattern": "^[0-7][0-9A-HJKMNP-TV-Z]{25}$"});
    json!({
        "Longshore-Request-Id": header("Id of this request in the logs.", ulid),
        "Location": header("Path of the created resource.", text.clone()),
        "Longshore-Group": header("Group of the jobs.", json!({"type": "string", "pattern": NAME})),
        "Idempotency-Replayed": header("An earlier request created the job.", json!({"type": "string", "const": "true"})),
        "Preference-Applied": header("Preference of the request that was applied.", json!({"const": RETURN_MINIMAL})),
        "Retry-After": header("Seconds to wait before a retry.", seconds),
        "WWW-Authenticate": header("Authentication scheme.", text.clone()),
        "Content-Security-Policy": header("Blocks scripts: the body may come from any receiver.", text),
    })
}
