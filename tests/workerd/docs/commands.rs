//! Commands of `docs/cli.md`: each prints what the page shows, and the page shows each command.
//!
//! `commands.json` lists the commands in the order of the page, with the commands that run before each and are not shown.
//! `LONGSHORE_WRITE_DOCS=1` writes what they print into the page instead.

use std::collections::BTreeSet;
use std::path::PathBuf;

use longshore_kit::options::Options;
use longshore_kit::scratch::{Scratch, repository};
use serde::Deserialize;
use serde_json::json;

use crate::docs::session::{BLOCK_WITHIN, Output, Session};
use crate::docs::shell::Shell;
use crate::docs::transcript::{Ids, Shown, Transcript, with_address, without_secrets};
use crate::support::command::longshore;
use crate::support::world::{World, block_on};

/// Commands that the page does not show, with the reason. Change the number deliberately.
const NOT_SHOWN: [(&str, &str); 2] = [
    ("longshore completions", "it prints a script of thousands of lines"),
    ("longshore deploy", "it needs an account of Cloudflare; tests/native/deploy.rs runs it"),
];
/// Number of commands on the page that do not run.
const NOT_RUN: usize = 1;
/// Addresses that the page shows: those of `make dev`.
const PRODUCER: &str = "http://127.0.0.1:8787";
const RECEIVER: &str = "http://127.0.0.1:8788";

/// A command of the page.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Step {
    /// Lines for the shell that run before and are not shown.
    #[serde(default)]
    given: Vec<String>,
    /// The command. The page shows it with the values of its variables.
    run: String,
    /// Exit code of the command.
    #[serde(default)]
    exit: u8,
    /// True if its output has numbers that differ from run to run.
    #[serde(default)]
    numbers_vary: bool,
    /// Reason why it does not run.
    no_run: Option<String>,
}

fn page() -> PathBuf {
    repository().join("docs/cli.md")
}

fn read_page() -> Transcript {
    Transcript::read(&std::fs::read_to_string(page()).unwrap())
}

fn steps() -> Vec<Step> {
    let text = std::fs::read_to_string(repository().join("tests/workerd/docs/commands.json")).unwrap();
    serde_json::from_str(&text).unwrap()
}

/// A shell with the command `longshore` and a deployment.
struct Prompt {
    shell: Session,
    producer: String,
    receiver: String,
}

impl Prompt {
    async fn start(world: &World, folder: &Scratch) -> Prompt {
        let (producer, receiver) = (world.runner.url().to_owned(), world.receiver.url(""));
        let key = async |tenant: &str, name: &str| {
            let made = world.make_key(&json!({"tenant": tenant, "scopes": ["admin"], "name": name})).await;
            made["key"].as_str().unwrap().to_owned()
        };
        let (acme, all) = (key("acme", "admin").await, key("*", "operator").await);
        let (bin, home) = (longshore(), folder.path().display());
        let settings = format!(
            "export LONGSHORE_URL={producer} LONGSHORE_KEY={acme} OPERATOR_KEY={all} RECEIVER={receiver}
             export HOME={home} XDG_CONFIG_HOME={home} PATH={}:$PATH; cd {home}",
            bin.parent().unwrap().display(),
        );
        let mut prompt = Prompt { shell: Session::start(Shell::Bash, BLOCK_WITHIN), producer, receiver };
        prompt.given(&settings).await;
        prompt
    }

    async fn given(&mut self, lines: &str) {
        let Output { status, stdout, stderr } = self.shell.run(lines).await.unwrap();
        assert!(status == 0 && stderr.is_empty(), "{lines}\nstatus {status}\n{stdout}\n{stderr}");
    }

    /// Runs a step as a reader does, with both outputs on the terminal. A step that does not run keeps the output of the page.
    async fn show(&mut self, step: &Step, on_page: &Shown) -> Shown {
        self.given(&step.given.join("\n")).await;
        let command = self.shell.run(&format!("cat <<END\n{}\nEND", step.run)).await.unwrap().stdout;
        let command = command.trim_end().to_owned();
        if step.no_run.is_some() {
            return on_page.with_ids_of(command);
        }
        let both = format!("{{ {}\n}} 2>&1 </dev/null", step.run);
        let Output { status, stdout, stderr } = self.shell.run(&both).await.unwrap();
        assert!(status == step.exit && stderr.is_empty(), "{}\nstatus {status}\n{stdout}\n{stderr}", step.run);
        let addresses = [(self.producer.as_str(), PRODUCER), (self.receiver.as_str(), RECEIVER)];
        let output = addresses.into_iter().fold(stdout, |text, (address, shown)| with_address(&text, address, shown));
        Shown { command, output: without_secrets(&output) }
    }
}

