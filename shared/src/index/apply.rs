//! Writes and deletes documents of an index.
//!
//! 1. Read the current state: the index, the document, and its chunks.
//! 2. Chunk the text. Only new chunks need vectors. Vectors that are not in the embedding cache are requested and
//!    cached at once, so an attempt that is interrupted here pays for no text twice.
//! 3. Write the document, its chunks, their words and its layout in one batch, each statement guarded by the document's
//!    version. So a search sees either the old or the new document, and of two jobs the one that was accepted last
//!    wins.

use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;
use std::time::Duration;

use serde::Deserialize;
use serde_json::{Value, json};

use super::plan::{
    ChunkPlan, CurrentDocument, CurrentState, Document, DocumentContent, Removal, Versions, check_room, drop_all_but,
    plans, put_document, removed_version, state_of,
};
use super::{IndexRow, VersionRow, manage};
use crate::embed::ask::{Call, Embedded};
use crate::embed::pool::TextOwner;
use crate::embed::vectors::{AskedFor, ask_and_keep, calls_in, tokens_of, waiting};
use crate::index::plan::continue_later;
use crate::index::shared::Shared;
use crate::limits::{INDEX_GO_ON_SECONDS, INDEX_TEXTS_PER_ATTEMPT, INDEX_TRIES, MERGE_AFTER};
use crate::model::claimed::Claimed;
use crate::model::job::ID_PREFIX;
use crate::model::outcome::{ErrorClass, Outcome, RetryAfter};
use crate::ports::{DatabaseError, World};
use crate::search::chunk::{Chunk, embedded};
use crate::search::lexical;
use crate::settings::Settings;
use crate::settings::providers::Interface;
use crate::store::search::{Store, index_sql};
use crate::store::{batch, first_as, json_param, vectors};
use crate::wire::metadata::Metadata;

/// A stored document with its text.
#[derive(Debug, Deserialize)]
struct StoredDocument {
    version: String,
    deleted: u8,
    source: String,
    metadata: Metadata,
    text: String,
}

/// State of the store after a change.
#[derive(Debug, Deserialize)]
struct ChangeResult {
    version: Option<String>,
    changes: BTreeMap<String, u64>,
}

/// The index that a job changes.
#[derive(Debug, Clone, Copy)]
pub(crate) struct TargetIndex<'a> {
    pub(crate) name: &'a str,
    /// Id of the index, if an index that was created again under the same name must not be changed.
    pub(crate) id: Option<&'a str>,
}

/// Context of a change: the platform, the settings and the job.
pub(crate) struct Apply<'a, W> {
    pub(crate) world: &'a W,
    pub(crate) settings: &'a Settings,
    pub(crate) shared: &'a Shared,
    pub(crate) job: &'a Claimed,
}

/// Cost of the vectors of a change.
#[derive(Default)]
struct Spent {
    embedded: usize,
    tokens: u64,
    calls: Vec<Rc<Call>>,
}

