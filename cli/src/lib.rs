//! Implementation of the command `longshore`, as a library for tests that run it without a process.

mod arguments;
mod commands;
mod context;
pub mod deploy;
mod escape;
mod failure;
mod input;
mod output;
mod profiles;
pub mod terminal;
mod times;

use std::process::ExitCode;

use clap::{CommandFactory, Parser};

/// Returns the tree of commands, with the options of each.
pub fn command() -> clap::Command {
    arguments::Arguments::command()
}

/// Runs the command of the process's arguments and returns its exit code.
pub fn run() -> ExitCode {
    let code = match arguments::Arguments::parse().run() {
        Ok(code) => code,
        Err(failure) => {
            if let Some(text) = failure.text() {
                output::note(format!("longshore: {text}"));
            }
            failure.code()
        }
    };
    ExitCode::from(code)
}
