//! Causes of failures.

use serde_json::json;

use super::CAUSES;
use crate::manage::causes::{IgnoreRequest, ShownCause};
use crate::openapi::describe::{OperationDoc, describe};
use crate::openapi::examples;

pub(super) fn list_causes() -> OperationDoc {
    let description = "The newest first, with the jobs that wait or died because of each. A page reads `limit` causes and \
                       may be short: continue as long as there is a `next_cursor`.";
    describe(CAUSES, "Lists causes of failures", description)
        .takes(&["state-of-causes", "kind", "endpoint", "since"])
        .pages()
        .of_tenant()
        .answers_page::<ShownCause<'_>>("A page of causes.", &examples::cause("open"))
}

pub(super) fn read_cause() -> OperationDoc {
    describe(CAUSES, "Reads a cause", "Its jobs are counted up to 1,000 in each state.")
        .of_tenant()
        .answers::<ShownCause<'_>>(200, "The cause.", examples::cause("open"))
}

pub(super) fn resolve_cause() -> OperationDoc {
    let description = "Says that a cause is dealt with. Its jobs stay as they are. When it is seen again, it opens again and \
                       has a `came_back_at`. Idempotent.";
    describe(CAUSES, "Resolves a cause", description).of_tenant().answers::<ShownCause<'_>>(
        200,
        "The cause.",
        examples::cause("resolved"),
    )
}

pub(super) fn ignore_cause() -> OperationDoc {
    let description = "Sets a cause aside for a time. Its jobs are retried as before. Idempotent.";
    describe(CAUSES, "Ignores a cause", description)
        .of_tenant()
        .reads::<IgnoreRequest>(vec![("for an hour", json!({"seconds": 3_600}))])
        .answers::<ShownCause<'_>>(200, "The cause.", examples::cause("ignored"))
}

pub(super) fn reopen_cause() -> OperationDoc {
    describe(CAUSES, "Opens a cause again", "Ends that it is resolved or ignored. Idempotent.")
        .of_tenant()
        .answers::<ShownCause<'_>>(200, "The cause.", examples::cause("open"))
}
