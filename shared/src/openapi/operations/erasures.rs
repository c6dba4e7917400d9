//! Erasure.

use super::ERASURE;
use crate::manage::erasures::Erasure;
use crate::openapi::describe::{OperationDoc, describe};
use crate::openapi::examples;
use crate::wire::invalid::InvalidField;
use crate::wire::problem::Problem;

pub(super) fn erase_tenant() -> OperationDoc {
    describe(
        ERASURE,
        "Erases a tenant",
        "Its keys, endpoints and schedules leave at once, the one that asks too; its jobs with their evidence leave sweep by \
         sweep. Asking again while it runs answers the same receipt.",
    )
    .of_tenant()
    .answers::<Erasure>(202, "The receipt.", examples::erasure("running", None))
    .with_headers(&["Location"])
}

pub(super) fn erase_subject() -> OperationDoc {
    describe(
        ERASURE,
        "Erases a subject of a tenant",
        "Jobs accepted before the request whose metadata has it as its `subject` leave with their evidence, and schedules \
         that make such jobs. Asking again while it runs answers the same receipt.",
    )
    .of_tenant()
    .answers::<Erasure>(202, "The receipt.", examples::erasure("running", Some("user-77")))
    .with_headers(&["Location"])
    .refuses([Problem::InvalidParameter(InvalidField::new("subject", "invalid-subject", "A subject is UTF-8."))])
}

pub(super) fn read_erasure() -> OperationDoc {
    let digest = "sha256:47DEQpj8HBSa-_TImW-5JCeuQeRkm5NMpJWZG3hSuFU";
    describe(
        ERASURE,
        "Reads the receipt of an erasure",
        "Once it is done, a subject stands there as its SHA-256 alone.",
    )
    .of_tenant()
    .answers::<Erasure>(200, "The receipt.", examples::erasure("done", Some(digest)))
}
