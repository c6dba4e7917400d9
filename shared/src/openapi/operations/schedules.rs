//! Schedules.

use super::SCHEDULES;
use crate::accept::accepted::AcceptedJob;
use crate::openapi::describe::{OperationDoc, describe};
use crate::openapi::examples;
use crate::schedules::schedule::{Occurrence, Schedule, ScheduleRequest};
use crate::wire::problem::Problem;

pub(super) fn list_schedules() -> OperationDoc {
    describe(SCHEDULES, "Lists schedules", "By name, without payloads, and with the next occurrence only.")
        .pages()
        .of_tenant()
        .answers_page::<Schedule<'_>>("A page of schedules.", &examples::schedule())
}

pub(super) fn put_schedule() -> OperationDoc {
    let description = "What is left out has its default, also when it was there before. Another expression or time zone \
                       begins anew: occurrences that passed before are none of it.";
    describe(SCHEDULES, "Makes or changes a schedule", description)
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
    describe(SCHEDULES, "Deletes a schedule", "Its jobs stay.").of_tenant().answers_nothing("It is gone.")
}

pub(super) fn run_schedule() -> OperationDoc {
    describe(
        SCHEDULES,
        "Runs a schedule now",
        "Makes one job beside its occurrences. With an idempotency key, only once.",
    )
    .takes(&["Idempotency-Key", "traceparent", "tracestate", "Longshore-Hops"])
    .of_tenant()
    .answers::<AcceptedJob>(202, "The job is durable.", examples::accepted())
    .with_headers(&["Location", "Idempotency-Replayed"])
    .refuses([
        Problem::InvalidIdempotencyKey("is empty".into()),
        Problem::field("#/payload/endpoint", "unknown-endpoint", "There is no such endpoint."),
        Problem::InvalidHeader("longshore-hops is one whole number.".into()),
        Problem::LoopDetected,
        Problem::StorageFull,
    ])
}

pub(super) fn list_occurrences() -> OperationDoc {
    describe(SCHEDULES, "Lists the last occurrences of a schedule", "The newest first, 50 at most.")
        .of_tenant()
        .answers_page::<Occurrence>("Its last occurrences.", &examples::occurrence())
}
