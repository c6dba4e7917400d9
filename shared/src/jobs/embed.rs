//! The batch of texts that become vectors: its payload, its checks, its run and its result.
//!
//! `{"provider"?, "model"?, "inputs": [{"id", "text"}], "output"?: "inline" | "r2" | {"index": name}}`. It is stored with the
//! provider and the model that it means, unless an index says which. A text that the provider refuses fails alone: the result
//! names it, and says why.

use std::collections::BTreeSet;
use std::rc::Rc;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use serde_json::{Value, json};

use crate::claim::Claimed;
use crate::embed::ask::{Call, Embedded, Told};
use crate::embed::pool::Pool;
use crate::embed::providers::{Choice, Model};
use crate::embed::vectors::{Wanted, calls_in, tokens_of, vectors_of, waiting};
use crate::evidence::sha256;
use crate::index::apply::Apply;
use crate::index::bring::bring;
use crate::invalid::{InvalidField, Wrong, is_name, read};
use crate::jobs::CheckedPayload;
use crate::jobs::index::is_blank;
use crate::limits::{
    BROUGHT_ATTEMPTS, EMBED_ID_BYTES_MAX, EMBED_INPUTS_MAX, EMBED_REASON_CHARS, EMBED_REFUSED_SHOWN,
    EMBED_TEXT_BYTES_MAX, RESULT_BYTES_MAX,
};
use crate::outcome::{ErrorClass, Outcome};
use crate::payload::put_vectors;
use crate::ports::World;
use crate::problem::Problem;
use crate::raw::{members, name_of, object_of};
use crate::settings::Settings;

/// The payload, as callers write it and as it is stored.
#[derive(Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema), schemars(rename = "EmbedPayload"))]
#[serde(deny_unknown_fields)]
pub(crate) struct Embed {
    /// The provider, one of those that the deployment has; its default when nothing is said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    provider: Option<String>,
    /// The provider's model.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    model: Option<String>,
    /// The texts.
    #[cfg_attr(feature = "openapi", schemars(length(min = 1, max = EMBED_INPUTS_MAX)))]
    inputs: Vec<Input>,
    /// Where the vectors go; into the result when nothing is said.
    #[serde(default)]
    output: Output,
}

/// A text with the caller's name for it.
#[derive(Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema), schemars(rename = "EmbedInput"))]
#[serde(deny_unknown_fields)]
struct Input {
    /// Names it in the result; no two are the same.
    #[cfg_attr(feature = "openapi", schemars(length(min = 1, max = EMBED_ID_BYTES_MAX)))]
    id: String,
    /// What is embedded, exactly as it is.
    #[cfg_attr(feature = "openapi", schemars(length(min = 1, max = EMBED_TEXT_BYTES_MAX)))]
    text: String,
}

/// Where vectors go.
#[derive(Debug, Default, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema), schemars(rename = "EmbedOutput"))]
#[serde(rename_all = "lowercase")]
enum Output {
    /// Into the job's result, each as base64 of its little-endian 32-bit floats.
    #[default]
    Inline,
    /// Into an object of their own: `GET /v1/jobs/{id}/vectors`.
    R2,
    /// Into the index of that name: each text becomes a document of it, without metadata or source, cut and embedded as the
    /// index does it. Of `provider` and `model`, what is said must be the index's own.
    Index(String),
}

