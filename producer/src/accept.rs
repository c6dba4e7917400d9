//! Accepting jobs: one, or a batch. The answer leaves when the jobs are durable; hints leave after it.

use longshore::accept::{Accepted, Maker, accept, accept_for, seal_secrets};
use longshore::authorize::Caller;
use longshore::batch::read_batch;
use longshore::cloudflare::CloudflareWorld;
use longshore::flush::send_hints;
use longshore::hint::Hint;
use longshore::idempotency::parse_header;
use longshore::limits::{BATCH_BYTES_MAX, ENVELOPE_BYTES_MAX, JOB_REQUEST_BYTES_MAX};
use longshore::origin::Origin;
use longshore::prefer::RETURN_MINIMAL;
use longshore::problem::Problem;
use longshore::request::{NewJob, check, in_order};
use longshore::settings::Settings;
use serde::Serialize;
use serde_json::value::RawValue;
use serde_json::{Value, json};

use crate::answer::Answer;
use crate::authenticate::{Principal, Proof};
use crate::context::ApiContext;
use crate::{bulk, problem};

/// `POST /v1/jobs`: its key is checked inside the accept's own batch.
pub(crate) async fn create_job(context: &mut ApiContext, principal: &Principal) -> Result<Answer, Problem> {
    if context.request.may_be_longer_than(context.settings.plan.payload_inline_bytes + ENVELOPE_BYTES_MAX) {
        // Megabytes are read for those who may send them.
        principal.prove(&context.world).await?;
    }
    let (caller, jobs) = match read_job(context, principal).await {
        Ok(read) => read,
        // What is wrong is told to those who may ask; a good job's key is checked where it is inserted.
        Err(refusal) => {
            principal.prove(&context.world).await?;
            return Err(refusal);
        }
    };
    let maker = Maker { caller: &caller, scope: principal.scope() };
    let mut results = accept_for(&context.world, maker, jobs).await?;
    durable(context, results.pop().ok_or(Problem::Internal)??)
}

/// The one job that a request asks for, and who asks: neither is known to be allowed yet.
async fn read_job(context: &mut ApiContext, principal: &Principal) -> Result<(Caller, Vec<NewJob>), Problem> {
    context.request.no_parameter_twice()?;
    let caller = maker(context, principal)?;
    let key = idempotency_key(context)?;
    let body = context.request.json_body(JOB_REQUEST_BYTES_MAX).await?;
    let mut jobs = vec![check(&context.world, &context.settings, &body, 0, key)?];
    seal_secrets(&context.world, &context.settings, &caller, &mut jobs).await?;
    Ok((caller, jobs))
}

/// The answer to a request that made one job, which is hinted after it.
pub(crate) fn durable(context: &ApiContext, accepted: Accepted) -> Result<Answer, Problem> {
    hint_later(context, &[&accepted])?;
    let location = format!("/v1/jobs/{}", accepted.job.id);
    let answer = Answer::json(202, accepted.body).with_header("location", location);
    Ok(if accepted.replayed { answer.with_header("idempotency-replayed", "true") } else { answer })
}

/// `POST /v1/jobs/batch`: each job is accepted or refused by itself; lines of JSON as they come, see [`bulk`].
pub(crate) async fn create_jobs(context: &mut ApiContext, proof: &Proof) -> Result<Answer, Problem> {
    // What is sealed is sealed for the tenant of the key; it is not asked for again.
    let caller = Caller { tenant: Some(proof.tenant()?), ..maker(context, proof.principal())? };
    let key = idempotency_key(context)?;
    if context.request.has_lines() {
        return bulk::create_jobs(context, caller, key, None);
    }
    let body = context.request.json_body(BATCH_BYTES_MAX).await?;
    let jobs = read_batch(&body)?;
    let item = |(index, job): (usize, &RawValue)| {
        // One key for the whole request stands for one key per job.
        let key = key.as_ref().map(|key| format!("{key}:{index}"));
        check(&context.world, &context.settings, job.get().as_bytes(), index, key)
    };
    let checked: Vec<_> = jobs.iter().map(AsRef::as_ref).enumerate().map(item).collect();
    let results = accept_checked((&context.world, &context.settings), &caller, checked).await?;
    let accepted: Vec<_> = results.iter().filter_map(|result| result.as_ref().ok()).collect();
    hint_later(context, &accepted)?;
    let minimal = context.request.prefers_minimal();
    Ok(preference_applied(Answer::ok(batch_json(&results, &context.request_id, minimal)), minimal))
}

