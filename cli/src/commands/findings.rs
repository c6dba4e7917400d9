//! Findings on the health of a deployment: what is wrong, how bad it is, and what to do.

use longshore_client::{Answer, Client, ClientError, Health, Readiness};

use crate::escape::escaped;
use crate::times::span;

/// Age in seconds above which a cron's last tick is an outage, as the deployment judges it.
const TICK_AGE_MAX: i64 = 180;
/// Age in seconds above which the oldest due row is late.
const DUE_AGE_MAX: i64 = 300;

/// Severity of a finding, from the best to the worst.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Level {
    /// Good: nothing to do.
    Ok,
    /// Works, but somebody should look.
    Warn,
    /// Broken.
    Fail,
}

impl Level {
    /// Returns the word that begins a line.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Level::Ok => "ok",
            Level::Warn => "warn",
            Level::Fail => "fail",
        }
    }
}

/// A finding.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Finding {
    pub(crate) level: Level,
    /// The checked part.
    pub(crate) part: &'static str,
    /// State of the part.
    pub(crate) text: String,
    /// Remedy; empty if there is nothing to do.
    pub(crate) advice: &'static str,
}

impl Finding {
    /// Creates a finding without anything to do.
    pub(crate) fn ok(part: &'static str, text: impl Into<String>) -> Finding {
        Finding { level: Level::Ok, part, text: text.into(), advice: "" }
    }

    /// Creates a finding with a remedy.
    pub(crate) fn new(level: Level, part: &'static str, text: impl Into<String>, advice: &'static str) -> Finding {
        Finding { level, part, text: text.into(), advice }
    }
}

/// Returns the highest severity.
pub(crate) fn worst(findings: &[Finding]) -> Level {
    findings.iter().map(|finding| finding.level).max().unwrap_or(Level::Ok)
}

/// Reads `/healthz`.
///
/// # Errors
/// Any [`ClientError`].
pub(crate) fn read_health(client: &Client) -> Result<Answer<Health>, ClientError> {
    client.health()?.read()
}

/// Reads `/readyz`, whose answer is readiness with status 200 and 503.
///
/// # Errors
/// Any [`ClientError`].
pub(crate) fn read_readiness(client: &Client) -> Result<Answer<Readiness>, ClientError> {
    let reply = client.readiness()?;
    let readiness = serde_json::from_slice(&reply.body).ok().and_then(|json| Answer::of(json).ok());
    readiness.ok_or_else(|| reply.refusal())
}

/// Judges each part of readiness.
pub(crate) fn judge(readiness: &Readiness) -> Vec<Finding> {
    let mut findings = vec![
        tick("sweep", readiness.consumer_tick_age_seconds, readiness),
        tick("schedules", readiness.producer_tick_age_seconds, readiness),
    ];
    findings.extend(readiness.oldest_due_seconds.map(due));
    if readiness.storage_full == Some(true) {
        let advice = "Make room: docs/operations.md#storage-full.";
        findings.push(Finding::new(
            Level::Fail,
            "storage",
            "the database is nearly full; new jobs are refused",
            advice,
        ));
    }
    if readiness.restoring == Some(true) {
        let advice = "End the restore: docs/operations.md#restoring.";
        findings.push(Finding::new(Level::Fail, "epoch", "the database waits for the end of a restore", advice));
    }
    if readiness.paused == Some(true) {
        let advice = "To resume: longshore api POST /v1/resume, with a key of all tenants.";
        findings.push(Finding::new(Level::Warn, "pipeline", "the whole pipeline is paused", advice));
    }
    if let Some(limit) = &readiness.daily_limit {
        // Without queue operations the sweep runs the jobs.
        let level = if limit == "queue_operations" { Level::Warn } else { Level::Fail };
        let advice = "Wait until midnight UTC, or move to the paid plan: docs/operations.md#daily-limit.";
        let text = format!("the account has no {} left today", escaped(&limit.replace('_', " ")));
        findings.push(Finding::new(level, "daily limit", text, advice));
    }
    if let Some(rotation) = &readiness.key_rotation {
        findings.push(Finding::ok("master key", format!("a rotation is {}", escaped(&rotation.state))));
    }
    if !readiness.ready && worst(&findings) < Level::Fail {
        let advice = "See docs/operations.md#runbooks; this version does not know the reason.";
        findings.push(Finding::new(Level::Fail, "readiness", "the deployment is not ready", advice));
    }
    findings
}

