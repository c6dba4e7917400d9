//! `longshore`: the operators' command line.

use std::process::ExitCode;

fn main() -> ExitCode {
    longshore_cli::run()
}
