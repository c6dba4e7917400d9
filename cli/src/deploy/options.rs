//! What `longshore deploy` is told.

use std::path::PathBuf;

use clap::{Args, ValueEnum};

/// Create what is missing in a Cloudflare account, and deploy both Workers into it.
///
/// Each step looks first and does only what is missing: a run that stopped anywhere is mended by running it again.
/// Wrangler does the work, the one in `node_modules`; log in with `npx wrangler login`, or set `CLOUDFLARE_API_TOKEN`
/// and, with several accounts, `CLOUDFLARE_ACCOUNT_ID`.
///
/// Secrets reach wrangler by its standard input. `MASTER_KEY` and `ROOT_TOKEN` are kept in `.deploy/<ENV>.env`, readable
/// by you alone and ignored by git: Cloudflare never shows them again, so keep a copy of that file somewhere safe.
#[derive(Debug, Clone, Args)]
pub struct Options {
    /// The environment: a name of lower-case letters, digits and dashes, such as `production`.
    #[arg(long, value_name = "ENV")]
    pub env: String,
    /// Print the commands of a run, in order, and change nothing. Not logged in, it supposes an empty account.
    #[arg(long)]
    pub dry_run: bool,
    /// Where data is kept. Asked at the first run, recorded in the wrangler files, and never to be changed.
    #[arg(long, value_enum)]
    pub jurisdiction: Option<Jurisdiction>,
    /// Cloudflare's plan of the account. Recorded in the wrangler files; another one than recorded changes it.
    #[arg(long, value_enum)]
    pub plan: Option<PlanName>,
    /// Generate secrets that are not set yet, from the system's random source, instead of asking for them.
    #[arg(long)]
    pub generate_secrets: bool,
    /// The tenant of the first API key.
    #[arg(long, default_value = "main")]
    pub tenant: String,
    /// The address of the producer, if it is not the one on workers.dev: a custom domain.
    #[arg(long)]
    pub url: Option<String>,
    /// Seconds to wait for `/readyz`. A new cron may take a quarter of an hour to tick.
    #[arg(long, default_value_t = 900)]
    pub ready_within: u32,
    /// The folder with `wrangler.toml` and `consumer/wrangler.toml`.
    #[arg(long, default_value = ".")]
    pub root: PathBuf,
    /// The wrangler to run.
    #[arg(long, default_value = "node_modules/.bin/wrangler")]
    pub wrangler: PathBuf,
}

/// Where data is kept; it holds for D1, Queues and R2 alike.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
#[allow(missing_docs)]
pub enum Jurisdiction {
    Eu,
    Us,
    Fedramp,
    /// Anywhere.
    None,
}

impl Jurisdiction {
    /// Every jurisdiction of the platform, and none of them.
    pub const ALL: [Jurisdiction; 4] = [Jurisdiction::Eu, Jurisdiction::Us, Jurisdiction::Fedramp, Jurisdiction::None];

    /// The jurisdiction that people or wrangler write so.
    pub fn labelled(text: &str) -> Option<Jurisdiction> {
        Jurisdiction::ALL.into_iter().find(|jurisdiction| jurisdiction.label() == text)
    }

    /// As wrangler writes it; nothing for anywhere.
    pub fn name(self) -> Option<&'static str> {
        match self {
            Jurisdiction::Eu => Some("eu"),
            Jurisdiction::Us => Some("us"),
            Jurisdiction::Fedramp => Some("fedramp"),
            Jurisdiction::None => None,
        }
    }

    /// As people write it.
    pub fn label(self) -> &'static str {
        self.name().unwrap_or("none")
    }
}

/// A plan by name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
#[allow(missing_docs)]
pub enum PlanName {
    Free,
    Paid,
}

impl PlanName {
    /// Its profile of limits.
    pub fn limits(self) -> longshore::limits::plan::Plan {
        match self {
            PlanName::Free => longshore::limits::plan::FREE,
            PlanName::Paid => longshore::limits::plan::PAID,
        }
    }
}
