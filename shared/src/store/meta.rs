//! Named numbers of the deployment, in the table `meta`.

use crate::ports::{Clock, Database, DatabaseError, Statement};
use crate::store::{batch, sql};

/// Sets named numbers of the deployment. Writes only those that change.
pub(crate) async fn set_meta<W: Database + Clock>(world: &W, numbers: &[(&str, i64)]) -> Result<(), DatabaseError> {
    let statements: Vec<_> = numbers.iter().map(|(name, value)| setting_meta(name, *value)).collect();
    batch(world, &statements).await.map(|_| ())
}

/// Writes nothing, and fails if the database accepts no writes.
pub(crate) fn probe() -> Statement {
    sql!("probe")
}

/// Notes the time at which the task `name` last ran.
pub(crate) fn stamp(name: &str) -> Statement {
    sql!("stamp", name)
}

/// Sets a named number of the deployment. Writes only if it changes.
pub(crate) fn setting_meta(name: &str, value: i64) -> Statement {
    sql!("set_meta", name, value)
}
