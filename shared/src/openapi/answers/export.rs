//! The lines of the export of a tenant: what the API shows of each thing, and its `type`.
#![allow(dead_code, reason = "only the schemas are used")]
#![allow(clippy::struct_field_names, reason = "fields are named as they are written")]

use schemars::generate::SchemaGenerator;
use schemars::{JsonSchema, Schema, json_schema};

use serde_json::{Map, Value};

use super::attempts::{AttemptEvidence, AttemptFields, Evidence};
use super::indexes::Index;
use super::schedules::{Firing, Schedule};
use super::{DeadLetter, Endpoint, Group, Job, Key, Time, Usage};

/// An endpoint.
#[derive(JsonSchema)]
struct ExportedEndpoint {
    #[schemars(extend("const" = "endpoint"))]
    r#type: String,
    #[schemars(flatten)]
    of: Endpoint,
}

/// A schedule with its last firings, the newest first.
#[derive(JsonSchema)]
struct ExportedSchedule {
    #[schemars(extend("const" = "schedule"))]
    r#type: String,
    #[schemars(flatten)]
    of: Schedule,
    history: Vec<Firing>,
}

/// An API key, without its token.
#[derive(JsonSchema)]
struct ExportedKey {
    #[schemars(extend("const" = "key"))]
    r#type: String,
    #[schemars(flatten)]
    of: Key,
}

/// The jobs that carry a label, counted.
#[derive(JsonSchema)]
struct ExportedGroup {
    #[schemars(extend("const" = "group"))]
    r#type: String,
    #[schemars(flatten)]
    of: Group,
}

/// Where an attempt's evidence is, and all of it.
#[derive(JsonSchema)]
struct ExportedEvidence {
    #[schemars(flatten)]
    of: AttemptEvidence,
    /// Null if there is none, if it is gone or damaged, and on the free plan for all but a job's latest 20 attempts.
    record: Option<Evidence>,
}

/// An attempt with its evidence.
#[derive(JsonSchema)]
struct ExportedAttempt {
    #[schemars(flatten)]
    of: AttemptFields,
    evidence: ExportedEvidence,
}

/// A job with its payload, of a large one all of it, and its attempts.
#[derive(JsonSchema)]
struct ExportedJob {
    #[schemars(extend("const" = "job"))]
    r#type: String,
    #[schemars(flatten)]
    of: Job,
    /// Every send there ever was, in order.
    attempts: Vec<ExportedAttempt>,
    /// Null if it did not die.
    dead_letter: Option<DeadLetter>,
}

/// An index of documents.
#[derive(JsonSchema)]
struct ExportedIndex {
    #[schemars(extend("const" = "index"))]
    r#type: String,
    #[schemars(flatten)]
    of: Index,
}

/// A document of an index as it was brought last.
#[derive(JsonSchema)]
struct ExportedDocument {
    #[schemars(extend("const" = "document"))]
    r#type: String,
    tenant: String,
    /// The name of its index.
    index: String,
    id: String,
    source: String,
    metadata: Map<String, Value>,
    text: String,
    /// When the job that brought it ran.
    written_at: Time,
}

/// What the jobs asked a model for on a day.
#[derive(JsonSchema)]
struct ExportedUsage {
    #[schemars(extend("const" = "usage"))]
    r#type: String,
    tenant: String,
    #[schemars(flatten)]
    of: Usage,
}

/// The last line of an export that is not whole.
#[derive(JsonSchema)]
struct ExportGoesOn {
    /// Where another request goes on.
    next_cursor: String,
}

/// One line.
pub(in crate::openapi) fn line(generator: &mut SchemaGenerator) -> Schema {
    json_schema!({"oneOf": [
        generator.subschema_for::<ExportedEndpoint>(),
        generator.subschema_for::<ExportedSchedule>(),
        generator.subschema_for::<ExportedKey>(),
        generator.subschema_for::<ExportedGroup>(),
        generator.subschema_for::<ExportedJob>(),
        generator.subschema_for::<ExportedIndex>(),
        generator.subschema_for::<ExportedDocument>(),
        generator.subschema_for::<ExportedUsage>(),
        generator.subschema_for::<ExportGoesOn>(),
    ]})
}
