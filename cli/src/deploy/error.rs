//! Errors of a deployment, each with advice.

use std::path::PathBuf;

/// Reasons why a deployment stopped. Finished steps are kept, and the next run continues from there.
#[derive(Debug, thiserror::Error)]
pub enum DeployError {
    /// The name of the environment is invalid.
    #[error(
        "--env {0:?}: an environment's name is 1 to 20 of a-z 0-9 -, begins with a letter, and its last word is neither \
         index nor task"
    )]
    EnvironmentName(String),
    /// A file could not be read or written.
    #[error("{}: {error}", path.display())]
    File {
        /// Path of the file.
        path: PathBuf,
        /// Error of the system.
        error: std::io::Error,
    },
    /// A wrangler file is not valid TOML, or lacks entries that the environment is made from.
    #[error("{}: {reason}", path.display())]
    WranglerFile {
        /// Path of the file.
        path: PathBuf,
        /// Description of the problem.
        reason: String,
    },
    /// A database id in a wrangler file is a placeholder.
    #[error(
        "{}: database_id {id:?} of [env.{env}] is a placeholder; remove that line, and the next run writes the real id",
        path.display()
    )]
    Placeholder {
        /// Path of the file.
        path: PathBuf,
        /// Name of the environment.
        env: String,
        /// The placeholder.
        id: String,
    },
    /// The account and the files disagree. Continuing could create a second, empty deployment.
    #[error("{0}")]
    Disagreement(String),
    /// A question was not answered.
    #[error("{0}")]
    Unanswered(String),
    /// Wrangler is not installed.
    #[error("{} cannot be run ({error}); `make tools` installs it", program.display())]
    NoWrangler {
        /// Path of the program.
        program: PathBuf,
        /// Error of the system.
        error: std::io::Error,
    },
    /// Wrangler failed.
    #[error("`wrangler {command}` failed:\n{said}\n{advice}")]
    Wrangler {
        /// Arguments of the command.
        command: String,
        /// Output of the command.
        said: String,
        /// Advice for the operator.
        advice: &'static str,
    },
    /// Wrangler printed output of an unknown form.
    #[error(
        "`wrangler {command}` printed unexpected output ({reason}); check that its version is that of package.json"
    )]
    Answer {
        /// Arguments of the command.
        command: String,
        /// Description of the problem.
        reason: String,
    },
    /// The deployed producer did not respond as expected.
    #[error("{0}")]
    Service(String),
}

/// Advice by texts and error codes in the output of wrangler.
const ADVICE: [(&[&str], &str); 7] = [
    (
        &["not authenticated", "CLOUDFLARE_API_TOKEN", "code: 10000", "code: 9109", "Unable to authenticate"],
        "Log in with `npx wrangler login`, or set CLOUDFLARE_API_TOKEN to a token that may edit Workers, D1, Queues and R2.",
    ),
    (&["More than one account"], "Set CLOUDFLARE_ACCOUNT_ID to the account to deploy to."),
    (&["code: 10042", "enable R2"], "R2 is not enabled in this account: enable it once in the dashboard."),
    (&["code: 100328", "CPU limits are not supported"], "The account is on Workers Free: run with `--plan free`."),
    (&["code: 10063", "workers.dev subdomain"], "Open Workers once in the dashboard, which registers the subdomain."),
    (
        &["retention"],
        "Workers Free only allows a message retention of 24 hours: check that `--plan` is the account's plan.",
    ),
    (
        &["fetch failed", "ENOTFOUND", "ETIMEDOUT", "ECONNREFUSED"],
        "Cloudflare's API does not answer: check the network.",
    ),
];

/// Returns the advice for the output of wrangler.
pub(crate) fn advice(said: &str) -> &'static str {
    let known = ADVICE.iter().find(|(texts, _)| texts.iter().any(|text| said.contains(text)));
    known.map_or("Fix the problem and run the same command again: it continues where it stopped.", |(_, advice)| advice)
}
