//! Jobs and dead letters.

use super::{DEAD_LETTERS, JOBS, illegal};
use crate::accept::accepted::AcceptedJob;
use crate::accept::batch::NewJobs;
use crate::accept::request::JobRequest;
use crate::accept::results::BatchAnswer;
use crate::manage::groups::Group;
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
    let description = "The answer means that the job is durable. With an idempotency key, the same request again \
                       answers the same job, also when its times have passed or settings have changed since; another \
                       request with that key is refused.";
    describe(JOBS, "Accepts one job", description)
        .takes(&["Idempotency-Key", "traceparent", "tracestate", "Longshore-Hops"])
        .of_tenant()
        .reads::<JobRequest>(examples::jobs())
        .answers::<AcceptedJob>(202, "The job is durable.", examples::accepted())
        .with_headers(&["Location", "Idempotency-Replayed"])
        .refuses([
            Problem::InvalidIdempotencyKey("is empty".into()),
            Problem::InvalidHeader("longshore-hops is one whole number.".into()),
            Problem::LoopDetected,
            Problem::IdempotencyKeyReused,
            Problem::StorageFull,
            Problem::QuotaReached,
        ])
}

pub(super) fn create_jobs() -> OperationDoc {
    let description = "Each job is accepted or refused by itself: the answer has one result per job, in their order. As \
                       JSON it has up to 1,000 jobs; as lines of JSON it has no such limit, and jobs are durable, and \
                       answered, while later lines are still on their way.";
    describe(JOBS, "Accepts many jobs", description)
        .takes(&["Idempotency-Key", "Prefer", "traceparent", "tracestate", "Longshore-Hops"])
        .of_tenant()
        .reads::<NewJobs>(examples::batch())
        .answers::<BatchAnswer<'_>>(
            200,
            "What became of each job.",
            examples::batch_answer(),
        )
        .with_headers(&["Preference-Applied"])
        .or_lines(LinesDoc {
            item: None,
            description: "One result a line, in the order of the lines; the last line is the summary. Its `problem` is null \
                          if every line was read. The intake does not wait for its reader: results beyond 2 MiB that are not \
                          read in time, 4 MiB for refused lines, are counted in `unreported` alone.",
            example: examples::batch_lines(),
        })
        .or_reads_lines("One job a line; empty lines are passed over.", examples::job_lines())
        .refuses([Problem::InvalidIdempotencyKey("is empty".into()), Problem::LoopDetected, Problem::StorageFull,
            Problem::QuotaReached])
}

pub(super) fn list_jobs() -> OperationDoc {
    let description = "The newest first, without payloads. A filtered page reads at most 1,000 rows and may be short: \
                       go on while there is a `next_cursor`.";
    describe(JOBS, "Lists jobs", description)
        .takes(&[
            "state",
            "kind",
            "endpoint",
            "group",
            "event_id",
            "idempotency_key",
            "created_after",
            "created_before",
        ])
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
    let description = "Every send there ever was, in order. Headers and sizes come from the evidence of the latest 20.";
    describe(JOBS, "Lists the attempts of a job", description)
        .of_tenant()
        .answers_page::<Attempt<'_>>("All its attempts.", &examples::attempt())
}

pub(super) fn read_evidence() -> OperationDoc {
    describe(JOBS, "Reads the evidence of an attempt", "What crossed the wire, redacted before it was written.")
        .of_tenant()
        .answers::<Evidence<'_>>(200, "The evidence.", examples::evidence())
        .with_headers(&["Content-Security-Policy"])
}

pub(super) fn read_vectors() -> OperationDoc {
    let description = "Of a job of kind `embed` whose output is `r2`: one line of JSON, `{\"dimensions\", \"ids\"}`, and after its \
                       line break the vectors in the order of the ids, each number a little-endian 32-bit float.";
    describe(JOBS, "Reads the vectors that a job made", description).of_tenant().answers_bytes("The vectors.")
}

pub(super) fn cancel_job() -> OperationDoc {
    let description = "Ends a waiting job. A running one gets no further attempt. Doing it again changes nothing.";
    describe(JOBS, "Cancels a job", description)
        .of_tenant()
        .answers::<Job<'_>>(200, "The job as it is then.", examples::waiting_job("cancelled"))
        .refuses([illegal("A job can be cancelled until it has ended; this one is succeeded.")])
}

pub(super) fn retry_job() -> OperationDoc {
    describe(JOBS, "Tries a job now", "Makes a scheduled, queued or retrying job due.")
        .of_tenant()
        .answers::<Job<'_>>(202, "The job, which is due.", examples::waiting_job("queued"))
        .refuses([illegal("A job can be retried while it is scheduled, queued or retrying; this one is dead.")])
}

