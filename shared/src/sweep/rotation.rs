//! The walk of a master key rotation: re-seals all values of the old key under the new one, so that the old key can be
//! removed.
//!
//! The walk begins when both Workers seal with the new key; the producer's tick reports its key. It visits all rows
//! with sealed values: signing secrets, endpoints, schedules, jobs. Rounds follow until one finds no old value and
//! began after the time in which a writer could still store one that it had read before. Each step is a page of rows.
//! The position is a row of the store, so a sweep continues where another one stopped.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::{Value, json};

use crate::kinds::target::{SEAL_PURPOSE, endpoint_header, job_header};
use crate::kinds::webhook::SEALED;
use crate::limits::{RESEALED_BYTES, RESEALED_ROWS, ROTATION_WAIT_MS};
use crate::ports::{Clock, Database, DatabaseError, Statement};
use crate::security::keyring::Keyring;
use crate::security::seal::{SealedFor, nonce, reseal};
use crate::settings::Settings;
use crate::store::secrets::Owner;
use crate::store::{batch, json_param, rows_as, secrets, sql};

/// Progress of the walk. Times are in ms by the database's clock.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Rotation {
    /// Time at which the last value was re-sealed, or the walk began.
    since: i64,
    /// Start of this round.
    began_at: i64,
    /// Index in [`PLACES`] of the current table.
    place: usize,
    /// Key of the last visited row.
    at: Value,
    /// Number of values re-sealed in this round.
    found: usize,
    /// Number of values re-sealed in the last whole round.
    left: Option<usize>,
    done_at: Option<i64>,
}

/// Returns the position before the first row of a table.
fn start() -> Value {
    json!(["", ""])
}

/// Tables with sealed values, in the order of the walk. Schedules create jobs, so jobs are last.
const PLACES: [SealedTable; 4] =
    [SealedTable::Secrets, SealedTable::Endpoints, SealedTable::Schedules, SealedTable::Jobs];

#[derive(Debug, Clone, Copy)]
enum SealedTable {
    Secrets,
    Endpoints,
    Schedules,
    Jobs,
}

/// A row that the walk visits.
#[derive(Debug, Deserialize)]
struct SealedRow {
    /// Key of the row: tenant, name, and the rest of its key.
    at: Value,
    /// Sealed values by name, if one of them is sealed under the old key.
    sealed: Option<Vec<(String, String)>>,
}

/// A sealed value of a row.
#[derive(Debug, Clone, Copy)]
struct Sealed<'a> {
    tenant: &'a str,
    /// Name of the row within the tenant.
    row: &'a str,
    /// Name of the value within the row.
    name: &'a str,
    text: &'a str,
}

/// A value to replace.
#[derive(Debug)]
struct Resealed {
    tenant: String,
    /// Name of the row within the tenant.
    row: String,
    old: String,
    new: String,
}

impl SealedTable {
    fn visit(self, at: &Value, old: &str) -> Statement {
        let at = json_param(at);
        match self {
            SealedTable::Secrets => sql!("visit_secrets", at, old, RESEALED_ROWS),
            SealedTable::Endpoints => sql!("visit_endpoints", at, old, RESEALED_ROWS),
            SealedTable::Schedules => sql!("visit_schedules", at, old, RESEALED_ROWS),
            SealedTable::Jobs => sql!("visit_sealed_jobs", at, old, RESEALED_ROWS),
        }
    }

    /// Replaces values that are unchanged since they were read. A writer that changed one in between wins.
    fn replace(self, changes: &[Resealed]) -> Statement {
        let rows: Vec<_> = changes.iter().map(|it| [&it.tenant, &it.row, &it.old, &it.new]).collect();
        let changes = json_param(&rows);
        match self {
            SealedTable::Secrets => sql!("reseal_secrets", changes),
            SealedTable::Endpoints => sql!("reseal_endpoints", changes),
            SealedTable::Schedules => sql!("reseal_schedules", changes),
            SealedTable::Jobs => sql!("reseal_jobs", changes),
        }
    }

    /// Returns the replacement of a value, if it is sealed under another key.
    fn reseal<C: Clock>(self, clock: &C, keys: &Keyring, value: Sealed<'_>) -> Option<Resealed> {
        let Sealed { tenant, row, name, text } = value;
        let context = match self {
            SealedTable::Secrets => String::new(),
            SealedTable::Endpoints => endpoint_header(row, name),
            SealedTable::Schedules | SealedTable::Jobs => job_header(name),
        };
        let (place, sealed) = match self {
            SealedTable::Secrets => (secrets::place(Owner { tenant, endpoint: row }), text),
            SealedTable::Endpoints => (SealedFor { purpose: SEAL_PURPOSE, tenant, context: &context }, text),
            SealedTable::Schedules | SealedTable::Jobs => {
                (SealedFor { purpose: SEAL_PURPOSE, tenant, context: &context }, text.strip_prefix(SEALED)?)
            }
        };
        let new = reseal(keys, place, nonce(clock), sealed)?;
        Some(Resealed { tenant: tenant.to_owned(), row: row.to_owned(), old: sealed.to_owned(), new })
    }
}

/// Work of a page: the replacements by their index within their row, because a statement can change a row only once;
/// the number of rows handled, and the bytes of the replacements.
#[derive(Debug, Default)]
struct RotationStep {
    layers: BTreeMap<usize, Vec<Resealed>>,
    changes: usize,
    rows: usize,
    bytes: usize,
}

