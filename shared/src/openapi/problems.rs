//! The problems one by one: when each is answered and what to do about it, for `docs/errors.md` and for the document.

use std::fmt::Write as _;

use serde_json::{Map, Value, json};

use crate::wire::daily_limit::DailyLimit;
use crate::wire::idempotency::KeyError;
use crate::wire::invalid::InvalidField;
use crate::wire::problem::{Problem, Refused};
use crate::wire::problem_document::ProblemDocument;

/// One of each, as it may occur. A test holds that none is missing.
pub(super) fn samples() -> Vec<Problem> {
    let parameter = InvalidField::of("limit", "out-of-range", "must be an integer from 1 to 100, got 500");
    vec![
        Problem::NotJson("Not JSON: it ends too early, at line 1 column 17".into()),
        Problem::TooDeep,
        Problem::InvalidParameter(parameter),
        Problem::InvalidCursor,
        Problem::InvalidIdempotencyKey(KeyError::TooLong(300).to_string()),
        Problem::names_no_tenant(),
        Problem::Unauthenticated("Unknown key; get one from an admin".into()),
        Problem::Forbidden("The key lacks the scope `operate`; use one that has it".into()),
        Problem::not_found("Job", "job_x"),
        Problem::MethodNotAllowed(Refused { method: "PUT".into(), allowed: "POST, GET, HEAD".into() }),
        Problem::IllegalTransition("Only a job that has not ended can be cancelled; this one is `succeeded`".into()),
        Problem::PayloadGone(
            "The payload of job `job_01K9XW3E8M7V2Q4R6T8Y0ZABCD` was removed. Set `keep_payload: true` on its endpoint before you \
             need to send its jobs again"
                .into(),
        ),
        Problem::too_large("`payload`", 1_048_576, 2_000_000),
        Problem::UnsupportedMediaType("`Content-Type` must be `application/json`, got `text/plain`".into()),
        Problem::UnsupportedEncoding("`Content-Encoding` must be `gzip` or `identity`, got `br`".into()),
        Problem::field("#/max_attempts", "out-of-range", "must be an integer from 1 to 50, got 500"),
        Problem::LoopDetected,
        Problem::IdempotencyKeyReused,
        Problem::RateLimited,
        Problem::QuotaReached,
        Problem::Internal,
        Problem::ProviderFailed("The provider answered 500.".into()),
        Problem::StorageFull,
        Problem::Restoring,
        Problem::DailyLimit(DailyLimit::RowsWritten),
        Problem::Unavailable,
    ]
}

/// When it is answered. A new problem does not compile until it is described here
fn when(problem: &Problem) -> &'static str {
    match problem {
        Problem::NotJson(_) => "The body is empty, not JSON, more than JSON, broke off, or not a whole gzip.",
        Problem::TooDeep => "Objects and lists nest deeper than 64.",
        Problem::InvalidParameter(_) => {
            "A query parameter has a wrong value, is given twice or is unknown: a misspelt filter must not answer everything. \
             Or `Longshore-Tenant` and `tenant` name different tenants."
        }
        Problem::InvalidCursor => "The cursor is of another list or tenant, was changed, or is older than a day.",
        Problem::InvalidIdempotencyKey(_) => {
            "The key is empty, longer than 255 characters, has a control character, or its header is neither one quoted \
             string nor one word."
        }
        Problem::InvalidHeader(_) => {
            "A header is missing or cannot be read: `Longshore-Tenant` with a key for all tenants, or a `Longshore-Hops` that is \
             not an integer."
        }
        Problem::Unauthenticated(_) => "The bearer token is missing, malformed, unknown, expired or revoked.",
        Problem::Forbidden(_) => {
            "The key lacks the scope, belongs to another tenant, or is not for all tenants where that is needed."
        }
        Problem::NotFound(_) => {
            "No route has this path, or the tenant does not have what the path names. What another tenant has answers 404 too, \
             and so does evidence that was deleted."
        }
        Problem::MethodNotAllowed(_) => "A route has this path, with other methods.",
        Problem::IllegalTransition(_) => {
            "The job, the dead letter, the secret or the index is in a state that does not allow this, often because somebody \
             else was faster."
        }
        Problem::PayloadGone(_) => "The job succeeded and kept no payload, or the object of its payload is gone.",
        Problem::TooLarge(_) => "The body, a line of it, or a payload is longer than is allowed.",
        Problem::UnsupportedMediaType(_) => {
            "The body's Content-Type is not `application/json`, or not `application/x-ndjson` where the body is lines."
        }
        Problem::UnsupportedEncoding(_) => {
            "The body's Content-Encoding is neither `gzip` nor `identity`, or is `gzip` twice."
        }
        Problem::InvalidRequest(_) => "One or several fields are missing, unknown or wrong.",
        Problem::LoopDetected => {
            "The request comes from a job that a job made, and so on, ten times; `Longshore-Hops` counts them. A webhook that \
             leads back to where it was made would never end."
        }
        Problem::IdempotencyKeyReused => {
            "The key was used for another request within its window, for the same kind and endpoint. Requests are compared \
             as JSON: white space and the order of members do not matter, numbers and texts do as they are written."
        }
        Problem::RateLimited => "An address or a key asks too often in a minute, or with too many refused keys.",
        Problem::QuotaReached => {
            "The key's or the tenant's quota of jobs is used up since midnight UTC. Reading and repeats still work."
        }
        Problem::ProviderFailed(_) => {
            "A search by vectors alone needs a vector of its query, and the provider gave none, or the vectors of the \
             index cannot be read. A hybrid search is answered by words then, and says so."
        }
        Problem::Internal => "A bug, or a wrong setting of the deployment; the logs have it under the request id.",
        Problem::StorageFull => "The database is above 90 % of its size. What was accepted is safe and runs on.",
        Problem::Restoring => {
            "The deployment's EPOCH is not the store's: an operator brings the store back to an earlier time, and has not said \
             yet what is to become of its jobs. Reading is allowed; a signing secret that is missing is not made."
        }
        Problem::DailyLimit(_) => {
            "Cloudflare's free plan limits the rows that an account reads and writes a day. Jobs accepted before run after midnight UTC."
        }
        Problem::Unavailable => "The database did not answer in time. An accept may or may not have been written.",
    }
}

