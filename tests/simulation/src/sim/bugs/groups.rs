//! Planted bugs of groups.

use crate::sim::bugs::edit;
use crate::sim::bugs::sabotage::Bug;

/// All planted bugs of groups that a search must find.
pub static ALL: &[Bug] = &[
    edit("a group that counts a repeat", &[("count_grouped_accepted", "?3 * count(*)", "max(0, ?3) * count(*)")]),
    edit("a group that counts an end twice", &[("count_ended", "(?2 = 1 OR EXISTS", "(?2 = 1 AND EXISTS")]),
    edit(
        "a closed group that forgets its webhook",
        &[("close_group", "on_finished = excluded.on_finished", "on_finished = NULL")],
    ),
    edit(
        "a reopened group that sends a second webhook",
        &[("insert_finished", "AND g.on_finished_job IS NULL AND", "AND")],
    ),
    edit(
        "a finished group that forgets that it has finished",
        &[("note_finished", "on_finished_job = v.job", "on_finished_job = NULL")],
    ),
    edit(
        "a group that finishes early",
        &[(
            "count_ended",
            "+ cancelled + excluded.cancelled >= total",
            "+ cancelled + excluded.cancelled + 1 >= total",
        )],
    ),
    edit("a group that ignores a replay", &[("count_grouped", "?2 * count(*)", "0 * count(*)")]),
];
