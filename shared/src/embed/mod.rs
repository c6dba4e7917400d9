//! Embedding: providers turn texts into vectors, and concurrent jobs share calls.

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
