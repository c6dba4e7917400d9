//! Upserts texts as documents of an index, one document per text, for jobs of kind `embed`.
//!
//! Several documents are ingested concurrently, so that they share calls to the provider. A document that this job has
//! written carries the job's version, so an attempt that is interrupted loses nothing and the next attempt skips those
//! documents.

use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;
use std::time::Duration;

use futures_util::future::join_all;
use serde_json::{Value, json};

use super::apply::{Apply, TargetIndex};
use super::plan::{Document, DocumentContent};
use super::{IndexRow, VersionRow};
use crate::embed::ask::Call;
use crate::embed::refusals::{all_refused, named};
use crate::embed::vectors::add_calls;
use crate::index::plan::continue_later;
use crate::limits::{EMBED_WAIT_DOUBLINGS, INDEX_GO_ON_SECONDS, INGEST_AT_ONCE, INGEST_BYTES_AT_ONCE, REBUILD_MS};
use crate::model::backoff::doubled_wait;
use crate::model::job::ID_PREFIX;
use crate::model::outcome::{ErrorClass, Outcome, RetryAfter};
use crate::ports::World;
use crate::store::search::{Store, index_sql};
use crate::store::{batch, json_param, rows_as};
use crate::wire::metadata::Metadata;

/// Progress of an attempt.
#[derive(Default)]
struct Ingested {
    /// Number of documents per resulting state.
    states: BTreeMap<String, usize>,
    /// Texts that the provider or a limit refuses: document id and reason.
    refused: Vec<(String, String)>,
    tokens: u64,
    calls: Vec<Rc<Call>>,
    /// Failure that ends the attempt.
    failure: Option<Failure>,
}

/// Failure to ingest a document.
struct Failure {
    outcome: Outcome,
    /// Index, among the calls of the attempt, of the last call that contained the document.
    call: Option<usize>,
    /// True if that call itself failed. Otherwise a call for another document failed, and this document was not
    /// requested.
    has_failed: bool,
}

/// The provider and the model that a job names.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Named<'a> {
    pub(crate) provider: Option<&'a str>,
    pub(crate) model: Option<&'a str>,
}

/// Upserts texts as documents of an index, each with its id. The job may name the provider and the model; they must
/// match the index. Infallible: every failure becomes an `Outcome`.
pub(crate) async fn ingest<W: World>(
    apply: &Apply<'_, W>,
    index: &str,
    model: Named<'_>,
    texts: Vec<(String, String)>,
) -> (Outcome, Vec<Rc<Call>>) {
    let mut ingested = Ingested::default();
    let outcome = match try_ingest(apply, index, model, texts, &mut ingested).await {
        Ok(result) => Outcome::Succeeded { result: result.into() },
        Err(outcome) => outcome,
    };
    (outcome, ingested.calls)
}

async fn try_ingest<W: World>(
    apply: &Apply<'_, W>,
    name: &str,
    model: Named<'_>,
    texts: Vec<(String, String)>,
    ingested: &mut Ingested,
) -> Result<Value, Outcome> {
    let (began_at, count) = (apply.world.now_ms(), texts.len());
    let index = apply.index(name).await?;
    let serving = index.serving().ok_or_else(|| continue_later("The index has no serving version yet.".into()))?;
    check_model(name, serving, model)?;
    let earlier = ingested_before(apply, &index, &texts).await?;
    let mut left: Vec<_> = texts.into_iter().filter(|(id, _)| !earlier.contains(id)).collect();
    let later = left.split_off(apply.shared.take_documents(left.len()));
    let tried = left.len();
    let mut left = left.into_iter();
    while left.len() > 0 {
        let next = next_batch(&mut left);
        ingest_some(apply, TargetIndex { name, id: Some(&index.id) }, next, ingested).await;
        if let Some(outcome) = ingested.take_failure() {
            return Err(outcome);
        }
        if apply.world.now_ms() - began_at >= REBUILD_MS {
            break;
        }
    }
    let open = left.len() + later.len();
    let refused = &ingested.refused;
    // An attempt in which every text was refused would be repeated without progress.
    let is_stuck = open > 0 && refused.len() == tried && tried >= apply.settings.plan.index_documents;
    if is_stuck || refused.len() == count {
        return Err(all_refused("None of the texts can become a document", refused));
    }
    if tried == 0 && open > 0 {
        return Err(wait_for_capacity(apply.job.attempt));
    }
    if open > 0 {
        let done = count - open - refused.len();
        return Err(continue_later(format!("{done} of {count} texts are documents; the job continues.")));
    }
    if !earlier.is_empty() {
        ingested.states.insert("earlier".to_owned(), earlier.len());
    }
    let VersionRow { id, provider, model, dimensions, .. } = serving;
    Ok(json!({
        "index": name, "index_version": id, "provider": provider, "model": model, "dimensions": dimensions,
        "embedded": count - ingested.refused.len(), "documents": ingested.states,
        "refused": named(&ingested.refused), "refused_count": ingested.refused.len(),
        "usage": {"calls": ingested.calls.len(), "tokens": ingested.tokens},
    }))
}

