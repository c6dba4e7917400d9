//! Planted bugs of replays and resends.

use crate::sim::bugs::edit;
use crate::sim::bugs::sabotage::Bug;

/// All planted bugs of replays and resends that a search must find.
pub static ALL: &[Bug] = &[
    edit("a successor whose time is not checked", &[("replay", "<= ?5", "<= ?5 + 86400000")]),
    edit(
        "a replay with a new event id",
        &[("insert_successor", "coalesce(jobs.event_id, jobs.id)", "i.value ->> 'new'")],
    ),
    edit(
        "a resend without its key",
        &[
            ("insert_successor", "jobs.backoff, i.value ->> '$.resend.key'", "jobs.backoff, NULL"),
            ("insert_successor", "CASE WHEN i.value ->> '$.resend.key' IS NOT NULL", "CASE WHEN 0"),
        ],
    ),
    edit("a second successor", &[("replay", "AND jobs.dead_state = 'open'", "AND jobs.dead_state <> 'discarded'")]),
    edit(
        "a replay that forgets its object",
        &[("insert_successor", "IS NULL THEN jobs.payload_bytes ELSE", "IS NULL THEN NULL ELSE")],
    ),
    edit(
        "a replay of a job that is being erased",
        &[("replay", "WHERE e.state = 'running' AND e.tenant", "WHERE 0 AND e.tenant")],
    ),
    edit(
        "a resend of a job that is being erased",
        &[("insert_successor", "WHERE e.state = 'running' AND e.tenant", "WHERE 0 AND e.tenant")],
    ),
];
