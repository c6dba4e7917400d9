//! Documentation of each problem, its cause and its remedy, for `docs/errors.md` and the OpenAPI document.

use std::fmt::Write as _;

use serde_json::{Map, Value, json};

use crate::wire::daily_limit::DailyLimit;
use crate::wire::idempotency::KeyError;
use crate::wire::invalid::InvalidField;
use crate::wire::problem::{Problem, Refused};
use crate::wire::problem_document::ProblemDocument;

/// A realistic sample of each problem. A test checks that none is missing.
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
            "The payload of job `job_01K9XW3E8M7V2Q4R6T8Y0ZABCD` was removed. Set `keep_payload: true` on its endpoint \
             before you need to send its jobs again"
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

/// Describes the cause of a problem. A new problem does not compile until it is described here.
fn when(problem: &Problem) -> &'static str {
    match problem {
        Problem::NotJson(_) => "The body is empty, truncated, not a single JSON value, or not a complete gzip.",
        Problem::TooDeep => "Objects and arrays are nested deeper than 64 levels.",
        Problem::InvalidParameter(_) => {
            "A query parameter has an invalid value, is given twice or is unknown: a misspelt filter must not return \
             everything. Or `Longshore-Tenant` and `tenant` name different tenants."
        }
        Problem::InvalidCursor => "The cursor belongs to another list or tenant, was changed, or is older than a day.",
        Problem::InvalidIdempotencyKey(_) => {
            "The key is empty, longer than 255 characters or has a control character, or the header is neither one \
             quoted string nor one word."
        }
        Problem::InvalidHeader(_) => {
            "A header is missing or invalid: `Longshore-Tenant` with a key for all tenants, or a `Longshore-Hops` that \
             is not an integer."
        }
        Problem::Unauthenticated(_) => "The bearer token is missing, malformed, unknown, expired or revoked.",
        Problem::Forbidden(_) => {
            "The key lacks the scope, belongs to another tenant, or is not a key for all tenants where the operation \
             needs one."
        }
        Problem::NotFound(_) => {
            "The path does not exist, or the tenant has no resource with this name or id. Other tenants' resources \
             also answer 404, and so does deleted evidence."
        }
        Problem::MethodNotAllowed(_) => "The path exists, but not with this method.",
        Problem::IllegalTransition(_) => {
            "The job, dead letter, secret or index is in a state that does not allow the operation, often because \
             another request changed it first."
        }
        Problem::PayloadGone(_) => "The payload was not kept after the job succeeded, or its object was deleted.",
        Problem::TooLarge(_) => "The body, a line of it, or a payload exceeds its maximum length.",
        Problem::UnsupportedMediaType(_) => "The body's Content-Type is neither JSON nor, for lines, NDJSON.",
        Problem::UnsupportedEncoding(_) => "The Content-Encoding is not `gzip` or `identity`, or is `gzip` twice.",
        Problem::InvalidRequest(_) => "One or more fields are missing, unknown or invalid.",
        Problem::LoopDetected => {
            "The request comes from a chain of ten jobs that created one another; `Longshore-Hops` counts them. A \
             webhook that leads back to its origin would never end."
        }
        Problem::IdempotencyKeyReused => {
            "The key was used for a different request within its window, for the same kind and endpoint. Requests are \
             compared as JSON: white space and the order of members are ignored; numbers and texts are compared as \
             written."
        }
        Problem::RateLimited => {
            "An IP address or a key sent too many requests in a minute, or too many requests with invalid keys."
        }
        Problem::QuotaReached => {
            "The key's or the tenant's daily quota of jobs is used up; it resets at midnight UTC. Reads and repeats of \
             accepted requests still work."
        }
        Problem::ProviderFailed(_) => {
            "A search by vectors alone needs a vector of its query, but the provider returned none, or the vectors of \
             the index cannot be read. A hybrid search falls back to keywords and sets `degraded`."
        }
        Problem::Internal => "A bug, or an invalid setting. The logs contain the cause under the request id.",
        Problem::StorageFull => "The database is above 90 % of its maximum size. Accepted jobs continue to run.",
        Problem::Restoring => {
            "The deployment's EPOCH differs from the database's: an operator is restoring the database to an earlier \
             time and has not decided about its jobs yet. Reads are allowed, but a missing signing secret is not \
             created."
        }
        Problem::DailyLimit(_) => {
            "Cloudflare's free plan limits the rows that an account reads and writes per day. Accepted jobs run after \
             midnight UTC."
        }
        Problem::Unavailable => "The database did not respond in time. A job may or may not have been stored.",
    }
}

