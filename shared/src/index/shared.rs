//! What the jobs of one invocation share: calls to providers, merges of segments, and how many documents they may still change.

use std::cell::Cell;
use std::rc::Rc;

use crate::embed::pool::Pool;
use crate::index::merge::Merges;
use crate::ports::Clock;
use crate::settings::Settings;

/// What the jobs of one invocation share.
#[derive(Default)]
pub(crate) struct Shared {
    /// Where jobs that ask one model for vectors meet.
    pub(crate) pool: Pool,
    /// The segments that they want made anew.
    pub(crate) merges: Merges,
    /// Documents that they may still change.
    documents_left: Cell<usize>,
}

impl Shared {
    /// What an invocation that begins now has.
    pub(crate) fn begin<C: Clock>(clock: &C, settings: &Settings) -> Rc<Shared> {
        let pool = Pool::new(settings.plan.embed_calls, clock.now_ms());
        Rc::new(Shared { pool, documents_left: Cell::new(settings.plan.index_documents), ..Shared::default() })
    }

    /// How many of so many documents may change in this invocation; they are taken off.
    pub(crate) fn take_documents(&self, wanted: usize) -> usize {
        let taken = wanted.min(self.documents_left.get());
        self.documents_left.set(self.documents_left.get() - taken);
        taken
    }
}
