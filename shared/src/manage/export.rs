//! The export of a tenant: all data kept of it, one JSON object per line.
//!
//! The export is produced in steps while the caller reads. Memory holds one page of rows and, of the job being written,
//! its payload or the evidence of [`REQUESTS_AT_ONCE`] attempts.

use serde::Serialize;

use crate::accept::authorize::{Caller, authorize};
use crate::index::IndexRow;
use crate::index::export::page_of_documents;
use crate::index::manage::list_indexes;
use crate::kinds::{join, shown};
use crate::limits::plan::Plan;
use crate::limits::{EXPORT_WHOLE_PAGE, PAGE_MAX, REQUESTS_AT_ONCE};
use crate::manage::actions::list_actions;
use crate::manage::audit::{AuditEntry, page_of_audit};
use crate::manage::causes::{ShownCause, page_of_causes};
use crate::manage::endpoints::list_endpoints;
use crate::manage::export_line::{ExportLine, ExportedAttempt};
use crate::manage::groups::list_groups;
use crate::manage::keys::list_keys;
use crate::manage::query::{read_evidences, read_jobs};
use crate::manage::usage::{Usage, page_of_usage};
use crate::model::action::ActionRow;
use crate::model::attempt::EvidenceRef;
use crate::model::dead_letter::DeadLetter;
use crate::model::endpoint::EndpointRow;
use crate::model::job::{ID_END, Job, JobRow};
use crate::ports::{Blobs, Clock, Database, IndexDatabase};
use crate::schedules::manage::list_schedules;
use crate::schedules::schedule::{Schedule, ScheduleRow};
use crate::security::key::Scope;
use crate::store::counted::GroupRow;
use crate::store::objects;
use crate::store::rows::is_full;
use crate::wire::ndjson::as_lines;
use crate::wire::problem::Problem;
use crate::wire::raw::on_one_line;

/// Calls that a page costs: one to check the key again, one to read.
const PAGE_CALLS: usize = 2;

/// Parts of an export, in order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum ExportPart {
    Endpoints,
    Schedules,
    Keys,
    Groups,
    Causes,
    Actions,
    Jobs,
    Indexes,
    Documents,
    Usage,
    Audit,
    /// The export is complete.
    End,
}

impl ExportPart {
    /// All parts in the order of their numbers in cursors.
    const ALL: [ExportPart; 12] = [
        ExportPart::Endpoints,
        ExportPart::Schedules,
        ExportPart::Keys,
        ExportPart::Groups,
        ExportPart::Causes,
        ExportPart::Actions,
        ExportPart::Jobs,
        ExportPart::Indexes,
        ExportPart::Documents,
        ExportPart::Usage,
        ExportPart::Audit,
        ExportPart::End,
    ];

    fn numbered(number: i64) -> ExportPart {
        usize::try_from(number).ok().and_then(|number| ExportPart::ALL.get(number)).copied().unwrap_or(ExportPart::End)
    }
}

/// Position in an export: the number of a part, and the last id read in it.
pub type Position = (i64, String);

/// Result of one step.
#[derive(Debug)]
pub enum ExportStep {
    /// Lines, or a part of one; may be empty.
    Text(String),
    /// The limits of this request are used up. The next request continues at this position.
    Spent(Position),
    /// The export is complete.
    Whole,
}

/// An export in progress.
#[derive(Debug)]
pub struct TenantExport {
    tenant: String,
    caller: Caller,
    scope: Scope,
    plan: Plan,
    /// Part after the jobs: the indexes, or the usage if there is no search database.
    after_jobs: ExportPart,
    part: ExportPart,
    /// Last id written in the current part.
    after: String,
    /// Number of calls left.
    calls: usize,
    /// Number of bytes left; at 0 no further job is started.
    bytes: usize,
    /// Rest of the page of jobs, in reverse order.
    jobs: Vec<JobRow>,
    last_page: bool,
    /// Job being written, with the number of its attempts written so far.
    writing: Option<(JobRow, usize)>,
}