/// Describes the caller's remedy for a problem. A new problem does not compile until it is described here.
fn what_to_do(problem: &Problem) -> &'static str {
    match problem {
        Problem::NotJson(_) => "Send one JSON object. `detail` names the position of the error.",
        Problem::TooDeep => "Nest less deeply, or send the value as a `body_base64`.",
        Problem::InvalidParameter(_) => "Correct the parameter that `errors` names.",
        Problem::InvalidCursor => "Start again with the first page.",
        Problem::InvalidIdempotencyKey(_) => "Send another key. Nothing was accepted.",
        Problem::InvalidHeader(_) => "Correct the header that `detail` names.",
        Problem::Unauthenticated(_) => "Get a key from an admin. Do not retry without one.",
        Problem::Forbidden(_) => "Use a key with the needed scope and tenant. Do not retry without one.",
        Problem::NotFound(_) => "Check the id and the tenant.",
        Problem::MethodNotAllowed(_) => "Use one of the methods in the Allow header.",
        Problem::IllegalTransition(_) => "Read the resource again and decide on its current state.",
        Problem::PayloadGone(_) => {
            "Create the job again. Set `keep_payload` on the endpoint, so that jobs that succeed later can be sent \
             again."
        }
        Problem::TooLarge(_) => "Send less: a reference instead of the data, or several batches.",
        Problem::UnsupportedMediaType(_) => "Set the Content-Type.",
        Problem::UnsupportedEncoding(_) => {
            "Send the body uncompressed or with gzip, as the Accept-Encoding header says."
        }
        Problem::InvalidRequest(_) => {
            "Correct all fields: `errors` lists each with a JSON Pointer and a fixed `code`. Nothing was accepted."
        }
        Problem::LoopDetected => "Find the endpoint that leads back to Longshore. Nothing was accepted.",
        Problem::IdempotencyKeyReused => {
            "Fix the caller: one key stands for one request. Use a new key for new work. Repeat a request of lines with \
             the same lines in the same order."
        }
        Problem::RateLimited => {
            "After Retry-After, retry with the same idempotency key. Send batches instead of single jobs."
        }
        Problem::QuotaReached => {
            "After Retry-After, which is midnight UTC, retry with the same idempotency key; or ask the operator for a \
             higher quota."
        }
        Problem::ProviderFailed(_) => "Retry later, or search by keywords: `\"mode\": \"keyword\"`.",
        Problem::Internal => {
            "Retry with the same idempotency key. If the error persists, tell the operator the `request_id`."
        }
        Problem::StorageFull => "After Retry-After, retry with the same idempotency key; an operator has to make room.",
        Problem::Restoring => {
            "After Retry-After, retry with the same idempotency key; an operator is completing the restore."
        }
        Problem::DailyLimit(_) => {
            "After Retry-After, retry with the same idempotency key. It is midnight UTC, or a quarter past if it is \
             just after midnight, because the limit may reset some minutes late. Or the operator upgrades the account \
             to the paid plan."
        }
        Problem::Unavailable => {
            "After Retry-After, retry with the same idempotency key: the job is stored once in either case."
        }
    }
}

/// A problem document as the API answers it.
pub(super) fn example(problem: &Problem) -> Value {
    json!(ProblemDocument::of(problem, "01KBJ3DW00ZX3VJ5T8M4QY6R7N"))
}

/// The beginning of `docs/errors.md`.
const INTRODUCTION: &str = "\
# Errors

Every error of the API is a problem document (RFC 9457, `application/problem+json`):

- `type` is `urn:problem-type:longshore:` and a slug of this page; `title` and `status` are the same for each slug.
- `detail` names in one line the error, the allowed values and the remedy.
- `errors` lists each wrong field: `pointer` is a JSON Pointer into the body (`#/payload/url`) or the name of a query
  parameter, `code` is a fixed word for programs, `detail` is a line for people.
- `request_id` is the `Longshore-Request-Id` of the answer, as in the logs.

Unless this page states otherwise, a refused request has written nothing. An unknown key answers 401, even if the
request has other errors. Errors repeat numbers, words and names of the request, but never texts that may be secrets,
such as header values, URLs or payloads.

`make openapi` writes this page. A test sends each request below to the Workers and compares the whole answer, which is
shown as status and `detail`, followed by one line per item of `errors`. The key belongs to an admin of the tenant
unless noted otherwise; `orders` is an endpoint, `notes` an index; `job_DONE`, `job_TASK`, `job_REPLAYED` and
`job_SUCCESSOR` stand for ids of jobs, `NEXT_HOUR` for a time.

| Slug | Status | Title |
|---|---|---|
";

/// An example of each problem, by its slug.
pub(super) fn examples() -> Value {
    let shown = |problem: &Problem| {
        (problem.slug().to_owned(), json!({"description": when(problem), "value": example(problem)}))
    };
    // No operation lists 405: it is the answer to methods that its path does not support.
    let shown_samples = samples().into_iter().filter(|problem| problem.status() != 405);
    Value::Object(shown_samples.map(|problem| shown(&problem)).collect())
}

/// Content of a response with a problem document, with an example of each of these problems.
pub(super) fn media(problems: &[Problem]) -> Value {
    let reference = |problem: &Problem| {
        (problem.slug().to_owned(), json!({"$ref": format!("#/components/examples/{}", problem.slug())}))
    };
    let examples: Map<String, Value> = problems.iter().map(reference).collect();
    json!({"schema": {"$ref": "#/components/schemas/Problem"}, "examples": examples})
}

/// Name and content of a response that several operations share.
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

/// Generates `docs/errors.md`; `examples` returns the examples of a problem by its slug.
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
        assert_eq!(slugs, Problem::SLUGS, "samples() lacks a problem or has another order");
    }
}