fn tick(part: &'static str, age: Option<i64>, readiness: &Readiness) -> Finding {
    let advice = "See docs/operations.md#a-cron-does-not-run; a new cron may take 15 minutes to tick.";
    match age {
        // Without reads no age is known, and the daily limit is the finding.
        None if readiness.daily_limit.is_some() => Finding::ok(part, "the age of the last tick is unknown"),
        None => Finding::new(Level::Fail, part, "the cron has never ticked", advice),
        Some(age) if age > TICK_AGE_MAX => {
            Finding::new(Level::Fail, part, format!("the cron ticked {} ago", seconds(age)), advice)
        }
        Some(age) => Finding::ok(part, format!("the cron ticked {} ago", seconds(age))),
    }
}

fn due(age: i64) -> Finding {
    if age <= DUE_AGE_MAX {
        return Finding::ok("due jobs", format!("the oldest due row has waited {}", seconds(age)));
    }
    let text = format!("the oldest due row has waited {} for the sweep", seconds(age));
    Finding::new(Level::Warn, "due jobs", text, "See docs/operations.md#jobs-wait.")
}

fn seconds(age: i64) -> String {
    if age == 0 { "0 s".to_owned() } else { span(age.unsigned_abs().saturating_mul(1_000)) }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn judged(change: &Value) -> Vec<Finding> {
        let mut readiness = json!({
            "ready": true, "consumer_tick_age_seconds": 20, "producer_tick_age_seconds": 30, "oldest_due_seconds": 0,
            "paused": false, "storage_full": false, "restoring": false, "daily_limit": null, "key_rotation": null,
        });
        readiness.as_object_mut().unwrap().extend(change.as_object().unwrap().clone());
        judge(&serde_json::from_value(readiness).unwrap())
    }

    #[test]
    fn each_reason_has_its_level_and_a_remedy() {
        for (change, level, part) in [
            (json!({}), Level::Ok, ""),
            (json!({"ready": false, "consumer_tick_age_seconds": 181}), Level::Fail, "sweep"),
            (json!({"ready": false, "producer_tick_age_seconds": null}), Level::Fail, "schedules"),
            (json!({"oldest_due_seconds": 301}), Level::Warn, "due jobs"),
            (json!({"ready": false, "storage_full": true}), Level::Fail, "storage"),
            (json!({"ready": false, "restoring": true}), Level::Fail, "epoch"),
            (json!({"paused": true}), Level::Warn, "pipeline"),
            (json!({"daily_limit": "queue_operations"}), Level::Warn, "daily limit"),
            (json!({"ready": false, "daily_limit": "rows_written"}), Level::Fail, "daily limit"),
            (json!({"key_rotation": {"state": "walking", "left": 3}}), Level::Ok, ""),
            (json!({"ready": false}), Level::Fail, "readiness"),
        ] {
            let findings = judged(&change);
            assert_eq!(worst(&findings), level, "{change}: {findings:?}");
            let wrong: Vec<_> = findings.iter().filter(|finding| finding.level > Level::Ok).collect();
            assert!(wrong.iter().all(|finding| finding.part == part && !finding.advice.is_empty()), "{wrong:?}");
        }
    }

    #[test]
    fn without_reads_the_daily_limit_is_the_only_reason() {
        let findings = judged(&json!({
            "ready": false, "daily_limit": "rows_read", "consumer_tick_age_seconds": null,
            "producer_tick_age_seconds": null, "oldest_due_seconds": null, "paused": null,
        }));
        let wrong: Vec<_> = findings.iter().filter(|finding| finding.level > Level::Ok).map(|it| it.part).collect();
        assert_eq!(wrong, ["daily limit"]);
    }
}
