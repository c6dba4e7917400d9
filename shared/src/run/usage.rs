//! Usage: the calls to embedding providers that jobs made, with their texts and tokens, by tenant, day and model.
//!
//! Several jobs may share a call. The first of them that finishes counts it, in the batch that settles that job and under
//! the same guard. So a repeated settlement, and one that lost its lease, count nothing. Two groups of calls are not
//! counted: those of attempts that lost their lease before the settlement, and those of searches, which write nothing. So
//! usage is never more than what was spent.

use std::collections::BTreeMap;
use std::rc::Rc;

use crate::embed::ask::Call;

/// Usage of one attempt with one model.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ModelUsage {
    /// `provider/model`.
    pub model: String,
    /// Number of requests, including failed ones.
    pub calls: u64,
    /// Number of texts in the requests.
    pub texts: u64,
    /// Number of tokens, as counted by the provider.
    pub tokens: u64,
}

/// Adds up an attempt's calls by model, without those that another job has counted.
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
