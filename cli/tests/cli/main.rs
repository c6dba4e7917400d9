//! Tests of the command `longshore` as a process, against a stand-in for the API.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod enqueue;
mod groups;
mod output;
mod profiles;
mod requests;
mod status;
mod stories;
mod support;
mod verify;
mod watch;
