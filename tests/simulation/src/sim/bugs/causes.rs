//! Planted bugs of causes, and of the audit log.

use crate::sim::bugs::edit;
use crate::sim::bugs::sabotage::Bug;

/// All planted bugs of causes and of the audit log that a search must find.
pub static ALL: &[Bug] = &[
    edit("a success that keeps a cause", &[("settle", "WHEN o.cause IS NULL OR EXISTS", "WHEN EXISTS")]),
    edit("a crash without a cause", &[("expire", "ELSE ?2 ->> 'crashed' END", "ELSE NULL END")]),
    edit(
        "a deadline without a cause",
        &[("dead_letter_late", "THEN ?2 ->> 'late' ELSE cause END", "THEN NULL ELSE cause END")],
    ),
    edit("a cause that is not recorded", &[("note_causes", "j.state = 'running'", "j.state = 'queued'")]),
    edit(
        "a crash whose cause is not recorded",
        &[("note_sweep_causes", "j.state IN ('retrying', 'dead')", "j.state = 'queued'")],
    ),
    edit("a change without its audit entry", &[("note_action", "WHERE ?2 OR changes() > 0", "WHERE ?2")]),
    edit(
        "an audit entry without its change",
        &[("note_action", "WHERE ?2 OR changes() > 0", "WHERE ?2 OR changes() >= 0")],
    ),
];
