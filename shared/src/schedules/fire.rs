//! The tick: creates the jobs of due schedules. Each occurrence fires once, even if ticks are early, late, repeated or
//! concurrent.
//!
//! A round reads what is due by the database's clock, decides (see [`crate::schedules::occurrences`]), and writes in
//! one batch: schedules advance by compare and set and name their jobs in their history, then those jobs are inserted.
//! A second tick advances nothing and so inserts nothing. Ids are minted by the database's clock.

use serde::{Deserialize, Serialize};

use crate::limits::{HISTORY_MAX, ID_SKEW_MS_MAX, KEY_WINDOW_SECONDS_DEFAULT, SCHEDULES_PER_ROUND};
use crate::model::hint::Hint;
use crate::model::job::{JobRef, mint_id};
use crate::model::origin::Origin;
use crate::ports::{Clock, Database, DatabaseError, World};
use crate::schedules::occurrences::{CatchUp, Overlap, decide};
use crate::schedules::schedule::{OccurrenceState, ScheduleRow, cron_in};
use crate::settings::Settings;
use crate::store::audit::AuditNote;
use crate::store::counted::batch_counting_new;
use crate::store::notify::send_hints;
use crate::store::{batch, json_param, rows_as, sql};
use crate::wire::idempotency::INTERNAL_PREFIX;
use crate::wire::job_queue::JobQueue;
use crate::wire::time::rfc3339;

/// A due schedule, as it was read.
#[derive(Debug, Clone, Deserialize)]
pub struct DueSchedule {
    tenant: String,
    id: String,
    revision: String,
    cron: String,
    time_zone: String,
    overlap: Overlap,
    catch_up: CatchUp,
    last_occurrence: i64,
    kind: String,
    now: i64,
}

/// Change of a schedule, as the batch gets it.
#[derive(Debug, Serialize)]
pub(crate) struct Firer {
    tenant: String,
    id: String,
    revision: String,
    seen_occurrence: i64,
    last_occurrence: i64,
    next_at: Option<i64>,
    created_at: i64,
    kind: String,
    newest_job: Option<String>,
    entries: Vec<Entry>,
}

/// History entry of an occurrence. The batch may change its state, for example if the endpoint is deleted.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Entry {
    scheduled_for: Option<i64>,
    state: OccurrenceState,
    job_id: Option<String>,
    key: Option<String>,
    detail: Option<String>,
    /// Origin of the request to run now; empty for an occurrence.
    #[serde(flatten)]
    origin: Origin,
}

impl Entry {
    fn without_job(occurrence: Option<i64>, state: OccurrenceState, detail: String) -> Entry {
        let origin = Origin::default();
        Entry { scheduled_for: occurrence, state, job_id: None, key: None, detail: Some(detail), origin }
    }

    /// Creates the entry of a job that a request asked to run now.
    pub(crate) fn run_now(job: &str, key: Option<String>, origin: Origin) -> Entry {
        Entry {
            scheduled_for: None,
            state: OccurrenceState::RunNow,
            job_id: Some(job.to_owned()),
            key,
            detail: None,
            origin,
        }
    }
}

impl Firer {
    /// Creates the change for a job that a request asked to run now: the schedule does not advance.
    pub(crate) fn run_now(row: &ScheduleRow, now: i64, entry: Entry) -> Firer {
        Firer {
            tenant: row.tenant.clone(),
            id: row.id.clone(),
            revision: row.revision.clone(),
            seen_occurrence: row.last_occurrence,
            last_occurrence: row.last_occurrence,
            next_at: row.next_at,
            created_at: now,
            kind: row.job.kind.clone(),
            newest_job: entry.job_id.clone(),
            entries: vec![entry],
        }
    }

