//! Runs wrangler: queries, which change nothing, and changes, which a dry run only prints. A secret is passed by
//! standard input and never by the command line, which other processes can read.

use std::ffi::{OsStr, OsString};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use serde::Deserialize;

use super::error::{DeployError, advice};

/// Maximum number of lines of wrangler's output to show.
const SAID_LINES_MAX: usize = 20;

/// Mode of a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum RunMode {
    /// Queries and changes.
    Real,
    /// Queries, and prints the changes.
    Dry,
    /// Prints the changes for an empty account, because wrangler is not logged in.
    DryUnseen,
}

/// Result of a query.
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

/// One line of wrangler's machine-readable output.
#[derive(Deserialize)]
struct OutputEvent {
    #[serde(rename = "type")]
    kind: String,
    #[serde(default)]
    targets: Vec<String>,
}

impl Wrangler {
    /// True if wrangler is logged in.
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

    /// Runs a query. One of the texts in `missing` in the output means that the resource does not exist.
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

    /// Runs a change; `input` is passed by standard input.
    pub(crate) fn change(&self, arguments: &[&str], input: Option<&str>) -> Result<(), DeployError> {
        if self.mode != RunMode::Real {
            return Ok(());
        }
        let output = self.run(arguments, input, &[])?;
        if output.status.success() { Ok(()) } else { Err(failure(arguments, &output)) }
    }

    /// Deploys, and returns the public address, if there is one. Wrangler writes it to `report`, which must be in a
    /// private folder, because `ROOT_TOKEN` is sent to that address.
    pub(crate) fn deploy(&self, arguments: &[&str], report: &Path) -> Result<Option<String>, DeployError> {
        // A file left by an interrupted run belongs to another deployment.
        let _ = std::fs::remove_file(report);
        let output = self.run(arguments, None, &[("WRANGLER_OUTPUT_FILE_PATH", report.as_os_str())])?;
        // A wrangler that failed early has not written the file.
        let lines = std::fs::read_to_string(report).unwrap_or_default();
        let _ = std::fs::remove_file(report);
        if !output.status.success() {
            return Err(failure(arguments, &output));
        }
        let events = lines.lines().filter_map(|line| serde_json::from_str::<OutputEvent>(line).ok());
        let mut targets = events.filter(|event| event.kind == "deploy").flat_map(|event| event.targets);
        Ok(targets.find(|target| target.starts_with("https://") || target.starts_with("http://")))
    }

    /// Returns the PATH for wrangler, with the matching Node that is installed in its folder.
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
            // No prompts, no colours.
            .envs([("CI", "1"), ("WRANGLER_SEND_METRICS", "false"), ("NO_COLOR", "1"), ("FORCE_COLOR", "0")])
            .envs(environment.iter().copied())
            .env("PATH", self.path())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .map_err(no_wrangler)?;
        if let (Some(mut stdin), Some(input)) = (child.stdin.take(), input) {
            // A wrangler that ended without reading its input prints the reason.
            let _ = stdin.write_all(input.as_bytes());
        }
        child.wait_with_output().map_err(no_wrangler)
    }
}

/// Returns wrangler's output without the colours that it prints in spite of `NO_COLOR`.
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
