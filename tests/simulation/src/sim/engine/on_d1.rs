//! `make sim-d1`: histories of the simulation, replayed on the D1 of a real workerd. Same answers, same end.

use std::time::Instant;

use tokio::sync::mpsc;

use crate::sim::engine::history::History;
use longshore_kit::options::Options;
use longshore_kit::runner::{Runner, RunnerError};
use longshore_kit::scratch::Scratch;

/// Replays the histories of the first `seeds` seeds. Answers how many there were, with how many batches.
///
/// # Errors
/// The first history that D1 answers or ends otherwise.
pub async fn replay_on_d1(seeds: u64, shows: &dyn Fn(u64)) -> Result<usize, String> {
    let text = |error: RunnerError| error.to_string();
    let scratch = Scratch::new("histories").map_err(|error| error.to_string())?;
    let runner = Runner::start(Options::at(scratch.path().join("state"))).await.map_err(text)?;
    let (mut batches, mut seed) = (0, 0);
    // Played in a thread of its own: tokio would let its tasks give way in the middle of a schedule.
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

/// The command.
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
