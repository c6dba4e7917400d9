//! Jobs and dead letters.

use super::{DEAD_LETTERS, JOBS, illegal};
use crate::accept::accepted::AcceptedJob;
use crate::accept::batch::NewJobs;
use crate::accept::request::JobRequest;
use crate::accept::results::BatchAnswer;
use crate::manage::filter::{DEAD_LETTER_FILTERS, METADATA_PREFIX};
use crate::manage::groups::{CloseGroup, Group};
use crate::manage::operate::{Discard, Replay};
use crate::model::attempt::Attempt;
use crate::model::dead_letter::DeadLetter;
use crate::model::evidence::Evidence;
use crate::model::job::Job;
use crate::openapi::describe::{LinesDoc, OperationDoc, describe};
use crate::openapi::examples;
use crate::run::complete::{CompleteRequest, FailRequest};
use crate::wire::problem::Problem;

pub(super) fn create_job() -> OperationDoc {
    let description = "`202` means that the job is stored. With an idempotency key, a repeated request returns the \
                       same job, even if its times have passed or settings have changed since; a different request \
                       with that key is refused.";
    describe(JOBS, "Accepts one job", description)
        .takes(&["Idempotency-Key", "traceparent", "tracestate", "Longshore-Hops"])
        .of_tenant()
        .reads::<JobRequest>(examples::jobs())
        .answers::<AcceptedJob>(202, "The job is stored.", examples::accepted())
        .with_headers(&["Location", "Idempotency-Replayed"])
        .refuses([
            Problem::InvalidIdempotencyKey("is empty".into()),
            Problem::InvalidHeader("`Longshore-Hops` must be an integer".into()),
            Problem::LoopDetected,
            Problem::IdempotencyKeyReused,
            Problem::StorageFull,
            Problem::QuotaReached,
        ])
}

pub(super) fn create_jobs() -> OperationDoc {
    let description = "Each job is accepted or refused by itself: the answer has one result per job, in the same \
                       order. A JSON body has at most 1,000 jobs. A body of lines has no such limit: its jobs are \
                       stored, and their results returned, while later lines are still being sent.";
    describe(JOBS, "Accepts many jobs", description)
        .takes(&["Idempotency-Key", "Prefer", "traceparent", "tracestate", "Longshore-Hops"])
        .of_tenant()
        .reads::<NewJobs>(examples::batch())
        .answers::<BatchAnswer<'_>>(200, "The result of each job.", examples::batch_answer())
        .with_headers(&["Preference-Applied"])
        .or_lines(LinesDoc {
            item: None,
            description: "One result per line, in the order of the lines; the last line is the summary. Its `problem` \
                          is null if every line was read. Jobs are accepted even if the results are read too slowly: \
                          results beyond 2 MiB (4 MiB for refused lines) are then only counted in `unreported`.",
            example: examples::batch_lines(),
        })
        .or_reads_lines("One job per line; empty lines are ignored.", examples::job_lines())
        .refuses([
            Problem::InvalidIdempotencyKey("is empty".into()),
            Problem::LoopDetected,
            Problem::StorageFull,
            Problem::QuotaReached,
        ])
}

/// Returns the filters that the lists of jobs and of dead letters share. Those by metadata have no fixed name, so the description of
/// the list names them.
fn filters() -> Vec<&'static str> {
    DEAD_LETTER_FILTERS.iter().copied().filter(|name| *name != METADATA_PREFIX).collect()
}

pub(super) fn list_jobs() -> OperationDoc {
    let description = "The newest first, without payloads. A parameter such as `metadata.customer.id=42` selects jobs with that \
                       member in their metadata. A filtered page looks at 500 jobs at most, or 2,000 if it finds nothing, and \
                       may be short: continue as long as there is a `next_cursor`.";
    describe(JOBS, "Lists jobs", description)
        .takes(&["idempotency_key", "state"])
        .takes(&filters())
        .pages()
        .of_tenant()
        .answers_page::<Job<'_>>("A page of jobs.", &examples::listed_job())
}