/// and here: what a caller does about it.
fn what_to_do(problem: &Problem) -> &'static str {
    match problem {
        Problem::NotJson(_) => "Send one JSON object. `detail` says where the JSON breaks.",
        Problem::TooDeep => "Send it flatter, or as a `body_base64`.",
        Problem::InvalidParameter(_) => "`errors` names the parameter; correct it.",
        Problem::InvalidCursor => "Begin again at the first page.",
        Problem::InvalidIdempotencyKey(_) => "Send another key. Nothing was accepted.",
        Problem::InvalidHeader(_) => "`detail` names the header.",
        Problem::Unauthenticated(_) => "Get a key from an admin. Trying again does not help.",
        Problem::Forbidden(_) => "Use a key that may. Trying again does not help.",
        Problem::NotFound(_) => "Check the id and the tenant.",
        Problem::MethodNotAllowed(_) => "The Allow header names the methods.",
        Problem::IllegalTransition(_) => "Read it again and decide anew.",
        Problem::PayloadGone(_) => {
            "Create the job again. Set `keep_payload` on the endpoint: what succeeds after that can be sent again."
        }
        Problem::TooLarge(_) => "Send less: a reference instead of the thing, or several batches.",
        Problem::UnsupportedMediaType(_) => "Set the Content-Type.",
        Problem::UnsupportedEncoding(_) => "Send the body as it is, or with gzip: the Accept-Encoding header says so.",
        Problem::InvalidRequest(_) => {
            "`errors` lists each with a JSON Pointer and a fixed `code`; correct them all. Nothing was accepted."
        }
        Problem::LoopDetected => "Find the endpoint that leads back here. Nothing was accepted.",
        Problem::IdempotencyKeyReused => {
            "It is a bug of the caller: one key means one request. Use a new key for new work."
        }
        Problem::RateLimited => {
            "Repeat after Retry-After with the same idempotency key; send batches instead of single jobs."
        }
        Problem::QuotaReached => {
            "Repeat after Retry-After, which is midnight UTC, with the same idempotency key; or ask the operator for more."
        }
        Problem::ProviderFailed(_) => "Repeat later, or search by words: `\"mode\": \"keyword\"`.",
        Problem::Internal => "Repeat with the same idempotency key; if it stays, tell the operator the `request_id`.",
        Problem::StorageFull => "Repeat after Retry-After with the same idempotency key; an operator makes room.",
        Problem::Restoring => "Repeat after Retry-After with the same idempotency key; an operator is at work.",
        Problem::DailyLimit(_) => {
            "Repeat after Retry-After with the same idempotency key: it is midnight UTC, and just after midnight, when the \
             limit may end some minutes late, a quarter past. Or the operator upgrades the account to the paid plan."
        }
        Problem::Unavailable => {
            "Repeat after Retry-After with the same idempotency key: then it is one job either way."
        }
    }
}