impl<W: World> Apply<'_, W> {
    /// Upserts or deletes a document. Infallible: every failure becomes an `Outcome`.
    pub(crate) async fn apply(&self, index: TargetIndex<'_>, document: &Document) -> (Outcome, Vec<Rc<Call>>) {
        let mut spent = Spent::default();
        let outcome = match self.try_apply(index, document, &mut spent).await {
            Ok(result) => Outcome::Succeeded { result: result.into() },
            Err(outcome) => waiting(outcome, self.job.attempt, !spent.calls.is_empty()),
        };
        (outcome, spent.calls)
    }

    async fn try_apply(
        &self,
        target: TargetIndex<'_>,
        document: &Document,
        spent: &mut Spent,
    ) -> Result<Value, Outcome> {
        let TargetIndex { name, id: index_id } = target;
        let version = self.job.id.strip_prefix(ID_PREFIX).unwrap_or_default();
        for _ in 0..INDEX_TRIES {
            let index = self.index(name).await?;
            let source = document.content.as_ref().map_or("", |content| content.source.as_str());
            let CurrentState { current, removal } = self.current_state(&index, &document.id, source).await?;
            let seen = current.as_ref().map(|current| current.version.as_str());
            let superseded = |spent: &Spent| Ok(report(name, &index.serving, document, "superseded", &[], spent));
            if index_id.is_some_and(|id| id != index.id) || seen.is_some_and(|current| current > version) {
                return superseded(spent);
            }
            if let Some(removal) = removal.filter(|removal| removal.as_str() > version) {
                // The document that this job would have replaced is deleted, as if this job had run before the removal.
                let deletion = removed_version(version, &removal);
                if self.put_deletion(&index, &document.id, current.as_ref(), &deletion).await? {
                    return superseded(spent);
                }
                continue;
            }
            let mut plans = plans(&index, document, current.as_ref(), None);
            for plan in std::mem::take(&mut plans) {
                match self.find_vectors(&plan, spent).await {
                    Ok(()) => plans.push(plan),
                    // A failure in the building version must not harm the serving one: the rebuild finds the document
                    // later, or reports the error.
                    Err(_) if plan.index_version.id != index.serving => {}
                    Err(outcome) => return Err(outcome),
                }
            }
            let current_version = self.commit(&index, document, Versions { new: version, seen }, &plans, None).await?;
            if current_version.as_deref() == Some(version) {
                let is_chunked = plans.iter().all(|plan| plan.index_version.id != index.serving);
                let state = state_of(document, current.as_ref(), is_chunked);
                return Ok(report(name, &index.serving, document, state, &plans, spent));
            }
            // Another job changed the document in between, or the index was dropped: read the state again.
        }
        let wait = Some(RetryAfter::Deferral(Duration::from_secs(INDEX_GO_ON_SECONDS)));
        let message = "Other jobs keep changing the document; the job continues later.".to_owned();
        Err(Outcome::Failed { class: ErrorClass::Internal, message, retry_after: wait })
    }

    /// Chunks a stored document again if an index version has no current layout of it. The version `rebuilt` first
    /// loses its layout and all its chunks of the document, in the same batch. Ignores a document that does not exist.
    pub(super) async fn chunk_again(
        &self,
        index: &IndexRow,
        id: &str,
        rebuilt: Option<&VersionRow>,
        calls: &mut Vec<Rc<Call>>,
    ) -> Result<(), Outcome> {
        for _ in 0..INDEX_TRIES {
            let Some((version, document)) = self.content(index, id).await? else { return Ok(()) };
            let current = self.current_state(index, id, "").await?.current;
            let plans = plans(index, &document, current.as_ref(), rebuilt);
            let mut spent = Spent::default();
            let mut found = Ok(());
            for plan in &plans {
                found = self.find_vectors(plan, &mut spent).await;
                if found.is_err() {
                    break;
                }
            }
            calls.extend(spent.calls);
            found?;
            let versions = Versions { new: &version, seen: Some(&version) };
            let current_version = self.commit(index, &document, versions, &plans, rebuilt).await?;
            if current_version.as_deref() == Some(&*version) {
                return Ok(());
            }
            // A job that changed the document in between has chunked it, but relied on chunks that may be missing: try
            // again.
        }
        Ok(())
    }

    /// Deletes a document when its source is removed, if it still belongs to that source and was accepted before the
    /// removal.
    pub(super) async fn delete_with_source(
        &self,
        index: &IndexRow,
        id: &str,
        removal: Removal<'_>,
    ) -> Result<(), Outcome> {
        for _ in 0..INDEX_TRIES {
            let Some(current) = self.current_state(index, id, "").await?.current else { return Ok(()) };
            let is_other = current.source != removal.source || current.version.as_str() >= removal.version;
            if current.deleted == 1 || is_other {
                return Ok(());
            }
            let deletion = removed_version(&current.version, removal.version);
            if self.put_deletion(index, id, Some(&current), &deletion).await? {
                return Ok(());
            }
        }
        // Other jobs keep changing the document: the next attempt tries again.
        Err(continue_later("Other jobs keep changing the document; the job continues later.".to_owned()))
    }

    /// Writes a deletion if the document is unchanged since it was read; returns true if the deletion is the current
    /// version.
    async fn put_deletion(
        &self,
        index: &IndexRow,
        id: &str,
        current: Option<&CurrentDocument>,
        version: &str,
    ) -> Result<bool, Outcome> {
        let document = Document { id: id.to_owned(), content: None };
        let plans = plans(index, &document, current, None);
        let seen = current.map(|current| current.version.as_str());
        let current_version = self.commit(index, &document, Versions { new: version, seen }, &plans, None).await?;
        Ok(current_version.as_deref() == Some(version))
    }

    /// Reads a stored document with its version.
    async fn content(&self, index: &IndexRow, id: &str) -> Result<Option<(String, Document)>, Outcome> {
        let statement = index_sql!("read_content", index.id.as_str(), id);
        // Safe to repeat: it only reads.
        let answers = batch(&Store(self.world), &[statement]).await.map_err(|error| self.failed(&error))?;
        let content: Option<StoredDocument> = first_as(answers.first()).map_err(|error| self.failed(&error))?;
        Ok(content.map(|StoredDocument { version, deleted, source, metadata, text }| {
            let content = (deleted == 0).then_some(DocumentContent { text, metadata, source });
            (version, Document { id: id.to_owned(), content })
        }))
    }

    /// Reads the index of that name.
    pub(super) async fn index(&self, name: &str) -> Result<IndexRow, Outcome> {
        let row = manage::find_index(self.world, &self.job.tenant, name).await.map_err(|error| self.failed(&error))?;
        row.ok_or_else(|| Outcome::failed(ErrorClass::Config, format!("Index {name:?} not found.")))
    }

    /// Reads the index that a job changes, and checks its id.
    pub(super) async fn index_of(&self, target: TargetIndex<'_>) -> Result<IndexRow, Outcome> {
        let index = self.index(target.name).await?;
        if target.id.is_some_and(|id| id != index.id) {
            return Err(Outcome::failed(
                ErrorClass::Config,
                format!("Index {:?} was dropped and created again after this job was accepted.", target.name),
            ));
        }
        Ok(index)
    }

    /// Reads the current state of a document, and the last removal of a source.
    async fn current_state(&self, index: &IndexRow, document: &str, source: &str) -> Result<CurrentState, Outcome> {
        let index_versions: Vec<_> = index.index_versions.iter().map(|index_version| &index_version.id).collect();
        let statements = vec![
            index_sql!("read_document", index.id.as_str(), document, json_param(&index_versions)),
            index_sql!("read_removal", index.id.as_str(), source),
        ];
        // Safe to repeat: it only reads.
        let answers = batch(&Store(self.world), &statements).await.map_err(|error| self.failed(&error))?;
        let current = first_as(answers.first()).map_err(|error| self.failed(&error))?;
        let removal = first_as(answers.get(1)).map_err(|error| self.failed(&error))?;
        Ok(CurrentState { current, removal })
    }

    /// Ensures that the embedding cache has the vector of every new chunk.
    async fn find_vectors(&self, plan: &ChunkPlan<'_>, spent: &mut Spent) -> Result<(), Outcome> {
        let index_version = plan.index_version;
        if plan.fresh.is_empty() {
            return Ok(());
        }
        check_room(plan)?;
        let choice = index_version.choice();
        let known = self.settings.providers.model(&choice.provider, &choice.model);
        let Some((provider, model)) = known.filter(|(_, model)| model.dimensions == index_version.dimensions) else {
            let VersionRow { provider, model, dimensions, .. } = index_version;
            let message = format!("Provider {provider:?} has no model {model:?} with {dimensions} dimensions.");
            return Err(Outcome::failed(ErrorClass::Provider, message));
        };
        let wanted = TextOwner { tenant: &self.job.tenant, lease: &self.job.lease, choice: &choice, provider, model };
        let asked: BTreeSet<&str> = plan.fresh.iter().map(String::as_str).collect();
        let cache_name = index_version.cache_name();
        // Safe to repeat: it only reads.
        let kept = vectors::known(self.world, wanted.tenant, &cache_name, &asked).await.map_err(|e| self.failed(&e))?;
        let missing: Vec<&String> = plan.fresh.iter().filter(|hash| !kept.contains(*hash)).collect();
        let now = &missing[..missing.len().min(INDEX_TEXTS_PER_ATTEMPT)];
        let text_of: BTreeMap<&str, &Chunk> = plan.chunks.iter().map(|(hash, chunk)| (hash.as_str(), chunk)).collect();
        let texts: Vec<_> = now
            .iter()
            .filter_map(|hash| text_of.get(hash.as_str()))
            .map(|it| embedded(&it.heading, &it.text))
            .collect();
        spent.embedded += texts.len();
        match provider.interface {
            Interface::Builtin => {
                let vectors: Vec<_> = texts.iter().map(|text| lexical::embed(text)).collect();
                let named = now.iter().map(|hash| (*hash).clone()).zip(vectors.iter().map(Vec::as_slice));
                // Safe to repeat: the same text has the same vector.
                vectors::keep(self.world, wanted.tenant, &cache_name, named)
                    .await
                    .map_err(|error| self.failed(&error))?;
            }
            Interface::OpenaiCompatible | Interface::WorkersAi => {
                // Safe to repeat: it costs tokens and changes nothing; received vectors are cached.
                let AskedFor { results, kept: cached } =
                    ask_and_keep(self.world, self.settings, &self.shared.pool, wanted, now, texts).await;
                spent.tokens += tokens_of(&results);
                spent.calls.extend(calls_in(&results, |embedded| !matches!(embedded, Embedded::Vector(_))));
                results.into_iter().zip(now).try_for_each(|((embedded, _), hash)| match embedded {
                    Embedded::Vector(_) => Ok(()),
                    Embedded::Refused(message) => {
                        let at = text_of.get(hash.as_str()).map_or(0, |chunk| chunk.start);
                        Err(Outcome::failed(
                            ErrorClass::Handler,
                            format!("The provider refuses the chunk at byte {at}: {message}"),
                        ))
                    }
                    Embedded::Missing(what) => {
                        let at = text_of.get(hash.as_str()).map_or(0, |chunk| chunk.start);
                        let message =
                            format!("The provider's answer has no vector for the chunk at byte {at}: {what}.");
                        Err(Outcome::failed(ErrorClass::Provider, message))
                    }
                    Embedded::Failed(outcome) => Err(outcome),
                })?;
                // A chunk cannot be written without its cached vector. A failed write to the cache is the database's
                // failure, not the job's.
                cached.map_err(|error| self.failed(&error))?;
            }
        }
        if now.len() < missing.len() {
            let message =
                format!("{} of {} chunks have vectors; the job continues.", kept.len() + now.len(), asked.len());
            return Err(continue_later(message));
        }
        Ok(())
    }

    /// Writes a change in one batch if the document is unchanged since it was read; returns the version that is current
    /// afterwards.
    async fn commit(
        &self,
        index: &IndexRow,
        document: &Document,
        versions: Versions<'_>,
        plans: &[ChunkPlan<'_>],
        rebuilt: Option<&VersionRow>,
    ) -> Result<Option<String>, Outcome> {
        let index_versions: Vec<_> = index.index_versions.iter().map(|index_version| &index_version.id).collect();
        // A version that is rebuilt takes no more room than before, even if its counter is wrong.
        let grow = plans.iter().filter(|plan| rebuilt.is_none() && !plan.fresh.is_empty()).map(ChunkPlan::room);
        let room = json_param(&grow.collect::<Vec<_>>());
        let mut statements = vec![put_document(index, document, versions, room)];
        let of = |index_version: &VersionRow| {
            json_param(&json!({
                "index": index.id, "document": document.id, "version": versions.new, "index_version": index_version.id,
                "tenant": self.job.tenant, "model": index_version.cache_name(),
            }))
        };
        statements.extend(
            rebuilt
                .into_iter()
                .flat_map(|index_version| drop_all_but(index_version, &of(index_version), &json_param(&[(); 0]))),
        );
        statements.extend(plans.iter().flat_map(|plan| plan.statements(&of(plan.index_version))));
        statements.push(index_sql!("read_state", index.id.as_str(), document.id.as_str(), json_param(&index_versions)));
        // Safe to repeat: each statement is guarded by the version, and repeats of this version find their rows.
        let answers = batch(&Store(self.world), &statements).await.map_err(|error| self.failed(&error))?;
        let state: ChangeResult = first_as(answers.last())
            .map_err(|error| self.failed(&error))?
            .ok_or_else(|| Outcome::failed(ErrorClass::Internal, "The search database returned no row."))?;
        for (index_version, _) in state.changes.iter().filter(|(_, changes)| **changes >= MERGE_AFTER) {
            self.shared.merges.make(self.world, &self.job.tenant, index_version).await;
        }
        Ok(state.version)
    }

    /// The outcome when the search database fails. Unreachable: the job waits, and the attempt does not count as a
    /// failure. A refused statement is a bug, or a vector that was deleted in between.
    pub(super) fn failed(&self, error: &DatabaseError) -> Outcome {
        tracing::error!(%error, job = self.job.id, "search_database_failed");
        let message = "The search database did not respond.";
        match error {
            DatabaseError::Unreachable(_) => self.job.store_failed(message),
            DatabaseError::Refused(_) => Outcome::failed(ErrorClass::Internal, message),
            DatabaseError::DailyLimit(limit) => Outcome::spent(*limit, self.world.now_ms()),
        }
    }
}

/// The result of the job.
fn report(
    name: &str,
    serving: &str,
    document: &Document,
    state: &str,
    plans: &[ChunkPlan<'_>],
    spent: &Spent,
) -> Value {
    let plan = plans.iter().find(|plan| plan.index_version.id == serving);
    json!({
        "index": name, "document": document.id, "state": state, "index_version": serving,
        "chunks": plan.map(|plan| plan.chunks.len()), "added": plan.map_or(0, |plan| plan.fresh.len()),
        "removed": plan.map_or(0, |plan| plan.removed),
        "usage": {"embedded": spent.embedded, "calls": spent.calls.len(), "tokens": spent.tokens},
    })
}
