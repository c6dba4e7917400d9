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
        "Deletes its keys (including the key of this request), endpoints and schedules at once, and its jobs with \
         their evidence in the following sweeps. A repeated request returns the receipt of the running erasure.",
    )
    .of_tenant()
    .answers::<Erasure>(202, "The receipt.", examples::erasure("running", None))
    .with_headers(&["Location"])
}

pub(super) fn erase_subject() -> OperationDoc {
    describe(
        ERASURE,
        "Erases a subject of a tenant",
        "Deletes the jobs that were accepted before the request and have the subject as `subject` in their metadata, \
         with their evidence, and the schedules that create such jobs. A repeated request returns the receipt of the \
         running erasure.",
    )
    .of_tenant()
    .answers::<Erasure>(202, "The receipt.", examples::erasure("running", Some("user-77")))
    .with_headers(&["Location"])
    .refuses([Problem::InvalidParameter(InvalidField::new("subject", "invalid-subject", "must be UTF-8"))])
}

pub(super) fn read_erasure() -> OperationDoc {
    let digest = "sha256:47DEQpj8HBSa-_TImW-5JCeuQeRkm5NMpJWZG3hSuFU";
    describe(
        ERASURE,
        "Reads the receipt of an erasure",
        "After the erasure is done, the receipt contains only the SHA-256 of the subject.",
    )
    .of_tenant()
    .answers::<Erasure>(200, "The receipt.", examples::erasure("done", Some(digest)))
}
