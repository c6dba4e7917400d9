//! State that the jobs of one invocation share: calls to providers, merges of segments, and the number of documents
//! that may still change.

use std::cell::Cell;
use std::rc::Rc;

use crate::embed::pool::Pool;
use crate::index::merge::Merges;
use crate::ports::Clock;
use crate::settings::Settings;

/// State that the jobs of one invocation share.
#[derive(Default)]
pub(crate) struct Shared {
    /// Combines the texts of several jobs into shared calls per model.
    pub(crate) pool: Pool,
    /// Segments that need a merge.
    pub(crate) merges: Merges,
    /// Number of documents that may still change in this invocation.
    documents_left: Cell<usize>,
}

impl Shared {
    /// Creates the state of a new invocation.
    pub(crate) fn begin<C: Clock>(clock: &C, settings: &Settings) -> Rc<Shared> {
        let pool = Pool::new(settings.plan.embed_calls, clock.now_ms());
        Rc::new(Shared { pool, documents_left: Cell::new(settings.plan.index_documents), ..Shared::default() })
    }

    /// Reserves up to `wanted` documents for a change in this invocation; returns the number reserved.
    pub(crate) fn take_documents(&self, wanted: usize) -> usize {
        let taken = wanted.min(self.documents_left.get());
        self.documents_left.set(self.documents_left.get() - taken);
        taken
    }
}
