//! A real embedding model behind OpenAI's API, and how well search finds with it: what `make quality` runs.
//!
//! The weights are those of sentence-transformers/all-MiniLM-L6-v2 (Apache-2.0), which the Makefile downloads and no commit holds.

pub mod baseline;
pub mod check;
pub mod compare;
pub mod measure;
pub mod model;
pub mod pipeline;
pub mod serve;
pub mod texts;
