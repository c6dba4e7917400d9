//! `longshore keys`: lists, creates and revokes API keys.

use clap::Subcommand;
use longshore::security::key::Scope;
use longshore_client::{CreatedKey, Key, Request};
use serde_json::json;

use crate::commands::filter::ListSize;
use crate::context::Context;
use crate::failure::{DONE, Failure};
use crate::output::{Field, note};
use crate::times::{shown, shown_or_dash};

/// Commands on API keys.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Lists keys, without their tokens.
    List {
        #[command(flatten)]
        size: ListSize,
    },
    /// Creates a key and prints its token, which is shown only once.
    Create {
        /// Tenant of the new key; `*` is for all tenants.
        #[arg(long = "for", value_name = "TENANT")]
        tenant: String,
        /// Scope of the new key; repeat the option for several.
        #[arg(long, value_name = "SCOPE", required = true)]
        scope: Vec<Scope>,
        /// Name for people.
        #[arg(long, value_name = "TEXT", default_value = "")]
        name: String,
        /// Time at which the key expires.
        #[arg(long, value_name = "TIME")]
        expires_at: Option<String>,
        /// Maximum number of accepted jobs per day (UTC).
        #[arg(long, value_name = "N")]
        jobs_per_day: Option<u32>,
    },
    /// Revokes a key.
    Revoke {
        /// Id of the key, which is the second part of its token.
        id: String,
    },
}

/// Runs a command on keys.
pub(crate) fn run(context: &Context, command: &Command) -> Result<u8, Failure> {
    match command {
        Command::List { size } => {
            let request = Request::new("GET", &["v1", "keys"]);
            let keys = context.client().list::<Key>(&request, size.limit())?;
            context.output.list(&keys, &HEADER, row).map(|()| DONE)
        }
        Command::Create { tenant, scope, name, expires_at, jobs_per_day } => {
            let client = context.client_to_change(&format!("create a key for {tenant}"))?;
            let created = client.create_key(&json!({
                "tenant": tenant, "scopes": scope, "name": name, "expires_at": expires_at, "jobs_per_day": jobs_per_day,
            }))?;
            context.output.one(&created, created_fields)?;
            note("The key is shown only once.");
            Ok(DONE)
        }
        Command::Revoke { id } => {
            context.client_to_change(&format!("revoke the key {id}"))?.revoke_key(id)?;
            context.output.done(&format!("The key {id} is revoked.")).map(|()| DONE)
        }
    }
}

const HEADER: [&str; 7] = ["ID", "TENANT", "NAME", "SCOPES", "STATE", "CREATED", "LAST USED"];

fn scopes(key: &Key) -> String {
    key.scopes.iter().map(|scope| scope.name()).collect::<Vec<_>>().join(" ")
}

fn state(key: &Key) -> String {
    match (&key.revoked_at, &key.expires_at) {
        (Some(at), _) => format!("revoked {}", shown(at)),
        (None, Some(at)) => format!("expires {}", shown(at)),
        (None, None) => "valid".to_owned(),
    }
}

fn row(key: &Key) -> Vec<String> {
    vec![
        key.id.clone(),
        key.tenant.clone(),
        key.name.clone(),
        scopes(key),
        state(key),
        shown(&key.created_at),
        shown_or_dash(key.last_used_at.as_deref()),
    ]
}

fn created_fields(created: &CreatedKey) -> Vec<Field> {
    vec![
        ("key", Some(created.token.clone())),
        ("id", Some(created.key.id.clone())),
        ("tenant", Some(created.key.tenant.clone())),
        ("name", Some(created.key.name.clone()).filter(|name| !name.is_empty())),
        ("scopes", Some(scopes(&created.key))),
        ("state", Some(state(&created.key))),
        ("jobs per day", created.key.jobs_per_day.map(|jobs| jobs.to_string())),
    ]
}
