//! A document's way into an index, and out of it.
//!
//! 1. What stands is read: the index, the document, and what it is cut into.
//! 2. The text is cut. Only chunks that are new need vectors; those that nobody kept are asked for, and kept at once: an
//!    attempt that ends here pays for nothing twice.
//! 3. One batch writes the document, its chunks, their words and its layout, each guarded by the document's version. So a
//!    search sees the one version or the other, and of two jobs the one that was accepted last stands.

use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;
use std::time::Duration;

use serde::Deserialize;
use serde_json::{Value, json};

use super::plan::{
    ChunkPlan, CurrentDocument, CurrentState, Document, DocumentContent, Removal, Versions, drop_all_but, plans,
    put_document, state_of,
};
use super::{IndexRow, VersionRow, manage};
use crate::embed::ask::{Call, Embedded};
use crate::embed::pool::TextOwner;
use crate::embed::vectors::{AskedFor, ask_and_keep, calls_in, tokens_of, waiting};
use crate::index::plan::goes_on;
use crate::index::shared::Shared;
use crate::limits::{DOCUMENT_CHUNKS_MAX, INDEX_GO_ON_SECONDS, INDEX_TEXTS_PER_ATTEMPT, INDEX_TRIES, MERGE_AFTER};
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

/// A document as it was brought.
#[derive(Debug, Deserialize)]
struct StoredDocument {
    version: String,
    deleted: u8,
    source: String,
    metadata: Metadata,
    text: String,
}

/// What came of a change.
#[derive(Debug, Deserialize)]
struct ChangeResult {
    version: Option<String>,
    changes: BTreeMap<String, u64>,
}

/// The index that a job means.
#[derive(Debug, Clone, Copy)]
pub(crate) struct TargetIndex<'a> {
    pub(crate) name: &'a str,
    /// Its own id, if no other index of that name will do.
    pub(crate) id: Option<&'a str>,
}

/// What a document was brought for, and with what.
pub(crate) struct Apply<'a, W> {
    pub(crate) world: &'a W,
    pub(crate) settings: &'a Settings,
    pub(crate) shared: &'a Shared,
    pub(crate) job: &'a Claimed,
}

/// What the vectors of a change cost.
#[derive(Default)]
struct Spent {
    embedded: usize,
    tokens: u64,
    calls: Vec<Rc<Call>>,
}