/// A problem document as it is answered.
pub(super) fn example(problem: &Problem) -> Value {
    json!(ProblemDocument::of(problem, "01KBJ3DW00ZX3VJ5T8M4QY6R7N"))
}

/// How `docs/errors.md` begins.
const INTRODUCTION: &str = "\
# Errors

Every error of the API is a problem document (RFC 9457, `application/problem+json`):

- `type` is `urn:problem-type:longshore:` and a slug of this page; `title` and `status` are the same for each slug.
- `detail` says in one line what is wrong, what is allowed and what to do.
- `errors` lists each wrong field: `pointer` is a JSON Pointer into the body (`#/payload/url`) or the name of a query
  parameter, `code` is a fixed word for programs, `detail` is a line for people.
- `request_id` is the `Longshore-Request-Id` of the answer; the logs have it.

Nothing was written unless this page says so. An unknown key is 401, whatever else is wrong with the request. Errors repeat
numbers, words and names of the request; they never repeat texts that may be secrets, such as values of headers, URLs or
payloads.

`make openapi` writes this page. A test sends each request below to the Workers and compares the whole answer, which is
shown as status and `detail`, then a line per item of `errors`. The key is that of an admin of the tenant unless it says
otherwise; `orders` is an endpoint, `notes` an index; `job_DONE`, `job_TASK`, `job_REPLAYED` and `job_SUCCESSOR` stand for
ids of jobs, `NEXT_HOUR` for a time.

| Slug | Status | Title |
|---|---|---|
";

/// An example of each, by its slug.
pub(super) fn examples() -> Value {
    let shown = |problem: &Problem| {
        (problem.slug().to_owned(), json!({"description": when(problem), "value": example(problem)}))
    };
    // No operation answers 405: it is what the others of its path answer.
    let told = samples().into_iter().filter(|problem| problem.status() != 405);
    Value::Object(told.map(|problem| shown(&problem)).collect())
}

/// The problem document as a response holds it, with an example of each of these problems.
pub(super) fn media(problems: &[Problem]) -> Value {
    let reference = |problem: &Problem| {
        (problem.slug().to_owned(), json!({"$ref": format!("#/components/examples/{}", problem.slug())}))
    };
    let examples: Map<String, Value> = problems.iter().map(reference).collect();
    json!({"schema": {"$ref": "#/components/schemas/Problem"}, "examples": examples})
}

/// A shared response and its name.
pub(super) fn response(status: u16, problems: &[Problem]) -> (String, Value) {
    let slugs: Vec<_> = problems.iter().map(Problem::slug).collect();
    let lines: Vec<_> = problems.iter().map(|problem| format!("`{}`: {}.", problem.slug(), problem.title())).collect();
    let mut headers = json!({"Longshore-Request-Id": {"$ref": "#/components/headers/Longshore-Request-Id"}});
    let more = match status {
        401 => Some("WWW-Authenticate"),
        429 | 503 => Some("Retry-After"),
        _ => None,
    };
    if let Some(name) = more {
        headers[name] = json!({"$ref": format!("#/components/headers/{name}")});
    }
    let content = json!({"application/problem+json": media(problems)});
    (slugs.join("."), json!({"description": lines.join(" "), "headers": headers, "content": content}))
}

/// `docs/errors.md`, with these examples of each problem, by its slug.
pub fn markdown(examples: impl Fn(&str) -> String) -> String {
    let mut text = String::from(INTRODUCTION);
    // Writing to a String cannot fail.
    for problem in samples() {
        let slug = problem.slug();
        let _ = writeln!(text, "| [`{slug}`](#{slug}) | {} | {} |", problem.status(), problem.title());
    }
    for problem in samples() {
        let (when, what_to_do) = (when(&problem), what_to_do(&problem));
        let slug = problem.slug();
        let _ = write!(
            text,
            "\n## {slug}\n\n`urn:problem-type:longshore:{slug}`, status {}: {}.\n\n- **When**: {when}\n- **What to do**: \
             {what_to_do}\n{}",
            problem.status(),
            problem.title(),
            examples(slug)
        );
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_problem_has_a_sample() {
        let slugs: Vec<_> = samples().iter().map(Problem::slug).collect();
        assert_eq!(slugs, Problem::SLUGS, "samples() is short of one, or in another order");
    }
}
