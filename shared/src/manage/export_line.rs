//! The lines of the export of a tenant: what the API shows of each thing, and its `type`.

use serde::Serialize;

use crate::index::answer::Index;
use crate::index::export::ExportedDocument;
use crate::manage::groups::Group;
use crate::manage::keys::Key;
use crate::manage::usage::Usage;
use crate::model::attempt::{AttemptEvidence, AttemptFields, LogEntry};
use crate::model::dead_letter::DeadLetter;
use crate::model::endpoint::Endpoint;
use crate::model::evidence::Evidence;
use crate::model::job::Job;
use crate::schedules::schedule::{Occurrence, Schedule};
use crate::wire::page::NextCursor;

/// One line.
#[derive(Debug, Serialize)]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema), schemars(transform = one_of))]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum ExportLine<'a> {
    /// An endpoint.
    Endpoint {
        /// As the API shows it.
        #[serde(flatten)]
        endpoint: Endpoint<'a>,
    },
    /// A schedule with its last occurrences, the newest first.
    Schedule {
        /// As the API shows it.
        #[serde(flatten)]
        schedule: Box<Schedule<'a>>,
        /// What became of its last occurrences.
        occurrences: &'a [Occurrence],
    },
    /// An API key, without its token.
    Key {
        /// As the API shows it.
        #[serde(flatten)]
        key: &'a Key,
    },
    /// The jobs that carry a label, counted.
    Group {
        /// As the API shows it.
        #[serde(flatten)]
        group: Group<'a>,
    },
    /// A job with its payload, of a large one all of it, and its attempts.
    Job {
        /// As the API shows it.
        #[serde(flatten)]
        job: Box<Job<'a>>,
        /// Every attempt there ever was, in order.
        attempt_log: Vec<ExportedAttempt<'a>>,
        /// Null if it did not die.
        dead_letter: Option<Box<DeadLetter<'a>>>,
    },
    /// An index of documents.
    Index {
        /// As the API shows it.
        #[serde(flatten)]
        index: Index<'a>,
    },
    /// A document of an index as it was brought last.
    Document {
        /// As it was brought.
        #[serde(flatten)]
        document: &'a ExportedDocument,
    },
    /// What the jobs asked a model for on a day.
    Usage {
        /// Whose jobs.
        tenant: &'a str,
        /// As the API shows it.
        #[serde(flatten)]
        usage: Usage<'a>,
    },
    /// The last line of an export that is not whole.
    #[serde(untagged)]
    Next(NextCursor<'a>),
}

/// Says that a line is one of these and no other: the type alone, or that there is none, tells them apart.
#[cfg(feature = "openapi")]
fn one_of(schema: &mut schemars::Schema) {
    if let Some(lines) = schema.remove("anyOf") {
        schema.insert("oneOf".to_owned(), lines);
    }
}

/// An attempt with its evidence.
#[derive(Debug, Serialize)]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema))]
pub struct ExportedAttempt<'a> {
    #[serde(flatten)]
    fields: AttemptFields<'a>,
    evidence: ExportedEvidence<'a>,
}

/// Where an attempt's evidence is, and all of it.
#[derive(Debug, Serialize)]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema))]
struct ExportedEvidence<'a> {
    #[serde(flatten)]
    place: AttemptEvidence<'a>,
    /// Null if there is none, if it is gone or damaged, and on the free plan for all but a job's latest 20 attempts.
    record: Option<Evidence<'a>>,
}

impl<'a> ExportedAttempt<'a> {
    /// An entry of a job's log with that number, from 1, and its evidence, if it could be read.
    pub(crate) fn of(
        job_id: &'a str,
        number: usize,
        entry: &'a LogEntry,
        record: Option<Evidence<'a>>,
    ) -> ExportedAttempt<'a> {
        let exchanged = record.as_ref().map(Evidence::exchanged).unwrap_or_default();
        let fields = AttemptFields::of(job_id, number, entry, exchanged);
        ExportedAttempt { fields, evidence: ExportedEvidence { place: AttemptEvidence::of(entry), record } }
    }
}