impl<W: World> Apply<'_, W> {
    /// Brings a document, or takes it away. It answers always.
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
        meant: TargetIndex<'_>,
        document: &Document,
        spent: &mut Spent,
    ) -> Result<Value, Outcome> {
        let TargetIndex { name, id: index_id } = meant;
        let version = self.job.id.strip_prefix(ID_PREFIX).unwrap_or_default();
        for _ in 0..INDEX_TRIES {
            let index = self.index(name).await?;
            let source = document.content.as_ref().map_or("", |content| content.source.as_str());
            let CurrentState { standing, removal } = self.standing(&index, &document.id, source).await?;
            let seen = standing.as_ref().map(|standing| standing.version.as_str());
            let superseded = |spent: &Spent| Ok(told(name, &index.serving, document, "superseded", &[], spent));
            if index_id.is_some_and(|id| id != index.id) || seen.is_some_and(|stands| stands > version) {
                return superseded(spent);
            }
            if let Some(removal) = removal.filter(|removal| removal.as_str() > version) {
                // What it would have taken the place of leaves, as if it had come before the removal.
                let gone = taken_away(version, &removal);
                if self.put_away(&index, &document.id, standing.as_ref(), &gone).await? {
                    return superseded(spent);
                }
                continue;
            }
            let mut plans = plans(&index, document, standing.as_ref(), None);
            for plan in std::mem::take(&mut plans) {
                match self.find_vectors(&plan, spent).await {
                    Ok(()) => plans.push(plan),
                    // What is searched takes no harm of what is only being built: the rebuild finds the document, or why not.
                    Err(_) if plan.index_version.id != index.serving => {}
                    Err(outcome) => return Err(outcome),
                }
            }
            let stands = self.commit(&index, document, Versions { new: version, seen }, &plans, None).await?;
            if stands.as_deref() == Some(version) {
                let is_chunked = plans.iter().all(|plan| plan.index_version.id != index.serving);
                let state = state_of(document, standing.as_ref(), is_chunked);
                return Ok(told(name, &index.serving, document, state, &plans, spent));
            }
            // Another job has changed it meanwhile, or the index is gone: what stands now is looked at again.
        }
        let wait = Some(RetryAfter::Deferral(Duration::from_secs(INDEX_GO_ON_SECONDS)));
        let message = "Other jobs change the document all the time.".to_owned();
        Err(Outcome::Failed { class: ErrorClass::Internal, message, retry_after: wait })
    }

    /// Cuts a document again as it stands, where an index version has forgotten what it was cut into; `anew` is one that forgets it
    /// in the same batch, with all chunks that it has. A document that is not there is left alone.
    pub(super) async fn chunk_again(
        &self,
        index: &IndexRow,
        id: &str,
        anew: Option<&VersionRow>,
        calls: &mut Vec<Rc<Call>>,
    ) -> Result<(), Outcome> {
        for _ in 0..INDEX_TRIES {
            let Some((version, document)) = self.content(index, id).await? else { return Ok(()) };
            let standing = self.standing(index, id, "").await?.standing;
            let plans = plans(index, &document, standing.as_ref(), anew);
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
            let stands = self.commit(index, &document, versions, &plans, anew).await?;
            if stands.as_deref() == Some(&*version) {
                return Ok(());
            }
            // A job that has changed it meanwhile has cut it as well, but took for there what may not be there.
        }
        Ok(())
    }

    /// Takes a document away with a removal of its source, if it is still of that source and was accepted before.
    pub(super) async fn take_away(&self, index: &IndexRow, id: &str, removal: Removal<'_>) -> Result<(), Outcome> {
        for _ in 0..INDEX_TRIES {
            let Some(standing) = self.standing(index, id, "").await?.standing else { return Ok(()) };
            let is_other = standing.source != removal.source || standing.version.as_str() >= removal.version;
            if standing.deleted == 1 || is_other {
                return Ok(());
            }
            let gone = taken_away(&standing.version, removal.version);
            if self.put_away(index, id, Some(&standing), &gone).await? {
                return Ok(());
            }
        }
        // Others change it all the time: the next attempt looks at it again.
        Err(goes_on("Other jobs change the document all the time.".to_owned()))
    }

    /// A document is no more, if it is still what was seen of it; says whether that version stands.
    async fn put_away(
        &self,
        index: &IndexRow,
        id: &str,
        standing: Option<&CurrentDocument>,
        version: &str,
    ) -> Result<bool, Outcome> {
        let document = Document { id: id.to_owned(), content: None };
        let plans = plans(index, &document, standing, None);
        let seen = standing.map(|standing| standing.version.as_str());
        let stands = self.commit(index, &document, Versions { new: version, seen }, &plans, None).await?;
        Ok(stands.as_deref() == Some(version))
    }

    /// A document as it was brought, with its version.
    async fn content(&self, index: &IndexRow, id: &str) -> Result<Option<(String, Document)>, Outcome> {
        let statement = index_sql!("read_content", index.id.as_str(), id);
        // Safe to repeat: it only reads.
        let answers = batch(&Store(self.world), &[statement]).await.map_err(|error| self.away(&error))?;
        let content: Option<StoredDocument> = first_as(answers.first()).map_err(|error| self.away(&error))?;
        Ok(content.map(|StoredDocument { version, deleted, source, metadata, text }| {
            let content = (deleted == 0).then_some(DocumentContent { text, metadata, source });
            (version, Document { id: id.to_owned(), content })
        }))
    }

    /// The index of that name.
    pub(super) async fn index(&self, name: &str) -> Result<IndexRow, Outcome> {
        let row = manage::find_index(self.world, &self.job.tenant, name).await.map_err(|error| self.away(&error))?;
        row.ok_or_else(|| Outcome::failed(ErrorClass::Config, format!("There is no index {name:?}.")))
    }

    /// The index that a job means.
    pub(super) async fn index_of(&self, meant: TargetIndex<'_>) -> Result<IndexRow, Outcome> {
        let index = self.index(meant.name).await?;
        if meant.id.is_some_and(|id| id != index.id) {
            return Err(Outcome::failed(
                ErrorClass::Config,
                format!("The index {:?} is another one by now.", meant.name),
            ));
        }
        Ok(index)
    }

    /// A document as it stands, and the version before which nothing of a source does.
    async fn standing(&self, index: &IndexRow, document: &str, source: &str) -> Result<CurrentState, Outcome> {
        let index_versions: Vec<_> = index.index_versions.iter().map(|index_version| &index_version.id).collect();
        let statements = vec![
            index_sql!("read_document", index.id.as_str(), document, json_param(&index_versions)),
            index_sql!("read_removal", index.id.as_str(), source),
        ];
        // Safe to repeat: it only reads.
        let answers = batch(&Store(self.world), &statements).await.map_err(|error| self.away(&error))?;
        let standing = first_as(answers.first()).map_err(|error| self.away(&error))?;
        let removal = first_as(answers.get(1)).map_err(|error| self.away(&error))?;
        Ok(CurrentState { standing, removal })
    }

    /// Sees to it that every new chunk has a vector that is kept.
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
            let message =
                format!("The deployment has no model {model:?} of {dimensions} dimensions of a provider {provider:?}.");
            return Err(Outcome::failed(ErrorClass::Provider, message));
        };
        let wanted = TextOwner { tenant: &self.job.tenant, lease: &self.job.lease, choice: &choice, provider, model };
        let asked: BTreeSet<&str> = plan.fresh.iter().map(String::as_str).collect();
        let kept_as = index_version.cache_name();
        // Safe to repeat: it only reads.
        let kept = vectors::known(self.world, wanted.tenant, &kept_as, &asked).await.map_err(|e| self.away(&e))?;
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
                vectors::keep(self.world, wanted.tenant, &kept_as, named).await.map_err(|error| self.away(&error))?;
            }
            Interface::OpenaiCompatible | Interface::WorkersAi => {
                // Safe to repeat: it costs tokens and changes nothing; what came is kept.
                let AskedFor { told, kept: kept_now } =
                    ask_and_keep(self.world, self.settings, &self.shared.pool, wanted, now, texts).await;
                spent.tokens += tokens_of(&told);
                spent.calls.extend(calls_in(&told, |embedded| !matches!(embedded, Embedded::Vector(_))));
                told.into_iter().zip(now).try_for_each(|((embedded, _), hash)| match embedded {
                    Embedded::Vector(_) => Ok(()),
                    Embedded::Refused(message) => {
                        let at = text_of.get(hash.as_str()).map_or(0, |chunk| chunk.start);
                        Err(Outcome::failed(
                            ErrorClass::Handler,
                            format!("The provider refuses the chunk at {at}: {message}"),
                        ))
                    }
                    Embedded::Missing(what) => {
                        let at = text_of.get(hash.as_str()).map_or(0, |chunk| chunk.start);
                        let message = format!("The provider's answer has no vector for the chunk at {at}: {what}.");
                        Err(Outcome::failed(ErrorClass::Provider, message))
                    }
                    Embedded::Failed(outcome) => Err(outcome),
                })?;
                // What is not kept cannot be written: the store is to blame, and not the job.
                kept_now.map_err(|error| self.away(&error))?;
            }
        }
        if now.len() < missing.len() {
            let message = format!("{} of {} chunks have vectors; it goes on.", kept.len() + now.len(), asked.len());
            return Err(goes_on(message));
        }
        Ok(())
    }

    /// Writes it all in one batch, if the document is still what was seen of it; answers the version that stands then.
    async fn commit(
        &self,
        index: &IndexRow,
        document: &Document,
        versions: Versions<'_>,
        plans: &[ChunkPlan<'_>],
        anew: Option<&VersionRow>,
    ) -> Result<Option<String>, Outcome> {
        let index_versions: Vec<_> = index.index_versions.iter().map(|index_version| &index_version.id).collect();
        // What is made anew takes no more room than it had, whatever was counted of it.
        let grow = plans.iter().filter(|plan| anew.is_none() && !plan.fresh.is_empty()).map(ChunkPlan::room);
        let room = json_param(&grow.collect::<Vec<_>>());
        let mut statements = vec![put_document(index, document, versions, room)];
        let of = |index_version: &VersionRow| {
            json_param(&json!({
                "index": index.id, "document": document.id, "version": versions.new, "index_version": index_version.id,
                "tenant": self.job.tenant, "model": index_version.cache_name(),
            }))
        };
        statements.extend(
            anew.into_iter()
                .flat_map(|index_version| drop_all_but(index_version, &of(index_version), &json_param(&[(); 0]))),
        );
        statements.extend(plans.iter().flat_map(|plan| plan.statements(&of(plan.index_version))));
        statements.push(index_sql!("read_state", index.id.as_str(), document.id.as_str(), json_param(&index_versions)));
        // Safe to repeat: what this version has written is there, and each statement asks for the version.
        let answers = batch(&Store(self.world), &statements).await.map_err(|error| self.away(&error))?;
        let state: ChangeResult = first_as(answers.last())
            .map_err(|error| self.away(&error))?
            .ok_or_else(|| Outcome::failed(ErrorClass::Internal, "The store answered nothing."))?;
        for (index_version, _) in state.changes.iter().filter(|(_, changes)| **changes >= MERGE_AFTER) {
            self.shared.merges.make(self.world, &self.job.tenant, index_version).await;
        }
        Ok(state.version)
    }

    /// The outcome when the store of search gives no answer: the job waits and spends no failure. What the store refuses is a bug
    /// of ours, or a vector that was deleted in between.
    pub(super) fn away(&self, error: &DatabaseError) -> Outcome {
        tracing::error!(%error, job = self.job.id, "the store of search gave no answer");
        let message = "The store of search gave no answer.";
        match error {
            DatabaseError::Unreachable(_) => self.job.store_failed(message),
            DatabaseError::Refused(_) => Outcome::failed(ErrorClass::Internal, message),
            DatabaseError::DailyLimit(limit) => Outcome::spent(*limit, self.world.now_ms()),
        }
    }
}

