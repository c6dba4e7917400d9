//! Schedules.

use super::SCHEDULES;
use crate::accept::accepted::AcceptedJob;
use crate::openapi::describe::{OperationDoc, describe};
use crate::openapi::examples;
use crate::schedules::schedule::{Occurrence, Schedule, ScheduleRequest};
use crate::wire::problem::Problem;

pub(super) fn list_schedules() -> OperationDoc {
    describe(SCHEDULES, "Lists schedules", "Ordered by name, without payloads, and with the next occurrence only.")
        .pages()
        .of_tenant()
        .answers_page::<Schedule<'_>>("A page of schedules.", &examples::schedule())
}

pub(super) fn put_schedule() -> OperationDoc {
    let description = "Replaces all settings: an omitted field gets its default, even if it was set before. Another \
                       expression or time zone starts from now: earlier occurrences are not caught up.";
    describe(SCHEDULES, "Creates or changes a schedule", description)
        .of_tenant()
        .reads::<ScheduleRequest>(examples::schedules())
        .answers::<Schedule<'_>>(200, "The schedule.", examples::schedule())
        .creates()
}

pub(super) fn read_schedule() -> OperationDoc {
    describe(SCHEDULES, "Reads a schedule", "With its next five occurrences.").of_tenant().answers::<Schedule<'_>>(
        200,
        "The schedule.",
        examples::schedule(),
    )
}

pub(super) fn delete_schedule() -> OperationDoc {
    describe(SCHEDULES, "Deletes a schedule", "Its jobs are kept.")
        .of_tenant()
        .answers_nothing("The schedule is deleted.")
}

pub(super) fn run_schedule() -> OperationDoc {
    describe(
        SCHEDULES,
        "Runs a schedule now",
        "Creates one job in addition to the occurrences; with an idempotency key, only once.",
    )
    .takes(&["Idempotency-Key", "traceparent", "tracestate", "Longshore-Hops"])
    .of_tenant()
    .answers::<AcceptedJob>(202, "The job is stored.", examples::accepted())
    .with_headers(&["Location", "Idempotency-Replayed"])
    .refuses([
        Problem::InvalidIdempotencyKey("is empty".into()),
        Problem::field("#/payload/endpoint", "unknown-endpoint", "Endpoint `orders` not found"),
        Problem::InvalidHeader("`Longshore-Hops` must be an integer".into()),
        Problem::LoopDetected,
        Problem::StorageFull,
    ])
}

pub(super) fn list_occurrences() -> OperationDoc {
    describe(SCHEDULES, "Lists the last occurrences of a schedule", "The newest first, at most 50.")
        .of_tenant()
        .answers_page::<Occurrence>("The last occurrences.", &examples::occurrence())
}
