//! The change of an index: a document that comes or goes, or the index held against itself.
//!
//! `{"index", "index_id"?, "put": {"id", "text", "metadata"?, "source"?}}`, `{"index", "delete": {"id"}}`, `{"index", "verify":
//! {"repair"?}}`, `{"index", "remove": {"source", "before"?}}` or `{"index", "rebuild": {}}`. The document that was accepted
//! last stands, in whatever order its jobs run.

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::kinds::checked::CheckedPayload;
use crate::limits::{DOCUMENT_BYTES_MAX, DOCUMENT_METADATA_BYTES_MAX, EMBED_ID_BYTES_MAX};
use crate::model::job::is_id;
use crate::wire::checks::{check_label, check_name};
use crate::wire::invalid::{InvalidField, read};
use crate::wire::metadata::Metadata;
use crate::wire::phrase::listed;
use crate::wire::problem::Problem;

/// The payload, as callers write it and as it is stored.
#[derive(Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema), schemars(rename = "IndexPayload"))]
#[serde(deny_unknown_fields)]
pub(crate) struct IndexPayload {
    /// The index, which is there.
    #[cfg_attr(feature = "openapi", schemars(regex(pattern = crate::wire::schema::NAME)))]
    pub(crate) index: String,
    /// The index's own id: one that was made after it was dropped is not meant.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) index_id: Option<String>,
    /// A document that comes, or comes again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) put: Option<Put>,
    /// A document that goes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) delete: Option<Delete>,
    /// The index is held against itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) verify: Option<Verify>,
    /// The documents of a source go.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) remove: Option<Remove>,
    /// The index goes on with the index version that it builds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) rebuild: Option<Rebuild>,
}

/// A document.
#[derive(Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema), schemars(rename = "Document"))]
#[serde(deny_unknown_fields)]
pub(crate) struct Put {
    /// Names it within the index.
    #[cfg_attr(feature = "openapi", schemars(length(min = 1, max = EMBED_ID_BYTES_MAX)))]
    pub(crate) id: String,
    /// What it says, as plain text or Markdown.
    #[cfg_attr(feature = "openapi", schemars(length(min = 1, max = DOCUMENT_BYTES_MAX)))]
    pub(crate) text: String,
    /// What searches may be filtered by, and show: at most 2,048 bytes as JSON.
    #[serde(default, skip_serializing_if = "Metadata::is_empty")]
    pub(crate) metadata: Metadata,
    /// Where it is from.
    #[cfg_attr(feature = "openapi", schemars(length(max = EMBED_ID_BYTES_MAX)))]
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub(crate) source: String,
}

/// A document that goes.
#[derive(Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema), schemars(rename = "DocumentDelete"))]
#[serde(deny_unknown_fields)]
pub(crate) struct Delete {
    /// Names it within the index.
    #[cfg_attr(feature = "openapi", schemars(length(min = 1, max = EMBED_ID_BYTES_MAX)))]
    pub(crate) id: String,
}

/// A source whose documents go; with `before`, once all other jobs of the job's group have succeeded.
#[derive(Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema), schemars(rename = "SourceRemoval"))]
#[serde(deny_unknown_fields)]
pub(crate) struct Remove {
    /// Where they are from.
    #[cfg_attr(feature = "openapi", schemars(length(min = 1, max = EMBED_ID_BYTES_MAX)))]
    pub(crate) source: String,
    /// The id of a job: what was accepted with it or later stays. This job's own when nothing is said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) before: Option<String>,
}

/// That an index goes on with the index version that it builds.
#[derive(Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema), schemars(rename = "IndexRebuild"))]
#[serde(deny_unknown_fields)]
pub(crate) struct Rebuild {}

/// How an index is held against itself.
#[derive(Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema), schemars(rename = "IndexVerify"))]
#[serde(deny_unknown_fields)]
pub(crate) struct Verify {
    /// Whether what is wrong is mended.
    #[serde(default)]
    pub(crate) repair: bool,
}

/// Checks a payload.
///
/// # Errors
/// A problem that names every wrong field.
pub fn check(payload: &RawValue) -> Result<CheckedPayload, Problem> {
    let change: IndexPayload = read(payload.get().as_bytes(), "#/payload")?;
    let errors = change.errors();
    if !errors.is_empty() {
        return Err(Problem::InvalidRequest(errors));
    }
    let stored = payload.get().to_owned();
    Ok(CheckedPayload { stored, is_plain: true, refused_if_new: Vec::new() })
}

impl IndexPayload {
    fn errors(&self) -> Vec<InvalidField> {
        let mut errors = Vec::new();
        errors.extend(check_name("#/payload/index", &self.index));
        let changes = [
            ("put", self.put.is_some()),
            ("delete", self.delete.is_some()),
            ("verify", self.verify.is_some()),
            ("remove", self.remove.is_some()),
            ("rebuild", self.rebuild.is_some()),
        ];
        let asked: Vec<&str> = changes.iter().filter(|(_, asked)| *asked).map(|(name, _)| *name).collect();
        if let [first, second, ..] = &asked[..] {
            let detail = format!("cannot be given beside `{first}`; give one of them");
            errors.push(InvalidField::of(format!("#/payload/{second}"), "either-or", detail));
        } else if asked.is_empty() {
            let detail = format!("must have one of {}", listed(changes.map(|(name, _)| name)));
            errors.push(InvalidField::of("#/payload", "either-or", detail));
        }
        let ids = 1..=EMBED_ID_BYTES_MAX;
        if let Some(Put { id, text, source, metadata }) = &self.put {
            errors.extend(check_label("#/payload/put/id", id, &ids));
            if let Some(fault) = fault_of_text(text, DOCUMENT_BYTES_MAX) {
                errors.push(InvalidField::of("#/payload/put/text", "out-of-range", fault));
            } else if text.contains('\0') {
                errors.push(InvalidField::of("#/payload/put/text", "invalid-character", "must have no NUL"));
            }
            errors.extend(check_label("#/payload/put/source", source, &(0..=EMBED_ID_BYTES_MAX)));
            metadata.check("#/payload/put/metadata", DOCUMENT_METADATA_BYTES_MAX, &mut errors);
        }
        if let Some(Delete { id }) = &self.delete {
            errors.extend(check_label("#/payload/delete/id", id, &ids));
        }
        if let Some(Remove { source, before }) = &self.remove {
            errors.extend(check_label("#/payload/remove/source", source, &ids));
            if before.as_ref().is_some_and(|before| !is_id(before)) {
                let detail = "must be the id of a job, `job_` and 28 letters and digits";
                errors.push(InvalidField::of("#/payload/remove/before", "invalid-name", detail));
            }
        }
        errors
    }
}

/// Whether a text says nothing: a byte order mark before it is none of its characters.
fn is_blank(text: &str) -> bool {
    text.trim_start_matches('\u{FEFF}').trim().is_empty()
}

/// What is wrong with a text that is to be found: it has so many bytes, and not all of them are blank.
pub(crate) fn fault_of_text(text: &str, bytes_max: usize) -> Option<String> {
    if text.is_empty() || text.len() > bytes_max {
        return Some(format!("must have 1 to {bytes_max} bytes, got {}", text.len()));
    }
    is_blank(text).then(|| "must not be blank".to_owned())
}