/// Checks a payload and notes which model it means.
///
/// # Errors
/// A problem that names every wrong field, if the form of one is wrong.
pub fn check(payload: &RawValue, settings: &Settings) -> Result<CheckedPayload, Problem> {
    let mut embed: Embed = read(payload.get().as_bytes(), "#/payload")?;
    let mut wrong = Wrong::default();
    embed.errors().into_iter().for_each(|field| wrong.form(field));
    // Providers, their models and the plan may have been others when the same request was accepted.
    match settings.providers.choose(embed.provider.as_deref(), embed.model.as_deref()) {
        // Its index says which is meant.
        _ if matches!(embed.output, Output::Index(_)) => {
            embed.too_many_of_an_index(settings).into_iter().for_each(|field| wrong.now(field));
        }
        Ok(choice) => {
            let dimensions = settings.providers.model(&choice.provider, &choice.model).map_or(0, |(_, m)| m.dimensions);
            embed.too_much_inline(dimensions).into_iter().for_each(|field| wrong.now(field));
            (embed.provider, embed.model) = (Some(choice.provider), Some(choice.model));
        }
        Err(unknown) => {
            let pointer = format!("#/payload/{}", unknown.field);
            wrong.now(InvalidField::new(pointer, unknown.code, &unknown.detail));
        }
    }
    let refused_if_new = wrong.judge().map_err(Problem::InvalidRequest)?;
    let stored = embed.stored(payload);
    Ok(CheckedPayload { endpoint: String::new(), stored, is_plain: true, refused_if_new })
}

impl Embed {
    /// The payload as it was written, with the provider and the model that it means.
    fn stored(&self, payload: &RawValue) -> String {
        let meant = |value: &Option<String>| value.as_ref().map(|value| Value::from(value.as_str()).to_string());
        let meant = [("\"provider\"", meant(&self.provider)), ("\"model\"", meant(&self.model))];
        let is_meant = |name: &str| matches!(name, "provider" | "model");
        let written = members(payload.get()).unwrap_or_default().into_iter();
        let written =
            written.filter(|(name, _)| !is_meant(&name_of(name))).map(|(name, value)| (name.get(), value.get()));
        object_of(written.chain(meant.iter().filter_map(|(name, value)| Some((*name, value.as_deref()?)))))
    }

    fn errors(&self) -> Vec<InvalidField> {
        let mut errors = Vec::new();
        if !(1..=EMBED_INPUTS_MAX).contains(&self.inputs.len()) {
            let detail = format!("A job embeds 1 to {EMBED_INPUTS_MAX} texts.");
            errors.push(InvalidField::new("#/payload/inputs", "out-of-range", detail));
        }
        let mut ids = BTreeSet::new();
        for (at, Input { id, text }) in self.inputs.iter().take(EMBED_INPUTS_MAX).enumerate() {
            let mut wrong = |field, code, detail: String| {
                errors.push(InvalidField::new(format!("#/payload/inputs/{at}/{field}"), code, detail));
            };
            if id.is_empty() || id.len() > EMBED_ID_BYTES_MAX || id.chars().any(char::is_control) {
                wrong(
                    "id",
                    "out-of-range",
                    format!("An id has 1 to {EMBED_ID_BYTES_MAX} bytes, and no control characters."),
                );
            } else if !ids.insert(id) {
                wrong("id", "duplicate", "Another input has this id.".into());
            }
            if is_blank(text) || text.len() > EMBED_TEXT_BYTES_MAX {
                wrong(
                    "text",
                    "out-of-range",
                    format!("A text has 1 to {EMBED_TEXT_BYTES_MAX} bytes, not all of them blank."),
                );
            } else if matches!(self.output, Output::Index(_)) && text.contains('\0') {
                wrong("text", "invalid-character", "A document has no NUL.".into());
            }
        }
        if let Output::Index(name) = &self.output
            && !is_name(name)
        {
            let detail = "A name has 1 to 64 of a-z, A-Z, 0-9, _ and -.";
            errors.push(InvalidField::new("#/payload/output/index", "invalid-name", detail));
        }
        errors
    }

    fn too_many_of_an_index(&self, settings: &Settings) -> Option<InvalidField> {
        let most = settings.plan.index_documents * BROUGHT_ATTEMPTS;
        let detail = format!("On this plan {most} texts of a job become documents.");
        (self.inputs.len() > most).then(|| InvalidField::new("#/payload/inputs", "out-of-range", detail))
    }

