//! Health and readiness checks.

use serde::{Deserialize, Serialize};

use crate::limits::TICK_AGE_MS_MAX;
use crate::ports::{Clock, Database, DatabaseError, Statement};
use crate::settings::Settings;
use crate::store::meta::{probe, setting_meta, stamp};
use crate::store::rows::read_first;
use crate::store::{batch, sql};
use crate::wire::daily_limit::DailyLimit;
use crate::wire::problem::Problem;

/// Health of the Worker.
#[derive(Debug, Serialize)]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema))]
pub struct Health {
    #[cfg_attr(feature = "openapi", schemars(extend("const" = "ok")))]
    status: &'static str,
    version: &'static str,
}

impl Health {
    /// The constant health of a running Worker.
    pub const OK: Health = Health { status: "ok", version: env!("CARGO_PKG_VERSION") };
}

/// Values that determine readiness. Times are ms of the database's clock.
#[derive(Debug, Clone, Deserialize)]
#[allow(missing_docs)]
pub struct HealthRow {
    pub now: i64,
    pub swept_at: Option<i64>,
    pub ticked_at: Option<i64>,
    pub epoch: i64,
    pub paused: u8,
    pub storage_full: u8,
    pub queue_spent_until: i64,
    pub oldest_next_check_at: Option<i64>,
    pub rotation: Option<RotationRow>,
}

/// Progress row of a master key rotation.
#[derive(Debug, Clone, Deserialize)]
#[allow(missing_docs)]
pub struct RotationRow {
    pub found: u64,
    pub left: Option<u64>,
    pub done: u8,
}

/// State of a master key rotation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum RotationState {
    /// A Worker still seals with the old key, or its cron has not ticked since the change.
    Waiting,
    /// The sweep re-seals values of the old key.
    Walking,
    /// No value is sealed with the old key: it can be removed.
    Done,
}

/// Progress of a master key rotation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema))]
pub struct KeyRotation {
    state: RotationState,
    /// Values re-sealed by the current round.
    found: u64,
    /// Values found by the last complete round; null before its end.
    left: Option<u64>,
}

impl KeyRotation {
    /// Returns the progress. Without a row the rotation has not begun.
    fn of(walk: Option<&RotationRow>) -> KeyRotation {
        let state = match walk {
            None => RotationState::Waiting,
            Some(walk) if walk.done == 1 => RotationState::Done,
            Some(_) => RotationState::Walking,
        };
        KeyRotation { state, found: walk.map_or(0, |walk| walk.found), left: walk.and_then(|walk| walk.left) }
    }
}

/// Readiness of the pipeline.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema))]
pub struct Readiness {
    /// True if both crons ticked within 3 minutes, the database has room and takes writes, and no restore is under way.
    pub ready: bool,
    /// Seconds since the last completed sweep; null if there was none.
    pub(crate) consumer_tick_age_seconds: Option<i64>,
    pub(crate) producer_tick_age_seconds: Option<i64>,
    /// Time in seconds that the oldest due row has waited for the sweep.
    pub(crate) oldest_due_seconds: Option<i64>,
    pub(crate) paused: Option<bool>,
    pub(crate) storage_full: Option<bool>,
    /// True if the database and the deployment have different epochs.
    pub(crate) restoring: Option<bool>,
    /// Daily limit of Cloudflare's free plan that is used up. Without row reads all other fields are null. Without
    /// queue operations the sweep runs the jobs, and the deployment stays ready.
    pub(crate) daily_limit: Option<DailyLimit>,
    /// Progress of a master key rotation; null if there is none.
    pub(crate) key_rotation: Option<KeyRotation>,
}

impl Readiness {
    /// Determines readiness from the health row. Without queue operations the deployment is ready, because the sweep
    /// runs the jobs.
    pub fn judge(health: &HealthRow, settings: &Settings, spent: Option<DailyLimit>) -> Readiness {
        let age = |at: Option<i64>| at.map(|at| (health.now - at).max(0));
        let (swept, ticked) = (age(health.swept_at), age(health.ticked_at));
        let fresh = |age: Option<i64>| age.is_some_and(|age| age <= TICK_AGE_MS_MAX);
        let restoring = health.epoch != settings.epoch;
        let takes_writes = spent.is_none_or(|limit| limit == DailyLimit::QueueOperations);
        let seconds = |age: Option<i64>| age.map(|age| age / 1_000);
        Readiness {
            ready: fresh(swept) && fresh(ticked) && health.storage_full == 0 && !restoring && takes_writes,
            consumer_tick_age_seconds: seconds(swept),
            producer_tick_age_seconds: seconds(ticked),
            oldest_due_seconds: Some(age(health.oldest_next_check_at).map_or(0, |age| age / 1_000)),
            paused: Some(health.paused == 1),
            storage_full: Some(health.storage_full == 1),
            restoring: Some(restoring),
            daily_limit: spent,
            key_rotation: settings.keys.rotation().map(|_| KeyRotation::of(health.rotation.as_ref())),
        }
    }

