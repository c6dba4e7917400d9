//! Endpoints and signing secrets.

use super::{ENDPOINTS, illegal};
use crate::manage::endpoints::{EndpointRequest, Secrets};
use crate::manage::test_delivery::TestDelivery;
use crate::model::endpoint::Endpoint;
use crate::openapi::describe::{OperationDoc, describe};
use crate::openapi::examples;
use crate::wire::problem::Problem;

pub(super) fn list_endpoints() -> OperationDoc {
    describe(ENDPOINTS, "Lists endpoints", "Ordered by name.")
        .pages()
        .of_tenant()
        .answers_page::<Endpoint<'_>>("A page of endpoints.", &examples::endpoint("active"))
}

pub(super) fn put_endpoint() -> OperationDoc {
    describe(
        ENDPOINTS,
        "Creates or changes an endpoint",
        "Replaces all settings: an omitted field gets its default, even if it was set before.",
    )
    .of_tenant()
    .reads::<EndpointRequest>(examples::endpoints())
    .answers::<Endpoint<'_>>(200, "The endpoint.", examples::endpoint("active"))
    .creates()
}

pub(super) fn read_endpoint() -> OperationDoc {
    describe(ENDPOINTS, "Reads an endpoint", "Header values are sealed at rest and never returned.")
        .of_tenant()
        .answers::<Endpoint<'_>>(200, "The endpoint.", examples::endpoint("active"))
}

pub(super) fn delete_endpoint() -> OperationDoc {
    describe(
        ENDPOINTS,
        "Deletes an endpoint",
        "Its open jobs become dead letters; they can be replayed after the endpoint is created again.",
    )
    .of_tenant()
    .answers_nothing("The endpoint is deleted.")
}

pub(super) fn pause_endpoint() -> OperationDoc {
    describe(ENDPOINTS, "Pauses an endpoint", "Its jobs are held until it is resumed.")
        .of_tenant()
        .answers::<Endpoint<'_>>(200, "The endpoint.", examples::endpoint("paused"))
}

pub(super) fn resume_endpoint() -> OperationDoc {
    describe(ENDPOINTS, "Resumes an endpoint", "Held jobs run again.").of_tenant().answers::<Endpoint<'_>>(
        200,
        "The endpoint.",
        examples::endpoint("active"),
    )
}

pub(super) fn read_secret() -> OperationDoc {
    describe(ENDPOINTS, "Reads the signing secret of an endpoint", "In the format of the Standard Webhooks libraries.")
        .of_tenant()
        .answers::<Secrets>(200, "The secrets.", examples::secrets(false))
}

pub(super) fn test_endpoint() -> OperationDoc {
    let description = "Sends one webhook of the type `longshore.test` now, and answers when the receiver has answered, after 30 \
                       seconds at most. It is a job with one attempt, so it is logged as any other; if it fails, its dead letter is \
                       discarded.";
    describe(ENDPOINTS, "Sends a test delivery", description)
        .of_tenant()
        .answers::<TestDelivery<'_>>(200, "The delivery, and what came back.", examples::test_delivery())
        .with_headers(&["Content-Security-Policy"])
        .refuses([Problem::StorageFull, Problem::QuotaReached])
}

pub(super) fn rotate_secret() -> OperationDoc {
    describe(ENDPOINTS, "Rotates the signing secret of an endpoint", "Both secrets sign for 24 hours after a rotation.")
        .of_tenant()
        .answers::<Secrets>(200, "The secrets.", examples::secrets(true))
        .refuses([illegal("Another request rotated the secret at the same time; read it again.")])
}

pub(super) fn read_tenant_secret() -> OperationDoc {
    describe(ENDPOINTS, "Reads the secret that signs jobs to bare URLs", "One per tenant; it cannot be rotated.")
        .of_tenant()
        .answers::<Secrets>(200, "The secret.", examples::secrets(false))
}
