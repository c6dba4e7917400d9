//! Usage.

use super::USAGE;
use crate::manage::usage::{Days, Usage};
use crate::openapi::describe::{OperationDoc, describe};
use crate::openapi::examples;

pub(super) fn list_usage() -> OperationDoc {
    let description = "The last day first, and of each day by provider and model. Each call that jobs made is counted once, on the \
                       day when the first of its jobs was settled, in UTC. What a worker spent whose lease ended is not in it, nor \
                       are calls for searches. Days stay for 400 days.";
    let doc = describe(USAGE, "Lists usage", description).takes(&["from", "to"]).pages().of_tenant();
    doc.refuses(Days::parse(Some("today"), None).err())
        .answers_page::<Usage<'_>>("A page of usage.", &examples::usage())
}
