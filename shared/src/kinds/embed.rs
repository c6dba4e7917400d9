//! The `embed` kind: a batch of texts to turn into vectors.
//!
//! `{"provider"?, "model"?, "inputs": [{"id", "text"}], "output"?: "inline" | "r2" | {"index": name}}`. The stored
//! payload names the chosen provider and model, unless the output is an index, which has its own. A text that the
//! provider refuses fails alone: the result names it with the reason.

use std::collections::BTreeSet;
use std::fmt;

use serde::de::value::MapAccessDeserializer;
use serde::de::{Error, MapAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::Value;
use serde_json::value::RawValue;

use crate::kinds::checked::CheckedPayload;
use crate::kinds::index::fault_of_text;
use crate::limits::{
    EMBED_ID_BYTES_MAX, EMBED_INPUTS_MAX, EMBED_REASON_CHARS, EMBED_TEXT_BYTES_MAX, INGEST_ATTEMPTS, RESULT_BYTES_MAX,
};
use crate::settings::Settings;
use crate::wire::checks::{check_name, fault_of_label};
use crate::wire::invalid::{InvalidField, Wrong, read};
use crate::wire::problem::Problem;
use crate::wire::raw::{members, name_of, object_of};

/// Payload of an `embed` job, as callers write it and as it is stored.
#[derive(Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema), schemars(rename = "EmbedPayload"))]
#[serde(deny_unknown_fields)]
pub(crate) struct Embed {
    /// Name of a configured provider; default is the deployment's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) provider: Option<String>,
    /// Name of one of the provider's models.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) model: Option<String>,
    /// Texts to embed.
    #[cfg_attr(feature = "openapi", schemars(length(min = 1, max = EMBED_INPUTS_MAX)))]
    pub(crate) inputs: Vec<Input>,
    /// Destination of the vectors; default is the job's result.
    #[serde(default, deserialize_with = "read_output")]
    pub(crate) output: Output,
}

/// A text with the caller's id for it.
#[derive(Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema), schemars(rename = "EmbedInput"))]
#[serde(deny_unknown_fields)]
pub(crate) struct Input {
    /// Unique id; the result refers to the text by it.
    #[cfg_attr(feature = "openapi", schemars(length(min = 1, max = EMBED_ID_BYTES_MAX)))]
    pub(crate) id: String,
    /// Text to embed, unchanged.
    #[cfg_attr(feature = "openapi", schemars(length(min = 1, max = EMBED_TEXT_BYTES_MAX)))]
    pub(crate) text: String,
}

/// Destination of the vectors.
#[derive(Debug, Default, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema), schemars(rename = "EmbedOutput"))]
#[serde(rename_all = "lowercase")]
pub(crate) enum Output {
    /// The job's result, each vector as base64 of its little-endian 32-bit floats.
    #[default]
    Inline,
    /// A separate object: `GET /v1/jobs/{id}/vectors`.
    R2,
    /// The index of this name: each text becomes a document without metadata or source, chunked and embedded by the
    /// settings of the index. `provider` and `model` may be left out; otherwise they must match the index.
    Index(String),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct OfIndex {
    index: String,
}

/// Deserializes `output`: a word or an object.
fn read_output<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Output, D::Error> {
    struct Either;
    impl<'de> Visitor<'de> for Either {
        type Value = Output;

        fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
            formatter.write_str("`inline`, `r2` or an object with the name of an `index`")
        }

        fn visit_str<E: Error>(self, text: &str) -> Result<Output, E> {
            match text {
                "inline" => Ok(Output::Inline),
                "r2" => Ok(Output::R2),
                _ => Err(E::unknown_variant(text, &["inline", "r2"])),
            }
        }

        fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Output, A::Error> {
            OfIndex::deserialize(MapAccessDeserializer::new(map)).map(|output| Output::Index(output.index))
        }
    }
    deserializer.deserialize_any(Either)
}

/// Checks a payload and chooses its provider and model.
///
/// # Errors
/// A problem that names every wrong field, if the form of one is wrong.
pub fn check(payload: &RawValue, settings: &Settings) -> Result<CheckedPayload, Problem> {
    let mut embed: Embed = read(payload.get().as_bytes(), "#/payload")?;
    let mut wrong = Wrong::default();
    embed.errors().into_iter().for_each(|field| wrong.form(field));
    // The providers, models and plan may have changed since the same request was accepted.
    match settings.providers.choose(embed.provider.as_deref(), embed.model.as_deref()) {
        // The index determines provider and model.
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
    Ok(CheckedPayload { stored, is_plain: true, refused_if_new })
}

impl Embed {
    /// Returns the payload as it was written, with the chosen provider and model.
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
            let detail = format!("must have 1 to {EMBED_INPUTS_MAX} texts, got {}", self.inputs.len());
            errors.push(InvalidField::of("#/payload/inputs", "out-of-range", detail));
        }
        let mut ids = BTreeSet::new();
        for (at, Input { id, text }) in self.inputs.iter().take(EMBED_INPUTS_MAX).enumerate() {
            let mut wrong = |field, code, detail: String| {
                errors.push(InvalidField::of(format!("#/payload/inputs/{at}/{field}"), code, detail));
            };
            if let Some(fault) = fault_of_label(id, &(1..=EMBED_ID_BYTES_MAX)) {
                wrong("id", "out-of-range", fault);
            } else if !ids.insert(id) {
                wrong("id", "duplicate", "is the id of another input; give each its own".into());
            }
            if let Some(fault) = fault_of_text(text, EMBED_TEXT_BYTES_MAX) {
                wrong("text", "out-of-range", fault);
            } else if matches!(self.output, Output::Index(_)) && text.contains('\0') {
                wrong("text", "invalid-character", "must have no NUL".into());
            }
        }
        if let Output::Index(name) = &self.output {
            errors.extend(check_name("#/payload/output/index", name));
        }
        errors
    }

    fn too_many_of_an_index(&self, settings: &Settings) -> Option<InvalidField> {
        let most = settings.plan.index_documents * INGEST_ATTEMPTS;
        let got = self.inputs.len();
        let detail = format!("must have at most {most} texts for an index on this plan, got {got}; send several jobs");
        (got > most).then(|| InvalidField::of("#/payload/inputs", "out-of-range", detail))
    }

    pub(crate) fn too_much_inline(&self, dimensions: usize) -> Option<InvalidField> {
        // Per text: the id, whose bytes may all be escaped, plus base64 of 4 bytes per dimension with the JSON around
        // it, or a refusal.
        let shown = (dimensions * 16 / 3 + 48).max(EMBED_REASON_CHARS * 4);
        let bytes: usize = self.inputs.iter().map(|input| shown + input.id.len() * 2).sum();
        let detail = format!(
            "must be `r2` for these texts: a result has at most {RESULT_BYTES_MAX} bytes, and their vectors about {bytes}"
        );
        let is_too_much = self.output == Output::Inline && bytes + 512 > RESULT_BYTES_MAX;
        is_too_much.then(|| InvalidField::of("#/payload/output", "out-of-range", detail))
    }
}

#[cfg(test)]
mod tests;