impl RotationStep {
    fn of<C: Clock>(clock: &C, keys: &Keyring, place: SealedTable, page: &[SealedRow]) -> RotationStep {
        let mut work = RotationStep::default();
        for row in page {
            if work.bytes >= RESEALED_BYTES {
                break;
            }
            work.rows += 1;
            work.take(clock, keys, place, row);
        }
        work
    }

    fn take<C: Clock>(&mut self, clock: &C, keys: &Keyring, place: SealedTable, row: &SealedRow) {
        let part = |index: usize| row.at.get(index).and_then(Value::as_str).unwrap_or_default();
        let (tenant, row_name) = (part(0), part(1));
        let values = row.sealed.iter().flatten();
        let values = values.map(|(name, text)| Sealed { tenant, row: row_name, name, text });
        for (layer, change) in values.filter_map(|value| place.reseal(clock, keys, value)).enumerate() {
            let Resealed { tenant, row, old, new } = &change;
            self.changes += 1;
            self.bytes += tenant.len() + row.len() + old.len() + new.len();
            self.layers.entry(layer).or_default().push(change);
        }
    }
}

impl Rotation {
    /// Returns the progress after `work`, which handled some or all rows of `page`.
    fn after(&self, work: &RotationStep, page: &[SealedRow], now: i64) -> Rotation {
        let mut next = self.clone();
        next.found += work.changes;
        if work.changes > 0 {
            next.since = now;
        }
        let is_last_page = i64::try_from(page.len()).unwrap_or(i64::MAX) < RESEALED_ROWS;
        match page.get(..work.rows).and_then(<[SealedRow]>::last) {
            Some(last) if work.rows < page.len() || !is_last_page => next.at = last.at.clone(),
            _ => (next.place, next.at) = (self.place + 1, start()),
        }
        if next.place == PLACES.len() {
            next.end_round(now);
        }
        next
    }

    /// Ends a round. A round that found nothing is the last one, if no writer can still store a value that it read
    /// before the round.
    fn end_round(&mut self, now: i64) {
        let settled_at = self.since + ROTATION_WAIT_MS;
        if self.found == 0 && self.began_at >= settled_at {
            self.done_at = Some(now);
        }
        (self.place, self.left, self.found) = (0, Some(self.found), 0);
        self.began_at = settled_at.max(now);
    }

    fn moving(&self, keys: &str, next: &Rotation) -> Statement {
        let terms = json!({
            "keys": keys, "seen_place": self.place, "seen_at": self.at.to_string(), "seen_began_at": self.began_at,
            "place": next.place, "at": next.at.to_string(), "began_at": next.began_at, "since": next.since,
            "found": next.found, "left": next.left, "done_at": next.done_at,
        });
        sql!("move_rotation", json_param(&terms))
    }
}

/// Deletes the progress of other rotations.
fn forgetting(keys: &str) -> Statement {
    sql!("forget_rotations", keys)
}

/// Deletes the progress of all rotations if no key is being rotated out; otherwise `None`. So a rotation that was
/// reverted and begins again walks from the start, even if it had ended before, because the old key has sealed values
/// in between.
pub(crate) fn forgetting_all(settings: &Settings) -> Option<Statement> {
    settings.keys.old().is_none().then(|| forgetting(""))
}

/// Takes some steps of the walk. Returns how many values were re-sealed.
///
/// Safe to repeat, and beside a second sweep: a value is replaced only if it is unchanged since it was read, and the
/// progress advances only from the position that was read.
///
/// # Errors
/// When the database is out of reach.
pub(crate) async fn walk<W: Database + Clock>(
    world: &W,
    settings: &Settings,
    now: i64,
    producer_key: Option<i64>,
    rotation: Option<Rotation>,
) -> Result<usize, DatabaseError> {
    let (Some(keys), Some(old)) = (settings.keys.rotation(), settings.keys.old()) else { return Ok(0) };
    if producer_key != Some(settings.keys.sealing_number()) {
        // The producer still seals with another key, and the walk would miss those values.
        if rotation.is_some() {
            batch(world, &[forgetting("")]).await?;
        }
        return Ok(0);
    }
    let Some(mut rotation) = rotation else {
        batch(world, &[sql!("begin_rotation", keys.as_str(), now), forgetting(&keys)]).await?;
        return Ok(0);
    };
    let mut resealed = 0;
    for _ in 0..settings.plan.sweep_rounds {
        if rotation.done_at.is_some() || now < rotation.began_at {
            break;
        }
        let Some(place) = PLACES.get(rotation.place).copied() else { break };
        let answers = batch(world, &[place.visit(&rotation.at, old)]).await?;
        let page: Vec<SealedRow> = rows_as(answers.first().unwrap_or(&Vec::new()))?;
        let work = RotationStep::of(world, &settings.keys, place, &page);
        let next = rotation.after(&work, &page, now);
        let mut statements: Vec<_> = work.layers.values().map(|changes| place.replace(changes)).collect();
        statements.push(rotation.moving(&keys, &next));
        let answers = batch(world, &statements).await?;
        resealed += work.changes;
        if answers.last().is_none_or(Vec::is_empty) {
            break; // Another sweep moved it.
        }
        if next.done_at.is_some() {
            tracing::info!(keys, "key_rotation_done");
        }
        rotation = next;
    }
    Ok(resealed)
}
