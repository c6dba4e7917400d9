//! Authentication: the bearer token of a request, and the tenant it is for.

use longshore::authorize::{Authorized, Caller, authorize};
use longshore::cloudflare::variable;
use longshore::invalid::{InvalidField, is_name};
use longshore::key::{Scope, parse, same_secret};
use longshore::origin::Origin;
use longshore::problem::Problem;

use crate::context::ApiContext;

/// A root token shorter than this is a mistake, not a secret.
const ROOT_TOKEN_BYTES_MIN: usize = 32;

/// The API key of a request, not yet checked against its row.
///
/// # Errors
/// `Unauthenticated` when there is none or it is malformed; a wrong tenant's name.
pub(crate) fn caller(context: &ApiContext) -> Result<Caller, Problem> {
    let token = parse(&bearer(context)?)
        .ok_or_else(|| Problem::Unauthenticated("The key is malformed: ls_<id>_<secret>_<crc>.".into()))?;
    let tenant = context.request.header("longshore-tenant");
    let tenant = tenant.or_else(|| context.request.parameter("tenant").map(str::to_owned));
    if tenant.as_ref().is_some_and(|tenant| !is_name(tenant)) {
        let detail = "A tenant is 1 to 64 of A-Z a-z 0-9 _ -.";
        return Err(Problem::InvalidParameter(InvalidField::new("tenant", "invalid-name", detail)));
    }
    // Reading harms nobody: it is how an operator decides what is to become of the jobs of a restored store.
    let epoch = (context.request.method != "GET").then_some(context.settings.epoch);
    Ok(Caller { token, tenant, epoch, origin: Origin::default() })
}

pub(crate) fn bearer(context: &ApiContext) -> Result<String, Problem> {
    let header = context.request.header("authorization");
    let header = header.ok_or_else(|| Problem::Unauthenticated("There is no Authorization header.".into()))?;
    match header.split_once(' ') {
        Some((scheme, token)) if scheme.eq_ignore_ascii_case("bearer") => Ok(token.trim().to_owned()),
        _ => Err(Problem::Unauthenticated("The Authorization header is not Bearer.".into())),
    }
}

/// Whether the request carries `ROOT_TOKEN`, which makes the first keys and does nothing else.
pub(crate) fn is_root(context: &ApiContext) -> bool {
    let root = variable(&context.env, "ROOT_TOKEN").filter(|root| root.len() >= ROOT_TOKEN_BYTES_MIN);
    match (root, bearer(context)) {
        (Some(root), Ok(token)) => same_secret(&root, &token),
        _ => false,
    }
}

/// Checks the key and its scope.
///
/// # Errors
/// `Unauthenticated`, `Forbidden`, `Unavailable`.
pub(crate) async fn authorized(context: &ApiContext, scope: Scope) -> Result<Authorized, Problem> {
    authorize(&context.world, &caller(context)?, scope).await
}

/// Checks the key and its scope, and that it is one for all tenants: no other `does` that.
///
/// # Errors
/// As [`authorized`]; `Forbidden` for a tenant's key.
pub(crate) async fn for_all_tenants(
    context: &ApiContext,
    caller: &Caller,
    scope: Scope,
    does: &str,
) -> Result<(), Problem> {
    if authorize(&context.world, caller, scope).await?.all_tenants {
        return Ok(());
    }
    Err(Problem::Forbidden(format!("Only a key for all tenants {does}.")))
}

/// Checks the key and its scope, and that it is clear for which tenant.
///
/// # Errors
/// As [`authorized`]; `InvalidHeader` when a key for all tenants names none.
pub(crate) async fn tenant(context: &ApiContext, scope: Scope) -> Result<String, Problem> {
    authorized(context, scope).await?.tenant.ok_or_else(Problem::names_no_tenant)
}
