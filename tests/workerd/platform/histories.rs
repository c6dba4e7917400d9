//! Histories of the simulation on real D1: the ledger does there what it does where the invariants are judged.

use longshore_simulation::sim::engine::on_d1::replay_on_d1;

/// As many as a test run has time for; `make sim-d1` replays a thousand.
const HISTORIES: u64 = 10;

/// Every statement answers the same and every table ends the same.
#[tokio::test]
async fn histories_answer_and_end_the_same_on_d1() {
    let batches = replay_on_d1(HISTORIES, &|_| {}).await.unwrap();
    assert!(batches >= 60 * usize::try_from(HISTORIES).unwrap(), "{batches} batches are no history");
}
