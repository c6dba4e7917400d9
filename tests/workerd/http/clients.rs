//! The clients for TypeScript and Python: their test suites against the running Workers.

use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use longshore_kit::runner::Options;
use longshore_kit::scratch::repository;
use tokio::process::Command;
use tokio::time::timeout;

use crate::support::world::alone;

/// Longest run of a client's tests, which take half a minute.
const WITHIN: Duration = Duration::from_mins(4);

/// Runs a program of one client's tests with a key of a new tenant. Uses a separate runner: on the shared one their
/// tasks would wait for slow tasks of other tests.
fn assert_passes(folder: &str, program: &str, arguments: &[&str]) {
    let ticks = |options: &mut Options| options.tick_seconds = 1;
    alone(&folder.replace('/', "-"), ticks, async |world| {
        let program = repository().join(program);
        assert!(program.exists(), "{} is missing: run `make clients`", program.display());
        let (_, key) = world.key(&format!("clients-{}", folder.replace('/', "-")), &["admin"]).await;
        let tests = Command::new(&program)
            .args(arguments)
            .current_dir(repository().join(Path::new(folder)))
            .env("LONGSHORE_URL", world.runner.url())
            .env("LONGSHORE_KEY", key)
            .stdin(Stdio::null())
            .kill_on_drop(true)
            .output();
        let output = timeout(WITHIN, tests).await.expect("the tests of a client end in time").unwrap();
        let text = |bytes| String::from_utf8_lossy(bytes).into_owned();
        assert!(output.status.success(), "{}{}", text(&output.stdout), text(&output.stderr));
    });
}

#[test]
fn the_typescript_client_passes_its_tests() {
    let tests = ["--test", "test/raw.test.ts", "test/helpers.test.ts"];
    assert_passes("clients/typescript", "node_modules/.bin/node", &tests);
}

#[test]
fn the_python_client_passes_its_tests() {
    assert_passes("clients/python", ".tools/python/bin/pytest", &["-q", "-p", "no:cacheprovider", "tests"]);
}
