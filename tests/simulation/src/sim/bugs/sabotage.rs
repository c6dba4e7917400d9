//! Planted bugs, the machinery: they change the shipped statements on their way to the database, or switch a port.

use std::cell::RefCell;
use std::collections::BTreeMap;

use longshore::ports::Statement;

/// One planted bug.
#[derive(Debug, Clone, Copy)]
pub struct Bug {
    /// Its name.
    pub name: &'static str,
    /// The statement it is in, and what becomes what; each piece must be there.
    pub(crate) edits: &'static [(&'static str, &'static str, &'static str)],
    /// What a port does wrong, where the bug is not in a statement.
    pub(crate) switch: Option<Switch>,
}

/// What a port does wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Switch {
    /// Stored evidence loses a bit.
    FlipsEvidence,
    /// Stored evidence begins one byte late.
    ShiftsEvidence,
    /// What is wrong by now alone is refused before its key is read.
    RefusesAtOnce,
    /// An object is put for a job that is refused if it is new.
    PutsRefused,
    /// Evidence is stored after the settlement.
    PutsAfterwards,
    /// The object of a large payload is put after its row.
    InsertsFirst,
    /// The objects of rows that may be purged are deleted before.
    DeletesFirst,
    /// A put that failed counts as done.
    TrustsFailedPuts,
    /// A put that hangs counts as done.
    TrustsHangingPuts,
    /// An overwriting put counts as done, whatever becomes of it.
    TrustsOverwrites,
    /// An overwriting put goes through although the object is no longer what was read.
    OverwritesBlindly,
    /// A batch that was rolled back counts as done.
    TrustsRollbacks,
    /// The statements of a batch are committed one by one. Those that fire schedules are not: two ticks would show it, without
    /// a fault.
    SplitsBatches,
    /// The same of the store of search.
    SplitsDocuments,
    /// A schedule moves in a batch of its own, and its jobs come after it.
    MovesOccurrencesApart,
    /// A request that timed out is sent again within its attempt.
    ResendsAfterHangs,
    /// A request whose connection broke is sent again within its attempt.
    ResendsWhenTruncated,
    /// An answer whose body breaks off counts as none.
    ForgetsStatuses,
    /// A provider fails each job of a call that one text breaks.
    BlamesProviders,
}

thread_local! {
    static REWRITTEN: RefCell<BTreeMap<(&'static str, &'static str), &'static str>> = const { RefCell::new(BTreeMap::new()) };
}

impl Bug {
    /// Changes a statement, if it is one of those.
    pub(crate) fn rewrite(&self, statement: &mut Statement) {
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
