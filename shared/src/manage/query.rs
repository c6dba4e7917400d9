//! Reads of jobs, lists and evidence. The cost of a read grows with its response, never with the table.

use futures_util::{StreamExt, stream};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::limits::{PAGE_STEPS_MAX, REQUESTS_AT_ONCE};
use crate::manage::filter::JobFilter;
use crate::model::attempt::{EvidenceRef, LogEntry};
use crate::model::evidence::{Evidence, InlineEvidence, pack_key};
use crate::model::job::{ID_END, JobRef, JobRow, first_id_at};
use crate::ports::{Blobs, Clock, Database};
use crate::store::objects::get_vectors;
use crate::store::rows::{read_first, read_job, read_rows, unavailable};
use crate::store::{batch, first_as, json_param, rows_as, sql};
use crate::wire::idempotency::sha256;
use crate::wire::phrase::quoted;
use crate::wire::problem::Problem;

/// Reads a page of a tenant's complete jobs, the newest first, with ids below `before`.
///
/// # Errors
/// `Unavailable`.
pub(crate) async fn read_jobs<W: Database + Clock>(
    world: &W,
    tenant: &str,
    before: &str,
    limit: u32,
) -> Result<Vec<JobRow>, Problem> {
    let statement = sql!("read_jobs", tenant, before, i64::from(limit));
    read_rows(world, statement).await
}

/// Reads the object with a job's vectors.
///
/// # Errors
/// `NotFound` if there is no such job, it has not succeeded, or the object does not match the digest in its result;
/// `Unavailable`.
pub async fn read_vectors<W: Database + Blobs + Clock>(world: &W, job: &JobRef) -> Result<Vec<u8>, Problem> {
    let result = read_job(world, job).await?.result_value().unwrap_or_default();
    let none = || Problem::NotFound(format!("Job {} has no vectors", quoted(&job.id)));
    let digest = result["vectors"]["sha256"].as_str().ok_or_else(none)?;
    let read = get_vectors(world, job).await.map_err(|error| {
        tracing::error!(%error, job = job.id, "vectors_read_failed");
        Problem::Unavailable
    })?;
    // A worker that lost its lease may have overwritten the object.
    read.filter(|vectors| sha256(vectors) == digest).ok_or_else(none)
}

/// Returns true if a job has ended; costs one row read.
///
/// # Errors
/// `NotFound`; `Unavailable`.
pub async fn has_finished<W: Database + Clock>(world: &W, job: &JobRef) -> Result<bool, Problem> {
    #[derive(Deserialize)]
    struct FinishedRow {
        finished: u8,
    }
    let statement = sql!("read_state", job.tenant.as_str(), job.id.as_str());
    let row: Option<FinishedRow> = read_first(world, statement).await?;
    row.map(|row| row.finished == 1).ok_or_else(|| Problem::not_found("Job", &job.id))
}

/// One page of a list.
#[derive(Debug)]
pub struct JobPage<P> {
    /// Rows of the page.
    pub rows: Vec<JobRow>,
    /// Position of the next page; `None` at the end.
    pub next: Option<P>,
    /// Time of the last row that was read, if the filter did not select all that were read and there are more: the time of its
    /// creation, or of its death in a list of dead letters.
    pub searched_to: Option<i64>,
}

/// Place at which a step of a page stopped reading.
struct Stop<P> {
    at: P,
    time: i64,
    rows: i64,
}

impl<P> JobPage<P> {
    /// Builds the page from the rows that one step selected, of the `scan` rows at most that it read.
    fn of(
        rows: Vec<JobRow>,
        stop: Option<Stop<P>>,
        (scan, limit): (i64, i64),
        at: impl Fn(&JobRow) -> Option<P>,
    ) -> Self {
        let full = i64::try_from(rows.len()).unwrap_or(0) >= limit;
        match stop {
            _ if full => JobPage { next: rows.last().and_then(at), rows, searched_to: None },
            Some(stop) if stop.rows >= scan => JobPage { rows, next: Some(stop.at), searched_to: Some(stop.time) },
            _ => JobPage { rows, next: None, searched_to: None },
        }
    }
}

