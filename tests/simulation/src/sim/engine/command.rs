//! The commands `make sim` and `make sim-recall`.

use std::collections::BTreeMap;
use std::io::IsTerminal;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressStyle};

use crate::sim::bugs;
use crate::sim::bugs::recall::{compare_all, find_all};
use crate::sim::bugs::{causes, completions, totals};
use crate::sim::engine::faults::Fault;
use crate::sim::engine::on_d1;
use crate::sim::engine::plan::{Narrow, Play};
use crate::sim::engine::runner::{Summary, play, play_all};
use crate::sim::engine::schedule::Failure;
use crate::sim::engine::shrink::{invariant_of, shrink};

/// Options of the command.
#[derive(Debug, Default)]
struct Options {
    first: Play,
    what: What,
    seeds: Option<u64>,
    without_seeds: Option<u64>,
}

#[derive(Debug, Default)]
enum What {
    #[default]
    Play,
    /// Prints the trace of one seed.
    Trace,
    /// Searches for planted bugs and compares the kinds of faults.
    Recall,
    /// Compares the kinds of faults only.
    Pairs,
    /// Replays histories on D1.
    OnD1,
}

const USAGE: &str = "sim [--seeds n] [--first n] [--seed n] [--off Fault,...] [--jobs n] [--quiet] [--bug name]
sim --recall|--pairs [--seeds n] [--without-seeds n]
sim --d1 [--seeds n]";

fn parse(mut arguments: impl Iterator<Item = String>) -> Result<Options, String> {
    let mut options = Options::default();
    while let Some(name) = arguments.next() {
        let mut value = || arguments.next().ok_or(format!("{name} needs a value"));
        let number = |text: String| text.replace('_', "").parse::<u64>().map_err(|error| format!("{text}: {error}"));
        let first = &mut options.first;
        match name.as_str() {
            "--seeds" => options.seeds = Some(number(value()?)?),
            "--without-seeds" => options.without_seeds = Some(number(value()?)?),
            "--first" => first.seed = number(value()?)?,
            "--seed" => (first.seed, options.what) = (number(value()?)?, What::Trace),
            "--jobs" => first.narrow.jobs = i64::try_from(number(value()?)?.clamp(1, 1_000)).ok(),
            "--quiet" => first.narrow.quiet = true,
            "--d1" => options.what = What::OnD1,
            "--recall" => options.what = What::Recall,
            "--pairs" => options.what = What::Pairs,
            "--bug" => first.bug = Some(value().map(|name| bugs::named(&name).ok_or(format!("no bug {name:?}")))??),
            "--off" => {
                for name in value()?.split(',') {
                    first.narrow.off.insert(Fault::named(name).ok_or(format!("no fault {name:?}"))?);
                }
            }
            _ => return Err(format!("{name}?\n{USAGE}")),
        }
    }
    Ok(options)
}

