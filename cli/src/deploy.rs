//! `longshore deploy`: the steps of a deployment, in order. Each looks what is there and does what is missing.

mod account;
mod databases;
mod error;
mod kept;
mod names;
mod options;
mod release;
mod secrets;
mod service;
mod settings;
mod wrangler;
mod wrangler_file;

use std::path::PathBuf;

pub use error::DeployError;
pub use options::{Jurisdiction, Options, PlanName};

use crate::terminal::Terminal;
use kept::SavedState;
use names::Names;
use wrangler::{RunMode, Wrangler};
use wrangler_file::{Recorded, WranglerFile};

/// The consumer's wrangler file and the producer's: in this order they are deployed, because the consumer must read what
/// the producer writes.
const CONSUMER_FILE: &str = "consumer/wrangler.toml";
const PRODUCER_FILE: &str = "wrangler.toml";

/// Deploys an environment, or prints how it would.
///
/// # Errors
/// Why it stopped and what to do; the same command again goes on from there.
pub fn deploy(options: &Options, terminal: &mut dyn Terminal) -> Result<(), DeployError> {
    let mut run = Run::prepare(options, terminal)?;
    run.settings()?;
    run.databases()?;
    run.queues()?;
    run.evidence()?;
    run.secrets()?;
    run.migrations()?;
    run.release()?;
    run.readiness()?;
    run.first_key()
}

/// One deployment.
struct Run<'a> {
    options: &'a Options,
    terminal: &'a mut dyn Terminal,
    names: Names,
    wrangler: Wrangler,
    producer: WranglerFile,
    consumer: WranglerFile,
    kept: SavedState,
    recorded: Recorded,
}

impl<'a> Run<'a> {
    /// Reads the files and asks who is logged in; changes nothing.
    fn prepare(options: &'a Options, terminal: &'a mut dyn Terminal) -> Result<Self, DeployError> {
        let names = Names::new(&options.env)?;
        let root = absolute(&options.root)?;
        let producer = WranglerFile::read(&root.join(PRODUCER_FILE))?;
        let consumer = WranglerFile::read(&root.join(CONSUMER_FILE))?;
        let kept = SavedState::read(&root, &names.env)?;
        let mode = if options.dry_run { RunMode::Dry } else { RunMode::Real };
        let mut wrangler = Wrangler { program: root.join(&options.wrangler), root, mode };
        if !wrangler.is_logged_in()? {
            if mode == RunMode::Real {
                let text = "Nobody is logged in: run `npx wrangler login`, or set CLOUDFLARE_API_TOKEN.";
                return Err(DeployError::Unanswered(text.to_owned()));
            }
            wrangler.mode = RunMode::DryUnseen;
            terminal.say("# Nobody is logged in: this is what a run does in an account that has nothing yet.");
        }
        let recorded = settings::choose(options, terminal, &names, &producer, &consumer)?;
        Ok(Self { options, terminal, names, wrangler, producer, consumer, kept, recorded })
    }

    fn is_dry(&self) -> bool {
        self.wrangler.mode != RunMode::Real
    }

    /// Shows a command and runs it, unless the run is dry.
    fn change(&mut self, arguments: &[&str]) -> Result<(), DeployError> {
        self.terminal.say(&format!("$ wrangler {}", arguments.join(" ")));
        self.wrangler.change(arguments, None)
    }

    /// Saves both wrangler files, the consumer's first; `what` says why.
    fn save(&mut self, what: &str) -> Result<(), DeployError> {
        for (name, file) in [(CONSUMER_FILE, &self.consumer), (PRODUCER_FILE, &self.producer)] {
            self.terminal.say(&format!("> write {what} into {name}"));
            if self.wrangler.mode == RunMode::Real {
                file.save()?;
            }
        }
        Ok(())
    }
}

fn absolute(path: &std::path::Path) -> Result<PathBuf, DeployError> {
    std::path::absolute(path).map_err(|error| DeployError::File { path: path.to_owned(), error })
}
