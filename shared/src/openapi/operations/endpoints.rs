//! Endpoints and signing secrets.

use super::{ENDPOINTS, illegal};
use crate::manage::endpoints::{EndpointRequest, Secrets};
use crate::model::endpoint::Endpoint;
use crate::openapi::describe::{OperationDoc, describe};
use crate::openapi::examples;

pub(super) fn list_endpoints() -> OperationDoc {
    describe(ENDPOINTS, "Lists endpoints", "By name.")
        .pages()
        .of_tenant()
        .answers_page::<Endpoint<'_>>("A page of endpoints.", &examples::endpoint("active"))
}

pub(super) fn put_endpoint() -> OperationDoc {
    describe(
        ENDPOINTS,
        "Makes or changes an endpoint",
        "What is left out has its default, also when it was there before.",
    )
    .of_tenant()
    .reads::<EndpointRequest>(examples::endpoints())
    .answers::<Endpoint<'_>>(200, "The endpoint.", examples::endpoint("active"))
    .creates()
}

pub(super) fn read_endpoint() -> OperationDoc {
    describe(ENDPOINTS, "Reads an endpoint", "The values of its headers are sealed and never shown.")
        .of_tenant()
        .answers::<Endpoint<'_>>(200, "The endpoint.", examples::endpoint("active"))
}

pub(super) fn delete_endpoint() -> OperationDoc {
    describe(ENDPOINTS, "Deletes an endpoint", "Its jobs die by name; they can be replayed once it is back.")
        .of_tenant()
        .answers_nothing("It is gone.")
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
    describe(ENDPOINTS, "Reads the signing secret of an endpoint", "As libraries of Standard Webhooks take it.")
        .of_tenant()
        .answers::<Secrets>(200, "Its secrets.", examples::secrets(false))
}

pub(super) fn rotate_secret() -> OperationDoc {
    describe(ENDPOINTS, "Rotates the signing secret of an endpoint", "The one before signs too for a day.")
        .of_tenant()
        .answers::<Secrets>(200, "Its secrets.", examples::secrets(true))
        .refuses([illegal("The secret was rotated by another request at the same time.")])
}

pub(super) fn read_tenant_secret() -> OperationDoc {
    describe(ENDPOINTS, "Reads the secret that signs jobs to bare urls", "One per tenant; it is not rotated.")
        .of_tenant()
        .answers::<Secrets>(200, "The secret.", examples::secrets(false))
}
