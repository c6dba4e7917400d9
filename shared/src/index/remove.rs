//! The documents of a source leave that nobody brought again: what a replacement of all of them ends with.
//!
//! 1. One that takes the place of others waits for the other jobs of its group. If one of them died or was cancelled nothing is
//!    removed: what could not be brought again stays as it was.
//! 2. It is noted that nothing of the source stands which was accepted before the first of the group: it may still be brought.
//! 3. What stands of it leaves, each document as it would by a job of its own. What is left of it has its version with that of the
//!    removal after it, so whatever was accepted after the document stands, also if its job runs later.
//!
//! In the end it is as if all had run in the order of acceptance: of a document the last change stands, unless its source was
//! removed after that. A change that comes after its removal is not tried: it counts, also if its provider would have refused it.

use std::rc::Rc;

use serde_json::{Value, json};

use super::IndexRow;
use super::apply::{Apply, TargetIndex};
use super::plan::Removal;
use crate::embed::ask::Call;
use crate::index::plan::goes_on;
use crate::limits::{REBUILD_DOCUMENTS, REBUILD_MS};
use crate::model::backoff::doubled_wait;
use crate::model::job::ID_PREFIX;
use crate::model::outcome::{ErrorClass, Outcome, RetryAfter};
use crate::ports::{DatabaseError, World};
use crate::store::counted::find_group;
use crate::store::search::{Store, index_sql};
use crate::store::{batch, first_as, rows_as};

/// Seconds until a removal looks at its group again, doubled each time,
const WAIT_SECONDS: u64 = 2;
/// so often: up to 68 minutes. The [`SENDS_MAX`](crate::limits::SENDS_MAX) of a job, 100 hours, outlast the retries of others.
const WAIT_DOUBLINGS: u32 = 11;

/// Removes the documents of a source that were accepted before the job `before`, or before this one. It answers always.
pub(crate) async fn remove<W: World>(
    apply: &Apply<'_, W>,
    meant: TargetIndex<'_>,
    source: &str,
    before: Option<&str>,
) -> (Outcome, Vec<Rc<Call>>) {
    let outcome = match try_remove(apply, meant, source, before).await {
        Ok(result) => Outcome::Succeeded { result: result.into() },
        Err(outcome) => outcome,
    };
    (outcome, Vec::new())
}

async fn try_remove<W: World>(
    apply: &Apply<'_, W>,
    meant: TargetIndex<'_>,
    source: &str,
    before: Option<&str>,
) -> Result<Value, Outcome> {
    let began_at = apply.world.now_ms();
    if before.is_some() {
        wait_for_group(apply).await?;
    }
    let index = apply.index_of(meant).await?;
    // What comes later than this job itself is no business of it, whatever its caller says.
    let before = before.unwrap_or(&apply.job.id).min(&apply.job.id);
    let version = before.strip_prefix(ID_PREFIX).unwrap_or_default();
    let note = index_sql!("note_removal", index.id.as_str(), source, version);
    // Safe to repeat: the later of two versions is kept.
    batch(&Store(apply.world), &[note]).await.map_err(|error| apply.away(&error))?;
    let removal = Removal { source, version };
    let (mut after, mut removed) = (String::new(), 0);
    loop {
        let page = left(apply, &index, removal, &after).await?;
        let Some(last) = page.last() else { break };
        after.clone_from(last);
        for document in &page {
            if apply.shared.take_documents(1) == 0 || apply.world.now_ms() - began_at >= REBUILD_MS {
                return Err(goes_on(format!("{removed} documents were removed in this attempt; it goes on.")));
            }
            apply.take_away(&index, document, removal).await?;
            removed += 1;
        }
    }
    let statement = index_sql!("count_removed", index.id.as_str(), version);
    // Safe to repeat: it only reads.
    let answers = batch(&Store(apply.world), &[statement]).await.map_err(|error| apply.away(&error))?;
    let removed: Option<(u64,)> = first_as(answers.first()).map_err(|error| apply.away(&error))?;
    Ok(json!({"index": meant.name, "source": source, "state": "removed", "documents": removed.map_or(0, |it| it.0)}))
}

/// Says no until all other jobs of the group have succeeded.
async fn wait_for_group<W: World>(apply: &Apply<'_, W>) -> Result<(), Outcome> {
    let Some(group) = apply.job.group.as_deref() else { return Ok(()) };
    // Safe to repeat: it only reads.
    let group = find_group(apply.world, &apply.job.tenant, group).await.map_err(|error| {
        tracing::warn!(%error, job = apply.job.id, "the group of a removal cannot be read");
        if let DatabaseError::DailyLimit(limit) = error {
            return Outcome::spent(limit, apply.world.now_ms());
        }
        apply.job.store_failed("The group cannot be read.")
    })?;
    let Some(group) = group else { return Ok(()) };
    let failed = group.dead + group.cancelled;
    // This job is one of them.
    let open = group.total.saturating_sub(group.succeeded + group.replayed + failed + 1);
    if open > 0 {
        let wait = RetryAfter::Deferral(doubled_wait(apply.job.attempt, WAIT_SECONDS, WAIT_DOUBLINGS));
        let message = format!("{open} jobs of its group are open; it waits for them.");
        return Err(Outcome::Failed { class: ErrorClass::Internal, message, retry_after: Some(wait) });
    }
    if failed > 0 {
        let message = format!(
            "{failed} jobs of its group died or were cancelled, and nothing is removed: replay them, and then this one."
        );
        return Err(Outcome::failed(ErrorClass::Handler, message));
    }
    Ok(())
}

async fn left<W: World>(
    apply: &Apply<'_, W>,
    index: &IndexRow,
    Removal { source, version }: Removal<'_>,
    after: &str,
) -> Result<Vec<String>, Outcome> {
    let page = index_sql!("find_source", index.id.as_str(), source, version, after, REBUILD_DOCUMENTS);
    // Safe to repeat: it only reads.
    let answers = batch(&Store(apply.world), &[page]).await.map_err(|error| apply.away(&error))?;
    rows_as(answers.first().unwrap_or(&Vec::new())).map_err(|error| apply.away(&error))
}
