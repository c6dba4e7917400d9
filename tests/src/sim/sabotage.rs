//! Planted bugs: what the invariants must find. They change the shipped statements on their way to the database.

use std::cell::RefCell;
use std::collections::BTreeMap;

use longshore::ports::Statement;

/// One planted bug.
#[derive(Debug, Clone, Copy)]
pub struct Sabotage {
    /// Its name.
    pub name: &'static str,
    /// The statement it is in, and what becomes what; each piece must be there.
    edits: &'static [(&'static str, &'static str, &'static str)],
    /// Whether stored evidence loses a bit.
    pub(super) flips_evidence: bool,
}

const fn edit(name: &'static str, edits: &'static [(&'static str, &'static str, &'static str)]) -> Sabotage {
    Sabotage { name, edits, flips_evidence: false }
}

/// All of them.
pub const ALL: [Sabotage; 10] = [
    edit(
        "a settlement without token and number",
        &[
            ("settle", "AND +jobs.state = 'running' AND jobs.lease_token = ?2", "AND ?2 IS NOT NULL"),
            ("settle", "AND jobs.attempt = o.attempt", "AND jobs.attempt > 0"),
        ],
    ),
    edit(
        "a mark that marks nothing",
        &[(
            "mark",
            "SET look_at = CASE state",
            "SET look_at = CASE WHEN 1 THEN NULL ELSE 0 END, dispatches = CASE state",
        )],
    ),
    edit(
        "a claim that is not written down",
        &[
            ("claim", "attempt = attempt + 1, ", ""),
            ("claim", "log = json_insert(log, '$[#]', json_object(", "log = coalesce(log, json_array("),
        ],
    ),
    Sabotage { name: "evidence that loses a bit", edits: &[], flips_evidence: true },
    edit("a replay with an event id of its own", &[("insert_successor", "coalesce(event_id, id)", "?3")]),
    edit("a lease that ends early", &[("expire", "jobs.lease_until <=", "jobs.lease_until - 60000 <=")]),
    edit("a retry that comes early", &[("settle", "+ o.delay_ms ELSE run_after", "+ o.delay_ms / 3 ELSE run_after")]),
    edit(
        "a held job that is forgotten",
        &[("release", "look_at = CAST(unixepoch('subsec') * 1000 AS INTEGER)", "look_at = NULL")],
    ),
    edit("a key that is freed at once", &[("free_keys", "o.key_until <=", "o.key_until - 86399000 <=")]),
    edit("a second successor", &[("replay", "AND dead_state = 'open'", "AND dead_state <> 'discarded'")]),
];

thread_local! {
    static REWRITTEN: RefCell<BTreeMap<(&'static str, &'static str), &'static str>> = const { RefCell::new(BTreeMap::new()) };
}

impl Sabotage {
    /// Changes a statement, if it is one of those.
    pub(super) fn rewrite(&self, statement: &mut Statement) {
        if !self.edits.iter().any(|(name, _, _)| *name == statement.name) {
            return;
        }
        let rewritten = || {
            let mut sql = statement.sql.to_owned();
            for (_, from, to) in self.edits.iter().filter(|(name, _, _)| *name == statement.name) {
                assert!(sql.contains(from), "{}: {} has no {from:?} any more", self.name, statement.name);
                sql = sql.replace(from, to);
            }
            // One text per bug and thread, kept as long as the process: a statement's text is static.
            &*Box::leak(sql.into_boxed_str())
        };
        statement.sql =
            REWRITTEN.with(|texts| *texts.borrow_mut().entry((self.name, statement.name)).or_insert_with(rewritten));
    }
}
