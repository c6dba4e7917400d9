//! `longshore verify`: checks the history and the evidence of jobs.

use std::collections::BTreeMap;

use clap::Args;
use indicatif::{ProgressBar, ProgressStyle};
use longshore::limits::{DAY_MS, HOUR_MS};
use longshore::model::job::time_of;
use longshore::model::state::State;
use longshore::wire::time::parse_rfc3339;
use longshore_client::{Answer, Attempt, Client, ClientError, Job, Request, found};
use serde::Serialize;

use crate::commands::each::for_each;
use crate::commands::history::{FaultKind, Finding, dead_letter, numbering, outcome};
use crate::commands::record::{Expected, check, expected};
use crate::commands::repeat::repeat;
use crate::context::Context;
use crate::deploy::{PlanName, evidence_days};
use crate::escape::escaped;
use crate::failure::{DONE, Failure, REFUSED};
use crate::times::now_ms;

/// Number of jobs of a page.
const PAGE: usize = 100;
/// Time in ms for which a job that succeeded is kept at least: a store above 70 % deletes it after an hour.
const SUCCEEDED_KEPT_MS: i64 = HOUR_MS;

/// Checks the attempts, the outcome and the evidence of jobs against one another and against their digests.
///
/// Each fault is a line. The exit code is 1 if there is one.
#[derive(Debug, Args)]
pub(crate) struct Options {
    /// Ids of the jobs.
    #[arg(value_name = "JOB", required_unless_present = "since", conflicts_with = "since")]
    jobs: Vec<String>,
    /// Check all jobs that ended since this time, such as `2026-11-02T08:00:00Z`.
    #[arg(long, value_name = "TIME", value_parser = time)]
    since: Option<i64>,
    /// Days for which R2 keeps evidence: 29 on the free plan, 45 on the paid plan. Missing evidence that is older counts as
    /// expired.
    #[arg(long, value_name = "N", default_value_t = evidence_days(PlanName::Free), value_parser = clap::value_parser!(i64).range(1..))]
    evidence_days: i64,
}

/// Parses a time.
fn time(text: &str) -> Result<i64, String> {
    parse_rfc3339(text).ok_or_else(|| "write it as 2026-11-02T08:00:00Z".to_owned())
}

/// A fault of a job or of one of its attempts.
#[derive(Serialize)]
struct Fault {
    job: String,
    attempt: Option<u32>,
    #[serde(rename = "fault")]
    kind: FaultKind,
    text: String,
}

/// Numbers of what was checked.
#[derive(Default, Serialize)]
struct Summary {
    jobs: u64,
    attempts: u64,
    with_evidence: u64,
    /// Attempts without whole evidence, by the reason.
    without_evidence: BTreeMap<&'static str, u64>,
    faults: u64,
}

/// Last line of the output as lines of JSON.
#[derive(Serialize)]
struct LastLine<'a> {
    summary: &'a Summary,
}

/// Output as one document.
#[derive(Serialize)]
struct Report<'a> {
    faults: &'a [Fault],
    summary: &'a Summary,
}

/// A verification that runs.
struct Verification<'a> {
    context: &'a Context,
    client: &'a Client,
    now: i64,
    evidence_days: i64,
    bar: ProgressBar,
    summary: Summary,
    faults: Vec<Fault>,
}

/// Checks jobs.
pub(crate) fn run(context: &Context, options: &Options) -> Result<u8, Failure> {
    let style = ProgressStyle::with_template("{spinner} {pos} jobs checked, {msg}");
    let mut verification = Verification {
        context,
        client: context.client(),
        now: now_ms(),
        evidence_days: options.evidence_days,
        bar: ProgressBar::no_length().with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar())),
        summary: Summary::default(),
        faults: Vec::new(),
    };
    let code = match options.since {
        Some(since) => verification.all_since(since).map(|()| DONE)?,
        None => for_each(&options.jobs, |id| {
            let job = repeat(|| verification.client.job(id, None))?;
            verification.job(&job.value).map(|()| DONE)
        })?,
    };
    verification.bar.finish_and_clear();
    verification.report()?;
    Ok(if verification.summary.faults > 0 { REFUSED } else { code })
}

