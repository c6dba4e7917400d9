//! The status over HTTP.

use futures_util::future::join3;
use longshore::manage::health::spent_limit;
use longshore::manage::status::{StatusOf, read_status};
use longshore::wire::daily_limit::DailyLimit;
use longshore::wire::problem::Problem;

use crate::answer::ApiResponse;
use crate::authenticate::Proof;
use crate::context::ApiContext;

/// `GET /v1/status`: reports what fails, since when, for whom, and whose fault it is. A key of all tenants that names none
/// gets the status of all.
pub(crate) async fn read(context: &mut ApiContext, proof: &Proof) -> Result<ApiResponse, Problem> {
    let (world, settings, tenant) = (&context.world, &context.settings, proof.tenant_or_all());
    let reading = read_status(world, settings, tenant, proof.is_of_all_tenants());
    let (read, spent, queues) = join3(reading, spent_limit(world), world.queue_metrics()).await;
    let read = read?;
    let spent = match spent {
        None if read.health.queue_spent_until > read.health.now => Some(DailyLimit::QueueOperations),
        spent => spent,
    };
    let of = StatusOf { read: &read, settings, tenant, spent, queues: queues.as_deref() };
    Ok(ApiResponse::ok(of.status()))
}
