//! `longshore status`: one look at a deployment: what fails, since when, for whom and whose fault it is.

use longshore_client::{Allowance, Answer, ClientError, Estimate, Health, Readiness, Status, Usage};
use serde::Serialize;
use serde_json::value::RawValue;

use crate::commands::causes::counted;
use crate::commands::findings::{Level, judge, read_health, read_readiness, worst};
use crate::context::Context;
use crate::escape::escaped;
use crate::failure::{Failure, USAGE};
use crate::output::{Output, note};
use crate::times::{shown, shown_or_dash};

/// Exit code of a deployment that works but needs a look.
const DEGRADED: u8 = 1;
/// Exit code of a deployment that fails or is out of reach.
const FAILING: u8 = 2;

/// Statuses of a key that is unknown, of one that lacks the scope `jobs:read`, and of a deployment without this route.
const NO_STATUS: [u16; 3] = [401, 403, 404];

/// Health, and readiness or the status, as the API answers them.
#[derive(Serialize)]
struct Overview<'a> {
    status: &'a str,
    health: Option<&'a RawValue>,
    readiness: Option<&'a RawValue>,
    report: Option<&'a RawValue>,
    error: Option<String>,
}

/// Report of the deployment: its status, or only its readiness if there is no key that may see more.
enum Report {
    Status(Box<Answer<Status>>),
    Readiness(Box<Answer<Readiness>>),
}

/// Shows the status. Without a key it is that of `/readyz`.
pub(crate) fn run(context: &Context) -> Result<u8, Failure> {
    let output = context.output;
    let (health, report) = match read(context) {
        Ok(read) => read,
        Err(error) => {
            let failure = Failure::from(error);
            let error = failure.text();
            if output.is_table() {
                output.line(format!("failing: {}", error.unwrap_or_default()))?;
            } else {
                output.value(&Overview { status: "failing", health: None, readiness: None, report: None, error })?;
            }
            // Settings that name no deployment are not its failure.
            return if failure.code() == USAGE { Err(failure) } else { Ok(FAILING) };
        }
    };
    match report {
        Report::Status(status) => show_status(context, &health, &status),
        Report::Readiness(readiness) => show_readiness(context, &health, &readiness),
    }
}

fn read(context: &Context) -> Result<(Answer<Health>, Report), ClientError> {
    let client = context.client();
    let health = read_health(client)?;
    if client.key_id().is_some() {
        match client.status() {
            Ok(status) => return Ok((health, Report::Status(Box::new(status)))),
            Err(ClientError::Refused(problem)) if NO_STATUS.contains(&problem.status) => {
                let detail = escaped(&problem.detail);
                note(format!("No status, only readiness, which knows nothing about receivers: {detail}."));
            }
            Err(error) => return Err(error),
        }
    }
    let readiness = read_readiness(client)?;
    Ok((health, Report::Readiness(Box::new(readiness))))
}

fn show_readiness(context: &Context, health: &Answer<Health>, readiness: &Answer<Readiness>) -> Result<u8, Failure> {
    let (output, findings) = (context.output, judge(&readiness.value));
    let status = match worst(&findings) {
        Level::Ok => "ok",
        Level::Warn => "degraded",
        Level::Fail => "failing",
    };
    if !output.is_table() {
        let (health, readiness) = (Some(&*health.json), Some(&*readiness.json));
        output.value(&Overview { status, health, readiness, report: None, error: None })?;
        return Ok(code_of(status));
    }
    output.line(headline(context, status, &health.value))?;
    for finding in findings.iter().filter(|finding| finding.level > Level::Ok) {
        output.line(format!("  {}: {}. {}", finding.part, finding.text, finding.advice))?;
    }
    Ok(code_of(status))
}

fn show_status(context: &Context, health: &Answer<Health>, answer: &Answer<Status>) -> Result<u8, Failure> {
    let (output, status) = (context.output, &answer.value);
    let code = code_of(&status.level);
    if !output.is_table() {
        let (health, report) = (Some(&*health.json), Some(&*answer.json));
        output.value(&Overview { status: &status.level, health, readiness: None, report, error: None })?;
        return Ok(code);
    }
    output.line(headline(context, &status.level, &health.value))?;
    for reason in &status.reasons {
        let whom = reason.tenant.as_deref().filter(|_| status.tenant.is_none());
        let whom = whom.map(|tenant| format!(" of tenant {}", escaped(tenant))).unwrap_or_default();
        output.line(format!(
            "\n{} {}{whom}: {}",
            escaped(&reason.level),
            escaped(&reason.code),
            escaped(&reason.detail)
        ))?;
        output.line(format!(
            "  since {}; fault: {}",
            reason.since.as_deref().map_or_else(|| "unknown".to_owned(), shown),
            reason.fault.as_deref().map_or("unknown", fault),
        ))?;
        let more = reason.cause.as_deref().map(|cause| format!("; longshore causes show {}", escaped(cause)));
        output.line(format!("  see {}{}", escaped(&reason.runbook), more.unwrap_or_default()))?;
    }
    if status.has_more {
        output.line("\nThere may be more causes or paused endpoints: longshore causes list --all")?;
    }
    output.line("")?;
    show_parts(output, status)?;
    Ok(code)
}