pub(super) fn read_job() -> OperationDoc {
    describe(JOBS, "Reads a job", "With `wait`, answers when the job has ended or the time is over.")
        .takes(&["wait"])
        .of_tenant()
        .answers::<Job<'_>>(200, "The job.", examples::job())
}

pub(super) fn list_attempts() -> OperationDoc {
    let description = "All sends of the job, in order. Headers and sizes come from the evidence of the latest 20.";
    describe(JOBS, "Lists the attempts of a job", description)
        .of_tenant()
        .answers_page::<Attempt<'_>>("All attempts of the job.", &examples::attempt())
}

pub(super) fn read_evidence() -> OperationDoc {
    describe(JOBS, "Reads the evidence of an attempt", "The request and the answer, redacted before they were stored.")
        .of_tenant()
        .answers::<Evidence<'_>>(200, "The evidence.", examples::evidence())
        .with_headers(&["Content-Security-Policy"])
}

pub(super) fn read_vectors() -> OperationDoc {
    let description = "For a job of kind `embed` with output `r2`: one line of JSON, `{\"dimensions\", \"ids\"}`, \
                       followed by the vectors in the order of the ids, each number a little-endian 32-bit float.";
    describe(JOBS, "Reads the vectors of a job", description).of_tenant().answers_bytes("The vectors.")
}

pub(super) fn cancel_job() -> OperationDoc {
    let description = "Ends a waiting job. A running job gets no further attempt. Idempotent.";
    describe(JOBS, "Cancels a job", description)
        .of_tenant()
        .answers::<Job<'_>>(200, "The job after the request.", examples::waiting_job("cancelled"))
        .refuses([illegal("Only a job that has not ended can be cancelled; this one is `succeeded`")])
}

pub(super) fn retry_job() -> OperationDoc {
    describe(JOBS, "Runs a job now", "Makes a scheduled, queued or retrying job due.")
        .of_tenant()
        .answers::<Job<'_>>(202, "The job, which is now due.", examples::waiting_job("queued"))
        .refuses([illegal("Only a scheduled, queued or retrying job can be retried; this one is `dead`")])
}

pub(super) fn resend_job() -> OperationDoc {
    let description = "Sends a job that has succeeded or was cancelled again, as a new job with the same payload and \
                       event id: the receiver sees the same `webhook-id`. The payload must still be stored: set \
                       `keep_payload` on the endpoint. The original job does not change and can be sent again any \
                       number of times. With an idempotency key, a repeated request returns the same new job in its \
                       current state. To send a dead letter again, replay it.";
    describe(JOBS, "Sends a finished job again", description)
        .takes(&["Idempotency-Key"])
        .of_tenant()
        .answers::<Job<'_>>(202, "The new job.", examples::waiting_job("queued"))
        .with_headers(&["Location", "Idempotency-Replayed"])
        .refuses([
            illegal("Job `job_01K9XW3E8M7V2Q4R6T8Y0ZABCD` is `running`; only a finished job can be sent again."),
            Problem::PayloadGone(
                "The payload of job `job_01K9XW3E8M7V2Q4R6T8Y0ZABCD` was removed. Set `keep_payload: true` on endpoint \
                 `orders` before you need to send its jobs again."
                    .into(),
            ),
            Problem::InvalidIdempotencyKey("is empty".into()),
            Problem::IdempotencyKeyReused,
            Problem::StorageFull,
        ])
}

pub(super) fn complete_job() -> OperationDoc {
    let description = "Ends the running attempt of a task: the job succeeds. It may be called before the handler has \
                       answered, and after a deferral until the completion is due. Repeating a successful call is \
                       idempotent. An attempt that has ended otherwise, or with another result, is refused.";
    describe(JOBS, "Completes a task", description)
        .of_tenant()
        .may_read::<CompleteRequest>(examples::completions())
        .answers::<Job<'_>>(200, "The job, which has succeeded.", examples::job())
        .refuses([illegal("Attempt 1 has ended without a completion; the job is `dead`, its last attempt is 1.")])
}

