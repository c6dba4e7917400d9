//! `make sim-d1`: replays histories of the simulation on the D1 of a real workerd, which must give the same answers and
//! end.

use std::time::Instant;

use tokio::sync::mpsc;

use crate::sim::engine::history::History;
use longshore_kit::options::Options;
use longshore_kit::runner::{Runner, RunnerError};
use longshore_kit::scratch::Scratch;

/// Replays the histories of the first `seeds` seeds. Returns the number of batches.
///
/// # Errors
/// The first history with another answer or another end on D1.
pub async fn replay_on_d1(seeds: u64, shows: &dyn Fn(u64)) -> Result<usize, String> {
    let text = |error: RunnerError| error.to_string();
    let scratch = Scratch::new("histories").map_err(|error| error.to_string())?;
    let runner = Runner::start(Options::at(scratch.path().join("state"))).await.map_err(text)?;
    let (mut batches, mut seed) = (0, 0);
    // Played in a separate thread: tokio would make its tasks yield in the middle of a schedule.
    let (ready, mut histories) = mpsc::channel(2);
    std::thread::spawn(move || (0..seeds).all(|seed| ready.blocking_send(History::of(seed)).is_ok()));
    while let Some(history) = histories.recv().await {
        let history = history.map_err(|failure| format!("{}: {}", failure.play.command(), failure.what))?;
        let answers = runner.d1_batches(&history.replay()).await.map_err(text)?;
        history.compare(&answers).map_err(|difference| format!("seed {seed}: {difference}"))?;
        batches += history.len();
        seed += 1;
        shows(seed);
    }
    runner.stop().await.map_err(text)?;
    Ok(batches)
}

/// Runs the command.
pub(crate) fn main(seeds: u64, shows: &dyn Fn(u64)) -> bool {
    let began = Instant::now();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let replayed =
        runtime.map_err(|error| error.to_string()).and_then(|runtime| runtime.block_on(replay_on_d1(seeds, shows)));
    match replayed {
        Ok(batches) => {
            let seconds = began.elapsed().as_secs_f64();
            println!("{seeds} histories, {batches} batches on D1: same answers, same end, in {seconds:.1} s");
            true
        }
        Err(difference) => {
            println!("BROKEN {difference}");
            false
        }
    }
}
