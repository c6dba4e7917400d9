//! Usage: the calls to providers of embeddings that jobs made, with their texts and tokens, by tenant, day and model.
//!
//! A call may be shared by several jobs. The first of them that finishes counts it, in the batch that settles that job and under
//! the same guard, so that a repeat and a loser count nothing. It follows what is not counted: calls of an attempt whose lease
//! ended before it was settled, and calls for a search, which writes nothing. So usage is never more than what was spent.

use std::collections::BTreeMap;
use std::rc::Rc;

use crate::embed::ask::Call;

/// What one attempt spent with one model.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ModelUsage {
    /// `provider/model`.
    pub model: String,
    /// Requests, failed ones too.
    pub calls: u64,
    /// Texts in them.
    pub texts: u64,
    /// Tokens, as the provider counted them.
    pub tokens: u64,
}

/// What an attempt's calls come to by model, but for those that another job has counted.
pub(crate) fn usage_of(calls: &[Rc<Call>]) -> Vec<ModelUsage> {
    let mut by_model: BTreeMap<&str, ModelUsage> = BTreeMap::new();
    for call in calls.iter().filter(|call| call.count()) {
        let usage = by_model.entry(&call.model).or_default();
        usage.calls += 1;
        usage.texts += call.texts as u64;
        usage.tokens += call.tokens;
    }
    by_model.into_iter().map(|(model, usage)| ModelUsage { model: model.to_owned(), ..usage }).collect()
}
