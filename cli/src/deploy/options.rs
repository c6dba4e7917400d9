//! Options of `longshore deploy`.

use std::path::PathBuf;

use clap::{Args, ValueEnum};

/// Creates what is missing in a Cloudflare account, and deploys both Workers into it.
///
/// Every step does only what is missing: if a run stopped, run the same command again. It uses the wrangler in
/// `node_modules`; log in with `npx wrangler login`, or set `CLOUDFLARE_API_TOKEN` and, with several accounts,
/// `CLOUDFLARE_ACCOUNT_ID`.
///
/// Secrets are passed to wrangler by standard input. `MASTER_KEY` and `ROOT_TOKEN` are saved in `.deploy/<ENV>.env`,
/// readable only by you and ignored by git: Cloudflare never shows them again, so keep a copy of that file in a safe
/// place.
#[derive(Debug, Clone, Args)]
pub struct Options {
    /// Name of the environment: lower-case letters, digits and dashes, such as `production`.
    #[arg(long, value_name = "ENV")]
    pub env: String,
    /// Print the commands of a run, in order, and change nothing. Without a login it assumes an empty account.
    #[arg(long)]
    pub dry_run: bool,
    /// Jurisdiction in which data is stored. Asked at the first run, recorded in the wrangler files, and cannot be
    /// changed.
    #[arg(long, value_enum)]
    pub jurisdiction: Option<Jurisdiction>,
    /// Cloudflare plan of the account. Recorded in the wrangler files; give another one to change it.
    #[arg(long, value_enum)]
    pub plan: Option<PlanName>,
    /// Generate missing secrets from the system's random source, instead of asking for them.
    #[arg(long)]
    pub generate_secrets: bool,
    /// Tenant of the first API key.
    #[arg(long, default_value = "main")]
    pub tenant: String,
    /// Address of the producer if it has a custom domain instead of workers.dev.
    #[arg(long)]
    pub url: Option<String>,
    /// Seconds to wait for `/readyz`. A new cron may take 15 minutes to tick.
    #[arg(long, default_value_t = 900)]
    pub ready_within: u32,
    /// Folder with `wrangler.toml` and `consumer/wrangler.toml`.
    #[arg(long, default_value = ".")]
    pub root: PathBuf,
    /// Path of wrangler.
    #[arg(long, default_value = "node_modules/.bin/wrangler")]
    pub wrangler: PathBuf,
}

/// Jurisdiction in which data is stored, the same for D1, Queues and R2.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
#[allow(missing_docs)]
pub enum Jurisdiction {
    Eu,
    Us,
    Fedramp,
    /// No jurisdiction: data may be stored anywhere.
    None,
}

impl Jurisdiction {
    /// All jurisdictions of the platform, and `None`.
    pub const ALL: [Jurisdiction; 4] = [Jurisdiction::Eu, Jurisdiction::Us, Jurisdiction::Fedramp, Jurisdiction::None];

    /// Returns the jurisdiction with this label.
    pub fn labelled(text: &str) -> Option<Jurisdiction> {
        Jurisdiction::ALL.into_iter().find(|jurisdiction| jurisdiction.label() == text)
    }

    /// Returns the name that wrangler uses; `None` without a jurisdiction.
    pub fn name(self) -> Option<&'static str> {
        match self {
            Jurisdiction::Eu => Some("eu"),
            Jurisdiction::Us => Some("us"),
            Jurisdiction::Fedramp => Some("fedramp"),
            Jurisdiction::None => None,
        }
    }

    /// Returns the name that people use.
    pub fn label(self) -> &'static str {
        self.name().unwrap_or("none")
    }
}

/// Name of a Cloudflare plan.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
#[allow(missing_docs)]
pub enum PlanName {
    Free,
    Paid,
}

impl PlanName {
    /// Returns the limits of the plan.
    pub fn limits(self) -> longshore::limits::plan::Plan {
        match self {
            PlanName::Free => longshore::limits::plan::FREE,
            PlanName::Paid => longshore::limits::plan::PAID,
        }
    }
}