pub(super) fn resend_job() -> OperationDoc {
    let description = "Sends a job that succeeded or was cancelled again, as a new job with the same payload and the same event id: the \
                       receiver sees the same `webhook-id`. The job must still have its payload: set `keep_payload` on its endpoint. \
                       It stays as it is and may be sent again any number of times. With an idempotency key, the same request again \
                       answers the same new job, as it is by then. A dead letter is replayed instead.";
    describe(JOBS, "Sends a finished job again", description)
        .takes(&["Idempotency-Key"])
        .of_tenant()
        .answers::<Job<'_>>(202, "The new job.", examples::waiting_job("queued"))
        .with_headers(&["Location", "Idempotency-Replayed"])
        .refuses([
            illegal("Job `job_01K9XW3E8M7V2Q4R6T8Y0ZABCD` is `running`; only a finished job can be sent again."),
            Problem::PayloadGone(
                "The payload of job `job_01K9XW3E8M7V2Q4R6T8Y0ZABCD` was removed. Set `keep_payload: true` on endpoint `orders` \
                 before you need to send its jobs again."
                    .into(),
            ),
            Problem::InvalidIdempotencyKey("is empty".into()),
            Problem::IdempotencyKeyReused,
            Problem::StorageFull,
        ])
}

pub(super) fn complete_job() -> OperationDoc {
    let description = "Ends the running attempt of a task: the job succeeds. It may be called before the handler has answered, and \
                       after a deferral until the completion is due. Repeating a call that was answered 200 answers 200 again. An \
                       attempt that has ended otherwise, or with another result, is refused.";
    describe(JOBS, "Completes a task", description)
        .of_tenant()
        .may_read::<CompleteRequest>(examples::completions())
        .answers::<Job<'_>>(200, "The job, which has succeeded.", examples::job())
        .refuses([illegal("Attempt 1 has ended without a completion; the job is `dead`, its last attempt is 1.")])
}

pub(super) fn fail_job() -> OperationDoc {
    let description = "Ends the running attempt of a task: the job is tried again by its schedule, or it is a dead letter. It may be \
                       called when `/complete` may. Give `attempt`: a repeat without it may fail the next attempt.";
    describe(JOBS, "Fails a task", description)
        .of_tenant()
        .may_read::<FailRequest>(examples::failures())
        .answers::<Job<'_>>(200, "The job as it is then.", examples::waiting_job("retrying"))
        .refuses([illegal("Attempt 1 was completed with another outcome; the job is `succeeded`.")])
}

pub(super) fn read_group() -> OperationDoc {
    let description = "How many jobs carry the label and what became of them. `finished_at` is set when none is open; \
                       retention removes a group as long after that as it keeps dead letters. With `wait`, answers when all \
                       its jobs have ended or the time is over; send all jobs before you wait.";
    describe(JOBS, "Reads the counters of a group", description).takes(&["wait"]).of_tenant().answers::<Group<'_>>(
        200,
        "The group.",
        examples::group(),
    )
}

pub(super) fn list_dead_letters() -> OperationDoc {
    describe(DEAD_LETTERS, "Lists open dead letters", "The latest death first.")
        .pages()
        .of_tenant()
        .answers_page::<DeadLetter<'_>>("A page of dead letters.", &examples::dead_letter("open"))
}

pub(super) fn read_dead_letter() -> OperationDoc {
    describe(DEAD_LETTERS, "Reads a dead letter", "Also one that was replayed or discarded.")
        .of_tenant()
        .answers::<DeadLetter<'_>>(200, "The dead letter.", examples::dead_letter("open"))
}

pub(super) fn replay_dead_letter() -> OperationDoc {
    let description = "Sends it again, once, as a new job with the same event id; the payload may be another one for \
                       the same endpoint.";
    describe(DEAD_LETTERS, "Replays a dead letter", description)
        .of_tenant()
        .may_read::<Replay>(examples::replays())
        .answers::<Job<'_>>(202, "The new job.", examples::waiting_job("queued"))
        .with_headers(&["Location"])
        .refuses([illegal("The dead letter was discarded."), Problem::StorageFull])
}

pub(super) fn discard_dead_letter() -> OperationDoc {
    describe(DEAD_LETTERS, "Discards a dead letter", "Gives it up; its idempotency key is free again.")
        .of_tenant()
        .may_read::<Discard>(examples::discards())
        .answers::<DeadLetter<'_>>(200, "The dead letter as it is then.", examples::dead_letter("discarded"))
        .refuses([illegal("The dead letter was discarded.")])
}
