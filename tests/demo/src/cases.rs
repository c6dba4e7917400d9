//! Table of the enqueued jobs and their expected outcomes. Every expected count comes from this table.

/// One endpoint with its jobs and their expected outcome.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Case {
    /// Name of the endpoint.
    pub(super) endpoint: &'static str,
    /// Path at the receiver, which selects its behaviour.
    pub(super) path: &'static str,
    /// Description of that behaviour.
    pub(super) does: &'static str,
    /// Number of jobs of the endpoint.
    pub(super) jobs: usize,
    /// Expected outcome of each attempt of such a job: `succeeded`, or the class of its error.
    pub(super) attempts: &'static [&'static str],
    /// Expected final state of the jobs.
    pub(super) ends: &'static str,
    /// Timeout of an attempt, if the default is too long for a demo.
    pub(super) timeout_seconds: Option<u32>,
    /// Maximum number of attempts, if other than the schedule's.
    pub(super) max_attempts: Option<u32>,
}

const SUCCEEDED: &str = "succeeded";

const fn healthy(endpoint: &'static str, path: &'static str) -> Case {
    Case {
        endpoint,
        path,
        does: "answers 200",
        jobs: 75,
        attempts: &[SUCCEEDED],
        ends: SUCCEEDED,
        timeout_seconds: None,
        max_attempts: None,
    }
}

const fn single(endpoint: &'static str, path: &'static str, attempts: &'static [&'static str]) -> Case {
    Case { jobs: 1, attempts, ..healthy(endpoint, path) }
}

/// Case that always fails; its job is dead-lettered.
pub(super) const DOWN: Case = Case {
    does: "answers 500, until healed for the replay",
    ends: "dead",
    max_attempts: Some(2),
    ..single("down", "/fail/down", &["http_5xx", "http_5xx"])
};

/// All cases.
pub(super) const CASES: [Case; 7] = [
    healthy("orders", "/ok/orders"),
    healthy("invoices", "/ok/invoices"),
    healthy("shipments", "/ok/shipments"),
    healthy("accounts", "/ok/accounts"),
    Case {
        does: "answers 500 twice, then 200",
        ..single("flaky", "/fail-times/2/flaky", &["http_5xx", "http_5xx", SUCCEEDED])
    },
    Case {
        does: "hangs once (timeout 2 s), then 200",
        timeout_seconds: Some(2),
        ..single("slow", "/hang-times/1/slow", &["timeout", SUCCEEDED])
    },
    DOWN,
];

impl Case {
    /// Returns true if the jobs succeed at once: their latency is measured.
    pub(super) fn is_healthy(&self) -> bool {
        self.attempts == [SUCCEEDED]
    }
}

/// Returns the case of an endpoint.
pub(super) fn of(endpoint: &str) -> Option<&'static Case> {
    const ALL: &[Case] = &CASES;
    ALL.iter().find(|case| case.endpoint == endpoint)
}

/// Returns the number of enqueued jobs, without the replay.
pub(super) fn jobs() -> usize {
    CASES.iter().map(|case| case.jobs).sum()
}

/// Returns the number of requests that the jobs must cause, without the replay.
pub(super) fn requests() -> usize {
    CASES.iter().map(|case| case.jobs * case.attempts.len()).sum()
}
