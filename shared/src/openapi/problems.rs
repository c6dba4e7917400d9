//! The problems one by one: when each is answered and what to do about it, for `docs/problems.md` and for the document.

use std::fmt::Write as _;

use serde_json::{Map, Value, json};

use crate::wire::daily_limit::DailyLimit;
use crate::wire::invalid::InvalidField;
use crate::wire::problem::Problem;
use crate::wire::problem_document::ProblemDocument;

/// One of each, as it may occur. A test holds that none is missing.
pub(super) fn samples() -> Vec<Problem> {
    let parameter = InvalidField::new("limit", "out-of-range", "A limit is 1 to 100.");
    vec![
        Problem::NotJson("EOF while parsing a value at line 1 column 0".into()),
        Problem::TooDeep,
        Problem::InvalidParameter(parameter),
        Problem::InvalidCursor,
        Problem::InvalidIdempotencyKey("is empty".into()),
        Problem::names_no_tenant(),
        Problem::Unauthenticated("There is no Authorization header.".into()),
        Problem::Forbidden("The key lacks the scope operate.".into()),
        Problem::NotFound,
        Problem::MethodNotAllowed("POST, GET, HEAD".into()),
        Problem::IllegalTransition("A job can be cancelled until it has ended; this one is succeeded.".into()),
        Problem::PayloadGone(
            "The payload of job `job_01K9XW3E8M7V2Q4R6T8Y0ZABCD` was removed. Set `keep_payload: true` on endpoint `orders` before you \
             need to send its jobs again."
                .into(),
        ),
        Problem::TooLarge("A payload has at most 65536 bytes.".into()),
        Problem::UnsupportedMediaType,
        Problem::UnsupportedEncoding,
        Problem::field("#/max_attempts", "out-of-range", "A job has 1 to 50 attempts."),
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

/// When it is answered. A new problem does not compile until it is told here
fn when(problem: &Problem) -> &'static str {
    match problem {
        Problem::NotJson(_) => "The body is empty, is not JSON or no whole gzip, has something after it, or broke off.",
        Problem::TooDeep => "Objects and lists nest deeper than 64.",
        Problem::InvalidParameter(_) => {
            "A query parameter has a wrong value or is given twice, or this list does not know it: a misspelt filter must not \
             answer everything. Or Longshore-Tenant and `tenant` name different tenants."
        }
        Problem::InvalidCursor => {
            "The cursor is of another list, other filters or another tenant, was changed, or is older than a day."
        }
        Problem::InvalidIdempotencyKey(_) => {
            "The key is empty, longer than 255 bytes, has a control character, or its header is neither one quoted \
             string nor one word."
        }
        Problem::InvalidHeader(_) => {
            "A header that the request needs is missing or cannot be read, such as Longshore-Tenant beside a key \
             for all tenants, or a Longshore-Hops that is no whole number."
        }
        Problem::Unauthenticated(_) => {
            "There is no bearer token, or the key is malformed, unknown, expired or revoked."
        }
        Problem::Forbidden(_) => {
            "The key lacks the scope, belongs to another tenant, or is not for all tenants where that is needed."
        }
        Problem::NotFound => {
            "The path is none of ours, or names nothing that this tenant has; a thing of another tenant is not \
             there either. Also evidence that is gone."
        }
        Problem::MethodNotAllowed(_) => "The path is ours, its method is not.",
        Problem::IllegalTransition(_) => {
            "The job, the dead letter, the secret or the index is in a state that does not allow this, often because somebody \
             else was faster."
        }
        Problem::PayloadGone(_) => "The job succeeded and kept no payload, or the object of its payload is gone.",
        Problem::TooLarge(_) => "The body or a payload is longer than is read here.",
        Problem::UnsupportedMediaType => {
            "There is a body, and its Content-Type is not what is read here: application/json, or application/x-ndjson where the \
             body is lines."
        }
        Problem::UnsupportedEncoding => "The body's Content-Encoding is neither gzip nor identity, or is gzip twice.",
        Problem::InvalidRequest(_) => "One or several fields are missing, unknown or wrong.",
        Problem::LoopDetected => {
            "The request is a job's own, made by a job, and so on ten times: its Longshore-Hops says so. A webhook that \
             comes back to where it was made would never end."
        }
        Problem::IdempotencyKeyReused => {
            "The key was used for another request within its window, for the same kind and endpoint. Requests are compared \
             as JSON: white space and the order of members do not matter, numbers and texts do as they are written."
        }
        Problem::RateLimited => "An address or a key asks too often in a minute, or with too many refused keys.",
        Problem::QuotaReached => {
            "As many jobs as the key's or the tenant's quota allows were accepted since midnight UTC. Reading, and repeats of \
             what was accepted, go on."
        }
        Problem::ProviderFailed(_) => {
            "A search by vectors alone needs a vector of its query, and the provider gave none, or the vectors of the \
             index cannot be read. A hybrid search is answered by words then, and says so."
        }
        Problem::Internal => "A bug or a wrong setting of ours; the logs have it under the request id.",
        Problem::StorageFull => "The database is above 90 % of its size. What was accepted is safe and runs on.",
        Problem::Restoring => {
            "The deployment's EPOCH is not the store's: an operator brings the store back to an earlier time, and has not said \
             yet what is to become of its jobs. Reading is allowed; a signing secret that is missing is not made."
        }
        Problem::DailyLimit(_) => {
            "Cloudflare's free plan allows an account so many rows read and written a day. Until midnight UTC what needs more of \
             them is answered so at once; what was accepted before is safe and runs on after midnight."
        }
        Problem::Unavailable => "The database did not answer in time. An accept may or may not have been written.",
    }
}

/// and here: what a caller does about it.
fn what_to_do(problem: &Problem) -> &'static str {
    match problem {
        Problem::NotJson(_) => "Send one JSON object. `detail` says where it ends to be JSON.",
        Problem::TooDeep => "Send it flatter, or as a `body_base64`.",
        Problem::InvalidParameter(_) => "`errors` names the parameter; correct it.",
        Problem::InvalidCursor => "Begin again at the first page.",
        Problem::InvalidIdempotencyKey(_) => "Send another key. Nothing was accepted.",
        Problem::InvalidHeader(_) => "`detail` names the header.",
        Problem::Unauthenticated(_) => "Get a key from an admin. Trying again does not help.",
        Problem::Forbidden(_) => "Use a key that may. Trying again does not help.",
        Problem::NotFound => "Check the id and the tenant.",
        Problem::MethodNotAllowed(_) => "The Allow header names the methods.",
        Problem::IllegalTransition(_) => "Read it again and decide anew.",
        Problem::PayloadGone(_) => {
            "Create the job again. Set `keep_payload` on the endpoint: what succeeds after that can be sent again."
        }
        Problem::TooLarge(_) => "Send less: a reference instead of the thing, or several batches.",
        Problem::UnsupportedMediaType => "Set the Content-Type.",
        Problem::UnsupportedEncoding => "Send the body as it is, or with gzip: the Accept-Encoding header says so.",
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

/// `docs/problems.md`.
pub fn markdown() -> String {
    let mut text = String::from(
        "# Problems\n\nEvery refusal of the API is a problem document (RFC 9457) with `type`, `title`, `status`, `detail`, \
         `errors` and\n`request_id`. Nothing was written unless it says so here. This file is written by `make openapi`; a \
         test holds it against\nthe code.\n\n| Slug | Status | Title |\n|---|---|---|\n",
    );
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
             {what_to_do}\n",
            problem.status(),
            problem.title()
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
