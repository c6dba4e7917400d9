//! The flush: stores one object of evidence for all finished attempts, then settles them, then sends the hints of
//! retries.

use crate::limits::EVIDENCE_PUT_MS;
use crate::model::attempt::EvidenceRef;
use crate::model::evidence::{Pack, inline, pack_key};
use crate::model::hint::Hint;
use crate::model::job::JobRef;
use crate::ports::{DatabaseError, World};
use crate::run::attempt::FinishedAttempt;
use crate::run::settle::{Settlement, add_late_outcomes, settle_with_hints};
use crate::settings::Settings;
use crate::store::notify::send_hints;
use crate::store::within;
use crate::wire::daily_limit::DailyLimit;

/// Counts and errors of one flush.
#[derive(Debug, Default, Clone, Copy)]
pub struct Flushed {
    /// Jobs whose outcome this flush recorded.
    pub settled: usize,
    /// Jobs that another lease had taken over, or whose outcome could not be recorded.
    pub lost: usize,
    /// True if the database was out of reach: the leases then expire.
    pub database_lost: bool,
    /// Daily limit that prevented the recording of outcomes: the leases expire, and nothing can be written until
    /// midnight UTC.
    pub limit: Option<DailyLimit>,
}

/// Flushes outcomes in four steps. A crash between any two of them loses no job:
///
/// 1. Evidence: repeating the put writes the same object under the same key.
/// 2. Settlement: guarded by the token and the attempt number. If it fails, the evidence can still be found by its
///    token.
/// 3. Late outcomes of tasks that a completion settled: guarded by the entry's token, added once.
/// 4. Hints of retries and of webhooks of finished groups: a lost hint only adds latency, because the sweep checks every retry.
pub async fn flush<W: World>(
    world: &W,
    settings: &Settings,
    token: &str,
    n: u32,
    finished: Vec<FinishedAttempt>,
) -> Flushed {
    let settlements = put_evidence(world, token, n, finished).await;
    let mut hints = Vec::new();
    let flushed = record_outcomes(world, settings, token, &settlements, &mut hints).await;
    if flushed.limit.is_none() {
        hints.extend(settlements.iter().filter_map(Settlement::hint));
        send_hints(world, settings, hints).await;
    }
    flushed
}

async fn put_evidence<W: World>(world: &W, token: &str, n: u32, finished: Vec<FinishedAttempt>) -> Vec<Settlement> {
    let mut pack = Pack::default();
    let mut places: Vec<EvidenceRef> = Vec::new();
    for done in &finished {
        places.push(done.record.as_ref().map_or(EvidenceRef::Off, |record| pack.add(n, record)));
    }
    let failure = if pack.bytes.is_empty() {
        None
    } else {
        let key = pack_key(token, n);
        let put = world.put(&key, &pack.bytes);
        match within(world, EVIDENCE_PUT_MS, put).await {
            Some(Ok(())) => None,
            Some(Err(error)) => Some(error.to_string()),
            None => Some(format!("the object store did not answer within {EVIDENCE_PUT_MS} ms")),
        }
    };
    if let Some(reason) = &failure {
        tracing::warn!(reason, "evidence_stored_inline");
    }
    let place = |(done, place): (FinishedAttempt, EvidenceRef)| {
        let mut settlement = done.settlement;
        settlement.entry.evidence = Some(match (&failure, &done.record) {
            (Some(reason), Some(record)) => inline(record, reason),
            _ => place,
        });
        settlement
    };
    finished.into_iter().zip(places).map(place).collect()
}

/// Settles the attempts, and adds the hints of the webhook jobs of groups that finish.
async fn record_outcomes<W: World>(
    world: &W,
    settings: &Settings,
    token: &str,
    settlements: &[Settlement],
    hints: &mut Vec<Hint>,
) -> Flushed {
    match settle_with_hints(world, token, &settings.plan, settlements).await {
        Ok((jobs, made)) => {
            hints.extend(made);
            add_late(world, token, settlements, &jobs).await;
            Flushed { settled: jobs.len(), lost: settlements.len() - jobs.len(), ..Flushed::default() }
        }
        Err(DatabaseError::Unreachable(reason)) => {
            tracing::error!(reason, jobs = settlements.len(), "settlement_failed");
            Flushed { lost: settlements.len(), database_lost: true, ..Flushed::default() }
        }
        Err(DatabaseError::DailyLimit(limit)) => limited(limit, Flushed::default(), settlements.len()),
        // One row that the schema refuses must not fail the other rows, so each is settled alone.
        Err(DatabaseError::Refused(_)) if settlements.len() > 1 => {
            let mut flushed = Flushed::default();
            for (done, settlement) in settlements.iter().enumerate() {
                match settle_with_hints(world, token, &settings.plan, std::slice::from_ref(settlement)).await {
                    Ok((jobs, made)) => {
                        hints.extend(made);
                        add_late(world, token, std::slice::from_ref(settlement), &jobs).await;
                        flushed.settled += jobs.len();
                    }
                    Err(DatabaseError::DailyLimit(limit)) => {
                        return limited(limit, flushed, settlements.len() - done);
                    }
                    Err(error) => {
                        tracing::error!(%error, tenant = settlement.tenant, job = settlement.id, "outcome_refused");
                        flushed.lost += 1;
                    }
                }
            }
            flushed
        }
        Err(DatabaseError::Refused(reason)) => {
            tracing::error!(reason, "outcome_refused");
            Flushed { lost: settlements.len(), ..Flushed::default() }
        }
    }
}

/// Adds late outcomes. A failure is only logged: the attempts have ended, and nothing depends on the addition.
async fn add_late<W: World>(world: &W, token: &str, settlements: &[Settlement], settled: &[JobRef]) {
    if let Err(error) = add_late_outcomes(world, token, settlements, settled).await {
        tracing::warn!(%error, "late_outcomes_failed");
    }
}

/// Returns the result of a flush that a daily limit ended before `left` of its outcomes were recorded.
fn limited(limit: DailyLimit, flushed: Flushed, left: usize) -> Flushed {
    tracing::error!(limit = limit.name(), jobs = left, "settlement_blocked_by_daily_limit");
    Flushed { lost: flushed.lost + left, limit: Some(limit), ..flushed }
}
