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
        "All stored data of a tenant, one JSON object per line: endpoints, schedules, keys and groups by name; then \
         jobs, the newest first, with their payloads, attempts and evidence; then indexes, their documents, usage, \
         and the audit log. Secrets are not included. An export that is too long for one request ends with a line that contains only \
         `next_cursor`; an answer that ends without such a line is the last part. An interrupted answer is incomplete: \
         repeat its request with the same cursor.",
    )
    .of_tenant()
    .takes(&["cursor"])
    .refuses([Problem::InvalidCursor])
    .answers_lines("Lines of JSON; the schema and the examples describe one line.", line)
}