/// Reads a page of a tenant's jobs, the newest first. A filtered page reads at most [`PAGE_ROWS_READ_MAX`] rows, or
/// [`PAGE_STEPS_MAX`] times as many if it finds nothing, and may be short.
///
/// # Errors
/// `Unavailable`.
pub async fn list_jobs<W: Database + Clock>(
    world: &W,
    tenant: &str,
    filter: &JobFilter,
    before: Option<String>,
    limit: u32,
) -> Result<JobPage<String>, Problem> {
    let mut page = step_of_jobs(world, tenant, filter, before, limit).await?;
    for _ in 1..PAGE_STEPS_MAX {
        if !page.rows.is_empty() || page.next.is_none() {
            break;
        }
        page = step_of_jobs(world, tenant, filter, page.next, limit).await?;
    }
    Ok(page)
}

/// Reads a page as [`list_jobs`] does, in one step even if it finds nothing: an export counts its calls by the page.
///
/// # Errors
/// `Unavailable`.
pub async fn step_of_jobs<W: Database + Clock>(
    world: &W,
    tenant: &str,
    filter: &JobFilter,
    before: Option<String>,
    limit: u32,
) -> Result<JobPage<String>, Problem> {
    #[derive(Serialize)]
    struct Terms<'a> {
        tenant: &'a str,
        before: String,
        from: String,
        #[serde(flatten)]
        filter: &'a JobFilter,
    }
    #[derive(Deserialize)]
    struct LastRead {
        id: Option<String>,
        created_at: Option<i64>,
        rows: i64,
    }
    let newest = filter.created_before.map_or_else(|| ID_END.to_owned(), first_id_at);
    let before = before.map_or(newest.clone(), |before| before.min(newest));
    let from = first_id_at(filter.created_after.unwrap_or(0));
    let terms = json_param(&Terms { tenant, before, from, filter });
    let limit = i64::from(limit);
    let scan = filter.rows_read(limit);
    let statements = vec![sql!("list_jobs", terms.clone(), scan, limit), sql!("last_read", terms, scan)];
    let answers = batch(world, &statements).await.map_err(|error| unavailable(&error))?;
    let rows: Vec<JobRow> = rows_as(answers.first().unwrap_or(&Vec::new())).map_err(|error| unavailable(&error))?;
    let last: Option<LastRead> = first_as(answers.get(1)).map_err(|error| unavailable(&error))?;
    let stop = last.and_then(|last| Some(Stop { at: last.id?, time: last.created_at?, rows: last.rows }));
    Ok(JobPage::of(rows, stop, (scan, limit), |row| Some(row.id.clone())))
}

/// Reads the jobs with an idempotency key: one per kind and endpoint.
///
/// # Errors
/// `Unavailable`.
pub async fn list_by_key<W: Database + Clock>(
    world: &W,
    tenant: &str,
    key: &str,
    limit: u32,
) -> Result<Vec<JobRow>, Problem> {
    let statement = sql!("list_by_key", tenant, key, i64::from(limit));
    read_rows(world, statement).await
}

/// Position in a list of dead letters: time of death and id.
pub type DeadPosition = (i64, String);

/// Reads a page of a tenant's open dead letters, the latest death first. A filtered page reads as many rows as one of
/// [`list_jobs`]; with a cause it reads the dead letters of that cause only.
///
/// # Errors
/// `Unavailable`.
pub async fn list_dead_letters<W: Database + Clock>(
    world: &W,
    tenant: &str,
    filter: &JobFilter,
    after: Option<DeadPosition>,
    limit: u32,
) -> Result<JobPage<DeadPosition>, Problem> {
    let mut page = step_of_dead_letters(world, tenant, filter, after, limit).await?;
    for _ in 1..PAGE_STEPS_MAX {
        if !page.rows.is_empty() || page.next.is_none() {
            break;
        }
        page = step_of_dead_letters(world, tenant, filter, page.next, limit).await?;
    }
    Ok(page)
}