    fn too_much_inline(&self, dimensions: usize) -> Option<InvalidField> {
        // The id, of which each byte may be escaped, and base64 of four bytes each with the JSON around, or a refusal.
        let shown = (dimensions * 16 / 3 + 48).max(EMBED_REASON_CHARS * 4);
        let bytes: usize = self.inputs.iter().map(|input| shown + input.id.len() * 2).sum();
        let detail =
            format!("A result has at most {RESULT_BYTES_MAX} bytes, and these vectors about {bytes}: write \"r2\".");
        let is_too_much = self.output == Output::Inline && bytes + 512 > RESULT_BYTES_MAX;
        is_too_much.then(|| InvalidField::new("#/payload/output", "out-of-range", detail))
    }
}

/// What a batch came to, and the calls it was in.
pub(crate) type Ran = (Outcome, Vec<Rc<Call>>);

/// Embeds the texts of a claimed job. It answers always.
pub(crate) async fn run<W: World>(world: &W, settings: &Settings, pool: &Pool, job: &Claimed) -> Ran {
    let unreadable = || (Outcome::failed(ErrorClass::Handler, "The payload cannot be read."), Vec::new());
    let Ok(Embed { provider, model, inputs, output }) =
        serde_json::from_str(job.payload.as_deref().unwrap_or_default())
    else {
        return unreadable();
    };
    if let Output::Index(index) = output {
        let texts = inputs.into_iter().map(|input| (input.id, input.text)).collect();
        let named = (provider.as_deref(), model.as_deref());
        return bring(&Apply { world, settings, pool, job }, &index, named, texts).await;
    }
    let (Some(provider), Some(model)) = (provider, model) else { return unreadable() };
    let Some(known) = settings.providers.model(&provider, &model) else {
        let message = format!("The deployment has no model {model:?} of a provider {provider:?} any more.");
        return (Outcome::failed(ErrorClass::Provider, message), Vec::new());
    };
    let (ids, texts): (Vec<_>, Vec<_>) = inputs.into_iter().map(|input| (input.id, input.text)).unzip();
    let choice = Choice { provider, model };
    let wanted = Wanted { tenant: &job.tenant, lease: &job.lease, choice: &choice, provider: known.0, model: known.1 };
    let told = vectors_of(world, settings, pool, wanted, texts).await;
    let calls = calls_in(&told);
    let outcome = match (sum_up(&choice, known.1, &ids, told, &calls), output) {
        (Ok(sum), Output::Inline) => Outcome::Succeeded { result: sum.inline().into() },
        (Ok(sum), _) => {
            let (object, result) = sum.in_object();
            // Safe to repeat: the same job's object is written over.
            let put = put_vectors(world, job, object).await;
            put.map_or_else(|outcome| outcome, |()| Outcome::Succeeded { result: result.into() })
        }
        (Err(outcome), _) => waiting(outcome, job.attempt, !calls.is_empty()),
    };
    (outcome, calls)
}

/// The vectors of a batch and what is told of them.
struct Sum {
    vectors: Vec<(String, Vec<f32>)>,
    told: Value,
}

/// Sums a batch up: vectors, refusals, or the failure of the attempt, if one text has neither.
fn sum_up(choice: &Choice, model: Model, ids: &[String], told: Vec<Told>, calls: &[Rc<Call>]) -> Result<Sum, Outcome> {
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

/// The first of those that are refused, as a result names them.
pub(crate) fn named(refused: &[(String, String)]) -> Vec<Value> {
    let first = refused.iter().take(EMBED_REFUSED_SHOWN);
    first.map(|(id, message)| json!({"id": id, "message": message})).collect()
}

/// The failure of a job all of whose texts are refused.
pub(crate) fn all_refused(what: &str, refused: &[(String, String)]) -> Outcome {
    let message = refused.first().map_or("", |(_, message)| message.as_str());
    // One text may be what is wrong; of several it is rather the request.
    let class = if refused.len() > 1 { ErrorClass::Provider } else { ErrorClass::Handler };
    Outcome::failed(class, format!("{what}: {message}"))
}

fn bytes_of(vector: &[f32]) -> Vec<u8> {
    vector.iter().flat_map(|value| value.to_le_bytes()).collect()
}

#[cfg(test)]
mod tests;
