//! Lines of a tenant's export: each is a resource as the API shows it, with its `type`.

use serde::Serialize;

use crate::index::answer::Index;
use crate::index::export::ExportedDocument;
use crate::manage::audit::AuditEntry;
use crate::manage::causes::ShownCause;
use crate::manage::groups::Group;
use crate::manage::keys::Key;
use crate::manage::usage::Usage;
use crate::model::action::Action;
use crate::model::attempt::{AttemptEvidence, AttemptFields, LogEntry};
use crate::model::dead_letter::DeadLetter;
use crate::model::endpoint::Endpoint;
use crate::model::evidence::Evidence;
use crate::model::job::Job;
use crate::schedules::schedule::{Occurrence, Schedule};
use crate::wire::page::NextCursor;

/// One line of an export.
#[derive(Debug, Serialize)]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema), schemars(transform = one_of))]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum ExportLine<'a> {
    /// An endpoint.
    Endpoint {
        /// Endpoint as the API shows it.
        #[serde(flatten)]
        endpoint: Endpoint<'a>,
    },
    /// A schedule with its last occurrences, the newest first.
    Schedule {
        /// Schedule as the API shows it.
        #[serde(flatten)]
        schedule: Box<Schedule<'a>>,
        /// Last occurrences with their results.
        occurrences: &'a [Occurrence],
    },
    /// An API key, without its token.
    Key {
        /// Key as the API shows it.
        #[serde(flatten)]
        key: &'a Key,
    },
    /// Counts of the jobs with a label.
    Group {
        /// Group as the API shows it.
        #[serde(flatten)]
        group: Group<'a>,
    },
    /// A cause of failures, with the jobs that it holds up.
    Cause {
        /// Cause as the API shows it.
        #[serde(flatten)]
        cause: Box<ShownCause<'a>>,
    },
    /// An action on all jobs that a filter selected.
    Action {
        /// Action as the API shows it.
        #[serde(flatten)]
        action: Box<Action<'a>>,
    },
    /// A job with its complete payload and its attempts.
    Job {
        /// Job as the API shows it.
        #[serde(flatten)]
        job: Box<Job<'a>>,
        /// All attempts of the job, in order.
        attempt_log: Vec<ExportedAttempt<'a>>,
        /// Dead letter of the job; null if it did not die.
        dead_letter: Option<Box<DeadLetter<'a>>>,
    },
    /// An index of documents.
    Index {
        /// Index as the API shows it.
        #[serde(flatten)]
        index: Index<'a>,
    },
    /// A document of an index, in its latest version.
    Document {
        /// Document as it was submitted.
        #[serde(flatten)]
        document: &'a ExportedDocument,
    },
    /// Provider usage of the tenant's jobs on one day.
    Usage {
        /// Tenant of the jobs.
        tenant: &'a str,
        /// Usage as the API shows it.
        #[serde(flatten)]
        usage: Usage<'a>,
    },
    /// An entry of the audit log.
    Audit {
        /// Entry as the API shows it.
        #[serde(flatten)]
        entry: AuditEntry<'a>,
    },
    /// Last line of an export that is not complete.
    #[serde(untagged)]
    Next(NextCursor<'a>),
}

/// Changes `anyOf` to `oneOf`: exactly one variant matches a line, by its `type` or by the absence of one.
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

/// Location of an attempt's evidence, and the record itself.
#[derive(Debug, Serialize)]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema))]
struct ExportedEvidence<'a> {
    #[serde(flatten)]
    place: AttemptEvidence<'a>,
    /// Evidence record. Null if there is none, or if it is deleted or damaged; on the free plan also for all but a
    /// job's latest 20 attempts.
    record: Option<Evidence<'a>>,
}

impl<'a> ExportedAttempt<'a> {
    /// Builds the exported form of a log entry. `number` counts from 1; `record` is its evidence if it could be read.
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
