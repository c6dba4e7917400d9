//! Machinery of the planted bugs: they change the shipped statements on their way to the database, or make a port
//! misbehave.

use std::cell::RefCell;
use std::collections::BTreeMap;

use longshore::ports::Statement;

/// One planted bug.
#[derive(Debug, Clone, Copy)]
pub struct Bug {
    /// Name of the bug.
    pub name: &'static str,
    /// Edits: statement, text to replace (it must occur there), replacement.
    pub(crate) edits: &'static [(&'static str, &'static str, &'static str)],
    /// Misbehaviour of a port, where the bug is not in a statement.
    pub(crate) switch: Option<Switch>,
}

/// Misbehaviour of a port.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Switch {
    /// Flips a bit of stored evidence.
    FlipsEvidence,
    /// Stores evidence with an offset of one byte.
    ShiftsEvidence,
    /// Refuses a request whose times have passed before reading its key.
    RefusesAtOnce,
    /// Puts an object for a job that is refused if new.
    PutsRefused,
    /// Stores evidence after the settlement.
    PutsAfterwards,
    /// Puts the object of a large payload after its row.
    InsertsFirst,
    /// Deletes objects before the purge deletes their rows.
    DeletesFirst,
    /// Treats a failed put as done.
    TrustsFailedPuts,
    /// Treats a hanging put as done.
    TrustsHangingPuts,
    /// Treats an overwriting put as done, even if it fails.
    TrustsOverwrites,
    /// Lets an overwriting put succeed although the object has changed since it was read.
    OverwritesBlindly,
    /// Treats a batch that was rolled back as done.
    TrustsRollbacks,
    /// Commits the statements of a batch separately. Batches that run schedules are excluded: two ticks would show the
    /// bug without a fault.
    SplitsBatches,
    /// Commits the statements of a batch of the search database separately.
    SplitsDocuments,
    /// Moves a schedule in a separate batch, before its jobs are inserted.
    MovesOccurrencesApart,
    /// Re-sends a request that timed out within its attempt.
    ResendsAfterHangs,
    /// Re-sends a request whose connection broke within its attempt.
    ResendsWhenTruncated,
    /// Drops the status of an answer whose body is interrupted.
    ForgetsStatuses,
    /// Fails each job of a provider call that one text breaks.
    BlamesProviders,
}

thread_local! {
    static REWRITTEN: RefCell<BTreeMap<(&'static str, &'static str), &'static str>> = const { RefCell::new(BTreeMap::new()) };
}

impl Bug {
    /// Changes a statement, if the bug has an edit for it.
    pub(crate) fn rewrite(&self, statement: &mut Statement) {
        if !self.edits.iter().any(|(name, _, _)| *name == statement.name) {
            return;
        }
        let rewritten = || {
            let mut sql = statement.sql.to_owned();
            for (_, from, to) in self.edits.iter().filter(|(name, _, _)| *name == statement.name) {
                assert!(sql.contains(from), "{}: {} has no {from:?}", self.name, statement.name);
                sql = sql.replace(from, to);
            }
            // One text per bug and thread, kept until the process ends: a statement's text is static.
            &*Box::leak(sql.into_boxed_str())
        };
        statement.sql =
            REWRITTEN.with(|texts| *texts.borrow_mut().entry((self.name, statement.name)).or_insert_with(rewritten));
    }
}