    /// Decides what a tick does with a schedule.
    fn of<C: Clock>(clock: &C, due: DueSchedule) -> Firer {
        let mut entries = Vec::new();
        let (mut last_occurrence, mut next_at) = (due.last_occurrence, None);
        match cron_in(&due.cron, &due.time_zone, due.now) {
            // The expression was valid when it was put, so a later version of Longshore must have lost a time zone.
            Err(field) => entries.push(Entry::without_job(None, OccurrenceState::Refused, field.detail)),
            Ok(cron) => {
                let decision = decide(&cron, due.catch_up, due.last_occurrence, due.now);
                (last_occurrence, next_at) = (decision.last_occurrence, decision.next_at);
                if let Some((first, last)) = decision.missed {
                    let detail =
                        format!("All occurrences from {} through {} were missed.", rfc3339(first), rfc3339(last));
                    entries.push(Entry::without_job(Some(last), OccurrenceState::Missed, detail));
                }
                for (index, occurrence) in decision.fire.into_iter().enumerate() {
                    // If the first one is still open or was skipped itself, the others are skipped too.
                    entries.push(if due.overlap == Overlap::Skip && index > 0 {
                        Entry::without_job(
                            Some(occurrence),
                            OccurrenceState::Skipped,
                            "The previous job is still open.".to_owned(),
                        )
                    } else {
                        let key = format!("{INTERNAL_PREFIX}occurrence {} {occurrence}", due.id);
                        let job = mint_id(due.now, clock.random());
                        let (job_id, key) = (Some(job), Some(key));
                        let origin = Origin::default();
                        Entry {
                            scheduled_for: Some(occurrence),
                            state: OccurrenceState::Fired,
                            job_id,
                            key,
                            detail: None,
                            origin,
                        }
                    });
                }
            }
        }
        entries.reverse();
        let newest_job = entries.iter().find_map(|entry| entry.job_id.clone());
        let DueSchedule { tenant, id, revision, last_occurrence: seen_occurrence, kind, now: created_at, .. } = due;
        Firer { tenant, id, revision, seen_occurrence, last_occurrence, next_at, created_at, kind, newest_job, entries }
    }
}

/// Advances schedules and inserts their jobs, and records the action of the operator who runs one now. Returns hints of all
/// jobs that exist afterwards, even if an earlier answer was lost.
pub(crate) async fn fire<W: Database + Clock>(
    world: &W,
    firers: &[Firer],
    action: Option<&AuditNote>,
) -> Result<Vec<Hint>, DatabaseError> {
    let of = |firer: &Firer, entry: &Entry| Some(JobRef { tenant: firer.tenant.clone(), id: entry.job_id.clone()? });
    let jobs: Vec<_> =
        firers.iter().flat_map(|firer| firer.entries.iter().filter_map(move |entry| of(firer, entry))).collect();
    let firers = json_param(&firers);
    let window_ms = i64::from(KEY_WINDOW_SECONDS_DEFAULT) * 1_000;
    let mut statements = vec![
        sql!("fire", firers.clone(), ID_SKEW_MS_MAX, HISTORY_MAX),
        sql!("insert_fired", firers.clone(), window_ms),
    ];
    statements.extend(action.map(AuditNote::if_changed));
    statements.extend([sql!("note_fired_hours", firers.clone()), sql!("read_fired", firers)]);
    let rows: Vec<(String, String, String)> =
        rows_as(batch_counting_new(world, &jobs, statements).await?.last().unwrap_or(&Vec::new()))?;
    let hint = |(tenant, id, kind): (String, String, String)| Hint::now(JobRef { tenant, id }, JobQueue::of(&kind));
    Ok(rows.into_iter().map(hint).collect())
}

/// Reads at most [`SCHEDULES_PER_ROUND`] due schedules by the database's clock. This is the first half of a round.
///
/// # Errors
/// When the database is out of reach.
pub async fn read_due<W: Database + Clock>(world: &W, settings: &Settings) -> Result<Vec<DueSchedule>, DatabaseError> {
    let answers = batch(world, &[sql!("read_due_schedules", SCHEDULES_PER_ROUND, settings.epoch)]).await?;
    rows_as(answers.first().unwrap_or(&Vec::new()))
}

/// Fires the schedules that were read, unless they have changed since. This is the second half of a round. Returns
/// hints of the jobs.
///
/// # Errors
/// When the database is out of reach.
pub async fn fire_due<W: Database + Clock>(world: &W, due: Vec<DueSchedule>) -> Result<Vec<Hint>, DatabaseError> {
    let firers: Vec<_> = due.into_iter().map(|due| Firer::of(world, due)).collect();
    fire(world, &firers, None).await
}

/// Fires all due schedules. Returns how many jobs were created.
///
/// # Errors
/// When the database is out of reach. The next tick continues where this one stopped.
pub async fn tick<W: World>(world: &W, settings: &Settings) -> Result<usize, DatabaseError> {
    let (mut made, mut takes_hints) = (0, true);
    for _ in 0..settings.plan.tick_rounds {
        let due = read_due(world, settings).await?;
        if due.is_empty() {
            break;
        }
        let hints = fire_due(world, due).await?;
        made += hints.len();
        takes_hints = takes_hints && send_hints(world, settings, hints).await;
    }
    Ok(made)
}
