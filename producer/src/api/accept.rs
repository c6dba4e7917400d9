//! What every operation that makes jobs shares: who makes them, what became of each, and the hints that leave after the answer.

use longshore::accept::authorize::Caller;

use longshore::accept::insert::{Accepted, accept, seal_secrets};
use longshore::accept::request::{NewJob, in_order};
use longshore::cloudflare::CloudflareWorld;
use longshore::model::hint::Hint;
use longshore::model::origin::Origin;
use longshore::settings::Settings;
use longshore::store::notify::send_hints;
use longshore::wire::idempotency::parse_header;
use longshore::wire::prefer::RETURN_MINIMAL;
use longshore::wire::problem::Problem;
use serde::Serialize;
use serde_json::{Value, json};

use crate::answer::Answer;
use crate::authenticate::Principal;
use crate::context::ApiContext;
use crate::problem;

/// The answer to a request that made one job, which is hinted after it.
pub(crate) fn durable(context: &ApiContext, accepted: Accepted) -> Result<Answer, Problem> {
    hint_later(context, &[&accepted])?;
    let location = format!("/v1/jobs/{}", accepted.job.id);
    let answer = Answer::json(202, accepted.body).with_header("location", location);
    Ok(if accepted.replayed { answer.with_header("idempotency-replayed", "true") } else { answer })
}

/// Who makes jobs, and where their request comes from.
pub(crate) fn maker(context: &ApiContext, principal: &Principal) -> Result<Caller, Problem> {
    let origin = Origin::of(|name| context.request.header(name))?;
    Ok(Caller { origin, ..principal.caller()?.clone() })
}

/// Accepts those that passed their check, and puts the answers in the order of the request.
pub(crate) async fn accept_checked(
    world: &CloudflareWorld,
    settings: &Settings,
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

pub(crate) fn hint_later(context: &ApiContext, accepted: &[&Accepted]) -> Result<(), Problem> {
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
