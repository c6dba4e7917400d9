//! API keys: create, list, revoke. A token is shown once; only its hash is stored.

use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::accept::quotas::set_quota;
use crate::limits::{KEY_NAME_CHARS_MAX, RUN_AFTER_MS_MAX};
use crate::ports::{Clock, Database};
use crate::routes::Operation;
use crate::security::key::{Scope, mint, parse};
use crate::store::audit::{ALL_TENANTS, Operator, Target};
use crate::store::rows::{read_rows, unavailable};
use crate::store::{batch, json_param, sql};
use crate::wire::checks::{check_name, check_note, read_time};
use crate::wire::invalid::{InvalidField, read};
use crate::wire::phrase::listed;
use crate::wire::problem::Problem;
use crate::wire::time::Time;
use crate::wire::values::{Whole, Word};

/// An API key as callers request it.
#[derive(Debug, Deserialize)]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema), schemars(rename = "NewKey"))]
#[serde(deny_unknown_fields)]
pub(crate) struct KeyRequest {
    /// Tenant of the key; `*` is for all tenants.
    #[cfg_attr(feature = "openapi", schemars(regex(pattern = crate::wire::schema::TENANT)))]
    tenant: String,
    /// Operations that the key may do.
    #[cfg_attr(feature = "openapi", schemars(length(min = 1)))]
    scopes: Vec<Word<Scope>>,
    /// Name for people, without control characters.
    #[cfg_attr(feature = "openapi", schemars(length(max = KEY_NAME_CHARS_MAX)))]
    #[serde(default)]
    name: String,
    /// Time at which the key expires, at most ten years ahead; default never.
    #[cfg_attr(feature = "openapi", schemars(with = "Option<crate::wire::time::Time>"))]
    expires_at: Option<String>,
    /// Maximum number of accepted jobs per day (UTC); default no limit.
    jobs_per_day: Option<Whole<1, { u32::MAX }>>,
}

/// An API key, without its token.
#[derive(Debug, Clone, Deserialize, Serialize)]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema))]
pub struct Key {
    /// Id of the key: the part of its token that is not secret.
    #[cfg_attr(feature = "openapi", schemars(regex(pattern = "^[0-9a-f]{16}$")))]
    pub id: String,
    /// Tenant of the key; `*` is for all tenants.
    pub tenant: String,
    /// Name for people.
    pub name: String,
    /// Operations that the key may do.
    pub scopes: Vec<Scope>,
    /// Time of creation.
    pub created_at: Time,
    /// Time at which the key expires; null if it does not expire.
    pub expires_at: Option<Time>,
    /// Time of the revocation; null if it was not revoked.
    pub revoked_at: Option<Time>,
    /// Time of the last use, accurate to the hour.
    pub last_used_at: Option<Time>,
    /// Maximum number of accepted jobs per day (UTC); null for no limit.
    pub jobs_per_day: Option<u32>,
}

/// A new API key.
#[derive(Serialize)]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema))]
pub struct CreatedKey {
    /// Token, which is shown only in this response.
    #[cfg_attr(feature = "openapi", schemars(regex(pattern = "^ls_[0-9a-f]{16}_[0-9a-f]{64}_[0-9a-f]{8}$")))]
    #[serde(rename = "key")]
    pub token: String,
    /// The key without its token.
    #[serde(flatten)]
    pub key: Key,
}

