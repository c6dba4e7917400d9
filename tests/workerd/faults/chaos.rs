//! A short `make chaos`: ten kills, at least one at each point.

use std::path::Path;

use longshore_kit::scratch::Scratch;
use longshore_tests::chaos::{Plan, run};

use crate::support::world::block_on;

#[test]
fn ten_kills_break_nothing() {
    block_on(async {
        let scratch = Scratch::new("chaos").unwrap();
        let plan = Plan { kills: 10, seed: 1, replayed: 500, production: false };
        let report = run(&plan, Path::new(env!("CARGO_BIN_EXE_chaos")), scratch.path()).await.unwrap();
        assert!(report.kills.iter().all(|(_, kills)| *kills > 0) && report.broken.is_empty(), "{report}");
    });
}