/// Describes the difference between what the page shows and what a command printed.
fn difference(on_page: &[Shown], printed: &[Shown], steps: &[Step]) -> Option<String> {
    let normal = |all: &[Shown]| -> Vec<String> {
        let mut ids = Ids::default();
        let text = |(shown, step): (&Shown, &Step)| {
            let (command, output) = (ids.normal(&shown.command, false), ids.normal(&shown.output, step.numbers_vary));
            format!("$ {command}\n{output}")
        };
        all.iter().zip(steps).map(text).collect()
    };
    let (expected, found) = (normal(on_page), normal(printed));
    let differs = expected.iter().zip(&found).find(|(expected, found)| expected != found);
    differs.map(|(expected, found)| format!("the page shows:\n{expected}\nit printed:\n{found}"))
}

#[test]
fn the_commands_print_what_the_page_shows() {
    block_on(async {
        let folder = Scratch::new("commands").unwrap();
        let mut options = Options::at(folder.path().join("data")).var("SWEEP_ONCE", "true");
        options.tick_seconds = 1;
        let world = World::start(options).await;
        let mut prompt = Prompt::start(&world, &folder).await;
        let (mut transcript, steps, mut at, mut wrong) = (read_page(), steps(), 0, Vec::new());
        for block in transcript.blocks() {
            let of_block = steps.get(at..at + block.len()).expect("commands.json has each command of the page");
            let mut printed = Vec::new();
            for (step, shown) in of_block.iter().zip(&*block) {
                printed.push(prompt.show(step, shown).await);
            }
            wrong.extend(difference(block, &printed, of_block));
            (*block, at) = (printed, at + of_block.len());
        }
        assert_eq!(at, steps.len(), "the page has each command of commands.json");
        prompt.shell.end().await;
        world.runner.stop().await.unwrap();
        if std::env::var_os("LONGSHORE_WRITE_DOCS").is_some() {
            return std::fs::write(page(), transcript.text()).unwrap();
        }
        let advice = "LONGSHORE_WRITE_DOCS=1 writes what they print into docs/cli.md";
        assert!(wrong.is_empty(), "{}\n\n{advice}", wrong.join("\n\n"));
    });
}

/// Returns each command without subcommands, such as `longshore jobs list`.
fn all_commands() -> BTreeSet<String> {
    let tree = longshore_cli::command();
    let mut found = BTreeSet::new();
    for family in tree.get_subcommands().filter(|command| command.get_name() != "help") {
        let name = format!("longshore {}", family.get_name());
        let verbs: Vec<_> = family.get_subcommands().filter(|verb| verb.get_name() != "help").collect();
        assert!(verbs.iter().all(|verb| !verb.has_subcommands()), "{name} has commands with commands");
        found.extend(verbs.iter().map(|verb| format!("{name} {}", verb.get_name())));
        found.extend(verbs.is_empty().then_some(name));
    }
    found
}

#[test]
fn the_page_shows_each_command() {
    let (all, steps) = (all_commands(), steps());
    assert_eq!(steps.iter().filter(|step| step.no_run.is_some()).count(), NOT_RUN);
    let is_of = |step: &Step, command: &str| {
        step.run
            .strip_prefix(command)
            .is_some_and(|rest| !rest.starts_with(|next: char| next.is_alphanumeric() || next == '-'))
    };
    let is_shown = |command: &str| steps.iter().any(|step| step.no_run.is_none() && is_of(step, command));
    let missing: Vec<_> =
        all.iter().filter(|command| !is_shown(command) && NOT_SHOWN.iter().all(|(name, _)| name != command)).collect();
    assert!(all.len() > 50 && missing.is_empty(), "docs/cli.md does not show {missing:?}");
    let stale: Vec<_> = NOT_SHOWN.iter().filter(|(name, _)| !all.contains(*name) || is_shown(name)).collect();
    assert!(stale.is_empty(), "{stale:?}");
}
