//! Usage.

use super::USAGE;
use crate::manage::usage::{Days, Usage};
use crate::openapi::describe::{OperationDoc, describe};
use crate::openapi::examples;

pub(super) fn list_usage() -> OperationDoc {
    let description = "The latest day first, and within a day by provider and model. Each call of jobs is counted \
                       once, on the day (UTC) on which the first of its jobs was settled. Calls of attempts whose \
                       lease has ended and calls for searches are not counted. Rows are deleted after 400 days.";
    let doc = describe(USAGE, "Lists usage", description).takes(&["from", "to"]).pages().of_tenant();
    doc.refuses(Days::parse(Some("today"), None).err())
        .answers_page::<Usage<'_>>("A page of usage.", &examples::usage())
}