/// Reads a page as [`list_dead_letters`] does, in one step even if it finds nothing.
///
/// # Errors
/// `Unavailable`.
pub async fn step_of_dead_letters<W: Database + Clock>(
    world: &W,
    tenant: &str,
    filter: &JobFilter,
    after: Option<DeadPosition>,
    limit: u32,
) -> Result<JobPage<DeadPosition>, Problem> {
    #[derive(Serialize)]
    struct Terms<'a> {
        tenant: &'a str,
        before: i64,
        id: String,
        #[serde(flatten)]
        filter: &'a JobFilter,
    }
    #[derive(Deserialize)]
    struct LastDead {
        died_at: i64,
        id: String,
        rows: i64,
    }
    // Position of the first page: the end of the year 9999, later than any death.
    let newest = (filter.died_before.unwrap_or(253_402_300_799_999), String::new());
    let (before, id) = after.map_or(newest.clone(), |after| after.min(newest));
    let terms = json_param(&Terms { tenant, before, id, filter });
    let limit = i64::from(limit);
    // The index of a cause has no others.
    let scan = JobFilter { cause: None, ..filter.clone() }.rows_read(limit);
    let statements = match filter.cause {
        None => vec![sql!("list_dead_open", terms.clone(), scan, limit), sql!("last_dead_open", terms, scan)],
        Some(_) => {
            vec![sql!("list_dead_of_cause", terms.clone(), scan, limit), sql!("last_dead_of_cause", terms, scan)]
        }
    };
    let answers = batch(world, &statements).await.map_err(|error| unavailable(&error))?;
    let rows: Vec<JobRow> = rows_as(answers.first().unwrap_or(&Vec::new())).map_err(|error| unavailable(&error))?;
    let last: Option<LastDead> = first_as(answers.get(1)).map_err(|error| unavailable(&error))?;
    let stop = last.map(|last| Stop { at: (last.died_at, last.id), time: last.died_at, rows: last.rows });
    Ok(JobPage::of(rows, stop, (scan, limit), |row| Some((row.finished_at?, row.id.clone()))))
}

/// Reads the evidence of one attempt in one ranged read and checks it against its digest.
///
/// # Errors
/// `NotFound` if there is none, or it is deleted; `Unavailable`; `Internal` if it is damaged.
pub async fn read_evidence<'a, B: Blobs>(blobs: &B, entry: &'a LogEntry) -> Result<Evidence<'a>, Problem> {
    match entry.evidence.as_ref().ok_or_else(no_evidence)? {
        EvidenceRef::Off => Err(no_evidence()),
        EvidenceRef::Inline { reason, record, .. } => Ok(Evidence::Inline(InlineEvidence::new(reason, record))),
        EvidenceRef::Stored { n, offset, length, sha256: expected } => {
            let bytes = blobs.get_range(&pack_key(&entry.lease, *n), *offset, *length).await.map_err(|error| {
                tracing::error!(%error, "evidence_read_failed");
                Problem::Unavailable
            })?;
            let bytes = bytes.ok_or_else(no_evidence)?;
            if sha256(&bytes) != *expected {
                tracing::error!(lease = entry.lease, n, "evidence_digest_mismatch");
                return Err(Problem::Internal);
            }
            let record: Result<Box<RawValue>, _> = serde_json::from_slice(&bytes);
            record.map(Evidence::Record).map_err(|_| Problem::Internal)
        }
    }
}

fn no_evidence() -> Problem {
    Problem::NotFound("The attempt has no evidence".into())
}

/// Reads the evidence of consecutive attempts, [`REQUESTS_AT_ONCE`] in parallel. Skips the first `unread`.
pub async fn read_evidences<'a, B: Blobs>(
    blobs: &B,
    entries: &'a [LogEntry],
    unread: usize,
) -> Vec<Result<Evidence<'a>, Problem>> {
    let reads = entries.iter().enumerate().map(|(index, entry)| async move {
        if index < unread { Err(no_evidence()) } else { read_evidence(blobs, entry).await }
    });
    stream::iter(reads).buffered(REQUESTS_AT_ONCE).collect().await
}
