//! A stand-in for wrangler: see [`longshore_tests::wrangler_stand_in`].

use std::process::ExitCode;

/// Plays one call of wrangler. The first argument is the folder of the account, the others are wrangler's.
fn main() -> ExitCode {
    longshore_tests::wrangler_stand_in::main(std::env::args().skip(1))
}
