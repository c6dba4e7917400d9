//! Authorization: checks the API key, the tenant and the scope of a request.

use serde::Deserialize;

use crate::limits::KEY_USE_MS;
use crate::model::origin::Origin;
use crate::ports::{Clock, Database, Rows, Statement};
use crate::security::key::{Scope, Token, same_secret};
use crate::store::rows::unavailable;
use crate::store::{batch, first_as, sql, try_batch};
use crate::wire::problem::Problem;

/// Minimum length of the root token in bytes: a shorter one is taken for a configuration error.
const ROOT_TOKEN_BYTES_MIN: usize = 32;

/// The API key and the tenant of a request.
#[derive(Debug, Clone)]
pub struct Caller {
    /// API key.
    pub token: Token,
    /// Tenant that the request names. Required with a `*` key.
    pub tenant: Option<String>,
    /// Epoch of this deployment; `None` for requests that are also allowed on a database of another epoch.
    pub epoch: Option<i64>,
    /// Trace context and hop count of the request.
    pub origin: Origin,
}

#[derive(Deserialize)]
pub(crate) struct KeyRow {
    hash: String,
    tenant: String,
    scopes: Vec<Scope>,
    revoked: u8,
    expired: u8,
    last_used_at: Option<i64>,
}

#[derive(Deserialize)]
pub(crate) struct Authorization {
    pub(crate) key: Option<KeyRow>,
    storage_full: Option<u8>,
    quota_reached: u8,
    pub(crate) epoch: i64,
    pub(crate) now: i64,
}

impl Authorization {
    /// Returns the reason if the deployment accepts no new jobs from this caller now.
    pub(crate) fn refusal(&self) -> Option<Problem> {
        match (self.storage_full, self.quota_reached) {
            (Some(1), _) => Some(Problem::StorageFull),
            (_, 1) => Some(Problem::QuotaReached),
            _ => None,
        }
    }
}

/// A caller with a checked key. Only the functions of this module create it.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Authorized {
    /// Tenant of the request; `None` for a `*` key without a tenant in the request.
    pub tenant: Option<String>,
    /// Scopes of the key.
    pub scopes: Vec<Scope>,
    /// True for a key of all tenants.
    pub all_tenants: bool,
}

/// Checks a caller's key against its row.
///
/// # Errors
/// `Unauthenticated` or `Forbidden`; `Restoring`; `Unavailable` when the database does not answer.
pub async fn authorize<W: Database + Clock>(world: &W, caller: &Caller, scope: Scope) -> Result<Authorized, Problem> {
    let answers = batch(world, &[authorize_statement(caller)]).await.map_err(|e| unavailable(&e))?;
    let (authorized, row) = judge_caller(caller, scope, answers.first())?;
    note_use(world, caller, &row).await;
    Ok(authorized)
}

/// Checks a token against `ROOT_TOKEN`, which manages the keys of all tenants.
pub fn authorize_root(root: &str, token: &str) -> Option<Authorized> {
    let is_root = root.len() >= ROOT_TOKEN_BYTES_MIN && same_secret(root, token);
    is_root.then(|| Authorized { tenant: None, scopes: vec![Scope::Admin], all_tenants: true })
}

/// Records the last use of a key, at most once an hour. A failed write is logged and does not fail the request.
pub(crate) async fn note_use<W: Database + Clock>(world: &W, caller: &Caller, row: &Authorization) {
    let noted_at = row.key.as_ref().and_then(|key| key.last_used_at);
    if noted_at.is_some_and(|at| row.now - at < KEY_USE_MS) {
        return;
    }
    // A single try: the caller is waiting.
    if let Err(error) = try_batch(world, &[sql!("note_key_use", caller.token.id.as_str(), KEY_USE_MS)]).await {
        tracing::warn!(%error, "key_use_write_failed");
    }
}

/// Builds the statement that reads the key's row. Each accept puts it first in its batch.
pub(crate) fn authorize_statement(caller: &Caller) -> Statement {
    sql!("authorize", caller.token.id.as_str(), caller.tenant.clone())
}

pub(crate) fn judge_caller(
    caller: &Caller,
    scope: Scope,
    rows: Option<&Rows>,
) -> Result<(Authorized, Authorization), Problem> {
    let row: Authorization = first_as(rows).map_err(|error| unavailable(&error))?.ok_or(Problem::Internal)?;
    let key = row.key.as_ref().filter(|key| caller.token.matches(&key.hash));
    let Some(key) = key else {
        return Err(Problem::Unauthenticated("Unknown key; get one from an admin".into()));
    };
    if key.revoked != 0 || key.expired != 0 {
        let what = if key.revoked != 0 { "was revoked" } else { "has expired" };
        return Err(Problem::Unauthenticated(format!("The key {what}; get another from an admin")));
    }
    if !key.scopes.iter().any(|held| held.allows(scope)) {
        return Err(Problem::Forbidden(format!("The key lacks the scope `{}`; use one that has it", scope.name())));
    }
    let all_tenants = key.tenant == "*";
    if !all_tenants && caller.tenant.as_ref().is_some_and(|tenant| *tenant != key.tenant) {
        return Err(Problem::Forbidden(
            "The key belongs to another tenant; use a key of the tenant that the request names".into(),
        ));
    }
    if caller.epoch.is_some_and(|epoch| epoch != row.epoch) {
        return Err(Problem::Restoring);
    }
    let tenant = if all_tenants { caller.tenant.clone() } else { Some(key.tenant.clone()) };
    let authorized = Authorized { tenant, scopes: key.scopes.clone(), all_tenants };
    Ok((authorized, row))
}
