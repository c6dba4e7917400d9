//! Resend: sends a finished job again, any number of times. The job itself does not change.

use serde::Deserialize;
use serde_json::json;

use crate::kinds;
use crate::kinds::Kind;
use crate::limits::{KEY_WINDOW_SECONDS_DEFAULT, MINTS_MAX};
use crate::manage::successor::{Changes, ResendTerms, Successor, copy_object, inserting, time_to_mint};
use crate::model::job::{JobRef, JobRow};
use crate::model::state::State;
use crate::ports::{Blobs, Clock, Database, Statement};
use crate::routes::Operation;
use crate::settings::Settings;
use crate::store::audit::{Operator, Target};
use crate::store::counted::batch_counting_new;
use crate::store::rows::{read_first, read_job, unavailable};
use crate::store::sql;
use crate::wire::idempotency::{digest_of_form, may_be_the_same};
use crate::wire::problem::Problem;

/// The job that sends another one again.
#[derive(Debug)]
pub struct Resent {
    /// The new job.
    pub row: JobRow,
    /// True if it existed already: the request repeats one with the same idempotency key.
    pub duplicate: bool,
}

/// Idempotency key of a resend, with its scope and the digest of the request.
struct Once<'a> {
    tenant: &'a str,
    key: &'a str,
    kind: &'a str,
    endpoint: &'a str,
    digest: String,
}

impl Once<'_> {
    /// Finds the job with this key.
    ///
    /// # Errors
    /// `IdempotencyKeyReused` if another request created it; `Unavailable`.
    async fn holder<W: Database + Clock>(&self, world: &W) -> Result<Option<JobRow>, Problem> {
        #[derive(Deserialize)]
        struct Holder {
            id: String,
            digest: String,
        }
        let statement = sql!("find_by_key", self.tenant, self.key, self.kind, self.endpoint);
        let Some(holder) = read_first::<Holder, _>(world, statement).await? else { return Ok(None) };
        if !may_be_the_same(&holder.digest, &self.digest) {
            return Err(Problem::IdempotencyKeyReused);
        }
        read_job(world, &JobRef { tenant: self.tenant.to_owned(), id: holder.id }).await.map(Some)
    }

    fn freeing(&self) -> Statement {
        sql!("free_key", self.tenant, self.key, self.kind, self.endpoint)
    }
}

/// Sends a finished job again as a new job with the same event id and payload. The caller sends its hint, unless it is
/// a duplicate.
///
/// Safe to repeat with an idempotency key: the repeat returns the job with this key. The key has the same scope as at
/// an accept: tenant, kind and endpoint. Without a key each call creates a job.
///
/// # Errors
/// `NotFound`; `IllegalTransition` unless it succeeded or was cancelled; `PayloadGone`; `IdempotencyKeyReused`;
/// `StorageFull`.
pub async fn resend<W: Database + Blobs + Clock>(
    world: &W,
    operator: &Operator,
    settings: &Settings,
    job: &JobRef,
    key: Option<&str>,
) -> Result<Resent, Problem> {
    let finished = read_job(world, job).await?;
    let (tenant, kind, endpoint) = (job.tenant.as_str(), finished.kind.as_str(), finished.endpoint.as_str());
    let digest = digest_of_form(&[b"resend", job.id.as_bytes()]);
    let once = key.map(|key| Once { tenant, key, kind, endpoint, digest });
    // Before the checks: a repeat returns its job, even if the original is deleted or has no payload now.
    if let Some(row) = holder(world, once.as_ref()).await? {
        return Ok(Resent { row, duplicate: true });
    }
    check_finished(&finished)?;
    let object = copy_object(world, &finished, || payload_gone(&finished)).await?;
    let terms = once.as_ref().map_or_else(ResendTerms::default, |once| ResendTerms {
        key: Some(once.key.to_owned()),
        digest: Some(once.digest.clone()),
        window_ms: Some(i64::from(KEY_WINDOW_SECONDS_DEFAULT) * 1_000),
    });
    let changes = Changes { object, resend: Some(terms), ..Changes::default() };
    let mut now = world.now_ms();
    for _ in 0..MINTS_MAX {
        let successor = Successor::mint(world, job, now, &changes).await?;
        let new = successor.job();
        let freeing = once.as_ref().map(Once::freeing);
        let action = operator.does_to_job(Operation::ResendJob, Target::Job, job);
        let noting = action.after(json!({"job": new.id})).if_changed();
        let [inserting, noting_hour] = inserting(tenant, &[successor], now, None);
        let statements = freeing.into_iter().chain([inserting, noting, noting_hour]).collect();
        let made = std::slice::from_ref(&new);
        batch_counting_new(world, made, statements).await.map_err(|error| unavailable(&error))?;
        match read_job(world, &new).await {
            Ok(row) => return Ok(Resent { row, duplicate: false }),
            Err(Problem::NotFound(_)) => {}
            Err(problem) => return Err(problem),
        }
        if let Some(row) = holder(world, once.as_ref()).await? {
            return Ok(Resent { row, duplicate: true });
        }
        // Refused: the original is deleted or being erased, the database is full, or the Worker's clock is off.
        read_job(world, job).await?;
        now = time_to_mint(world, settings).await?;
    }
    Err(Problem::Unavailable)
}

