//! Context of a command: the deployment that it talks to, its output, and the confirmation of changes in production.

use std::io::{IsTerminal, Write};

use clap::Args;
use longshore_client::{Client, Connection};

use crate::failure::Failure;
use crate::output::{Format, Output};
use crate::profiles::{Profile, Profiles, path};

/// Heading of these options in the help of each command.
const HEADING: &str = "Options of all commands";

/// Options of all commands.
#[derive(Debug, Clone, Args)]
pub(crate) struct Global {
    /// Profile of the deployment. Without it `LONGSHORE_URL` and `LONGSHORE_KEY` are used, then `LONGSHORE_PROFILE`,
    /// then the default profile.
    #[arg(long, global = true, help_heading = HEADING, value_name = "NAME")]
    profile: Option<String>,
    /// Tenant of the requests, for a key of all tenants.
    #[arg(long, global = true, help_heading = HEADING, value_name = "TENANT")]
    tenant: Option<String>,
    /// Format of the data on standard output.
    #[arg(short, long, global = true, help_heading = HEADING, value_enum, default_value = "table", value_name = "FORMAT")]
    output: Format,
    /// Name of the production profile, which confirms a change without a question.
    #[arg(long, global = true, help_heading = HEADING, value_name = "NAME")]
    yes: Option<String>,
}

/// Source of the settings, by its name.
struct Chosen {
    connection: Connection,
    /// Name of a profile whose changes must be confirmed.
    production: Option<String>,
}

/// Context of one command.
pub(crate) struct Context {
    client: Client,
    production: Option<String>,
    yes: Option<String>,
    /// Writer of the command's data.
    pub(crate) output: Output,
}

impl Global {
    /// Returns the writer of the command's data.
    pub(crate) fn output(&self) -> Output {
        Output::new(self.output)
    }

    /// Chooses the deployment.
    ///
    /// # Errors
    /// [`Failure::Usage`] if no deployment is named, or its settings are wrong.
    pub(crate) fn context(&self) -> Result<Context, Failure> {
        let mut chosen = self.choose()?;
        if self.tenant.is_some() {
            chosen.connection.tenant.clone_from(&self.tenant);
        }
        let client = Client::new(chosen.connection)?;
        Ok(Context { client, production: chosen.production, yes: self.yes.clone(), output: self.output() })
    }

    fn choose(&self) -> Result<Chosen, Failure> {
        let variable = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
        if self.profile.is_none()
            && let Some(url) = variable("LONGSHORE_URL")
        {
            let connection = Connection { url, key: variable("LONGSHORE_KEY"), tenant: None };
            return Ok(Chosen { connection, production: None });
        }
        let profiles = Profiles::read(&path()?)?;
        let named = self.profile.clone().or_else(|| variable("LONGSHORE_PROFILE"));
        let name = named.or_else(|| profiles.default_name().map(str::to_owned)).ok_or_else(|| {
            let text = "No deployment is named: set LONGSHORE_URL and LONGSHORE_KEY, or use --profile NAME after \
                        `longshore profiles add NAME --url URL`";
            Failure::Usage(text.to_owned())
        })?;
        let Profile { url, key, tenant, production } = profiles.get(&name)?;
        let connection = Connection { url, key: Some(key), tenant };
        Ok(Chosen { connection, production: production.then_some(name) })
    }
}

impl Context {
    /// Returns the client for a command that only reads.
    pub(crate) fn client(&self) -> &Client {
        &self.client
    }

    /// Returns the client for a command that changes something. In production the caller must confirm the change, which
    /// `what` describes, such as `cancel job_x`.
    ///
    /// # Errors
    /// [`Failure::Usage`] without a terminal and without `--yes`; [`Failure::NotMet`] if the answer is another name.
    pub(crate) fn client_to_change(&self, what: &str) -> Result<&Client, Failure> {
        let Some(name) = &self.production else { return Ok(&self.client) };
        match &self.yes {
            Some(yes) if yes == name => return Ok(&self.client),
            Some(yes) => {
                let text = format!("--yes {yes} does not name the profile `{name}`; nothing was changed");
                return Err(Failure::Usage(text));
            }
            None => {}
        }
        if !std::io::stdin().is_terminal() || !std::io::stderr().is_terminal() {
            let text = format!("The profile `{name}` is production: add `--yes {name}` to {what}. Nothing was changed");
            return Err(Failure::Usage(text));
        }
        if asked(&format!("`{name}` is production. Type its name to {what}: "))? == *name {
            return Ok(&self.client);
        }
        Err(Failure::NotMet(format!("That is not `{name}`; nothing was changed")))
    }
}

/// Reads an answer from the terminal. The question goes to standard error, because standard output has data.
fn asked(question: &str) -> Result<String, Failure> {
    let mut out = std::io::stderr().lock();
    write!(out, "{question}").and_then(|()| out.flush()).map_err(Failure::Output)?;
    let mut line = String::new();
    std::io::stdin().read_line(&mut line).map_err(Failure::Output)?;
    Ok(line.trim().to_owned())
}
