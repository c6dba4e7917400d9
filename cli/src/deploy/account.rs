//! What lives in the account beside the databases: the queues, the bucket and its rule.

use longshore::limits::DAY_MS;

use super::Run;
use super::error::DeployError;
use super::options::PlanName;
use super::wrangler::Look;

const DAY_SECONDS: u32 = 24 * 3_600;
/// Queues keep a message 14 days at most on Workers Paid, and 24 hours, no other time, on Workers Free.
const RETENTION_DAYS_PAID: u32 = 14;
/// Evidence of a dead letter's first attempt is older than the dead letter: by 4 days on the longest named schedule with
/// its jitter, and by more if a receiver's Retry-After or a pause held the job.
const EVIDENCE_DAYS_BEYOND: i64 = 15;
/// The rule's name, and what the keys of packs begin with.
const RULE: &str = "evidence";
const RULE_PREFIX: &str = "evidence/";

/// How long a queue keeps a message.
pub(super) fn retention_seconds(plan: PlanName) -> u32 {
    match plan {
        PlanName::Free => DAY_SECONDS,
        PlanName::Paid => RETENTION_DAYS_PAID * DAY_SECONDS,
    }
}

/// How long the bucket keeps evidence: longer than the dead letters that point at it.
fn evidence_days(plan: PlanName) -> i64 {
    plan.limits().retention_dead_ms / DAY_MS + EVIDENCE_DAYS_BEYOND
}

impl Run<'_> {
    /// Whether the queue is there.
    pub(super) fn has_queue(&self, name: &str) -> Result<bool, DeployError> {
        let look = self.wrangler.look(&["queues", "info", name], &["does not exist"])?;
        Ok(matches!(look, Look::Found(_)))
    }

    /// Creates the queues, the dead one first: the others' consumers name it.
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

    /// Creates the bucket, and the rule by which evidence leaves it.
    pub(super) fn evidence(&mut self) -> Result<(), DeployError> {
        let name = self.names.bucket();
        let jurisdiction: Vec<&str> =
            self.recorded.jurisdiction.name().map_or(Vec::new(), |name| vec!["--jurisdiction", name]);
        // One look for both: the rules of a bucket that is not there are an error of its own.
        let look = [&["r2", "bucket", "lifecycle", "list", name.as_str()], jurisdiction.as_slice()].concat();
        let found = self.wrangler.look(&look, &["code: 10006"])?;
        if matches!(found, Look::Missing) {
            self.change(&[&["r2", "bucket", "create", name.as_str()], jurisdiction.as_slice()].concat())?;
        }
        let days = evidence_days(self.recorded.plan).to_string();
        let add = ["r2", "bucket", "lifecycle", "add", &name, RULE, RULE_PREFIX, "--expire-days", &days, "--force"];
        match found {
            // Another age than ours is the operator's own choice.
            Look::Found(rules) if has_rule(&rules) => Ok(()),
            _ => self.change(&[add.as_slice(), jurisdiction.as_slice()].concat()),
        }
    }
}

/// Whether one of the printed rules has our prefix or our name.
fn has_rule(rules: &str) -> bool {
    rules.lines().filter_map(|line| line.split_once(':')).any(|(label, value)| match label.trim() {
        "name" => value.trim() == RULE,
        "prefix" => value.trim() == RULE_PREFIX,
        _ => false,
    })
}
