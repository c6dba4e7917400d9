//! `longshore deploy`: the steps of a deployment, in order. Every step is idempotent: it does only what is missing.

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

pub(crate) use account::evidence_days;
pub use error::DeployError;
pub use options::{Jurisdiction, Options, PlanName};

use crate::terminal::Terminal;
use kept::SavedState;
use names::Names;
use wrangler::{RunMode, Wrangler};
use wrangler_file::{Recorded, WranglerFile};

/// Wrangler files of the consumer and the producer, in the order of deployment: the consumer first, because it must
/// read what the producer writes.
const CONSUMER_FILE: &str = "consumer/wrangler.toml";
const PRODUCER_FILE: &str = "wrangler.toml";

/// Deploys an environment, or prints the commands for it.
///
/// # Errors
/// The reason why it stopped and what to do. A repeat of the same command continues from there.
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
    /// Reads the files and checks the login; changes nothing.
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
                let text = "Wrangler is not logged in: run `npx wrangler login`, or set CLOUDFLARE_API_TOKEN.";
                return Err(DeployError::Unanswered(text.to_owned()));
            }
            wrangler.mode = RunMode::DryUnseen;
            terminal.say("# Wrangler is not logged in: these are the commands for an empty account.");
        }
        let recorded = settings::choose(options, terminal, &names, &producer, &consumer)?;
        Ok(Self { options, terminal, names, wrangler, producer, consumer, kept, recorded })
    }

    fn is_dry(&self) -> bool {
        self.wrangler.mode != RunMode::Real
    }

    /// Prints a command and runs it, unless the run is dry.
    fn change(&mut self, arguments: &[&str]) -> Result<(), DeployError> {
        self.terminal.say(&format!("$ wrangler {}", arguments.join(" ")));
        self.wrangler.change(arguments, None)
    }

    /// Saves both wrangler files, the consumer's first. `what` describes the change.
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
