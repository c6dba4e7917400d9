//! Statistics and metrics.

use super::DEPLOYMENT;
use crate::limits::STATISTICS_POINTS_MAX;
use crate::manage::statistics::{Range, Statistics};
use crate::openapi::describe::{OperationDoc, describe};
use crate::openapi::examples;

pub(super) fn read_statistics() -> OperationDoc {
    const { assert!(STATISTICS_POINTS_MAX == 1_500, "the description names it") };
    let description = "Counts and percentiles for each minute, hour or day, by kind or endpoint, from snapshots of totals. A step \
                       in which nothing happened has no point. Percentiles are upper bounds of buckets. A range has at \
                       most 1,500 steps, and fewer with many kinds and endpoints. Minutes are kept for 2 days, hours \
                       for 60 days, days for 400 days; older points stand at the end of the longer step. A key for all \
                       tenants sees all of them, or one; `by=endpoint` requires one.";
    describe(DEPLOYMENT, "Counts jobs over time", description)
        .takes(&["from-time", "to-time", "step", "by", "Longshore-Tenant", "tenant"])
        .refuses(Range::parse([None, None, Some("week"), None], 0).err())
        .answers::<Statistics>(200, "The points of each kind or endpoint.", examples::statistics())
}

pub(super) fn read_metrics() -> OperationDoc {
    let description = "Counters, histograms and gauges for Prometheus, as text of version 0.0.4, or as OpenMetrics 1.0 if the \
                       Accept header names it. A key for all tenants sees the sums of all of them, or one tenant. At most \
                       100 kinds have a label, and with `endpoints=true`, which requires a tenant, 200 endpoints; the \
                       others are `:other`. A scrape reads a row for each tenant, kind and endpoint.";
    describe(DEPLOYMENT, "Reads metrics for Prometheus", description)
        .takes(&["endpoints", "Longshore-Tenant", "tenant"])
        .answers_text(
            "The metrics.",
            "# TYPE longshore_jobs_succeeded_total counter\nlongshore_jobs_succeeded_total{kind=\"webhook\"} 41\n",
        )
}
