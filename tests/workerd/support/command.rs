//! The command `longshore` as a process.

use std::path::PathBuf;
use std::process::{Command, Output};

use crate::support::tenant::Tenant;

/// The command that this build has made, beside the tests.
pub(crate) fn longshore() -> PathBuf {
    let mut path = std::env::current_exe().unwrap();
    path.pop();
    path.pop();
    let path = path.join("longshore");
    assert!(path.exists(), "{} is missing: `cargo build -p longshore-cli` builds it", path.display());
    path
}

/// Runs a command of `longshore` for a tenant.
pub(crate) fn run(tenant: &Tenant<'_>, key: &str, arguments: &[&str]) -> Output {
    let mut command = Command::new(longshore());
    command.env_clear().env("LONGSHORE_URL", tenant.world.runner.url()).env("LONGSHORE_KEY", key).args(arguments);
    command.output().unwrap()
}