/// Takes the next texts that are ingested concurrently: at least one, at most [`INGEST_AT_ONCE`], and no more after
/// [`INGEST_BYTES_AT_ONCE`] bytes.
fn next_batch(texts: &mut std::vec::IntoIter<(String, String)>) -> Vec<(String, String)> {
    let (mut next, mut bytes) = (Vec::new(), 0);
    while next.len() < INGEST_AT_ONCE && bytes < INGEST_BYTES_AT_ONCE {
        let Some((id, text)) = texts.next() else { break };
        bytes += text.len();
        next.push((id, text));
    }
    next
}

/// The outcome when other jobs have used up the documents of this invocation: the job waits, longer each time.
fn wait_for_capacity(attempt: u32) -> Outcome {
    let wait = doubled_wait(attempt, INDEX_GO_ON_SECONDS, EMBED_WAIT_DOUBLINGS);
    let message =
        "Other jobs used up the documents that one invocation may change; the job continues later.".to_owned();
    Outcome::Failed { class: ErrorClass::Internal, message, retry_after: Some(RetryAfter::Deferral(wait)) }
}

/// Ingests some documents concurrently.
async fn ingest_some<W: World>(
    apply: &Apply<'_, W>,
    index: TargetIndex<'_>,
    texts: Vec<(String, String)>,
    ingested: &mut Ingested,
) {
    let one = async |(id, text): (String, String)| {
        let content = DocumentContent { text, metadata: Metadata::default(), source: String::new() };
        let document = Document { id, content: Some(content) };
        // Safe to repeat: each write has the job's version.
        let result = apply.apply(index, &document).await;
        (document.id, result)
    };
    for (id, result) in join_all(texts.into_iter().map(one)).await {
        let (outcome, calls) = result;
        ingested.record(id, outcome, &calls);
    }
}

impl Ingested {
    /// Records the outcome of a document.
    fn record(&mut self, id: String, outcome: Outcome, calls: &[Rc<Call>]) {
        add_calls(&mut self.calls, calls);
        match outcome {
            Outcome::Succeeded { result } => {
                let result = result.to_value();
                let state = result["state"].as_str().unwrap_or_default();
                *self.states.entry(state.to_owned()).or_default() += 1;
                self.tokens += result["usage"]["tokens"].as_u64().unwrap_or(0);
            }
            Outcome::Failed { class: ErrorClass::Handler, message, .. } => self.refused.push((id, message)),
            // Most documents fail because the call for another document failed; that call's failure is the attempt's.
            failure => {
                let last = calls.last();
                let call = last.and_then(|last| self.calls.iter().position(|call| Rc::ptr_eq(call, last)));
                let has_failed = last.is_some_and(|call| call.status_of_success().is_none());
                let failure = Failure { outcome: failure, call, has_failed };
                if self.failure.as_ref().is_none_or(|before| rank(before) < rank(&failure)) {
                    self.failure = Some(failure);
                }
            }
        }
    }

