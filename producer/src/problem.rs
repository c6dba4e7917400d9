//! Problems as responses, with their headers.

use longshore::wire::daily_limit::{seconds_to_midnight, seconds_to_reset};
use longshore::wire::gzip::CODINGS;
use longshore::wire::problem::Problem;
use longshore::wire::problem_document::ProblemDocument;
use worker::Date;

use crate::answer::ApiResponse;

/// Retry-After in seconds when the database does not answer.
const UNAVAILABLE_RETRY_SECONDS: u32 = 5;
/// Retry-After in seconds for a rate limit: the `period` of all limits in wrangler.toml.
const RATE_LIMIT_SECONDS: u32 = 60;
/// Retry-After in seconds during a restore.
const RESTORING_RETRY_SECONDS: u32 = 60;
/// Retry-After in seconds when the database is full: the sweep makes room each minute.
const STORAGE_RETRY_SECONDS: u32 = 300;

/// Creates the response of a problem.
pub(crate) fn answer(problem: &Problem, request_id: &str) -> ApiResponse {
    let mut answer = ApiResponse::json(problem.status(), ProblemDocument::of(problem, request_id));
    answer.content_type = "application/problem+json";
    match problem {
        Problem::Unauthenticated(_) => answer.with_header("www-authenticate", "Bearer"),
        Problem::MethodNotAllowed(refused) => answer.with_header("allow", refused.allowed.clone()),
        Problem::UnsupportedEncoding(_) => answer.with_header("accept-encoding", CODINGS),
        Problem::Unavailable => answer.with_header("retry-after", UNAVAILABLE_RETRY_SECONDS.to_string()),
        Problem::RateLimited => answer.with_header("retry-after", RATE_LIMIT_SECONDS.to_string()),
        // Quotas count from midnight to midnight UTC, the platform's limits until some minutes later.
        Problem::QuotaReached => answer.with_header("retry-after", seconds_to_midnight(now_ms()).to_string()),
        Problem::DailyLimit(_) => answer.with_header("retry-after", seconds_to_reset(now_ms()).to_string()),
        Problem::Restoring => answer.with_header("retry-after", RESTORING_RETRY_SECONDS.to_string()),
        Problem::StorageFull => answer.with_header("retry-after", STORAGE_RETRY_SECONDS.to_string()),
        _ => answer,
    }
}

/// Returns the time of this Worker's clock in ms.
pub(crate) fn now_ms() -> i64 {
    i64::try_from(Date::now().as_millis()).unwrap_or(0)
}