/// Shows the numbers, one part a line.
fn show_parts(output: Output, status: &Status) -> Result<(), Failure> {
    let jobs = &status.jobs;
    let mut rows = vec![
        vec![
            "jobs".to_owned(),
            format!("{} dead, {} retrying, {} held", counted(&jobs.dead), counted(&jobs.retrying), counted(&jobs.held)),
        ],
        vec![
            "new jobs".to_owned(),
            format!(
                "{} in 10 min: {} queued, {} running, {} succeeded",
                counted(&jobs.recent.jobs),
                jobs.recent.queued,
                jobs.recent.running,
                jobs.recent.succeeded
            ),
        ],
        vec!["sweep".to_owned(), shown_or_dash(status.crons.swept_at.as_deref())],
        vec!["schedules".to_owned(), shown_or_dash(status.crons.ticked_at.as_deref())],
        vec![
            "due".to_owned(),
            match &status.oldest_due {
                None => "nothing".to_owned(),
                Some(oldest) => format!("{} rows, the oldest since {}", counted(&status.due), shown(&oldest.since)),
            },
        ],
    ];
    for queue in status.queues.iter().flatten() {
        let oldest = queue.oldest_at.as_deref().map(|at| format!(", the oldest from {}", shown(at)));
        rows.push(vec![queue.queue.clone(), format!("{} messages{}", queue.messages, oldest.unwrap_or_default())]);
    }
    let storage = &status.storage;
    if let (Some(bytes), Some(percent)) = (storage.bytes, storage.percent) {
        let days = storage.days_until_full.map(|days| format!(", full in {days} d")).unwrap_or_default();
        rows.push(vec!["storage".to_owned(), format!("{} MB, {percent} %{days}", bytes / 1_000_000)]);
    }
    output.rows(&["PART", "STATE"], rows.into_iter())?;
    status.usage.as_ref().map_or(Ok(()), |usage| show_usage(output, usage))
}

/// Part of an estimate.
type Part = fn(&Estimate) -> i64;

/// Shows the estimated usage against the allowances of the plan.
fn show_usage(output: Output, usage: &Usage) -> Result<(), Failure> {
    let (today, midnight, allowed) = (&usage.today, &usage.forecast.at_midnight, &usage.allowances);
    let parts: [(&str, Part, &Allowance); 4] = [
        ("rows written", |it| it.rows_written, &allowed.rows_written),
        ("queue operations", |it| it.queue_operations, &allowed.queue_operations),
        ("requests", |it| it.requests, &allowed.requests),
        ("R2 puts", |it| it.puts, &allowed.puts),
    ];
    let rows = parts.map(|(name, part, allowed)| {
        let allowed = format!("{} a {}", allowed.amount, allowed.per);
        vec![name.to_owned(), part(today).to_string(), part(midnight).to_string(), allowed]
    });
    output.line("")?;
    output.rows(&["ESTIMATED", "TODAY", "AT MIDNIGHT", "PLAN INCLUDES"], rows.into_iter())?;
    let cents = usage.forecast.bill_of_month_cents;
    let least = if usage.at_least { " or more" } else { "" };
    output.line(format!(
        "A month like the last 24 hours costs about ${}.{:02}{least} on the {} plan.",
        cents / 100,
        cents % 100,
        escaped(&usage.plan)
    ))
}

fn headline(context: &Context, status: &str, health: &Health) -> String {
    format!("{}: {} at version {}", escaped(status), escaped(context.client().url()), escaped(&health.version))
}

/// Returns the exit code of a status. An unknown one, of a later version, needs a look.
fn code_of(status: &str) -> u8 {
    match status {
        "ok" => 0,
        "failing" => FAILING,
        _ => DEGRADED,
    }
}

/// Names whose fault it is.
fn fault(fault: &str) -> &str {
    match fault {
        "longshore" => "Longshore, please report it",
        "receiver" => "the receiver",
        "operator" => "the operator of this deployment",
        "platform" => "Cloudflare",
        "account_limit" => "a limit of the Cloudflare account",
        "provider" => "the embedding provider",
        "caller" => "the caller that created the job",
        _ => "unknown",
    }
}
