//! Why a deployment stopped, each with what to do.

use std::path::PathBuf;

/// Why a deployment stopped. Whatever was done before stays, and the next run goes on from there.
#[derive(Debug, thiserror::Error)]
pub enum DeployError {
    /// The name of the environment.
    #[error(
        "--env {0:?}: an environment's name is 1 to 20 of a-z 0-9 -, begins with a letter, and its last word is neither \
         index nor task"
    )]
    EnvironmentName(String),
    /// A file.
    #[error("{}: {error}", path.display())]
    File {
        /// Which one.
        path: PathBuf,
        /// What the system said.
        error: std::io::Error,
    },
    /// A wrangler file that is no TOML, or that lacks what the environment is made from.
    #[error("{}: {reason}", path.display())]
    WranglerFile {
        /// Which one.
        path: PathBuf,
        /// What is wrong.
        reason: String,
    },
    /// An id that names nothing.
    #[error(
        "{}: database_id {id:?} of [env.{env}] is a placeholder; remove that line, and the next run writes the real id",
        path.display()
    )]
    Placeholder {
        /// In which file.
        path: PathBuf,
        /// The environment.
        env: String,
        /// The id.
        id: String,
    },
    /// The account and the files disagree, and going on could make a second, empty deployment.
    #[error("{0}")]
    Disagreement(String),
    /// Something that only a person can answer.
    #[error("{0}")]
    Unanswered(String),
    /// Wrangler is not there.
    #[error("{} cannot be run ({error}); `make tools` installs it", program.display())]
    NoWrangler {
        /// What was tried.
        program: PathBuf,
        /// What the system said.
        error: std::io::Error,
    },
    /// Wrangler failed.
    #[error("`wrangler {command}` failed:\n{said}\n{advice}")]
    Wrangler {
        /// Its arguments.
        command: String,
        /// What it said.
        said: String,
        /// What to do.
        advice: &'static str,
    },
    /// Wrangler answered what we cannot read.
    #[error("`wrangler {command}` answered what is not understood ({reason}); is it the version of package.json?")]
    Answer {
        /// Its arguments.
        command: String,
        /// What is wrong with the answer.
        reason: String,
    },
    /// The deployed producer.
    #[error("{0}")]
    Service(String),
}

/// What to do about what wrangler said: texts and codes of Cloudflare's API, and the advice.
const ADVICE: [(&[&str], &str); 7] = [
    (
        &["not authenticated", "CLOUDFLARE_API_TOKEN", "code: 10000", "code: 9109", "Unable to authenticate"],
        "Log in with `npx wrangler login`, or set CLOUDFLARE_API_TOKEN to a token that may edit Workers, D1, Queues and R2.",
    ),
    (&["More than one account"], "Set CLOUDFLARE_ACCOUNT_ID to the account that Longshore shall live in."),
    (&["code: 10042", "enable R2"], "R2 is not enabled in this account: enable it once in the dashboard."),
    (&["code: 100328", "CPU limits are not supported"], "The account is on Workers Free: run with `--plan free`."),
    (&["code: 10063", "workers.dev subdomain"], "Open Workers once in the dashboard, which registers the subdomain."),
    (&["retention"], "Workers Free keeps messages 24 hours and no other time: does `--plan` name the account's plan?"),
    (
        &["fetch failed", "ENOTFOUND", "ETIMEDOUT", "ECONNREFUSED"],
        "Cloudflare's API is out of reach: check the network.",
    ),
];

/// What to do about what wrangler said.
pub(crate) fn advice(said: &str) -> &'static str {
    let known = ADVICE.iter().find(|(texts, _)| texts.iter().any(|text| said.contains(text)));
    known.map_or("Mend what it says and run the same command again: it goes on where it stopped.", |(_, advice)| advice)
}
