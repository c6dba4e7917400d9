//! Statistics: what happened to jobs in each minute, hour or day, from the differences of snapshots of totals. They are never read from the
//! jobs.

mod answer;
mod request;

use serde::Deserialize;

pub use answer::{Point, Series, Statistics, Times};
pub use request::{By, Range, Step};

use crate::limits::STATISTICS_LOOKUPS_MAX;
use crate::model::totals::Counts;
use crate::ports::{Clock, Database};
use crate::store::rows::{rows, unavailable};
use crate::store::{batch, json_param, sql, tenants};
use crate::wire::invalid::InvalidField;
use crate::wire::problem::Problem;

/// First text that may be the name of a tenant. The totals of erased tenants are before it.
const FIRST: &str = "!";

/// Totals of a series at one of the minutes that were asked for.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub(crate) struct SnapshotRow {
    tenant: String,
    kind: String,
    endpoint: String,
    /// Name of the endpoint in the answer.
    shown: String,
    /// Number of the minute, from 0.
    number: usize,
    counts: Counts,
}

/// Reads the statistics of a tenant, or of all tenants.
///
/// # Errors
/// `InvalidParameter` if the range has too many points for the number of series; `Unavailable`.
pub async fn read_statistics<W: Database + Clock>(
    world: &W,
    tenant: Option<&str>,
    range: &Range,
) -> Result<Statistics, Problem> {
    #[derive(Deserialize)]
    struct Found {
        series: i64,
    }
    let (from, to) = tenants(tenant);
    let from = from.max(FIRST);
    let minutes = range.minutes();
    let points = i64::try_from(minutes.len()).unwrap_or(i64::MAX).max(1);
    let series_max = STATISTICS_LOOKUPS_MAX / points;
    let step = range.step.minutes();
    let statements = [
        sql!("count_series", from, to, series_max + 1),
        sql!("read_snapshots", from, to, json_param(&minutes), step, series_max),
    ];
    let answers = batch(world, &statements).await.map_err(|error| unavailable(&error))?;
    let found: Found = rows(answers.first())?.pop().ok_or(Problem::Internal)?;
    if found.series > series_max {
        let detail = format!(
            "is too far back: for more than {series_max} kinds and endpoints an answer has fewer points; ask for a shorter \
             range or a longer step"
        );
        return Err(Problem::InvalidParameter(InvalidField::of("from", "out-of-range", detail)));
    }
    let read: Vec<SnapshotRow> = rows(answers.get(1))?;
    Ok(Statistics::of(range, read))
}
