//! An attempt of an `embed` job: turns its texts into vectors, or into documents of an index.

use std::rc::Rc;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use crate::embed::ask::{Call, Embedded, EmbeddedText};
use crate::embed::pool::TextOwner;
use crate::embed::refusals::{all_refused, named};
use crate::embed::vectors::{calls_in, tokens_of, vectors_of, waiting};
use crate::index::apply::Apply;
use crate::index::ingest::{Named, ingest};
use crate::index::shared::Shared;
use crate::kinds::embed::{Embed, Output};
use crate::model::claimed::Claimed;
use crate::model::outcome::{ErrorClass, Outcome};
use crate::ports::World;
use crate::settings::Settings;
use crate::settings::providers::{Choice, Model};
use crate::store::objects::put_vectors;
use crate::wire::idempotency::sha256;

/// Outcome of a batch, and the calls that its texts were in.
pub(crate) type Ran = (Outcome, Vec<Rc<Call>>);

/// Embeds the texts of a claimed job. Infallible: every failure becomes an [`Outcome`].
pub(crate) async fn run<W: World>(
    world: &W,
    settings: &Settings,
    shared: &Shared,
    job: &Claimed,
    payload: &[u8],
) -> Ran {
    let unreadable = || (Outcome::unreadable_payload(), Vec::new());
    let Ok(Embed { provider, model, inputs, output }) = serde_json::from_slice(payload) else { return unreadable() };
    if let Output::Index(index) = output {
        let texts = inputs.into_iter().map(|input| (input.id, input.text)).collect();
        let named = Named { provider: provider.as_deref(), model: model.as_deref() };
        return ingest(&Apply { world, settings, shared, job }, &index, named, texts).await;
    }
    let (Some(provider), Some(model)) = (provider, model) else { return unreadable() };
    let Some(known) = settings.providers.model(&provider, &model) else {
        let message = format!("The deployment no longer has the model {model:?} of the provider {provider:?}.");
        return (Outcome::failed(ErrorClass::Provider, message), Vec::new());
    };
    let (ids, texts): (Vec<_>, Vec<_>) = inputs.into_iter().map(|input| (input.id, input.text)).unzip();
    let choice = Choice { provider, model };
    let owner =
        TextOwner { tenant: &job.tenant, lease: &job.lease, choice: &choice, provider: known.0, model: known.1 };
    let texts = vectors_of(world, settings, &shared.pool, owner, texts).await;
    let calls = calls_in(&texts, fails_batch);
    let outcome = match (sum_up(&choice, known.1, &ids, texts, &calls), output) {
        (Ok(sum), Output::Inline) => Outcome::Succeeded { result: sum.inline().into() },
        (Ok(sum), _) => {
            let (object, result) = sum.in_object();
            // Safe to repeat: it overwrites the object of the same job.
            let put = put_vectors(world, job, &object).await;
            put.map_or_else(|outcome| outcome, |()| Outcome::Succeeded { result: result.into() })
        }
        (Err(outcome), _) => waiting(outcome, job.attempt, !calls.is_empty()),
    };
    (outcome, calls)
}

/// Returns true if this text fails the whole batch.
fn fails_batch(embedded: &Embedded) -> bool {
    matches!(embedded, Embedded::Missing(_) | Embedded::Failed(_))
}

/// The vectors of a batch, and the job's result without them.
struct Sum {
    vectors: Vec<(String, Vec<f32>)>,
    result: Value,
}

/// Sums up a batch: its vectors and refused texts. Returns the failure of the attempt if a text has neither.
fn sum_up(
    choice: &Choice,
    model: Model,
    ids: &[String],
    texts: Vec<EmbeddedText>,
    calls: &[Rc<Call>],
) -> Result<Sum, Outcome> {
    let tokens = tokens_of(&texts);
    let (mut vectors, mut refused) = (Vec::new(), Vec::new());
    for (id, (embedded, _)) in ids.iter().zip(texts) {
        match embedded {
            Embedded::Vector(vector) => vectors.push((id.clone(), vector)),
            Embedded::Refused(message) => refused.push((id.clone(), message)),
            Embedded::Missing(what) => {
                let message = format!("The provider's answer has no vector for {id:?}: {what}.");
                return Err(Outcome::failed(ErrorClass::Provider, message));
            }
            Embedded::Failed(outcome) => return Err(outcome),
        }
    }
    if vectors.is_empty() {
        return Err(all_refused("The provider refuses every text", &refused));
    }
    let named = named(&refused);
    let Choice { provider, model: name } = choice;
    let result = json!({
        "provider": provider, "model": name, "dimensions": model.dimensions, "embedded": vectors.len(),
        "refused": named, "refused_count": refused.len(),
        "usage": {"calls": calls.len(), "tokens": tokens},
    });
    Ok(Sum { vectors, result })
}

impl Sum {
    /// Returns the result with the vectors in it, as base64.
    fn inline(mut self) -> Value {
        let shown =
            |(id, vector): &(String, Vec<f32>)| json!({"id": id, "embedding": STANDARD.encode(bytes_of(vector))});
        self.result["embeddings"] = self.vectors.iter().map(shown).collect();
        self.result
    }

    /// Returns one line of JSON, `{"dimensions", "ids"}`, followed by the vectors.
    fn object(&self) -> Vec<u8> {
        let ids: Vec<_> = self.vectors.iter().map(|(id, _)| id).collect();
        let mut bytes = json!({"dimensions": self.result["dimensions"], "ids": ids}).to_string().into_bytes();
        bytes.push(b'\n');
        self.vectors.iter().for_each(|(_, vector)| bytes.extend(bytes_of(vector)));
        bytes
    }

    /// Returns the object, and the result that refers to it.
    fn in_object(mut self) -> (Vec<u8>, Value) {
        let object = self.object();
        self.result["vectors"] = json!({"bytes": object.len(), "sha256": sha256(&object)});
        (object, self.result)
    }
}

fn bytes_of(vector: &[f32]) -> Vec<u8> {
    vector.iter().flat_map(|value| value.to_le_bytes()).collect()
}

#[cfg(test)]
mod tests;
