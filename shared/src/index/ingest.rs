//! Texts that become documents of an index, each by itself: what a job of kind `embed` may ask for.
//!
//! Some are brought side by side, so that they share calls of the provider. What was brought is known by its version, which is that
//! of the job: an attempt that ends early has lost nothing, and one that begins anew has nothing to do with it.

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
use crate::index::plan::goes_on;
use crate::limits::{EMBED_WAIT_DOUBLINGS, INDEX_GO_ON_SECONDS, INGEST_AT_ONCE, INGEST_BYTES_AT_ONCE, REBUILD_MS};
use crate::model::backoff::doubled_wait;
use crate::model::job::ID_PREFIX;
use crate::model::outcome::{ErrorClass, Outcome, RetryAfter};
use crate::ports::World;
use crate::store::search::{Store, index_sql};
use crate::store::{batch, json_param, rows_as};
use crate::wire::metadata::Metadata;

/// What has come of an attempt so far.
#[derive(Default)]
struct Ingested {
    /// How many documents came to each state.
    states: BTreeMap<String, usize>,
    /// Texts that cannot become documents, and why.
    refused: Vec<(String, String)>,
    tokens: u64,
    calls: Vec<Rc<Call>>,
    /// Why the attempt fails.
    failure: Option<Failure>,
}

/// Why a document could not be brought.
struct Failure {
    outcome: Outcome,
    /// The place of the last call that it was in among those of the attempt, if there was one.
    call: Option<usize>,
    /// Whether that call failed. If it did not, the call for another document failed, and this one was not asked for.
    has_failed: bool,
}

/// What a job names of the model that it wants.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Named<'a> {
    pub(crate) provider: Option<&'a str>,
    pub(crate) model: Option<&'a str>,
}