/// Runs the command.
pub fn main(arguments: impl Iterator<Item = String>) -> ExitCode {
    // A panic of the core is a failure like any other, reported at the end.
    std::panic::set_hook(Box::new(|_| {}));
    let options = match parse(arguments) {
        Ok(options) => options,
        Err(text) => {
            eprintln!("{text}");
            return ExitCode::from(2);
        }
    };
    let seeds = |default| options.seeds.unwrap_or(default);
    let compare = || compare_all(seeds(100_000), options.without_seeds.unwrap_or(20_000));
    let is_well = match options.what {
        What::Play => play_many(&options.first, seeds(10_000)),
        What::Trace => trace(&options.first),
        What::Recall => {
            find_all(&[bugs::ALL, bugs::RARE, completions::ALL, causes::ALL, totals::ALL], seeds(100_000)) + compare()
                == 0
        }
        What::Pairs => compare() == 0,
        What::OnD1 => on_d1::main(seeds(1_000), &*progress(seeds(1_000), Instant::now())),
    };
    if is_well { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// Prints the trace of one seed.
fn trace(first: &Play) -> bool {
    let what = Play { prints: true, ..first.clone() };
    match play(&what) {
        Ok(outcome) => {
            println!("{outcome:#?}");
            true
        }
        Err(failure) => {
            println!("\nBROKEN {}", failure.what);
            false
        }
    }
}

fn play_many(first: &Play, seeds: u64) -> bool {
    let began = Instant::now();
    let progress = progress(seeds, began);
    let (summary, failure) = play_all(first, seeds, &*progress);
    report(&summary, began.elapsed());
    let Some(failure) = failure else { return is_eventful(&summary, &first.narrow) };
    print_failure(&failure);
    false
}

/// Progress display: a bar, or a line every ten seconds without a terminal.
fn progress(seeds: u64, began: Instant) -> Box<dyn Fn(u64)> {
    if std::io::stderr().is_terminal() {
        let bar = ProgressBar::new(seeds);
        let style = "{bar:40} {pos} of {len} schedules, {per_sec}, {eta} to go";
        bar.set_style(ProgressStyle::with_template(style).unwrap_or(ProgressStyle::default_bar()));
        return Box::new(move |done| bar.set_position(done));
    }
    let shown = std::cell::Cell::new(Duration::ZERO);
    Box::new(move |done| {
        let elapsed = began.elapsed();
        if elapsed >= shown.get() + Duration::from_secs(10) {
            shown.set(elapsed);
            eprintln!("{done} of {seeds} schedules, {:.1} per second", per_second(done, elapsed));
        }
    })
}

/// Schedules a second. A history on workerd takes longer than a second, hence the fraction.
#[allow(clippy::cast_precision_loss, reason = "a rate, to be read")]
fn per_second(schedules: u64, elapsed: Duration) -> f64 {
    schedules as f64 / elapsed.as_secs_f64().max(0.001)
}

/// Prints which faults hit and the totals of the schedules.
fn report(summary: &Summary, elapsed: Duration) {
    let most = summary.faults.values().map(|(_, times)| *times).max().unwrap_or(1);
    let mut lines: BTreeMap<String, (u64, u64)> = BTreeMap::new();
    for (fault, (schedules, times)) in &summary.faults {
        let bar = "#".repeat(usize::try_from((times * 40).div_ceil(most)).unwrap_or_default());
        println!("fault {:<20} {times:>9} times in {schedules:>7} schedules {bar}", format!("{fault:?}"));
    }
    lines.extend(summary.reached.clone());
    for (what, (schedules, times)) in lines {
        println!("rows  {what:<26} {times:>9} in {schedules:>7} schedules");
    }
    let Summary { schedules, jobs, operations, requests, .. } = summary;
    let (hours, per_second) = (summary.lasted_ms / 3_600_000, per_second(*schedules, elapsed));
    let (least_jobs, least_operations, least_faults) = summary.least.unwrap_or_default();
    println!("{jobs} jobs, {operations} operations, {requests} requests, {hours} simulated hours");
    println!("each schedule: {least_jobs} jobs, {least_operations} operations and {least_faults} faults or more");
    println!("{schedules} schedules in {:.1} s, {per_second:.1} per second", elapsed.as_secs_f64());
    println!("digest {:016x}", summary.digest);
}

/// Returns true if each schedule had at least 8 jobs, 60 operations and 3 faults that hit.
fn is_eventful(summary: &Summary, narrow: &Narrow) -> bool {
    let least = summary.least.unwrap_or_default();
    let is_eventful = least.0 >= 8 && least.1 >= 60 && least.2 >= 3;
    if narrow.has_floor() && !is_eventful {
        println!("BROKEN a schedule with too few events");
        return false;
    }
    true
}

/// Prints a failure: the command that replays it, and the smaller schedule that it shrinks to, with its trace.
fn print_failure(failure: &Failure) {
    println!("\nBROKEN {}\nreplay it: {}", failure.what, failure.play.command());
    let least = shrink(failure);
    println!("\nshrunk: {}\n", least.play.command());
    trace(&least.play);
    println!("\nBROKEN {} by seed {}; replay it: {}", invariant_of(failure), failure.play.seed, failure.play.command());
    println!("shrunk: {}", least.play.command());
}
