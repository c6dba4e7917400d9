//! Embedding: texts become vectors by a provider; jobs that run together share its calls.

pub(crate) mod answer;
pub(crate) mod ask;
pub(crate) mod openai;
mod pause;
pub(crate) mod pool;
pub(crate) mod protocol;
pub(crate) mod refusals;
pub(crate) mod round;
pub(crate) mod vectors;
pub(crate) mod workers_ai;
