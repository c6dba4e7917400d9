//! `longshore`: the operators' command line.

use std::process::ExitCode;

use clap::{Parser, Subcommand};
use longshore_cli::deploy::{Options, deploy};
use longshore_cli::terminal::Console;

/// Longshore's command line.
#[derive(Debug, Parser)]
#[command(name = "longshore", version)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Deploy(Options),
}

fn main() -> ExitCode {
    let Command::Deploy(options) = Arguments::parse().command;
    match deploy(&options, &mut Console) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("longshore: {error}");
            ExitCode::FAILURE
        }
    }
}
