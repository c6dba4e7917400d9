//! Runs `make quality`: a real embedding model behind OpenAI's API, and the quality of search with it.
//!
//! The weights are those of sentence-transformers/all-MiniLM-L6-v2 (Apache-2.0). The Makefile downloads them; they are
//! not in the repository.

pub mod baseline;
pub mod check;
pub mod compare;
pub mod measure;
pub mod model;
pub mod pipeline;
pub mod serve;
pub mod texts;
