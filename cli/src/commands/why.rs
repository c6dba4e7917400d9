//! `longshore why`: the story of a job in words.

use clap::Args;
use longshore::model::state::State;
use longshore_client::{Answer, Attempt, Client, ClientError, Endpoint, Evidence, Job, found};
use serde::Serialize;
use serde_json::value::RawValue;

use crate::commands::story::{advice, attempt, beginning, evidence};
use crate::context::Context;
use crate::escape::escaped;
use crate::failure::{DONE, Failure, REFUSED};
use crate::times::now_ms;

/// Tells what happened to a job: each attempt with its time, status, error and wait, and what to do next.
///
/// The exit code is 1 if the job is dead.
#[derive(Debug, Args)]
pub(crate) struct Options {
    /// Id of the job.
    job: String,
    /// Show both sides of each attempt: the request, the response, and their bodies.
    #[arg(long)]
    full: bool,
}

/// Job, attempts and evidence, as the API answers each.
#[derive(Serialize)]
struct Story<'a> {
    job: &'a RawValue,
    attempts: Vec<&'a RawValue>,
    /// Evidence of each attempt; null if there is none.
    #[serde(skip_serializing_if = "Option::is_none")]
    evidence: Option<Vec<Option<&'a RawValue>>>,
}

/// Tells the story of a job.
pub(crate) fn run(context: &Context, options: &Options) -> Result<u8, Failure> {
    let client = context.client();
    let job = client.job(&options.job, None)?;
    let attempts = client.attempts(&options.job)?.items;
    let evidence = options.full.then(|| evidence_of(client, &job.value, &attempts)).transpose()?;
    if context.output.is_table() {
        let endpoint = endpoint_of_held(client, &job.value)?;
        tell(context, &job.value, endpoint.as_ref(), &attempts, evidence.as_deref())?;
    } else {
        let json = |answer: &'_ Option<Answer<Evidence>>| answer.as_ref().map(|answer| answer.json.clone());
        let evidence: Option<Vec<_>> = evidence.as_ref().map(|all| all.iter().map(json).collect());
        context.output.value(&Story {
            job: &job.json,
            attempts: attempts.iter().map(|attempt| &*attempt.json).collect(),
            evidence: evidence.as_ref().map(|all| all.iter().map(Option::as_deref).collect()),
        })?;
    }
    Ok(if job.value.state == State::Dead { REFUSED } else { DONE })
}

fn tell(
    context: &Context,
    job: &Job,
    endpoint: Option<&Endpoint>,
    attempts: &[Answer<Attempt>],
    evidences: Option<&[Option<Answer<Evidence>>]>,
) -> Result<(), Failure> {
    let now = now_ms();
    context.output.line(beginning(job, endpoint, now))?;
    for (index, one) in attempts.iter().enumerate() {
        context.output.line(format!("\n{}", attempt(&one.value, now)))?;
        if let Some(evidences) = evidences {
            match evidences.get(index).and_then(Option::as_ref) {
                Some(found) => context.output.line(evidence(&found.value))?,
                None => context.output.line(format!("  No evidence ({}).", escaped(&one.value.evidence.state)))?,
            }
        }
    }
    let advice = advice(job);
    if advice.is_empty() { Ok(()) } else { context.output.line(format!("\n{advice}")) }
}

/// Reads the evidence of each attempt; `None` where there is none.
fn evidence_of(
    client: &Client,
    job: &Job,
    attempts: &[Answer<Attempt>],
) -> Result<Vec<Option<Answer<Evidence>>>, ClientError> {
    let of_attempt = |attempt: &Answer<Attempt>| {
        if !matches!(attempt.value.evidence.state.as_str(), "stored" | "inline") {
            return Ok(None);
        }
        found(client.evidence(&job.id, attempt.value.attempt))
    };
    attempts.iter().map(of_attempt).collect()
}

/// Reads the endpoint of a held job, whose pause explains the job. It may be deleted.
fn endpoint_of_held(client: &Client, job: &Job) -> Result<Option<Endpoint>, ClientError> {
    match &job.endpoint {
        Some(name) if job.state == State::Held => Ok(found(client.endpoint(name))?.map(|answer| answer.value)),
        _ => Ok(None),
    }
}
