//! Planted bugs of totals.

use crate::sim::bugs::edit;
use crate::sim::bugs::sabotage::Bug;

/// All planted bugs of totals that a search must find.
pub static ALL: &[Bug] = &[
    edit(
        "attempts that count without a lease",
        &[(
            "count_attempts",
            "j.state = 'running' AND j.attempt = i.value ->> 2 AND j.lease_token = ?2",
            "?2 IS NOT NULL",
        )],
    ),
    edit("a cancel that counts as a retry", &[("count_attempts", "held.cancel_requested = 1 AND", "0 AND")]),
    edit(
        "an end that counts twice",
        &[("count_ends", "CAST(?2 AS INTEGER) AS sign", "abs(CAST(?2 AS INTEGER)) AS sign")],
    ),
];
