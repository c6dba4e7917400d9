//! Groups: how many jobs carry a label, and how many of them have ended, in one row. [`crate::store::counted`] keeps the counts.

use crate::ports::{Clock, Database};
use crate::store::counted::{GroupRow, find_group};
use crate::store::rows::{read_rows, unavailable};
use crate::store::sql;
use crate::wire::invalid::is_name;
use crate::wire::problem::Problem;

/// One group: one row read.
///
/// # Errors
/// `NotFound`; `Unavailable`.
pub async fn read_group<W: Database + Clock>(world: &W, tenant: &str, id: &str) -> Result<GroupRow, Problem> {
    if !is_name(id) {
        return Err(Problem::NotFound);
    }
    find_group(world, tenant, id).await.map_err(|error| unavailable(&error))?.ok_or(Problem::NotFound)
}

/// A page of a tenant's groups by name.
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