fn schedule_line(row: &ScheduleRow) -> String {
    let payload = row.shown_payload();
    let schedule = Box::new(Schedule::whole(row, payload.as_deref()));
    as_lines([ExportLine::Schedule { schedule, occurrences: &row.history }])
}

/// An exported row: its id within the part, and its line.
type Exported = (String, String);

fn exported<R>(rows: &[R], place: impl Fn(&R) -> &str, line: impl Fn(&R) -> String) -> Vec<Exported> {
    rows.iter().map(|row| (place(row).to_owned(), line(row))).collect()
}

impl TenantExport {
    /// Creates an export for a caller whose key was checked. `has_indexes` is true if there is a search database.
    pub fn new(
        tenant: String,
        caller: Caller,
        scope: Scope,
        plan: Plan,
        has_indexes: bool,
        from: Option<Position>,
    ) -> TenantExport {
        let (part, after) = from.unwrap_or_default();
        let (part, calls, bytes) = (ExportPart::numbered(part), plan.export_calls, plan.export_bytes);
        TenantExport {
            tenant,
            caller,
            scope,
            plan,
            after_jobs: if has_indexes { ExportPart::Indexes } else { ExportPart::Usage },
            part,
            after,
            calls,
            bytes,
            jobs: Vec::new(),
            last_page: false,
            writing: None,
        }
    }

    /// Produces the next part of the export.
    ///
    /// # Errors
    /// As [`authorize`]; `Unavailable` when a database or the bucket does not answer. The export is interrupted then:
    /// null means that data is deleted, never that it could not be read.
    pub async fn step<W: Database + IndexDatabase + Blobs + Clock>(
        &mut self,
        world: &W,
    ) -> Result<ExportStep, Problem> {
        let step = self.next_step(world).await?;
        if let ExportStep::Text(text) = &step {
            self.bytes = self.bytes.saturating_sub(text.len());
        }
        Ok(step)
    }

    async fn next_step<W: Database + IndexDatabase + Blobs + Clock>(
        &mut self,
        world: &W,
    ) -> Result<ExportStep, Problem> {
        if let Some((row, written)) = self.writing.take() {
            return self.write_attempts(world, row, written, String::new()).await;
        }
        if let Some(row) = self.jobs.pop() {
            let calls = self.calls_of(&row);
            if calls > self.calls || self.bytes == 0 {
                return Ok(self.stop());
            }
            self.calls -= calls;
            let head = head_of(world, &row).await?;
            return self.write_attempts(world, row, 0, head).await;
        }
        if self.part == ExportPart::End {
            return Ok(ExportStep::Whole);
        }
        if self.calls < PAGE_CALLS || self.bytes == 0 {
            return Ok(self.stop());
        }
        self.calls -= PAGE_CALLS;
        authorize(world, &self.caller, self.scope).await?;
        self.page(world).await.map(ExportStep::Text)
    }

    fn stop(&mut self) -> ExportStep {
        let position = (self.part as i64, std::mem::take(&mut self.after));
        (self.part, self.jobs) = (ExportPart::End, Vec::new());
        ExportStep::Spent(position)
    }

