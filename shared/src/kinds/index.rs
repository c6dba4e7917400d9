//! The `index` kind: a change of an index (add, update or delete a document, or remove a source), a verification, or a
//! rebuild.
//!
//! `{"index", "index_id"?, "put": {"id", "text", "metadata"?, "source"?}}`, `{"index", "delete": {"id"}}`, `{"index",
//! "verify": {"repair"?}}`, `{"index", "remove": {"source", "before"?}}` or `{"index", "rebuild": {}}`. Jobs may run in
//! any order: the document that was accepted last wins.

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

/// Payload of an `index` job, as callers write it and as it is stored.
#[derive(Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema), schemars(rename = "IndexPayload"))]
#[serde(deny_unknown_fields)]
pub(crate) struct IndexPayload {
    /// Name of an existing index.
    #[cfg_attr(feature = "openapi", schemars(regex(pattern = crate::wire::schema::NAME)))]
    pub(crate) index: String,
    /// Id of the index. With it, the job does not touch an index created later under the same name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) index_id: Option<String>,
    /// Document to add or update.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) put: Option<Put>,
    /// Document to delete.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) delete: Option<Delete>,
    /// Checks the index for inconsistencies.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) verify: Option<Verify>,
    /// Source whose documents are deleted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) remove: Option<Remove>,
    /// Continues the build of the new index version.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) rebuild: Option<Rebuild>,
}

/// A document.
#[derive(Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema), schemars(rename = "Document"))]
#[serde(deny_unknown_fields)]
pub(crate) struct Put {
    /// Id of the document within the index.
    #[cfg_attr(feature = "openapi", schemars(length(min = 1, max = EMBED_ID_BYTES_MAX)))]
    pub(crate) id: String,
    /// Content, as plain text or Markdown.
    #[cfg_attr(feature = "openapi", schemars(length(min = 1, max = DOCUMENT_BYTES_MAX)))]
    pub(crate) text: String,
    /// Fields that searches can filter by and return: at most 2,048 bytes as JSON.
    #[serde(default, skip_serializing_if = "Metadata::is_empty")]
    pub(crate) metadata: Metadata,
    /// Label of the document's origin, such as a file or a website.
    #[cfg_attr(feature = "openapi", schemars(length(max = EMBED_ID_BYTES_MAX)))]
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub(crate) source: String,
}

/// A document to delete.
#[derive(Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema), schemars(rename = "DocumentDelete"))]
#[serde(deny_unknown_fields)]
pub(crate) struct Delete {
    /// Id of the document within the index.
    #[cfg_attr(feature = "openapi", schemars(length(min = 1, max = EMBED_ID_BYTES_MAX)))]
    pub(crate) id: String,
}

/// Removal of a source's documents. With `before`, the job waits until all other jobs of its group have succeeded.
#[derive(Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema), schemars(rename = "SourceRemoval"))]
#[serde(deny_unknown_fields)]
pub(crate) struct Remove {
    /// Source of the documents.
    #[cfg_attr(feature = "openapi", schemars(length(min = 1, max = EMBED_ID_BYTES_MAX)))]
    pub(crate) source: String,
    /// Id of a job: documents accepted with this job or later are kept. Default is the id of this job.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) before: Option<String>,
}

/// Request to continue the build of the new index version.
#[derive(Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema), schemars(rename = "IndexRebuild"))]
#[serde(deny_unknown_fields)]
pub(crate) struct Rebuild {}

/// Options of a verification.
#[derive(Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema), schemars(rename = "IndexVerify"))]
#[serde(deny_unknown_fields)]
pub(crate) struct Verify {
    /// True to repair the inconsistencies found.
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
            let detail = format!("cannot be combined with `{first}`; give one of them");
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

/// True if a text is blank. A leading BOM (U+FEFF) does not count as text.
fn is_blank(text: &str) -> bool {
    text.trim_start_matches('\u{FEFF}').trim().is_empty()
}

/// Returns the problem of a text to index: it must have 1 to `bytes_max` bytes and must not be blank.
pub(crate) fn fault_of_text(text: &str, bytes_max: usize) -> Option<String> {
    if text.is_empty() || text.len() > bytes_max {
        return Some(format!("must have 1 to {bytes_max} bytes, got {}", text.len()));
    }
    is_blank(text).then(|| "must not be blank".to_owned())
}
