//! An attempt of a job `embed`: its texts become vectors, or documents of an index.

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

/// What a batch came to, and the calls it was in.
pub(crate) type Ran = (Outcome, Vec<Rc<Call>>);

/// Embeds the texts of a claimed job. It answers always.
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
        let message = format!("The deployment has no model {model:?} of a provider {provider:?} any more.");
        return (Outcome::failed(ErrorClass::Provider, message), Vec::new());
    };
    let (ids, texts): (Vec<_>, Vec<_>) = inputs.into_iter().map(|input| (input.id, input.text)).unzip();
    let choice = Choice { provider, model };
    let wanted =
        TextOwner { tenant: &job.tenant, lease: &job.lease, choice: &choice, provider: known.0, model: known.1 };
    let told = vectors_of(world, settings, &shared.pool, wanted, texts).await;
    let calls = calls_in(&told, fails_batch);
    let outcome = match (sum_up(&choice, known.1, &ids, told, &calls), output) {
        (Ok(sum), Output::Inline) => Outcome::Succeeded { result: sum.inline().into() },
        (Ok(sum), _) => {
            let (object, result) = sum.in_object();
            // Safe to repeat: the same job's object is written over.
            let put = put_vectors(world, job, &object).await;
            put.map_or_else(|outcome| outcome, |()| Outcome::Succeeded { result: result.into() })
        }
        (Err(outcome), _) => waiting(outcome, job.attempt, !calls.is_empty()),
    };
    (outcome, calls)
}

/// Whether the whole batch fails because of this text.
fn fails_batch(embedded: &Embedded) -> bool {
    matches!(embedded, Embedded::Missing(_) | Embedded::Failed(_))
}

/// The vectors of a batch and what is told of them.
struct Sum {
    vectors: Vec<(String, Vec<f32>)>,
    told: Value,
}

/// Sums a batch up: vectors, refusals, or the failure of the attempt, if one text has neither.
fn sum_up(
    choice: &Choice,
    model: Model,
    ids: &[String],
    told: Vec<EmbeddedText>,
    calls: &[Rc<Call>],
) -> Result<Sum, Outcome> {
    let tokens = tokens_of(&told);
    let (mut vectors, mut refused) = (Vec::new(), Vec::new());
    for (id, (embedded, _)) in ids.iter().zip(told) {
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
    let told = json!({
        "provider": provider, "model": name, "dimensions": model.dimensions, "embedded": vectors.len(),
        "refused": named, "refused_count": refused.len(),
        "usage": {"calls": calls.len(), "tokens": tokens},
    });
    Ok(Sum { vectors, told })
}

impl Sum {
    fn inline(mut self) -> Value {
        let shown =
            |(id, vector): &(String, Vec<f32>)| json!({"id": id, "embedding": STANDARD.encode(bytes_of(vector))});
        self.told["embeddings"] = self.vectors.iter().map(shown).collect();
        self.told
    }

    /// One line of JSON, `{"dimensions", "ids"}`, and then the vectors one after the other.
    fn object(&self) -> Vec<u8> {
        let ids: Vec<_> = self.vectors.iter().map(|(id, _)| id).collect();
        let mut bytes = json!({"dimensions": self.told["dimensions"], "ids": ids}).to_string().into_bytes();
        bytes.push(b'\n');
        self.vectors.iter().for_each(|(_, vector)| bytes.extend(bytes_of(vector)));
        bytes
    }

    /// The object, and the result that tells of it.
    fn in_object(mut self) -> (Vec<u8>, Value) {
        let object = self.object();
        self.told["vectors"] = json!({"bytes": object.len(), "sha256": sha256(&object)});
        (object, self.told)
    }
}

fn bytes_of(vector: &[f32]) -> Vec<u8> {
    vector.iter().flat_map(|value| value.to_le_bytes()).collect()
}

#[cfg(test)]
mod tests;
