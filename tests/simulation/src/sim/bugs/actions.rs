//! Planted bugs of actions.

use crate::sim::bugs::edit;
use crate::sim::bugs::sabotage::Bug;

/// All planted bugs of actions that a search must find.
pub static ALL: &[Bug] = &[
    edit(
        "a step that counts twice",
        &[("move_action", "AND actions.state = 'running' AND actions.step = ?3 ->> 'step'", "")],
    ),
    edit("a step that passes over dead letters", &[("move_action", "(?4 ->> 'creates' = 0 OR", "(1 OR")]),
    edit(
        "an action on jobs that died later",
        &[("find_action_jobs", "AND finished_at <= ?1 ->> 'until'", "AND finished_at >= 0")],
    ),
    edit("an action that forgets its jobs", &[("insert_action_step", "v.number > 0", "v.number > 1")]),
    edit("an action that counts no ends", &[("count_ended", "':' || j.action", "NULL")]),
    edit("an action that counts no jobs", &[("count_grouped", "':' || j.action", "NULL")]),
];
