//! Groups: the number of jobs with a label and how they ended, in one row. [`crate::store::counted`] updates the
//! counts.

use serde::Serialize;

use crate::ports::{Clock, Database};
use crate::store::counted::{GroupRow, find_group};
use crate::store::rows::{read_rows, unavailable};
use crate::store::sql;
use crate::wire::invalid::is_name;
use crate::wire::problem::Problem;
use crate::wire::time::Time;

/// Counts of the jobs with a label.
#[derive(Debug, Serialize)]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema))]
pub struct Group<'a> {
    /// Label of the group.
    #[cfg_attr(feature = "openapi", schemars(regex(pattern = crate::wire::schema::NAME)))]
    id: &'a str,
    tenant: &'a str,
    created_at: Time,
    /// Time at which its last open job ended; null while a job is open.
    finished_at: Option<Time>,
    /// Number of jobs accepted with this label, including replays.
    total: u64,
    /// Jobs that have not ended.
    open: u64,
    succeeded: u64,
    /// Dead letters that were not replayed.
    dead: u64,
    /// Dead letters that were replayed by another job of the group.
    replayed: u64,
    cancelled: u64,
}

impl<'a> From<&'a GroupRow> for Group<'a> {
    fn from(row: &'a GroupRow) -> Self {
        let ended = row.succeeded + row.dead + row.replayed + row.cancelled;
        Group {
            id: &row.id,
            tenant: &row.tenant,
            created_at: Time(row.created_at),
            finished_at: row.finished_at.map(Time),
            total: row.total,
            open: row.total.saturating_sub(ended),
            succeeded: row.succeeded,
            dead: row.dead,
            replayed: row.replayed,
            cancelled: row.cancelled,
        }
    }
}

/// Reads one group; costs one row read.
///
/// # Errors
/// `NotFound`; `Unavailable`.
pub async fn read_group<W: Database + Clock>(world: &W, tenant: &str, id: &str) -> Result<GroupRow, Problem> {
    if !is_name(id) {
        return Err(Problem::not_found("Group", id));
    }
    find_group(world, tenant, id)
        .await
        .map_err(|error| unavailable(&error))?
        .ok_or_else(|| Problem::not_found("Group", id))
}

/// Reads a page of a tenant's groups, sorted by name.
///
/// # Errors
/// `Unavailable`.
pub(crate) async fn list_groups<W: Database + Clock>(
    world: &W,
    tenant: &str,
    after: &str,
    limit: u32,
) -> Result<Vec<GroupRow>, Problem> {
    let statement = sql!("list_groups", tenant, after, i64::from(limit));
    read_rows(world, statement).await
}
