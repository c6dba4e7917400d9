//! `longshore profiles`: lists, adds and removes profiles of deployments.

use std::io::{IsTerminal, Read};

use clap::Subcommand;
use longshore_client::{Client, Connection};
use serde::Serialize;

use crate::failure::{DONE, Failure};
use crate::output::Output;
use crate::profiles::{Profile, Profiles, check_name, path};
use crate::terminal::{Console, Terminal};

/// Commands on profiles.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Lists profiles, without their keys.
    List,
    /// Adds or replaces a profile. The key is asked for, or read from standard input.
    Add {
        /// Name of the profile.
        name: String,
        /// Address of the deployment.
        #[arg(long, value_name = "URL")]
        url: String,
        /// Ask before each change with this profile.
        #[arg(long)]
        production: bool,
        /// Use this profile for commands that name none. The first profile is the default anyway.
        #[arg(long)]
        default: bool,
        /// Name of the environment variable that has the key.
        #[arg(long, value_name = "VARIABLE")]
        key_from: Option<String>,
        /// Tenant of the requests, for a key of all tenants.
        #[arg(long, value_name = "TENANT")]
        tenant: Option<String>,
    },
    /// Removes a profile and its key.
    Remove {
        /// Name of the profile.
        name: String,
    },
}

/// A profile without its key.
#[derive(Serialize)]
struct Shown {
    name: String,
    url: String,
    tenant: Option<String>,
    production: bool,
    default: bool,
}

/// Runs a command on profiles.
pub(crate) fn run(output: Output, command: &Command) -> Result<u8, Failure> {
    let mut profiles = Profiles::read(&path()?)?;
    match command {
        Command::List => list(output, &profiles).map(|()| DONE),
        Command::Add { name, url, production, default, key_from, tenant } => {
            check_name(name)?;
            // Refuses an address to which no key may be sent.
            Client::new(Connection { url: url.clone(), key: None, tenant: None })?;
            let key = read_key(key_from.as_deref())?;
            let profile = Profile { url: url.clone(), key, tenant: tenant.clone(), production: *production };
            profiles.put(name, &profile, *default);
            profiles.save()?;
            output.done(&format!("The profile {name} is saved.")).map(|()| DONE)
        }
        Command::Remove { name } => {
            if !profiles.remove(name) {
                return Err(Failure::Usage(format!("There is no profile `{name}`")));
            }
            profiles.save()?;
            output.done(&format!("The profile {name} is removed.")).map(|()| DONE)
        }
    }
}

fn list(output: Output, profiles: &Profiles) -> Result<(), Failure> {
    let shown = |name: &&str| -> Result<Shown, Failure> {
        let Profile { url, tenant, production, .. } = profiles.get(name)?;
        let default = profiles.default_name() == Some(*name);
        Ok(Shown { name: (*name).to_owned(), url, tenant, production, default })
    };
    let shown: Vec<Shown> = profiles.names().iter().map(shown).collect::<Result<_, _>>()?;
    if output.is_ndjson() {
        return shown.iter().try_for_each(|profile| output.value(profile));
    }
    if !output.is_table() {
        return output.value(&shown);
    }
    let yes = |is: bool| if is { "yes" } else { "-" }.to_owned();
    let row = |profile: &Shown| {
        let tenant = profile.tenant.clone().unwrap_or_else(|| "-".to_owned());
        vec![profile.name.clone(), profile.url.clone(), tenant, yes(profile.production), yes(profile.default)]
    };
    output.rows(&["NAME", "URL", "TENANT", "PRODUCTION", "DEFAULT"], shown.iter().map(row))
}

/// Reads a key from a variable, from a terminal without showing it, or from standard input.
fn read_key(variable: Option<&str>) -> Result<String, Failure> {
    let key = match variable {
        Some(name) => std::env::var(name).map_err(|_| Failure::Usage(format!("The variable {name} is not set")))?,
        None if std::io::stdin().is_terminal() => Console.ask_secret("API key:").unwrap_or_default(),
        None => {
            let mut text = String::new();
            let failed = |error: std::io::Error| Failure::Usage(format!("standard input: {error}"));
            std::io::stdin().lock().read_to_string(&mut text).map_err(failed)?;
            text
        }
    };
    let key = key.trim();
    if longshore::security::key::parse(key).is_none() {
        let text = "The key is malformed; it must look like ls_<id>_<secret>_<crc>. Nothing was saved";
        return Err(Failure::Usage(text.to_owned()));
    }
    Ok(key.to_owned())
}
