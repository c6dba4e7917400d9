//! Authentication and authorization: the bearer token of a request, its tenant, and the proof that its key has the
//! scope of the route. Only [`Principal::prove`] creates such a proof; the dispatch passes it to the handlers.

use std::net::IpAddr;

use longshore::accept::authorize::{Authorized, Caller, authorize, authorize_root};
use longshore::cloudflare::{CloudflareWorld, variable};
use longshore::model::origin::Origin;
use longshore::routes::Operation;
use longshore::security::key::{Scope, parse};
use longshore::store::audit::{Operator, ROOT};
use longshore::wire::checks::check_name;
use longshore::wire::invalid::InvalidField;
use longshore::wire::problem::Problem;

use crate::context::ApiContext;

/// Key of a request and the scope that the route requires, not checked yet. [`Principal::prove`] checks it; an accept
/// checks it inside its batch.
#[derive(Debug, Clone)]
pub(crate) struct Principal {
    who: Who,
    scope: Scope,
    /// Problem with the tenant in the request. It is reported only to callers with a valid key.
    refusal: Option<Problem>,
}

#[derive(Debug, Clone)]
enum Who {
    /// `ROOT_TOKEN`, which can only manage API keys.
    Root(Authorized),
    Key(Caller),
}

/// Proof that the key of a request was checked and has the scope of its route.
#[derive(Debug)]
pub(crate) struct Proof {
    authorized: Authorized,
    principal: Principal,
}

impl Principal {
    /// Reads the key of a request.
    ///
    /// # Errors
    /// `Unauthenticated` if the key is missing or malformed.
    pub(crate) fn of(context: &ApiContext, operation: Operation, scope: Scope) -> Result<Principal, Problem> {
        let bearer = bearer(context)?;
        if let Some(root) = root(context, operation, &bearer) {
            return Ok(Principal { who: Who::Root(root), scope, refusal: None });
        }
        let token = parse(&bearer).ok_or_else(|| {
            Problem::Unauthenticated("The key is malformed; it must look like ls_<id>_<secret>_<crc>".into())
        })?;
        let (tenant, refusal) = match tenant(context) {
            Ok(tenant) => (tenant, None),
            Err(refusal) => (None, Some(refusal)),
        };
        // Reads are always allowed: an operator looks at the jobs of a restored database before deciding about them.
        let of_any_epoch = context.request.reads() || operation.is_of_any_epoch();
        let epoch = (!of_any_epoch).then_some(context.settings.epoch);
        let caller = Caller { token, tenant, epoch, origin: Origin::default() };
        Ok(Principal { who: Who::Key(caller), scope, refusal })
    }

    /// Checks the key and its scope.
    ///
    /// # Errors
    /// `Unauthenticated`, `Forbidden`, `Restoring`, `Unavailable`; with a valid key also the problem with the tenant's
    /// name.
    pub(crate) async fn prove(&self, world: &CloudflareWorld) -> Result<Proof, Problem> {
        let authorized = match &self.who {
            Who::Root(authorized) => authorized.clone(),
            Who::Key(caller) => authorize(world, caller, self.scope).await?,
        };
        match &self.refusal {
            Some(refusal) => Err(refusal.clone()),
            None => Ok(Proof { authorized, principal: self.clone() }),
        }
    }

    /// Returns the unchecked key, for functions that check it themselves.
    ///
    /// # Errors
    /// The problem with the tenant's name; `Forbidden` for `ROOT_TOKEN`.
    pub(crate) fn caller(&self) -> Result<&Caller, Problem> {
        match (&self.who, &self.refusal) {
            (_, Some(refusal)) => Err(refusal.clone()),
            (Who::Root(_), None) => {
                Err(Problem::Forbidden("The root token can only manage API keys; use an API key".into()))
            }
            (Who::Key(caller), None) => Ok(caller),
        }
    }

    /// Returns the scope that the route requires.
    pub(crate) fn scope(&self) -> Scope {
        self.scope
    }
}

impl Proof {
    /// Returns the tenant of the request.
    ///
    /// # Errors
    /// `InvalidHeader` if a `*` key names no tenant.
    pub(crate) fn tenant(&self) -> Result<String, Problem> {
        self.authorized.tenant.clone().ok_or_else(Problem::names_no_tenant)
    }

    /// Returns the tenant of the request; `None` for a `*` key that names none, which means all tenants.
    pub(crate) fn tenant_or_all(&self) -> Option<&str> {
        self.authorized.tenant.as_deref()
    }

    /// Returns true for a key of all tenants.
    pub(crate) fn is_of_all_tenants(&self) -> bool {
        self.authorized.all_tenants
    }

    /// Checks that the key is for all tenants. `does` is the operation, for the error text.
    ///
    /// # Errors
    /// `Forbidden` for a tenant's key.
    pub(crate) fn for_all_tenants(&self, does: &str) -> Result<(), Problem> {
        if self.authorized.all_tenants {
            return Ok(());
        }
        Err(Problem::Forbidden(format!("Only a key for all tenants can {does}")))
    }

    /// Returns the tenant whose keys the caller may manage; `*` for all.
    pub(crate) fn keeps_keys_of(&self) -> String {
        self.authorized.tenant.clone().unwrap_or_else(|| "*".into())
    }

    /// Returns the operator for the audit log: the key, its address, and the request.
    pub(crate) fn operator(&self, context: &ApiContext) -> Operator {
        let key = match &self.principal.who {
            Who::Root(_) => ROOT,
            Who::Key(caller) => &caller.token.id,
        };
        Operator::new(key, caller_address(context), &context.request_id)
    }

    /// Returns the principal of this proof.
    pub(crate) fn principal(&self) -> &Principal {
        &self.principal
    }
}

/// Returns the IP address of the caller, which Cloudflare adds to each request; `None` for any other text.
fn caller_address(context: &ApiContext) -> Option<String> {
    let address: IpAddr = context.request.header("cf-connecting-ip")?.parse().ok()?;
    Some(address.to_canonical().to_string())
}

pub(crate) fn bearer(context: &ApiContext) -> Result<String, Problem> {
    let header = context.request.header("authorization");
    let header = header.ok_or_else(|| {
        Problem::Unauthenticated("The Authorization header is missing; send `Authorization: Bearer` and a key".into())
    })?;
    match header.split_once(' ') {
        Some((scheme, token)) if scheme.eq_ignore_ascii_case("bearer") => Ok(token.trim().to_owned()),
        _ => Err(Problem::Unauthenticated("The Authorization header must be `Bearer` and a key".into())),
    }
}

/// Authorizes `ROOT_TOKEN`, if the request has it and manages keys.
fn root(context: &ApiContext, operation: Operation, bearer: &str) -> Option<Authorized> {
    let root = variable(&context.env, "ROOT_TOKEN").filter(|_| operation.is_of_keys())?;
    authorize_root(&root, bearer)
}

/// Returns the tenant in the header or the parameter.
fn tenant(context: &ApiContext) -> Result<Option<String>, Problem> {
    let (header, parameter) = (context.request.header("longshore-tenant"), context.request.parameter("tenant"));
    if header.as_deref().is_some_and(|header| parameter.is_some_and(|parameter| parameter != header)) {
        let detail = "must be the same tenant as in `Longshore-Tenant`; give one of them";
        return Err(Problem::InvalidParameter(InvalidField::of("tenant", "either-or", detail)));
    }
    let tenant = header.or_else(|| parameter.map(str::to_owned));
    match tenant.as_ref().and_then(|tenant| check_name("tenant", tenant)) {
        Some(wrong) => Err(Problem::InvalidParameter(wrong)),
        None => Ok(tenant),
    }
}
