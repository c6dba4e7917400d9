//! Removes the documents of a source that the latest replacement did not upsert.
//!
//! 1. The removal of a replacement waits for the other jobs of its group. If one of them is dead or cancelled, nothing
//!    is removed: documents that could not be upserted again stay as they were.
//! 2. It records the id of the first job of the group as the removal version of the source. Older jobs that run later
//!    write no document of this source.
//! 3. It deletes the older documents one at a time, as a delete job would. A deleted document has the version `{its
//!    version}.{removal version}`, so every job that was accepted after the document still wins, even if it runs later.
//!
//! The result is the same as if all jobs had run in the order of acceptance: the last change of a document wins, unless
//! its source was removed after it. A job that runs after its removal is superseded without a call to its provider,
//! which might have refused it.

use std::rc::Rc;

use serde_json::{Value, json};

use super::IndexRow;
use super::apply::{Apply, TargetIndex};
use super::plan::Removal;
use crate::embed::ask::Call;
use crate::index::plan::continue_later;
use crate::limits::{REBUILD_DOCUMENTS, REBUILD_MS};
use crate::model::backoff::doubled_wait;
use crate::model::job::ID_PREFIX;
use crate::model::outcome::{ErrorClass, Outcome, RetryAfter};
use crate::ports::{DatabaseError, World};
use crate::store::counted::find_group;
use crate::store::search::{Store, index_sql};
use crate::store::{batch, first_as, rows_as};

/// Initial wait until a removal checks its group again, in seconds; doubled each time.
const WAIT_SECONDS: u64 = 2;
/// Number of doublings: the longest wait is 68 minutes. The [`SENDS_MAX`](crate::limits::SENDS_MAX) of a job, 100
/// hours, outlast the retries of other jobs.
const WAIT_DOUBLINGS: u32 = 11;

/// Removes the documents of a source that were accepted before the job `before`, or before this job. Infallible: every
/// failure becomes an `Outcome`.
pub(crate) async fn remove<W: World>(
    apply: &Apply<'_, W>,
    target: TargetIndex<'_>,
    source: &str,
    before: Option<&str>,
) -> (Outcome, Vec<Rc<Call>>) {
    let outcome = match try_remove(apply, target, source, before).await {
        Ok(result) => Outcome::Succeeded { result: result.into() },
        Err(outcome) => outcome,
    };
    (outcome, Vec::new())
}

async fn try_remove<W: World>(
    apply: &Apply<'_, W>,
    target: TargetIndex<'_>,
    source: &str,
    before: Option<&str>,
) -> Result<Value, Outcome> {
    let began_at = apply.world.now_ms();
    if before.is_some() {
        wait_for_group(apply).await?;
    }
    let index = apply.index_of(target).await?;
    // A job never removes documents that were accepted after itself, even if its caller requests it.
    let before = before.unwrap_or(&apply.job.id).min(&apply.job.id);
    let version = before.strip_prefix(ID_PREFIX).unwrap_or_default();
    let note = index_sql!("note_removal", index.id.as_str(), source, version);
    // Safe to repeat: the later of two versions is stored.
    batch(&Store(apply.world), &[note]).await.map_err(|error| apply.failed(&error))?;
    let removal = Removal { source, version };
    let (mut after, mut removed) = (String::new(), 0);
    loop {
        let page = remaining_documents(apply, &index, removal, &after).await?;
        let Some(last) = page.last() else { break };
        after.clone_from(last);
        for document in &page {
            if apply.shared.take_documents(1) == 0 || apply.world.now_ms() - began_at >= REBUILD_MS {
                return Err(continue_later(format!(
                    "{removed} documents were removed in this attempt; the job continues."
                )));
            }
            apply.delete_with_source(&index, document, removal).await?;
            removed += 1;
        }
    }
    let statement = index_sql!("count_removed", index.id.as_str(), version);
    // Safe to repeat: it only reads.
    let answers = batch(&Store(apply.world), &[statement]).await.map_err(|error| apply.failed(&error))?;
    let removed: Option<(u64,)> = first_as(answers.first()).map_err(|error| apply.failed(&error))?;
    Ok(json!({"index": target.name, "source": source, "state": "removed", "documents": removed.map_or(0, |it| it.0)}))
}

/// Returns an error until all other jobs of the group have succeeded.
async fn wait_for_group<W: World>(apply: &Apply<'_, W>) -> Result<(), Outcome> {
    let Some(group) = apply.job.group.as_deref() else { return Ok(()) };
    // Safe to repeat: it only reads.
    let group = find_group(apply.world, &apply.job.tenant, group).await.map_err(|error| {
        tracing::warn!(%error, job = apply.job.id, "removal_group_unreadable");
        if let DatabaseError::DailyLimit(limit) = error {
            return Outcome::spent(limit, apply.world.now_ms());
        }
        apply.job.store_failed("The group cannot be read.")
    })?;
    let Some(group) = group else { return Ok(()) };
    let failed = group.dead + group.cancelled;
    // The group includes this job.
    let open = group.total.saturating_sub(group.succeeded + group.replayed + failed + 1);
    if open > 0 {
        let wait = RetryAfter::Deferral(doubled_wait(apply.job.attempt, WAIT_SECONDS, WAIT_DOUBLINGS));
        let message = format!("{open} jobs of the group are open; the removal waits for them.");
        return Err(Outcome::Failed { class: ErrorClass::Internal, message, retry_after: Some(wait) });
    }
    if failed > 0 {
        let message = format!(
            "{failed} jobs of the group are dead or cancelled, so nothing is removed: replay them, then this job."
        );
        return Err(Outcome::failed(ErrorClass::Handler, message));
    }
    Ok(())
}

async fn remaining_documents<W: World>(
    apply: &Apply<'_, W>,
    index: &IndexRow,
    Removal { source, version }: Removal<'_>,
    after: &str,
) -> Result<Vec<String>, Outcome> {
    let page = index_sql!("find_source", index.id.as_str(), source, version, after, REBUILD_DOCUMENTS);
    // Safe to repeat: it only reads.
    let answers = batch(&Store(apply.world), &[page]).await.map_err(|error| apply.failed(&error))?;
    rows_as(answers.first().unwrap_or(&Vec::new())).map_err(|error| apply.failed(&error))
}
