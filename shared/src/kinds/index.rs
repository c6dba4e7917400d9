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
use crate::wire::invalid::{InvalidField, is_name, read};
use crate::wire::metadata::Metadata;
use crate::wire::problem::Problem;

/// The payload, as callers write it and as it is stored.
#[derive(Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema), schemars(rename = "IndexPayload"))]
#[serde(deny_unknown_fields)]
pub(crate) struct Change {
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
    /// The index goes on with the generation that it builds.
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

/// That an index goes on with the generation that it builds.
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
    let change: Change = read(payload.get().as_bytes(), "#/payload")?;
    let errors = change.errors();
    if !errors.is_empty() {
        return Err(Problem::InvalidRequest(errors));
    }
    let stored = payload.get().to_owned();
    Ok(CheckedPayload { stored, is_plain: true, refused_if_new: Vec::new() })
}

impl Change {
    fn errors(&self) -> Vec<InvalidField> {
        let mut errors = Vec::new();
        let mut wrong = |field: &str, code, detail: String| {
            errors.push(InvalidField::new(format!("#/payload{field}"), code, detail));
        };
        if !is_name(&self.index) {
            wrong("/index", "invalid-name", "A name has 1 to 64 of a-z, A-Z, 0-9, _ and -.".into());
        }
        let asked = [
            self.put.is_some(),
            self.delete.is_some(),
            self.verify.is_some(),
            self.remove.is_some(),
            self.rebuild.is_some(),
        ];
        if asked.iter().filter(|asked| **asked).count() != 1 {
            wrong("", "either-or", "One of put, delete, verify, remove and rebuild.".into());
        }
        let ids =
            [("/put/id", self.put.as_ref().map(|it| &it.id)), ("/delete/id", self.delete.as_ref().map(|it| &it.id))];
        for (field, id) in ids.into_iter().filter_map(|(field, id)| Some((field, id?))) {
            if id.is_empty() || id.len() > EMBED_ID_BYTES_MAX || id.chars().any(char::is_control) {
                let detail = format!("An id has 1 to {EMBED_ID_BYTES_MAX} bytes, and no control characters.");
                wrong(field, "out-of-range", detail);
            }
        }
        if let Some(Put { text, source, .. }) = &self.put {
            if is_blank(text) || text.len() > DOCUMENT_BYTES_MAX {
                let detail = format!("A text has 1 to {DOCUMENT_BYTES_MAX} bytes, not all of them blank.");
                wrong("/put/text", "out-of-range", detail);
            } else if text.contains('\0') {
                wrong("/put/text", "invalid-character", "A text has no NUL.".into());
            }
            if !is_source(source) {
                wrong("/put/source", "out-of-range", source_detail());
            }
        }
        if let Some(Remove { source, before }) = &self.remove {
            if source.is_empty() || !is_source(source) {
                wrong("/remove/source", "out-of-range", source_detail());
            }
            if before.as_ref().is_some_and(|before| !is_id(before)) {
                wrong("/remove/before", "invalid-name", "It is no id of a job.".into());
            }
        }
        if let Some(Put { metadata, .. }) = &self.put {
            metadata.check("#/payload/put/metadata", DOCUMENT_METADATA_BYTES_MAX, &mut errors);
        }
        errors
    }
}

/// Whether a text says nothing: a byte order mark before it is none of its characters.
pub(crate) fn is_blank(text: &str) -> bool {
    text.trim_start_matches('\u{FEFF}').trim().is_empty()
}

/// Whether a text may be a document's source.
pub(crate) fn is_source(text: &str) -> bool {
    text.len() <= EMBED_ID_BYTES_MAX && !text.chars().any(char::is_control)
}

fn source_detail() -> String {
    format!("A source has at most {EMBED_ID_BYTES_MAX} bytes, and no control characters.")
}