impl KeyRequest {
    fn check(&self, only_tenant: Option<&str>, now_ms: i64) -> Result<Option<i64>, Problem> {
        let mut errors = Vec::new();
        if self.tenant != "*" {
            let wrong = check_name("#/tenant", &self.tenant);
            errors.extend(
                wrong
                    .map(|field| InvalidField { detail: format!("{}; `*` is for all tenants", field.detail), ..field }),
            );
        }
        if self.scopes.is_empty() {
            let detail = format!("must have at least one of {}", listed(Scope::ALL.map(Scope::name)));
            errors.push(InvalidField::of("#/scopes", "missing-field", detail));
        }
        errors.extend(check_note("#/name", &self.name, KEY_NAME_CHARS_MAX));
        let expires_at = self.expires_at.as_ref().map(|text| read_time("#/expires_at", text)).transpose();
        match &expires_at {
            Err(wrong) => errors.push(wrong.clone()),
            Ok(Some(at)) if *at <= now_ms => {
                errors.push(InvalidField::of("#/expires_at", "in-the-past", "must be in the future"));
            }
            Ok(Some(at)) if *at > now_ms + 10 * RUN_AFTER_MS_MAX => {
                let detail = "must be at most ten years ahead; leave it out for a key that does not expire";
                errors.push(InvalidField::of("#/expires_at", "too-far-ahead", detail));
            }
            Ok(_) => {}
        }
        errors.extend(self.jobs_per_day.and_then(|jobs| jobs.check("#/jobs_per_day")));
        if !errors.is_empty() {
            return Err(Problem::InvalidRequest(errors));
        }
        if only_tenant.is_some_and(|tenant| tenant != self.tenant) {
            return Err(Problem::Forbidden("This key makes keys for its own tenant alone; name that tenant".into()));
        }
        Ok(expires_at.ok().flatten())
    }
}

/// Creates a key and returns its token, which is shown only once. With `only_tenant`, the key must belong to that
/// tenant.
///
/// # Errors
/// A problem that names every wrong field.
pub async fn create_key<W: Database + Clock>(
    world: &W,
    operator: &Operator,
    only_tenant: Option<&str>,
    body: &[u8],
) -> Result<CreatedKey, Problem> {
    let request: KeyRequest = read(body, "#")?;
    let now = world.now_ms();
    let expires_at = request.check(only_tenant, now)?;
    let mut random_id = [0; 8];
    random_id.copy_from_slice(&world.random().to_le_bytes()[..8]);
    let mut secret = [0; 32];
    secret[..16].copy_from_slice(&world.random().to_le_bytes());
    secret[16..].copy_from_slice(&world.random().to_le_bytes());
    let (id, token) = mint(random_id, secret);
    let scopes: Vec<Scope> = request.scopes.iter().map(|word| word.0).collect();
    let jobs_per_day = request.jobs_per_day.map(Whole::get);
    let hash = parse(&token).ok_or(Problem::Internal)?.hash();
    let row = json!({
        "id": id, "hash": hash, "tenant": request.tenant, "scopes": scopes, "name": request.name,
        "expires_at": expires_at,
    });
    let action = operator.does(Operation::CreateKey, &request.tenant, Target::Key, &id).after(json!({
        "name": request.name, "scopes": scopes, "expires_at": expires_at.map(Time), "jobs_per_day": jobs_per_day,
    }));
    let mut statements = vec![sql!("create_key", json_param(&row)), action.if_changed()];
    statements.extend(jobs_per_day.map(|jobs| set_quota(&id, &request.tenant, Some(jobs))));
    batch(world, &statements).await.map_err(|error| unavailable(&error))?;
    let key = Key {
        id,
        tenant: request.tenant,
        name: request.name,
        scopes,
        created_at: Time(now),
        expires_at: expires_at.map(Time),
        revoked_at: None,
        last_used_at: None,
        jobs_per_day,
    };
    Ok(CreatedKey { token, key })
}

/// Reads a page of keys of one tenant, or of all with `*`.
///
/// # Errors
/// `Unavailable`.
pub async fn list_keys<W: Database + Clock>(
    world: &W,
    tenant: &str,
    after: &str,
    limit: u32,
) -> Result<Vec<Key>, Problem> {
    let statement = sql!("list_keys", tenant, after, i64::from(limit));
    read_rows(world, statement).await
}

/// Revokes a key, effective from the next statement. Idempotent.
///
/// # Errors
/// `NotFound`, also for a key of another tenant.
pub async fn revoke_key<W: Database + Clock>(
    world: &W,
    operator: &Operator,
    tenant: &str,
    id: &str,
) -> Result<(), Problem> {
    // The row gets the tenant of the key.
    let action = operator.does(Operation::RevokeKey, ALL_TENANTS, Target::Key, id);
    let statements = [sql!("note_revocation", action.param(), tenant), sql!("revoke_key", id, tenant)];
    let answers = batch(world, &statements).await.map_err(|error| unavailable(&error))?;
    if answers.last().is_none_or(Vec::is_empty) { Err(Problem::not_found("Key", id)) } else { Ok(()) }
}