    /// Returns the readiness of a deployment that cannot read before midnight UTC.
    pub fn unread(limit: DailyLimit) -> Readiness {
        Readiness { daily_limit: Some(limit), ..Readiness::default() }
    }

    /// Returns 200 if the deployment is ready, else 503.
    pub fn status(&self) -> u16 {
        if self.ready { 200 } else { 503 }
    }
}

/// Reads the values that determine readiness.
///
/// # Errors
/// `Unavailable`.
pub async fn read_health<W: Database + Clock>(world: &W, settings: &Settings) -> Result<HealthRow, Problem> {
    read_first(world, health_statement(settings)).await?.ok_or(Problem::Unavailable)
}

/// Builds the statement that reads them.
pub(crate) fn health_statement(settings: &Settings) -> Statement {
    sql!("read_health", settings.keys.rotation())
}

/// Returns the daily limit of the database that is used up. `None` if it takes reads and writes, or does not answer.
pub async fn spent_limit<W: Database + Clock>(world: &W) -> Option<DailyLimit> {
    match batch(world, &[probe()]).await {
        Err(DatabaseError::DailyLimit(limit)) => Some(limit),
        _ => None,
    }
}

/// Records the tick of the producer's cron, and the key that it seals with.
///
/// # Errors
/// The error of the database.
pub async fn stamp_tick<W: Database + Clock>(world: &W, settings: &Settings) -> Result<(), DatabaseError> {
    let sealing = setting_meta("producer_key", settings.keys.sealing_number());
    batch(world, &[stamp("ticked_at"), sealing]).await.map(|_| ())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn settings(rotates: bool) -> Settings {
        Settings::parse(|name| match name {
            "MASTER_KEY" => Some("ab".repeat(32)),
            "MASTER_KEY_OLD" => rotates.then(|| "cd".repeat(32)),
            _ => None,
        })
        .unwrap()
    }

    fn well() -> HealthRow {
        let (swept_at, ticked_at) = (Some(1_000_000 - TICK_AGE_MS_MAX), Some(990_000));
        HealthRow {
            now: 1_000_000,
            swept_at,
            ticked_at,
            epoch: 0,
            paused: 0,
            storage_full: 0,
            queue_spent_until: 0,
            oldest_next_check_at: Some(995_500),
            rotation: None,
        }
    }

    #[test]
    fn a_deployment_is_ready_while_both_crons_tick_and_there_is_room() {
        let settings = settings(false);
        let judge = |health: HealthRow, spent| Readiness::judge(&health, &settings, spent);
        let ready = judge(HealthRow { paused: 1, ..well() }, None);
        assert_eq!((ready.ready, ready.status(), ready.paused), (true, 200, Some(true)));
        assert_eq!((ready.consumer_tick_age_seconds, ready.oldest_due_seconds), (Some(180), Some(4)));
        for health in [
            HealthRow { swept_at: None, ..well() },
            HealthRow { ticked_at: Some(1_000_000 - TICK_AGE_MS_MAX - 1), ..well() },
            HealthRow { storage_full: 1, ..well() },
            HealthRow { epoch: 1, ..well() },
        ] {
            let unready = judge(health.clone(), None);
            assert_eq!((unready.ready, unready.status()), (false, 503), "{health:?}");
        }
        for (limit, is_ready) in
            [(DailyLimit::RowsWritten, false), (DailyLimit::RowsRead, false), (DailyLimit::QueueOperations, true)]
        {
            let spent = judge(well(), Some(limit));
            assert_eq!((spent.ready, spent.daily_limit), (is_ready, Some(limit)));
        }
        let unread = json!(Readiness::unread(DailyLimit::RowsRead));
        assert_eq!(
            (&unread["ready"], &unread["daily_limit"], &unread["paused"]),
            (&json!(false), &json!("rows_read"), &json!(null))
        );
    }

    #[test]
    fn a_rotation_shows_its_progress() {
        assert_eq!(Readiness::judge(&well(), &settings(false), None).key_rotation, None);
        let settings = settings(true);
        let of = |rotation| Readiness::judge(&HealthRow { rotation, ..well() }, &settings, None).key_rotation;
        let walk = |done| Some(RotationRow { found: 7, left: Some(3), done });
        for (rotation, expected) in [
            (None, json!({"state": "waiting", "found": 0, "left": null})),
            (walk(0), json!({"state": "walking", "found": 7, "left": 3})),
            (walk(1), json!({"state": "done", "found": 7, "left": 3})),
        ] {
            assert_eq!(json!(of(rotation)), expected);
        }
    }
}
