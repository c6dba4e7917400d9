//! What is enqueued, and what must become of it. Every expected count comes from this table.

/// One endpoint, its jobs and their fate.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Case {
    /// The endpoint's name.
    pub(super) endpoint: &'static str,
    /// Its path at the receiver, which chooses the behaviour.
    pub(super) path: &'static str,
    /// That behaviour, for people.
    pub(super) does: &'static str,
    /// How many jobs go there.
    pub(super) jobs: usize,
    /// How each attempt of such a job must end: `succeeded`, or the class of its error.
    pub(super) attempts: &'static [&'static str],
    /// The state that the jobs must end in.
    pub(super) ends: &'static str,
    /// How long an attempt may take, where the default is too long for a demo.
    pub(super) timeout_seconds: Option<u32>,
    /// How many attempts there are, where it is not the schedule's number.
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

/// Always fails, and its job dies.
pub(super) const DOWN: Case = Case {
    does: "answers 500, until healed for the replay",
    ends: "dead",
    max_attempts: Some(2),
    ..single("down", "/fail/down", &["http_5xx", "http_5xx"])
};

/// All of them.
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
    /// Whether its jobs succeed at once: those are the burst whose latency is measured.
    pub(super) fn is_healthy(&self) -> bool {
        self.attempts == [SUCCEEDED]
    }
}

/// The case of an endpoint.
pub(super) fn of(endpoint: &str) -> Option<&'static Case> {
    const ALL: &[Case] = &CASES;
    ALL.iter().find(|case| case.endpoint == endpoint)
}

/// Jobs that are enqueued; the replay comes on top.
pub(super) fn jobs() -> usize {
    CASES.iter().map(|case| case.jobs).sum()
}

/// Requests that they must make; the replay comes on top.
pub(super) fn requests() -> usize {
    CASES.iter().map(|case| case.jobs * case.attempts.len()).sum()
}
