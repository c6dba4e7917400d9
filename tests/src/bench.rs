//! `make bench-search`: measures embedding, indexing and searching on both Workers in a real workerd.
//!
//! Times are those of this machine, where two Workers, the store and this client share the cores. The targets are those
//! in docs/decisions/0014-search-has-its-own-database.md.

mod pace;
mod searches;
mod stage;
mod texts;

use std::path::Path;
use std::process::ExitCode;
use std::time::Duration;

use longshore_kit::failure::Failure;
use longshore_kit::interrupt::unless_interrupted;
use longshore_kit::scratch::Scratch;

/// Default number of chunks in the index whose searches are measured.
const CHUNKS: usize = 20_000;

/// A measured value and its target, shown as one line.
struct Figure {
    what: String,
    measured: String,
    target: Option<(String, bool)>,
}

impl Figure {
    /// A time with an upper limit.
    fn within(what: impl Into<String>, measured: Duration, most: Duration) -> Figure {
        let target = Some((format!("at most {}", shown(most)), measured <= most));
        Figure { what: what.into(), measured: shown(measured), target }
    }

    /// A value without a target.
    fn plain(what: impl Into<String>, measured: String) -> Figure {
        Figure { what: what.into(), measured, target: None }
    }

    fn is_met(&self) -> bool {
        self.target.as_ref().is_none_or(|(_, is_met)| *is_met)
    }

    fn show(&self) {
        let verdict = match &self.target {
            None => String::new(),
            Some((target, true)) => format!("  ok, target {target}"),
            Some((target, false)) => format!("  MISSED, target {target}"),
        };
        println!("{:<58} {:>12}{verdict}", self.what, self.measured);
    }
}

fn shown(time: Duration) -> String {
    if time < Duration::from_secs(1) {
        format!("{} ms", time.as_millis())
    } else {
        format!("{:.1} s", time.as_secs_f64())
    }
}

/// Runs the command: `[chunks ...]`, the sizes of the indexes whose searches are measured.
pub async fn main(arguments: Vec<String>) -> ExitCode {
    let sizes: Result<Vec<usize>, _> = arguments.iter().map(|argument| argument.parse()).collect();
    let Ok(sizes) = sizes else {
        eprintln!("usage: bench [chunks ...]");
        return ExitCode::from(2);
    };
    let sizes = if sizes.is_empty() { vec![CHUNKS] } else { sizes };
    let scratch = match Scratch::new("bench") {
        Ok(scratch) => scratch,
        Err(error) => {
            eprintln!("no temporary folder: {error}");
            return ExitCode::FAILURE;
        }
    };
    match unless_interrupted(run(scratch.path(), sizes)).await {
        Err(interrupted) => interrupted,
        Ok(Ok(true)) => ExitCode::SUCCESS,
        Ok(Ok(false)) => ExitCode::FAILURE,
        Ok(Err(failure)) => {
            eprintln!("FAIL the benchmark stopped: {failure}; the Workers' log is in {}", scratch.path().display());
            scratch.keep();
            ExitCode::FAILURE
        }
    }
}

/// Runs all measurements. Returns true if every target was met.
async fn run(folder: &Path, mut sizes: Vec<usize>) -> Result<bool, Failure> {
    sizes.sort_unstable();
    let stage = stage::Stage::set(folder).await?;
    let mut figures = vec![pace::embeddings(&stage).await?, pace::document(&stage).await?];
    figures.iter().for_each(Figure::show);
    let mut library = searches::Library::make(&stage).await?;
    for size in sizes {
        let found = library.measure(&stage, size).await?;
        found.iter().for_each(Figure::show);
        figures.extend(found);
    }
    stage.runner.stop().await?;
    Ok(figures.iter().all(Figure::is_met))
}
