//! Histories of the simulation on real D1: it must behave like the SQLite on which the invariants are checked.

use longshore_simulation::sim::engine::on_d1::replay_on_d1;

/// Number of histories that a test run has time for; `make sim-d1` replays a thousand.
const HISTORIES: u64 = 10;

/// Every statement must give the same answer, and every table must end the same.
#[tokio::test]
async fn histories_answer_and_end_the_same_on_d1() {
    let batches = replay_on_d1(HISTORIES, &|_| {}).await.unwrap();
    assert!(batches >= 60 * usize::try_from(HISTORIES).unwrap(), "only {batches} batches");
}
