//! Statistics and metrics over HTTP.

use futures_util::future::join;
use longshore::manage::metrics::{Format, read_metrics};
use longshore::manage::statistics::{By, Range, read_statistics};
use longshore::ports::Clock;
use longshore::wire::invalid::InvalidField;
use longshore::wire::problem::Problem;

use crate::answer::ApiResponse;
use crate::authenticate::Proof;
use crate::context::ApiContext;

/// `GET /v1/stats`: what happened to jobs in each minute, hour or day. A key of all tenants that names none gets those of all.
pub(crate) async fn read(context: &mut ApiContext, proof: &Proof) -> Result<ApiResponse, Problem> {
    let parameters = ["from", "to", "step", "by"].map(|name| context.request.parameter(name));
    let range = Range::parse(parameters, context.world.now_ms())?;
    if range.by == By::Endpoint {
        // Two tenants may have endpoints of one name.
        proof.tenant()?;
    }
    Ok(ApiResponse::ok(read_statistics(&context.world, proof.tenant_or_all(), &range).await?))
}

/// `GET /metrics`: the totals and gauges as text for Prometheus.
pub(crate) async fn metrics(context: &mut ApiContext, proof: &Proof) -> Result<ApiResponse, Problem> {
    let endpoints = match context.request.parameter("endpoints") {
        None | Some("false") => false,
        Some("true") => true,
        Some(_) => {
            let wrong = InvalidField::of("endpoints", "unknown-value", "must be true or false");
            return Err(Problem::InvalidParameter(wrong));
        }
    };
    if endpoints {
        proof.tenant()?;
    }
    let format = Format::accepted(context.request.header("accept").as_deref());
    let (world, settings) = (&context.world, &context.settings);
    let reading = read_metrics(world, settings, proof.tenant_or_all(), endpoints);
    let (metrics, queues) = join(reading, world.queue_metrics()).await;
    Ok(ApiResponse::text(metrics?.text(settings, queues.as_deref(), format), format.content_type()))
}