/// Brings texts as documents of an index, each with its id. Of the provider and the model, what is named must be the index's. It
/// answers always.
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
    let serving = index.serving().ok_or_else(|| goes_on("The index is being changed.".into()))?;
    is_its_model(name, serving, model)?;
    let earlier = ingested_before(apply, &index, &texts).await?;
    let mut left: Vec<_> = texts.into_iter().filter(|(id, _)| !earlier.contains(id)).collect();
    let later = left.split_off(apply.shared.take_documents(left.len()));
    let tried = left.len();
    let mut left = left.into_iter();
    while left.len() > 0 {
        let next = at_once(&mut left);
        some(apply, TargetIndex { name, id: Some(&index.id) }, next, ingested).await;
        if let Some(outcome) = ingested.take_failure() {
            return Err(outcome);
        }
        if apply.world.now_ms() - began_at >= REBUILD_MS {
            break;
        }
    }
    let open = left.len() + later.len();
    let refused = &ingested.refused;
    // If those that are refused fill an attempt, none gets further.
    let is_stuck = open > 0 && refused.len() == tried && tried >= apply.settings.plan.index_documents;
    if is_stuck || refused.len() == count {
        return Err(all_refused("No text becomes a document", refused));
    }
    if tried == 0 && open > 0 {
        return Err(waits_its_turn(apply.job.attempt));
    }
    if open > 0 {
        return Err(goes_on(format!("{} of {count} texts are documents; it goes on.", count - open - refused.len())));
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

/// The next texts, one at least: no more than are brought side by side, or their bytes.
fn at_once(texts: &mut std::vec::IntoIter<(String, String)>) -> Vec<(String, String)> {
    let (mut next, mut bytes) = (Vec::new(), 0);
    while next.len() < INGEST_AT_ONCE && bytes < INGEST_BYTES_AT_ONCE {
        let Some((id, text)) = texts.next() else { break };
        bytes += text.len();
        next.push((id, text));
    }
    next
}

/// What becomes of an attempt whose invocation has brought all documents that it may: it waits, longer each time.
fn waits_its_turn(attempt: u32) -> Outcome {
    let wait = doubled_wait(attempt, INDEX_GO_ON_SECONDS, EMBED_WAIT_DOUBLINGS);
    let message = "Others have ingested all documents that one invocation may.".to_owned();
    Outcome::Failed { class: ErrorClass::Internal, message, retry_after: Some(RetryAfter::Deferral(wait)) }
}

/// Brings some documents side by side.
async fn some<W: World>(
    apply: &Apply<'_, W>,
    index: TargetIndex<'_>,
    texts: Vec<(String, String)>,
    ingested: &mut Ingested,
) {
    let one = async |(id, text): (String, String)| {
        let content = DocumentContent { text, metadata: Metadata::default(), source: String::new() };
        let document = Document { id, content: Some(content) };
        // Safe to repeat: the version of what it brings is the job's.
        let came = apply.apply(index, &document).await;
        (document.id, came)
    };
    for (id, came) in join_all(texts.into_iter().map(one)).await {
        let (outcome, calls) = came;
        ingested.take_in(id, outcome, &calls);
    }
}

impl Ingested {
    /// Takes in what a document came to.
    fn take_in(&mut self, id: String, outcome: Outcome, calls: &[Rc<Call>]) {
        add_calls(&mut self.calls, calls);
        match outcome {
            Outcome::Succeeded { result } => {
                let result = result.to_value();
                let state = result["state"].as_str().unwrap_or_default();
                *self.states.entry(state.to_owned()).or_default() += 1;
                self.tokens += result["usage"]["tokens"].as_u64().unwrap_or(0);
            }
            Outcome::Failed { class: ErrorClass::Handler, message, .. } => self.refused.push((id, message)),
            // Most were not asked for, because of the one that was and failed: that is the attempt's.
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

    /// The end of the attempt, if it fails; the call that failed is the last one then.
    fn take_failure(&mut self) -> Option<Outcome> {
        let Failure { outcome, call, .. } = self.failure.take()?;
        if let Some(at) = call {
            let failed = self.calls.remove(at);
            self.calls.push(failed);
        }
        Some(outcome)
    }
}

/// Orders failures; the attempt fails with the greatest one. A failure that does not only wait is greater than one that does, and
/// a longer wait than a shorter one. Among equals it is one whose own call failed, and of those the one with the latest call:
/// documents of earlier calls failed because of it.
fn rank(Failure { outcome, call, has_failed }: &Failure) -> (bool, Duration, bool, Option<usize>) {
    match outcome {
        Outcome::Failed { retry_after: Some(RetryAfter::Deferral(wait)), .. } => (false, *wait, *has_failed, *call),
        _ => (true, Duration::ZERO, *has_failed, *call),
    }
}

/// The texts that are documents by now, as this job brought them, or as one that was accepted later did.
async fn ingested_before<W: World>(
    apply: &Apply<'_, W>,
    index: &IndexRow,
    texts: &[(String, String)],
) -> Result<BTreeSet<String>, Outcome> {
    let ids: Vec<_> = texts.iter().map(|(id, _)| id).collect();
    let version = apply.job.id.strip_prefix(ID_PREFIX).unwrap_or_default();
    let statement = index_sql!("find_ingested", index.id.as_str(), version, json_param(&ids));
    // Safe to repeat: it only reads.
    let answers = batch(&Store(apply.world), &[statement]).await.map_err(|error| apply.away(&error))?;
    let found: Vec<String> = rows_as(answers.first().unwrap_or(&Vec::new())).map_err(|error| apply.away(&error))?;
    Ok(found.into_iter().collect())
}

/// Refuses what is named beside an index that has another.
fn is_its_model(name: &str, serving: &VersionRow, named: Named<'_>) -> Result<(), Outcome> {
    let VersionRow { provider, model, .. } = serving;
    if named.provider.is_none_or(|named| named == provider) && named.model.is_none_or(|named| named == model) {
        return Ok(());
    }
    let message = format!("The index {name:?} has vectors of {provider}/{model}, and no others.");
    Err(Outcome::failed(ErrorClass::Config, message))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Documents side by side ask each for itself: one may be refused a connection while another is asked for time.
    #[test]
    fn a_failure_is_that_of_its_own_call() {
        let failed = |class, retry_after| Outcome::Failed { class, message: String::new(), retry_after };
        let waits = |class, seconds| failed(class, Some(RetryAfter::Deferral(Duration::from_secs(seconds))));
        let call = |status| Call::answered(status, 1, 0);
        let (shared, interrupted, busy) = (call(Some(200)), call(None), call(Some(429)));
        let (asked, away) = (waits(ErrorClass::Provider, 15), waits(ErrorClass::Internal, 10));
        let came = [
            (asked.clone(), vec![]),
            (asked.clone(), vec![shared.clone(), busy.clone()]),
            (away, vec![shared.clone()]),
            (failed(ErrorClass::Provider, None), vec![shared.clone(), interrupted.clone()]),
            // It waits as long as another, and no call of its own has failed.
            (asked.clone(), vec![shared.clone(), call(Some(200))]),
        ];
        for (order, expected, last) in [
            (vec![1, 0, 2], &asked, &busy),
            (vec![0, 2, 1], &asked, &busy),
            (vec![1, 4], &asked, &busy),
            (vec![3, 1, 2], &came[3].0, &interrupted),
            (vec![2, 1, 3], &came[3].0, &interrupted),
        ] {
            let mut ingested = Ingested::default();
            for at in &order {
                let (outcome, calls) = came[*at].clone();
                ingested.take_in(String::new(), outcome, &calls);
            }
            assert_eq!(ingested.take_failure().as_ref(), Some(expected), "{order:?}");
            assert!(Rc::ptr_eq(ingested.calls.last().unwrap(), last), "{order:?}");
        }
    }
}
