//! Runs wrangler: looks, which change nothing, and changes, which a dry run prints alone. A secret goes in by standard
//! input and never by the command line, which every process of the machine may read.

use std::ffi::{OsStr, OsString};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use serde::Deserialize;

use super::error::{DeployError, advice};

/// How much of what wrangler says is shown.
const SAID_LINES_MAX: usize = 20;

/// What a run may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum RunMode {
    /// Look and change.
    Real,
    /// Look, and print what would be changed.
    Dry,
    /// Nobody is logged in: print what would be changed in an account that has nothing.
    DryUnseen,
}

/// What a look found.
#[derive(Debug)]
pub(crate) enum Look {
    Found(String),
    Missing,
}

/// The wrangler of this repository.
#[derive(Debug)]
pub(crate) struct Wrangler {
    pub(crate) program: PathBuf,
    pub(crate) root: PathBuf,
    pub(crate) mode: RunMode,
}

/// One line of the file that wrangler writes for machines.
#[derive(Deserialize)]
struct OutputEvent {
    #[serde(rename = "type")]
    kind: String,
    #[serde(default)]
    targets: Vec<String>,
}

impl Wrangler {
    /// Whether somebody is logged in.
    pub(crate) fn is_logged_in(&self) -> Result<bool, DeployError> {
        #[derive(Deserialize)]
        #[serde(rename_all = "camelCase")]
        struct WhoAmI {
            logged_in: bool,
        }
        let arguments = ["whoami", "--json"];
        let output = self.run(&arguments, None, &[])?;
        match serde_json::from_slice::<WhoAmI>(&output.stdout) {
            Ok(who) => Ok(who.logged_in),
            Err(_) => Err(failure(&arguments, &output)),
        }
    }

    /// Asks something. One of the texts in `missing` on the error output means that it is not there.
    pub(crate) fn look(&self, arguments: &[&str], missing: &[&str]) -> Result<Look, DeployError> {
        if self.mode == RunMode::DryUnseen {
            return Ok(Look::Missing);
        }
        let output = self.run(arguments, None, &[])?;
        let said = text_of(&output);
        if output.status.success() {
            Ok(Look::Found(String::from_utf8_lossy(&output.stdout).into_owned()))
        } else if missing.iter().any(|text| said.contains(text)) {
            Ok(Look::Missing)
        } else {
            Err(failure(arguments, &output))
        }
    }

    /// Changes something; `input` goes in by standard input.
    pub(crate) fn change(&self, arguments: &[&str], input: Option<&str>) -> Result<(), DeployError> {
        if self.mode != RunMode::Real {
            return Ok(());
        }
        let output = self.run(arguments, input, &[])?;
        if output.status.success() { Ok(()) } else { Err(failure(arguments, &output)) }
    }

    /// Deploys, and answers the address on the web, if it has one. `report` is where wrangler tells it: a place that
    /// nobody else can write to, because `ROOT_TOKEN` is sent to that address.
    pub(crate) fn deploy(&self, arguments: &[&str], report: &Path) -> Result<Option<String>, DeployError> {
        // One that a death left behind tells of another deployment.
        let _ = std::fs::remove_file(report);
        let output = self.run(arguments, None, &[("WRANGLER_OUTPUT_FILE_PATH", report.as_os_str())])?;
        // A wrangler that failed early has written none.
        let lines = std::fs::read_to_string(report).unwrap_or_default();
        let _ = std::fs::remove_file(report);
        if !output.status.success() {
            return Err(failure(arguments, &output));
        }
        let events = lines.lines().filter_map(|line| serde_json::from_str::<OutputEvent>(line).ok());
        let mut targets = events.filter(|event| event.kind == "deploy").flat_map(|event| event.targets);
        Ok(targets.find(|target| target.starts_with("https://") || target.starts_with("http://")))
    }

    /// Wrangler needs a Node that fits it, which is installed beside it.
    fn path(&self) -> OsString {
        let others = std::env::var_os("PATH").unwrap_or_default();
        let own = self.program.parent().map(Path::to_owned);
        std::env::join_paths(own.into_iter().chain(std::env::split_paths(&others))).unwrap_or(others)
    }

    fn run(
        &self,
        arguments: &[&str],
        input: Option<&str>,
        environment: &[(&str, &OsStr)],
    ) -> Result<Output, DeployError> {
        let no_wrangler = |error| DeployError::NoWrangler { program: self.program.clone(), error };
        let mut child = Command::new(&self.program)
            .args(arguments)
            .current_dir(&self.root)
            // No questions, no colours.
            .envs([("CI", "1"), ("WRANGLER_SEND_METRICS", "false"), ("NO_COLOR", "1"), ("FORCE_COLOR", "0")])
            .envs(environment.iter().copied())
            .env("PATH", self.path())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .map_err(no_wrangler)?;
        if let (Some(mut stdin), Some(input)) = (child.stdin.take(), input) {
            // A wrangler that ended without reading says why on its error output.
            let _ = stdin.write_all(input.as_bytes());
        }
        child.wait_with_output().map_err(no_wrangler)
    }
}

/// What wrangler said, without the colours that it uses even when asked for none.
fn text_of(output: &Output) -> String {
    let said = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    let mut parts = said.split("\u{1b}[");
    let plain = parts.next().unwrap_or_default().to_owned();
    parts.fold(plain, |plain, part| plain + part.split_once('m').map_or(part, |(_, text)| text))
}

fn failure(arguments: &[&str], output: &Output) -> DeployError {
    let said = text_of(output);
    let lines: Vec<&str> = said.lines().filter(|line| !line.trim().is_empty()).collect();
    DeployError::Wrangler {
        command: arguments.join(" "),
        said: lines[lines.len().saturating_sub(SAID_LINES_MAX)..].join("\n"),
        advice: advice(&said),
    }
}
