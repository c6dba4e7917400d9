//! Reads of jobs, lists and evidence. The cost of a read grows with its response, never with the table.

use futures_util::{StreamExt, stream};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::limits::{PAGE_ROWS_READ_MAX, REQUESTS_AT_ONCE};
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

/// Filters of a job list, combined with AND.
#[derive(Debug, Clone, Default, Serialize)]
pub struct JobFilter {
    /// Name of a state.
    pub state: Option<String>,
    /// Name of a kind.
    pub kind: Option<String>,
    /// Name of an endpoint.
    pub endpoint: Option<String>,
    /// Name of a group.
    pub group: Option<String>,
    /// Event id.
    pub event_id: Option<String>,
    /// Id of a cause.
    pub cause: Option<String>,
    /// Time of creation at or after this, in ms.
    #[serde(skip)]
    pub created_after: Option<i64>,
    /// Time of creation before this, in ms.
    #[serde(skip)]
    pub created_before: Option<i64>,
}

impl JobFilter {
    fn narrows(&self) -> bool {
        let filters = [&self.state, &self.kind, &self.endpoint, &self.group, &self.event_id, &self.cause];
        filters.iter().any(|filter| filter.is_some())
    }
}

/// One page of a list.
#[derive(Debug)]
pub struct JobPage<P> {
    /// Rows of the page.
    pub rows: Vec<JobRow>,
    /// Position of the next page; `None` at the end.
    pub next: Option<P>,
}

/// Reads a page of a tenant's jobs, the newest first. A filtered page reads at most 1,000 rows and may be short.
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
        rows: i64,
    }
    let newest = filter.created_before.map_or_else(|| ID_END.to_owned(), first_id_at);
    let before = before.map_or(newest.clone(), |before| before.min(newest));
    let from = first_id_at(filter.created_after.unwrap_or(0));
    let terms = json_param(&Terms { tenant, before, from, filter });
    let limit = i64::from(limit);
    // Two statements read the same rows: each gets half of a page's row limit.
    let scan = if filter.narrows() { PAGE_ROWS_READ_MAX / 2 } else { limit };
    let statements = vec![sql!("list_jobs", terms.clone(), scan, limit), sql!("last_read", terms, scan)];
    let answers = batch(world, &statements).await.map_err(|error| unavailable(&error))?;
    let rows: Vec<JobRow> = rows_as(answers.first().unwrap_or(&Vec::new())).map_err(|error| unavailable(&error))?;
    let last: Option<LastRead> = first_as(answers.get(1)).map_err(|error| unavailable(&error))?;
    let full = i64::try_from(rows.len()).unwrap_or(0) >= limit;
    let next = match last {
        _ if full => rows.last().map(|row| row.id.clone()),
        Some(LastRead { id, rows }) if rows >= scan => id,
        _ => None,
    };
    Ok(JobPage { rows, next })
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

/// Reads a page of a tenant's open dead letters, or of those with a cause, the latest death first. A position is the time of
/// death and the id.
///
/// # Errors
/// `Unavailable`.
pub async fn list_dead_letters<W: Database + Clock>(
    world: &W,
    tenant: &str,
    cause: Option<&str>,
    after: Option<(i64, String)>,
    limit: u32,
) -> Result<JobPage<(i64, String)>, Problem> {
    // Position of the first page: the end of the year 9999, later than any death.
    let (died_at, id) = after.unwrap_or((253_402_300_799_999, ID_END.to_owned()));
    let terms = json_param(&serde_json::json!({"tenant": tenant, "cause": cause, "died_at": died_at, "id": id}));
    let limit_param = i64::from(limit);
    let statement = match cause {
        None => sql!("list_dead_open", terms, limit_param),
        Some(_) => sql!("list_dead_of_cause", terms, limit_param),
    };
    let rows: Vec<JobRow> = read_rows(world, statement).await?;
    let full = rows.len() >= usize::try_from(limit).unwrap_or(usize::MAX);
    let next = rows.last().filter(|_| full).and_then(|row| Some((row.finished_at?, row.id.clone())));
    Ok(JobPage { rows, next })
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