    async fn page<W: Database + IndexDatabase + Clock>(&mut self, world: &W) -> Result<String, Problem> {
        let (tenant, after) = (self.tenant.as_str(), self.after.as_str());
        let (next, limit, exported): (_, _, Vec<Exported>) = match self.part {
            ExportPart::Endpoints => {
                let rows = list_endpoints(world, tenant, after, PAGE_MAX).await?;
                let line = |row: &EndpointRow| as_lines([ExportLine::Endpoint { endpoint: row.into() }]);
                (ExportPart::Schedules, PAGE_MAX, exported(&rows, |row| &row.id, line))
            }
            ExportPart::Schedules => {
                let rows = list_schedules(world, tenant, after, EXPORT_WHOLE_PAGE, true).await?;
                (ExportPart::Keys, EXPORT_WHOLE_PAGE, exported(&rows, |row| &row.id, schedule_line))
            }
            ExportPart::Keys => {
                let rows = list_keys(world, tenant, after, PAGE_MAX).await?;
                (
                    ExportPart::Groups,
                    PAGE_MAX,
                    exported(&rows, |key| &key.id, |key| as_lines([ExportLine::Key { key }])),
                )
            }
            ExportPart::Groups => {
                let rows = list_groups(world, tenant, after, PAGE_MAX).await?;
                let line = |row: &GroupRow| as_lines([ExportLine::Group { group: row.into() }]);
                (ExportPart::Causes, PAGE_MAX, exported(&rows, |row| &row.id, line))
            }
            ExportPart::Actions => {
                let before = Some(after).filter(|after| !after.is_empty()).map(str::to_owned);
                let rows = list_actions(world, tenant, None, before, PAGE_MAX).await?;
                let line = |row: &ActionRow| as_lines([ExportLine::Action { action: Box::new(row.into()) }]);
                (ExportPart::Jobs, PAGE_MAX, exported(&rows, |row| &row.id, line))
            }
            ExportPart::Indexes => {
                let rows = list_indexes(world, tenant, after, PAGE_MAX).await?;
                let line = |row: &IndexRow| as_lines([ExportLine::Index { index: row.into() }]);
                (ExportPart::Documents, PAGE_MAX, exported(&rows, |row| &row.name, line))
            }
            ExportPart::Jobs => return self.page_of_jobs(world).await.map(|()| String::new()),
            ExportPart::Causes | ExportPart::Documents | ExportPart::Usage | ExportPart::Audit => {
                return self.page_with_position(world).await;
            }
            ExportPart::End => return Ok(String::new()),
        };
        let full = is_full(exported.len(), limit);
        let last = exported.last().filter(|_| full).map(|(place, _)| place.clone());
        (self.part, self.after) = last.map_or((next, String::new()), |place| (self.part, place));
        Ok(exported.into_iter().map(|(_, line)| line).collect())
    }

    /// Reads a page of a part whose pages say where the next one begins.
    async fn page_with_position<W: Database + IndexDatabase + Clock>(&mut self, world: &W) -> Result<String, Problem> {
        let (tenant, after) = (self.tenant.as_str(), self.after.as_str());
        let (following, next, lines) = match self.part {
            ExportPart::Causes => {
                let (rows, next) = page_of_causes(world, tenant, after).await?;
                let line = |row| ExportLine::Cause { cause: Box::new(ShownCause::from(row)) };
                (ExportPart::Actions, next, as_lines(rows.iter().map(line)))
            }
            ExportPart::Documents => {
                let (rows, next) = page_of_documents(world, tenant, after).await?;
                (ExportPart::Usage, next, as_lines(rows.iter().map(|document| ExportLine::Document { document })))
            }
            ExportPart::Usage => {
                let (rows, next) = page_of_usage(world, tenant, after).await?;
                let line = |row| ExportLine::Usage { tenant, usage: Usage::from(row) };
                (ExportPart::Audit, next, as_lines(rows.iter().map(line)))
            }
            _ => {
                let (rows, next) = page_of_audit(world, tenant, after).await?;
                let line = |row| ExportLine::Audit { entry: AuditEntry::from(row) };
                (ExportPart::End, next, as_lines(rows.iter().map(line)))
            }
        };
        (self.part, self.after) = next.map_or((following, String::new()), |next| (self.part, next));
        Ok(lines)
    }

