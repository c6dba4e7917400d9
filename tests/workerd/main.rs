//! Ring 4: both Workers, built as they are deployed, in a real workerd. Tests call their HTTP API and read the
//! receiver's log. One binary, so that it links once; most tests share one runner.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod delivery;
mod docs;
mod faults;
mod hostile;
mod http;
mod platform;
mod support;