pub(super) fn fail_job() -> OperationDoc {
    let description = "Ends the running attempt of a task: the job is retried by its schedule, or becomes a dead \
                       letter. It may be called whenever `/complete` may. Send `attempt`: without it, a repeated call \
                       may fail the next attempt.";
    describe(JOBS, "Fails a task", description)
        .of_tenant()
        .may_read::<FailRequest>(examples::failures())
        .answers::<Job<'_>>(200, "The job after the request.", examples::waiting_job("retrying"))
        .refuses([illegal("Attempt 1 was completed with another outcome; the job is `succeeded`.")])
}

pub(super) fn read_group() -> OperationDoc {
    let description = "Numbers of jobs with this label, by outcome. `finished_at` is set when no job is open; the \
                       group is deleted as long after that as dead letters are kept. With `wait`, answers when all \
                       its jobs have ended or the time is over; send all jobs before you wait.";
    describe(JOBS, "Reads the counters of a group", description).takes(&["wait"]).of_tenant().answers::<Group<'_>>(
        200,
        "The group.",
        examples::group(),
    )
}

pub(super) fn close_group() -> OperationDoc {
    let description = "Says that no more jobs come. The group is `finished` when it is closed and all its jobs have \
                       ended. With `on_finished`, one webhook job is then made in the same transaction, with an event of \
                       the type `longshore.group.finished` that has the counts. A group without jobs finishes at once. \
                       Idempotent: the first call decides. Jobs that are accepted later, and replays, reopen the group, \
                       but no second webhook is sent.";
    describe(JOBS, "Closes a group", description)
        .takes(&["traceparent", "tracestate", "Longshore-Hops"])
        .of_tenant()
        .creates()
        .may_read::<CloseGroup>(examples::closed_groups())
        .answers::<Group<'_>>(200, "The group after the request.", examples::group())
        .refuses([
            illegal("Group `import` was closed without `on_finished`, which cannot be added"),
            Problem::LoopDetected,
        ])
}

pub(super) fn list_dead_letters() -> OperationDoc {
    let description = "The most recently failed first, with the filters of jobs.";
    describe(DEAD_LETTERS, "Lists open dead letters", description)
        .takes(&filters())
        .pages()
        .of_tenant()
        .answers_page::<DeadLetter<'_>>("A page of dead letters.", &examples::dead_letter("open"))
}

pub(super) fn read_dead_letter() -> OperationDoc {
    describe(DEAD_LETTERS, "Reads a dead letter", "Includes replayed and discarded ones.")
        .of_tenant()
        .answers::<DeadLetter<'_>>(200, "The dead letter.", examples::dead_letter("open"))
}

pub(super) fn replay_dead_letter() -> OperationDoc {
    let description = "Sends a dead letter again, once, as a new job with the same event id, optionally with another \
                       payload for the same endpoint.";
    describe(DEAD_LETTERS, "Replays a dead letter", description)
        .of_tenant()
        .may_read::<Replay>(examples::replays())
        .answers::<Job<'_>>(202, "The new job.", examples::waiting_job("queued"))
        .with_headers(&["Location"])
        .refuses([illegal("The dead letter was discarded."), Problem::StorageFull])
}

pub(super) fn discard_dead_letter() -> OperationDoc {
    describe(DEAD_LETTERS, "Discards a dead letter", "The job stays failed; its idempotency key is released.")
        .of_tenant()
        .may_read::<Discard>(examples::discards())
        .answers::<DeadLetter<'_>>(200, "The dead letter after the request.", examples::dead_letter("discarded"))
        .refuses([illegal("The dead letter was discarded.")])
}