    /// Returns the outcome of the attempt if it fails, and moves the failed call to the end of the calls.
    fn take_failure(&mut self) -> Option<Outcome> {
        let Failure { outcome, call, .. } = self.failure.take()?;
        if let Some(at) = call {
            let failed = self.calls.remove(at);
            self.calls.push(failed);
        }
        Some(outcome)
    }
}

/// Orders failures; the attempt fails with the greatest one. A real failure is greater than a deferral, and a longer
/// deferral than a shorter one. Among equals, a failure whose own call failed is greater, and of those the one with the
/// latest call: documents in earlier calls failed because of it.
fn rank(Failure { outcome, call, has_failed }: &Failure) -> (bool, Duration, bool, Option<usize>) {
    match outcome {
        Outcome::Failed { retry_after: Some(RetryAfter::Deferral(wait)), .. } => (false, *wait, *has_failed, *call),
        _ => (true, Duration::ZERO, *has_failed, *call),
    }
}

/// Finds the texts that are documents already, written by this job or by a job that was accepted later.
async fn ingested_before<W: World>(
    apply: &Apply<'_, W>,
    index: &IndexRow,
    texts: &[(String, String)],
) -> Result<BTreeSet<String>, Outcome> {
    let ids: Vec<_> = texts.iter().map(|(id, _)| id).collect();
    let version = apply.job.id.strip_prefix(ID_PREFIX).unwrap_or_default();
    let statement = index_sql!("find_ingested", index.id.as_str(), version, json_param(&ids));
    // Safe to repeat: it only reads.
    let answers = batch(&Store(apply.world), &[statement]).await.map_err(|error| apply.failed(&error))?;
    let found: Vec<String> = rows_as(answers.first().unwrap_or(&Vec::new())).map_err(|error| apply.failed(&error))?;
    Ok(found.into_iter().collect())
}

/// Refuses a provider or model that differs from the index's.
fn check_model(name: &str, serving: &VersionRow, named: Named<'_>) -> Result<(), Outcome> {
    let VersionRow { provider, model, .. } = serving;
    if named.provider.is_none_or(|named| named == provider) && named.model.is_none_or(|named| named == model) {
        return Ok(());
    }
    let message = format!("The index {name:?} uses {provider}/{model}; omit `provider` and `model`, or name these.");
    Err(Outcome::failed(ErrorClass::Config, message))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Concurrent documents call the provider separately: one call may be refused a connection while another gets a
    /// `Retry-After`.
    #[test]
    fn an_attempt_fails_with_the_failure_of_its_own_call() {
        let failed = |class, retry_after| Outcome::Failed { class, message: String::new(), retry_after };
        let waits = |class, seconds| failed(class, Some(RetryAfter::Deferral(Duration::from_secs(seconds))));
        let call = |status| Call::answered(status, 1, 0);
        let (shared, interrupted, busy) = (call(Some(200)), call(None), call(Some(429)));
        let (asked, unreachable) = (waits(ErrorClass::Provider, 15), waits(ErrorClass::Internal, 10));
        let results = [
            (asked.clone(), vec![]),
            (asked.clone(), vec![shared.clone(), busy.clone()]),
            (unreachable, vec![shared.clone()]),
            (failed(ErrorClass::Provider, None), vec![shared.clone(), interrupted.clone()]),
            // This deferral is as long as the others, but its own call did not fail.
            (asked.clone(), vec![shared.clone(), call(Some(200))]),
        ];
        for (order, expected, last) in [
            (vec![1, 0, 2], &asked, &busy),
            (vec![0, 2, 1], &asked, &busy),
            (vec![1, 4], &asked, &busy),
            (vec![3, 1, 2], &results[3].0, &interrupted),
            (vec![2, 1, 3], &results[3].0, &interrupted),
        ] {
            let mut ingested = Ingested::default();
            for at in &order {
                let (outcome, calls) = results[*at].clone();
                ingested.record(String::new(), outcome, &calls);
            }
            assert_eq!(ingested.take_failure().as_ref(), Some(expected), "{order:?}");
            assert!(Rc::ptr_eq(ingested.calls.last().unwrap(), last), "{order:?}");
        }
    }
}