    /// Reads a page of jobs, which are then written one after the other.
    async fn page_of_jobs<W: Database + Clock>(&mut self, world: &W) -> Result<(), Problem> {
        let before = if self.after.is_empty() { ID_END } else { &self.after };
        self.jobs = read_jobs(world, &self.tenant, before, EXPORT_WHOLE_PAGE).await?;
        self.jobs.reverse();
        self.last_page = !is_full(self.jobs.len(), EXPORT_WHOLE_PAGE);
        if self.jobs.is_empty() {
            (self.part, self.after) = (self.after_jobs, String::new());
        }
        Ok(())
    }

    /// Returns the number of oldest attempts to export without their evidence.
    fn unread(&self, row: &JobRow) -> usize {
        row.log.len().saturating_sub(self.plan.export_evidence)
    }

    /// Returns the number of calls that a job costs.
    fn calls_of(&self, row: &JobRow) -> usize {
        let stored = row.log.iter().skip(self.unread(row));
        let stored = stored.filter(|entry| matches!(entry.evidence, Some(EvidenceRef::Stored { .. }))).count();
        stored + usize::from(row.payload_bytes.is_some())
    }

    /// Writes the next attempts of a job, and after the last one the end of its line.
    async fn write_attempts<W: Blobs>(
        &mut self,
        world: &W,
        row: JobRow,
        written: usize,
        mut text: String,
    ) -> Result<ExportStep, Problem> {
        let rest = row.log.get(written..).unwrap_or_default();
        let entries = rest.get(..REQUESTS_AT_ONCE).unwrap_or(rest);
        let evidence = read_evidences(world, entries, self.unread(&row).saturating_sub(written)).await;
        for (index, (entry, record)) in (written..).zip(entries.iter().zip(evidence)) {
            let record = match record {
                Err(Problem::Unavailable) => return Err(Problem::Unavailable),
                record => record.ok(),
            };
            if index > 0 {
                text.push(',');
            }
            text.push_str(&written_out(&ExportedAttempt::of(&row.id, index + 1, entry, record)));
        }
        let written = written + entries.len();
        if written < row.log.len() {
            self.writing = Some((row, written));
        } else {
            text.push_str(&end_of(&row));
            self.after = row.id;
            if self.jobs.is_empty() && self.last_page {
                (self.part, self.after) = (self.after_jobs, String::new());
            }
        }
        Ok(ExportStep::Text(text))
    }
}

/// Serializes a value on one line. All map keys are strings, so that serialization cannot fail.
fn written_out(value: &impl Serialize) -> String {
    on_one_line(serde_json::to_string(value).unwrap_or_default())
}

/// Writes the line of a job up to its attempts. The payload stays text, because a large one must not be parsed.
async fn head_of<W: Blobs + Clock>(world: &W, row: &JobRow) -> Result<String, Problem> {
    let object = match row.payload_bytes {
        None => None,
        Some(_) => objects::get(world, &row.job()).await.map_err(|error| {
            tracing::error!(%error, job = row.id, "payload_read_failed");
            Problem::Unavailable
        })?,
    };
    let inline = row.payload.as_deref();
    // Success removes the inline payload; the object is kept until retention.
    let joined = object.and_then(|object| join(&row.kind, inline.or(Some("{}")), object));
    let payload = joined.as_deref().or(inline).and_then(|stored| shown(&row.kind, stored));
    drop(joined);
    let job = Box::new(Job::of(row, payload.as_deref()));
    let dead_letter = DeadLetter::of(row).map(Box::new);
    let mut line = written_out(&ExportLine::Job { job, attempt_log: Vec::new(), dead_letter });
    line.push('\n');
    // The attempts follow in later steps: the line without attempts is truncated where the first one belongs.
    let end = end_of(row);
    if !line.ends_with(&end) {
        tracing::error!(job = row.id, "export_line_end_mismatch");
        return Err(Problem::Internal);
    }
    line.truncate(line.len() - end.len());
    Ok(line)
}

/// Returns the rest of a job's line after its attempts.
fn end_of(row: &JobRow) -> String {
    format!("],\"dead_letter\":{}}}\n", written_out(&DeadLetter::of(row)))
}