/// The version of what is left of a document whose source was removed: later than its own, and older than all that was accepted
/// after it, also if that was before the removal.
fn taken_away(version: &str, removal: &str) -> String {
    format!("{version}.{removal}")
}

/// Whether a document has no more chunks than one may have, and its index room for those that are new.
///
/// # Errors
/// What becomes of the attempt.
fn check_room(plan: &ChunkPlan<'_>) -> Result<(), Outcome> {
    let index_version = plan.index_version;
    if plan.chunks.len() > DOCUMENT_CHUNKS_MAX {
        let message = format!("The document has more than {DOCUMENT_CHUNKS_MAX} chunks.");
        return Err(Outcome::failed(ErrorClass::Handler, message));
    }
    let most = index_version.chunks_max();
    if (index_version.chunks + plan.fresh.len() as u64).saturating_sub(plan.removed as u64) > most {
        let (has, dimensions) = (index_version.chunks, index_version.dimensions);
        let message = format!("The index has {has} chunks, and may have {most} of {dimensions} dimensions.");
        return Err(Outcome::failed(ErrorClass::Handler, message));
    }
    Ok(())
}

/// What is told of a change as the result of its job.
fn told(name: &str, serving: &str, document: &Document, state: &str, plans: &[ChunkPlan<'_>], spent: &Spent) -> Value {
    let plan = plans.iter().find(|plan| plan.index_version.id == serving);
    json!({
        "index": name, "document": document.id, "state": state, "index_version": serving,
        "chunks": plan.map(|plan| plan.chunks.len()), "added": plan.map_or(0, |plan| plan.fresh.len()),
        "removed": plan.map_or(0, |plan| plan.removed),
        "usage": {"embedded": spent.embedded, "calls": spent.calls.len(), "tokens": spent.tokens},
    })
}
