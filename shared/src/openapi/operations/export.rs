//! The export of a tenant.

use super::EXPORT;
use crate::manage::export_line::ExportLine;
use crate::openapi::describe::{ContentDoc, OperationDoc, describe};
use crate::openapi::examples;
use crate::wire::problem::Problem;

pub(super) fn export_tenant() -> OperationDoc {
    let line = ContentDoc::of::<ExportLine<'_>>(examples::export_lines());
    describe(
        EXPORT,
        "Exports a tenant",
        "All that is kept of it, one JSON object a line: endpoints, schedules, keys and groups by name, then the jobs, the \
         newest first, with their payloads, attempts and evidence, then indexes, their documents, and usage. What is secret is \
         not shown. One too long for a request ends with a line that has but a `next_cursor`; an answer that ends without one is \
         the end. One that breaks off is not whole: ask again with the cursor that it began with.",
    )
    .of_tenant()
    .takes(&["cursor"])
    .refuses([Problem::InvalidCursor])
    .answers_lines("The schema and the examples are those of one line.", line)
}
