//! Keeping API keys: create, list, revoke. A token is shown once; only its hash is kept.

use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::accept::quotas::set_quota;
use crate::limits::{KEY_NAME_CHARS_MAX, RUN_AFTER_MS_MAX};
use crate::ports::{Clock, Database};
use crate::security::key::{Scope, mint, parse};
use crate::store::rows::{read_rows, unavailable};
use crate::store::{batch, json_param, sql};
use crate::wire::checks::{check_name, check_note, read_time};
use crate::wire::invalid::{InvalidField, read};
use crate::wire::phrase::listed;
use crate::wire::problem::Problem;
use crate::wire::time::Time;
use crate::wire::values::{Whole, Word};

/// A key as callers ask for it.
#[derive(Debug, Deserialize)]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema), schemars(rename = "NewKey"))]
#[serde(deny_unknown_fields)]
pub(crate) struct KeyRequest {
    /// Whose key; `*` is for all tenants.
    #[cfg_attr(feature = "openapi", schemars(regex(pattern = crate::wire::schema::TENANT)))]
    tenant: String,
    /// What it may do.
    #[cfg_attr(feature = "openapi", schemars(length(min = 1)))]
    scopes: Vec<Word<Scope>>,
    /// For people; no control characters.
    #[cfg_attr(feature = "openapi", schemars(length(max = KEY_NAME_CHARS_MAX)))]
    #[serde(default)]
    name: String,
    /// When it ends, in ten years at most; never when nothing is said.
    #[cfg_attr(feature = "openapi", schemars(with = "Option<crate::wire::time::Time>"))]
    expires_at: Option<String>,
    /// Jobs that it may have accepted from one midnight UTC to the next; any number when nothing is said.
    jobs_per_day: Option<Whole<1, { u32::MAX }>>,
}

/// An API key, without its token.
#[derive(Debug, Clone, Deserialize, Serialize)]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema))]
pub struct Key {
    /// The part of its token that is no secret.
    #[cfg_attr(feature = "openapi", schemars(regex(pattern = "^[0-9a-f]{16}$")))]
    pub id: String,
    /// `*` is for all tenants.
    pub tenant: String,
    /// For people.
    pub name: String,
    /// What it may do.
    pub scopes: Vec<Scope>,
    /// When it was made.
    pub created_at: Time,
    /// Null if it does not end.
    pub expires_at: Option<Time>,
    /// Null unless it was revoked.
    pub revoked_at: Option<Time>,
    /// Within the hour.
    pub last_used_at: Option<Time>,
    /// Jobs that it may have accepted from one midnight UTC to the next; null for any number.
    pub jobs_per_day: Option<u32>,
}

/// A new API key.
#[derive(Serialize)]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema))]
pub struct CreatedKey {
    /// The token, which is shown this once.
    #[cfg_attr(feature = "openapi", schemars(regex(pattern = "^ls_[0-9a-f]{16}_[0-9a-f]{64}_[0-9a-f]{8}$")))]
    #[serde(rename = "key")]
    pub token: String,
    /// The key.
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

/// Makes a key; the answer holds its token, which is shown this once. `only_tenant` bounds what the caller may make.
///
/// # Errors
/// A problem that names every wrong field.
pub async fn create_key<W: Database + Clock>(
    world: &W,
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
    let mut statements = vec![sql!("create_key", json_param(&row))];
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

/// A page of keys; `tenant` is one, or `*` for all.
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

/// Revokes a key: it stops with the next statement. Doing it again changes nothing.
///
/// # Errors
/// `NotFound`, also for a key of another tenant.
pub async fn revoke_key<W: Database + Clock>(world: &W, tenant: &str, id: &str) -> Result<(), Problem> {
    let answers = batch(world, &[sql!("revoke_key", id, tenant)]).await.map_err(|error| unavailable(&error))?;
    if answers.first().is_none_or(Vec::is_empty) { Err(Problem::not_found("Key", id)) } else { Ok(()) }
}
