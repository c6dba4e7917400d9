//! Queues, bucket and lifecycle rule of the account.

use longshore::limits::DAY_MS;

use super::Run;
use super::error::DeployError;
use super::options::PlanName;
use super::wrangler::Look;

const DAY_SECONDS: u32 = 24 * 3_600;
/// Retention of queue messages on Workers Paid in days, the platform's maximum. Workers Free only allows 24 hours.
const RETENTION_DAYS_PAID: u32 = 14;
/// Days for which evidence is kept longer than dead letters. Evidence of a dead letter's first attempt is older than
/// the dead letter: by 4 days on the longest named schedule with its jitter, and by more if a receiver's Retry-After or
/// a pause held the job.
const EVIDENCE_DAYS_BEYOND: i64 = 15;
/// Name of the lifecycle rule.
const RULE: &str = "evidence";
const RULE_PREFIX: &str = "evidence/";

/// Returns the retention of queue messages in seconds.
pub(super) fn retention_seconds(plan: PlanName) -> u32 {
    match plan {
        PlanName::Free => DAY_SECONDS,
        PlanName::Paid => RETENTION_DAYS_PAID * DAY_SECONDS,
    }
}

/// Returns the retention of evidence in days: longer than that of the dead letters that refer to it.
pub(crate) fn evidence_days(plan: PlanName) -> i64 {
    plan.limits().retention_dead_ms / DAY_MS + EVIDENCE_DAYS_BEYOND
}

impl Run<'_> {
    /// True if the queue exists.
    pub(super) fn has_queue(&self, name: &str) -> Result<bool, DeployError> {
        let look = self.wrangler.look(&["queues", "info", name], &["does not exist"])?;
        Ok(matches!(look, Look::Found(_)))
    }

    /// Creates the queues. The dead letter queue is first, because the consumers of the others name it.
    pub(super) fn queues(&mut self) -> Result<(), DeployError> {
        let seconds = retention_seconds(self.recorded.plan).to_string();
        for name in self.names.queues() {
            if self.has_queue(&name)? {
                continue;
            }
            let mut arguments = vec!["queues", "create", &name, "--message-retention-period-secs", &seconds];
            if let Some(jurisdiction) = self.recorded.jurisdiction.name() {
                arguments.extend(["--jurisdiction", jurisdiction]);
            }
            self.change(&arguments)?;
        }
        Ok(())
    }

    /// Creates the bucket and the lifecycle rule that deletes evidence.
    pub(super) fn evidence(&mut self) -> Result<(), DeployError> {
        let name = self.names.bucket();
        let jurisdiction: Vec<&str> =
            self.recorded.jurisdiction.name().map_or(Vec::new(), |name| vec!["--jurisdiction", name]);
        // One query for both: listing the rules of a missing bucket fails with a specific error.
        let look = [&["r2", "bucket", "lifecycle", "list", name.as_str()], jurisdiction.as_slice()].concat();
        let found = self.wrangler.look(&look, &["code: 10006"])?;
        if matches!(found, Look::Missing) {
            self.change(&[&["r2", "bucket", "create", name.as_str()], jurisdiction.as_slice()].concat())?;
        }
        let days = evidence_days(self.recorded.plan).to_string();
        let add = ["r2", "bucket", "lifecycle", "add", &name, RULE, RULE_PREFIX, "--expire-days", &days, "--force"];
        match found {
            // A rule with another age is the operator's choice.
            Look::Found(rules) if has_rule(&rules) => Ok(()),
            _ => self.change(&[add.as_slice(), jurisdiction.as_slice()].concat()),
        }
    }
}

/// True if one of the printed rules has the name or the prefix of our rule.
fn has_rule(rules: &str) -> bool {
    rules.lines().filter_map(|line| line.split_once(':')).any(|(label, value)| match label.trim() {
        "name" => value.trim() == RULE,
        "prefix" => value.trim() == RULE_PREFIX,
        _ => false,
    })
}
