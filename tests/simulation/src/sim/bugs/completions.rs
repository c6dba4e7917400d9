//! Planted bugs of completions: one for each guard of [`longshore::run::complete`] and of the late outcome.

use crate::sim::bugs::edit;
use crate::sim::bugs::sabotage::Bug;

/// All planted bugs of completions that a search must find.
pub static ALL: &[Bug] = &[
    edit("a completion of a job that is not a task", &[("read_running", "'kind', j.kind,", "'kind', j.kind || '.x',")]),
    edit(
        "a completion of another attempt",
        &[("read_running", "i.value ->> 2 IS NULL OR j.attempt = i.value ->> 2", "1")],
    ),
    edit(
        "a completion of a job that does not run",
        &[
            ("read_running", "'state', j.state,", "'state', 'running',"),
            (
                "settle",
                "AND +jobs.state = 'running' AND jobs.lease_token = ?2",
                "AND coalesce(jobs.lease_token, '') = ?2",
            ),
        ],
    ),
    edit(
        "a completion that is not logged as one",
        &[("settle", ", o.entry))", ", json_remove(o.entry, '$.ended_by')))")],
    ),
    edit(
        "a repeated completion with another result",
        &[("has_result", "json(result) IS nullif(json(?3), 'null')", "?3 IS NOT NULL")],
    ),
    edit(
        "a repeated completion that is refused",
        &[("has_result", "json(result) IS nullif(json(?3), 'null')", "?3 IS NULL")],
    ),
    edit(
        "a deferral that reopens a completed job",
        &[(
            "settle",
            "AND +jobs.state = 'running' AND jobs.lease_token = ?2",
            "AND (+jobs.state = 'running' AND jobs.lease_token = ?2
              OR o.state = 'running' AND log ->> '$[#-1].ended_by' = 'completion' AND log ->> '$[#-1].lease' = ?2)",
        )],
    ),
    edit(
        "a late outcome without a completion",
        &[("add_late_outcomes", "'].ended_by') = 'completion'", "'].ended_by') IS NOT ?2")],
    ),
    edit(
        "a late outcome that is recorded twice",
        &[("add_late_outcomes", "'].evidence') IS NULL", "'].evidence') IS NOT ?2")],
    ),
    edit("a late outcome in the last entry", &[("add_late_outcomes", "(o.attempt - 1)", "(jobs.attempt - 1)")]),
    edit(
        "a late outcome in the last entry, under any lease",
        &[
            ("add_late_outcomes", "(o.attempt - 1)", "(jobs.attempt - 1)"),
            ("add_late_outcomes", "'].lease') = ?2", "'].lease') IS NOT NULL AND ?2 IS NOT NULL"),
        ],
    ),
    edit(
        "a late outcome that counts a failure",
        &[("add_late_outcomes", "SET log =", "SET failures = failures + 1, log =")],
    ),
];

/// Planted bugs that no search finds: an attempt that ran keeps its number, so the number alone identifies its lease.
pub static SPARE: &[Bug] = &[edit(
    "a late outcome under another lease",
    &[("add_late_outcomes", "'].lease') = ?2", "'].lease') IS NOT NULL AND ?2 IS NOT NULL")],
)];