async fn holder<W: Database + Clock>(world: &W, once: Option<&Once<'_>>) -> Result<Option<JobRow>, Problem> {
    match once {
        Some(once) => once.holder(world).await,
        None => Ok(None),
    }
}

/// Checks that a job has finished and has its payload.
fn check_finished(row: &JobRow) -> Result<(), Problem> {
    let (id, state) = (&row.id, row.state.name());
    match row.state {
        State::Succeeded | State::Cancelled => {}
        State::Dead => {
            let detail = format!("Job `{id}` is a dead letter: use `POST /v1/dead-letters/{id}/replay`");
            return Err(Problem::IllegalTransition(detail));
        }
        State::Scheduled | State::Queued | State::Running | State::Retrying | State::Held => {
            let detail = format!("Job `{id}` is `{state}`; only a finished job can be sent again");
            return Err(Problem::IllegalTransition(detail));
        }
    }
    let has_payload = kinds::is_whole(&row.kind, row.payload.is_some(), row.payload_bytes.is_some());
    if has_payload { Ok(()) } else { Err(payload_gone(row)) }
}

/// Returns the problem of a missing payload, with advice for the next job.
fn payload_gone(row: &JobRow) -> Problem {
    let JobRow { id, kind, endpoint, .. } = row;
    Problem::PayloadGone(match (Kind::named(kind), endpoint.as_str()) {
        (Some(Kind::Embed | Kind::Index), _) => {
            format!("The payload of job `{id}` was removed; jobs of kind `{kind}` keep none. Create the job again")
        }
        (_, "") => format!(
            "The payload of job `{id}` was removed: only endpoints keep payloads. Send such jobs to an endpoint with \
             `keep_payload: true`"
        ),
        _ => format!(
            "The payload of job `{id}` was removed. Set `keep_payload: true` on its endpoint before you need to send its jobs \
             again"
        ),
    })
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;

    fn row(more: &Value) -> JobRow {
        let mut row = json!({
            "tenant": "acme", "id": "job_1", "state": "succeeded", "attempt": 1, "failures": 0, "max_attempts": 9, "kind": "webhook",
            "endpoint": "orders", "created_at": 0, "run_after": 0, "cancel_requested": 0,
        });
        let (Value::Object(fields), Value::Object(more)) = (&mut row, more.clone()) else { unreachable!() };
        fields.extend(more);
        serde_json::from_value(row).unwrap()
    }

    #[test]
    fn only_finished_jobs_are_sent_again() {
        for state in State::ALL {
            let row = row(&json!({"state": state, "payload": "{}"}));
            let refusal = check_finished(&row).err().and_then(|problem| problem.detail());
            let name = state.name();
            let expected = match state {
                State::Succeeded | State::Cancelled => None,
                State::Dead => {
                    Some("Job `job_1` is a dead letter: use `POST /v1/dead-letters/job_1/replay`".to_owned())
                }
                _ => Some(format!("Job `job_1` is `{name}`; only a finished job can be sent again")),
            };
            assert_eq!(refusal, expected);
        }
    }

    #[test]
    fn a_removed_payload_names_the_setting_that_keeps_it() {
        let gone = |more: Value| match check_finished(&row(&more)) {
            Err(Problem::PayloadGone(detail)) => detail,
            other => panic!("{other:?}"),
        };
        assert!(gone(json!({})).contains("`keep_payload: true` on its endpoint"));
        assert!(gone(json!({"endpoint": ""})).contains("an endpoint with `keep_payload: true`"));
        assert!(gone(json!({"kind": "embed", "endpoint": ""})).contains("kind `embed` keep none"));
        // The object of a large webhook has only the body.
        assert!(gone(json!({"payload_bytes": 70_000})).contains("was removed"));
        assert_eq!(check_finished(&row(&json!({"payload_bytes": 70_000, "payload": "{}"}))), Ok(()));
        assert_eq!(check_finished(&row(&json!({"payload_bytes": 70_000, "kind": "report.build"}))), Ok(()));
    }
}
