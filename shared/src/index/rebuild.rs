//! Rebuilds an index with another model or other chunks: builds a second index version from the stored documents and
//! swaps it in when it has all of them. A search reads one index version and never a mixture.
//!
//! Both versions chunk documents that are written in between. An interrupted attempt loses nothing: documents that were
//! chunked stay chunked.

use std::rc::Rc;

use serde_json::{Value, json};

use super::apply::{Apply, TargetIndex};
use super::manage::drop_version;
use super::{IndexRow, VersionRow};
use crate::embed::ask::Call;
use crate::embed::vectors::waiting;
use crate::index::plan::continue_later;
use crate::limits::{REBUILD_DOCUMENTS, REBUILD_MS};
use crate::model::outcome::Outcome;
use crate::ports::World;
use crate::store::search::{Store, index_sql};
use crate::store::{batch, rows_as};

/// Continues to build the second index version of an index. Infallible: every failure becomes an `Outcome`.
pub(crate) async fn rebuild<W: World>(apply: &Apply<'_, W>, target: TargetIndex<'_>) -> (Outcome, Vec<Rc<Call>>) {
    let mut calls = Vec::new();
    let outcome = match try_rebuild(apply, target, &mut calls).await {
        Ok(result) => Outcome::Succeeded { result: result.into() },
        Err(outcome) => waiting(outcome, apply.job.attempt, !calls.is_empty()),
    };
    (outcome, calls)
}

async fn try_rebuild<W: World>(
    apply: &Apply<'_, W>,
    target: TargetIndex<'_>,
    calls: &mut Vec<Rc<Call>>,
) -> Result<Value, Outcome> {
    let began_at = apply.world.now_ms();
    let index = apply.index_of(target).await?;
    let result = |state: &str, chunked: u64| json!({"index": target.name, "state": state, "documents": chunked});
    let Some(building) = index.building() else { return Ok(result("serving", 0)) };
    let (mut after, mut chunked) = (String::new(), 0);
    loop {
        let page = unbuilt(apply, &index, building, &after).await?;
        let Some(last) = page.last() else { break };
        after.clone_from(last);
        for document in &page {
            apply.chunk_again(&index, document, None, calls).await?;
            chunked += 1;
            let is_spent = usize::try_from(chunked).is_ok_and(|chunked| chunked >= apply.settings.plan.index_documents);
            if is_spent || apply.world.now_ms() - began_at >= REBUILD_MS {
                return Err(continue_later(format!(
                    "{chunked} documents were chunked in this attempt; the job continues."
                )));
            }
        }
    }
    let (tenant, id) = (apply.job.tenant.as_str(), building.id.as_str());
    // A search reads at most [`TAIL_ROWS_MAX`](crate::limits::TAIL_ROWS_MAX) chunks that are not in a segment.
    apply.shared.merges.make(apply.world, tenant, id).await;
    let statements = vec![index_sql!("swap_version", tenant, target.name, id), drop_version(&index.serving)];
    // Safe to repeat: after the swap the version is no longer `building`.
    batch(&Store(apply.world), &statements).await.map_err(|error| apply.failed(&error))?;
    let now = apply.index(target.name).await?;
    if now.serving == building.id {
        return Ok(result("swapped", chunked));
    }
    if now.building.as_ref() == Some(&building.id) {
        return Err(continue_later("Documents were written during the rebuild; the job continues.".to_owned()));
    }
    Ok(result("superseded", chunked))
}

async fn unbuilt<W: World>(
    apply: &Apply<'_, W>,
    index: &IndexRow,
    building: &VersionRow,
    after: &str,
) -> Result<Vec<String>, Outcome> {
    let (index, index_version) = (index.id.as_str(), building.id.as_str());
    let page = index_sql!("find_unbuilt", index, index_version, after, REBUILD_DOCUMENTS);
    // Safe to repeat: it only reads.
    let answers = batch(&Store(apply.world), &[page]).await.map_err(|error| apply.failed(&error))?;
    rows_as(answers.first().unwrap_or(&Vec::new())).map_err(|error| apply.failed(&error))
}