impl Verification<'_> {
    /// Checks the jobs that ended since a time. The API lists jobs by their creation, so all jobs are read.
    fn all_since(&mut self, since: i64) -> Result<(), Failure> {
        let mut cursor = None;
        loop {
            let request = Request::new("GET", &["v1", "jobs"]).parameter("cursor", cursor.as_ref());
            let page = repeat(|| self.client.list::<Job>(&request, PAGE))?;
            for job in page.items {
                let ended = job.value.finished_at.as_deref().and_then(parse_rfc3339);
                if ended.is_some_and(|ended| ended >= since) {
                    self.job(&job.value)?;
                }
            }
            cursor = page.next_cursor;
            if cursor.is_none() {
                return Ok(());
            }
        }
    }

    fn job(&mut self, job: &Job) -> Result<(), Failure> {
        let Some(attempts) = found(repeat(|| self.client.attempts(&job.id)))? else {
            // Retention or an erasure has deleted the job since it was listed.
            return Ok(());
        };
        let attempts: Vec<Attempt> = attempts.items.into_iter().map(|attempt| attempt.value).collect();
        self.summary.jobs += 1;
        self.bar.inc(1);
        self.bar.set_message(format!("{} faults", self.summary.faults));
        let of_history = [numbering(job, &attempts), outcome(job, &attempts), dead_letter(job)];
        let of_others = [self.missing_letter(job)?, self.successor(job)?, self.predecessor(job)?];
        for finding in of_history.into_iter().chain(of_others).flatten() {
            self.fault(job, None, finding)?;
        }
        for attempt in &attempts {
            self.summary.attempts += 1;
            match self.evidence(job, attempt)? {
                Ok(Expected::Kept) => self.summary.with_evidence += 1,
                Ok(Expected::Without(reason)) => *self.summary.without_evidence.entry(reason).or_default() += 1,
                Err(finding) => self.fault(job, Some(attempt.attempt), finding)?,
            }
        }
        Ok(())
    }

    /// Reads and checks the evidence of an attempt.
    fn evidence(&self, job: &Job, attempt: &Attempt) -> Result<Result<Expected, Finding>, Failure> {
        match expected(attempt) {
            Ok(Expected::Kept) => {}
            other => return Ok(other),
        }
        let read = repeat(|| self.client.evidence(&job.id, attempt.attempt));
        // The API compares the digest, too, and answers 500.
        if read.as_ref().err().and_then(ClientError::problem).is_some_and(|problem| problem.status == 500) {
            let text = "the API cannot read the record: its object was changed";
            return Ok(Err((FaultKind::EvidenceDamaged, text.to_owned())));
        }
        let Some(evidence) = found(read)? else {
            let age = parse_rfc3339(&attempt.started_at).map_or(0, |started| self.now - started);
            return Ok(if age >= self.evidence_days * DAY_MS {
                Ok(Expected::Without("expired"))
            } else {
                Err((FaultKind::EvidenceMissing, "its object was deleted".to_owned()))
            });
        };
        Ok(check(job, attempt, &evidence))
    }

    /// Checks that the dead letter of a dead job can be read.
    fn missing_letter(&self, job: &Job) -> Result<Option<Finding>, Failure> {
        if job.state != State::Dead || found(repeat(|| self.client.dead_letter(&job.id)))?.is_some() {
            return Ok(None);
        }
        // Retention may have deleted both.
        let remains = self.other(&job.id)?.is_some();
        let text = "the job is dead and its dead letter cannot be read";
        Ok(remains.then(|| (FaultKind::DeadLetterMismatch, text.to_owned())))
    }

    /// Checks that the successor of a replayed dead letter names it. A successor that succeeded is deleted earlier than the
    /// dead letter.
    fn successor(&self, job: &Job) -> Result<Option<Finding>, Failure> {
        let Some(by) = &job.replayed_by else { return Ok(None) };
        let text = match self.other(by)? {
            Some(successor) if successor.value.replay_of.as_deref() == Some(&job.id) => return Ok(None),
            Some(_) => format!("its successor {} names another job", escaped(by)),
            None => {
                let age = time_of(by).map_or(0, |created| self.now - created);
                if age >= SUCCEEDED_KEPT_MS {
                    return Ok(None);
                }
                format!("its successor {} does not exist", escaped(by))
            }
        };
        Ok(Some((FaultKind::ReplayMismatch, text)))
    }

    /// Checks that the dead letter of a replay names it. A job that was resent names no successor.
    fn predecessor(&self, job: &Job) -> Result<Option<Finding>, Failure> {
        let Some(of) = &job.replay_of else { return Ok(None) };
        let first = self.other(of)?.filter(|first| first.value.state == State::Dead);
        let differs = first.is_some_and(|first| first.value.replayed_by.as_deref() != Some(&job.id));
        Ok(differs
            .then(|| (FaultKind::ReplayMismatch, format!("its dead letter {} names another successor", escaped(of)))))
    }

    fn other(&self, id: &str) -> Result<Option<Answer<Job>>, Failure> {
        Ok(found(repeat(|| self.client.job(id, None)))?)
    }

    fn fault(&mut self, job: &Job, attempt: Option<u32>, (kind, text): Finding) -> Result<(), Failure> {
        self.summary.faults += 1;
        let fault = Fault { job: job.id.clone(), attempt, kind, text };
        let output = self.context.output;
        if output.is_table() {
            let number = attempt.map_or(String::new(), |number| format!(", attempt {number}"));
            let text = escaped(&fault.text);
            let line = format!("{}{number}: {}: {text}", escaped(&fault.job), fault.kind.name());
            self.bar.suspend(|| output.line(line))?;
        } else if output.is_ndjson() {
            self.bar.suspend(|| output.value(&fault))?;
        } else {
            self.faults.push(fault);
        }
        Ok(())
    }

    fn report(&self) -> Result<(), Failure> {
        let (output, summary) = (self.context.output, &self.summary);
        if output.is_ndjson() {
            return output.value(&LastLine { summary });
        }
        if !output.is_table() {
            return output.value(&Report { faults: &self.faults, summary });
        }
        let Summary { jobs, attempts, with_evidence, without_evidence, faults } = summary;
        if !without_evidence.is_empty() {
            let reasons: Vec<_> = without_evidence.iter().map(|(reason, count)| format!("{count} {reason}")).collect();
            output.line(format!("Attempts without whole evidence: {}.", reasons.join(", ")))?;
        }
        output.line(format!("{jobs} jobs, {attempts} attempts, {with_evidence} with evidence, {faults} faults"))
    }
}
