//! Another model or other chunks: an index version is made beside the one that is searched, of the documents as they stand, and
//! takes its place when it has all of them. A search never sees a mixture.
//!
//! Documents that come meanwhile are cut by both. An attempt that ends early has lost nothing: what is cut is cut.

use std::rc::Rc;

use serde_json::{Value, json};

use super::apply::{Apply, TargetIndex};
use super::manage::drop_version;
use super::{IndexRow, VersionRow};
use crate::embed::ask::Call;
use crate::embed::vectors::waiting;
use crate::index::plan::goes_on;
use crate::limits::{REBUILD_DOCUMENTS, REBUILD_MS};
use crate::model::outcome::Outcome;
use crate::ports::World;
use crate::store::search::{Store, index_sql};
use crate::store::{batch, rows_as};

/// Goes on with the index version that an index builds. It answers always.
pub(crate) async fn rebuild<W: World>(apply: &Apply<'_, W>, meant: TargetIndex<'_>) -> (Outcome, Vec<Rc<Call>>) {
    let mut calls = Vec::new();
    let outcome = match try_rebuild(apply, meant, &mut calls).await {
        Ok(result) => Outcome::Succeeded { result: result.into() },
        Err(outcome) => waiting(outcome, apply.job.attempt, !calls.is_empty()),
    };
    (outcome, calls)
}

async fn try_rebuild<W: World>(
    apply: &Apply<'_, W>,
    meant: TargetIndex<'_>,
    calls: &mut Vec<Rc<Call>>,
) -> Result<Value, Outcome> {
    let began_at = apply.world.now_ms();
    let index = apply.index_of(meant).await?;
    let told = |state: &str, chunked: u64| json!({"index": meant.name, "state": state, "documents": chunked});
    let Some(building) = index.building() else { return Ok(told("serving", 0)) };
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
                return Err(goes_on(format!("{chunked} documents are chunked anew in this attempt; it goes on.")));
            }
        }
    }
    let (tenant, id) = (apply.job.tenant.as_str(), building.id.as_str());
    // A search reads only so many chunks that no segment has.
    apply.shared.merges.make(apply.world, tenant, id).await;
    let statements = vec![index_sql!("swap_version", tenant, meant.name, id), drop_version(&index.serving)];
    // Safe to repeat: what has taken its place builds no more.
    batch(&Store(apply.world), &statements).await.map_err(|error| apply.away(&error))?;
    let now = apply.index(meant.name).await?;
    if now.serving == building.id {
        return Ok(told("swapped", chunked));
    }
    if now.building.as_ref() == Some(&building.id) {
        return Err(goes_on("Documents came meanwhile; it goes on.".to_owned()));
    }
    Ok(told("superseded", chunked))
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
    let answers = batch(&Store(apply.world), &[page]).await.map_err(|error| apply.away(&error))?;
    rows_as(answers.first().unwrap_or(&Vec::new())).map_err(|error| apply.away(&error))
}