/// Who makes jobs, and where their request comes from.
pub(crate) fn maker(context: &ApiContext, principal: &Principal) -> Result<Caller, Problem> {
    let origin = Origin::of(|name| context.request.header(name))?;
    Ok(Caller { origin, ..principal.caller()?.clone() })
}

/// Accepts those that passed their check, and puts the answers in the order of the request.
pub(crate) async fn accept_checked(
    (world, settings): (&CloudflareWorld, &Settings),
    caller: &Caller,
    checked: Vec<Result<NewJob, Problem>>,
) -> Result<Vec<Result<Accepted, Problem>>, Problem> {
    let (mut jobs, mut places) = (Vec::new(), Vec::new());
    for job in checked {
        places.push(job.map(|job| jobs.push(job)));
    }
    // Of two changes of one document the later one stands, and an id is what tells.
    in_order(&mut jobs);
    seal_secrets(world, settings, caller, &mut jobs).await?;
    // Also with no job left: the key is checked all the same.
    let mut accepted = accept(world, caller, jobs).await?.into_iter();
    Ok(places.into_iter().map(|place| place.and_then(|()| accepted.next().unwrap_or(Err(Problem::Internal)))).collect())
}

/// What became of one job of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Outcome {
    Accepted,
    Replayed,
    Rejected,
}

impl Outcome {
    pub(crate) fn of(result: &Result<Accepted, Problem>) -> Outcome {
        match result {
            Ok(accepted) if accepted.replayed => Outcome::Replayed,
            Ok(_) => Outcome::Accepted,
            Err(_) => Outcome::Rejected,
        }
    }
}

/// How many jobs became what.
#[derive(Debug, Default, Serialize)]
pub(crate) struct Tally {
    accepted: usize,
    replayed: usize,
    rejected: usize,
}

impl Tally {
    /// Whether no job was refused.
    pub(crate) fn is_whole(&self) -> bool {
        self.rejected == 0
    }

    pub(crate) fn count(&mut self, results: &[Result<Accepted, Problem>]) {
        for result in results {
            self.add(Outcome::of(result));
        }
    }

    pub(crate) fn add(&mut self, outcome: Outcome) {
        *match outcome {
            Outcome::Accepted => &mut self.accepted,
            Outcome::Replayed => &mut self.replayed,
            Outcome::Rejected => &mut self.rejected,
        } += 1;
    }
}

/// What became of the job at that place of a request.
pub(crate) fn result_json(index: usize, result: &Result<Accepted, Problem>, request_id: &str) -> Value {
    match result {
        Ok(accepted) => json!({
            "index": index, "status": 202, "id": accepted.job.id, "replayed": accepted.replayed, "problem": null,
        }),
        Err(refusal) => json!({
            "index": index, "status": refusal.status(), "id": null, "replayed": false,
            "problem": problem::document(refusal, request_id),
        }),
    }
}

/// The answer to a batch; a minimal one has no results but those of refused jobs.
fn batch_json(results: &[Result<Accepted, Problem>], request_id: &str, minimal: bool) -> Value {
    let mut summary = Tally::default();
    summary.count(results);
    let told = results.iter().enumerate().filter(|(_, result)| !minimal || result.is_err());
    let rows: Vec<_> = told.map(|(index, result)| result_json(index, result, request_id)).collect();
    json!({"summary": summary, "results": rows})
}

/// Says that the answer is as minimal as the caller prefers it, if so.
pub(crate) fn preference_applied(answer: Answer, minimal: bool) -> Answer {
    if minimal { answer.with_header("preference-applied", RETURN_MINIMAL) } else { answer }
}

/// The key that the request's header gives.
pub(crate) fn idempotency_key(context: &ApiContext) -> Result<Option<String>, Problem> {
    let header = context.request.header("idempotency-key");
    header
        .map(|text| parse_header(&text))
        .transpose()
        .map_err(|error| Problem::InvalidIdempotencyKey(error.to_string()))
}

fn hint_later(context: &ApiContext, accepted: &[&Accepted]) -> Result<(), Problem> {
    hint(context, accepted.iter().filter_map(|accepted| accepted.hint.clone()).collect())
}

/// Sends hints after the answer has left: the jobs are durable, and a lost hint costs only time.
pub(crate) fn hint(context: &ApiContext, hints: Vec<Hint>) -> Result<(), Problem> {
    if hints.is_empty() {
        return Ok(());
    }
    let world = CloudflareWorld::new(&context.env).map_err(|_| Problem::Internal)?;
    let settings = context.settings.clone();
    context.worker.wait_until(async move {
        send_hints(&world, &settings, hints).await;
    });
    Ok(())
}
