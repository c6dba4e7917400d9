//! Authentication and authorization: the bearer token of a request, the tenant it is for, and the proof that its key may do
//! what the route does. A handler gets that proof from the dispatch, and nobody else can make one.

use longshore::accept::authorize::{Authorized, Caller, authorize, authorize_root};
use longshore::cloudflare::{CloudflareWorld, variable};
use longshore::model::origin::Origin;
use longshore::routes::Operation;
use longshore::security::key::{Scope, parse};
use longshore::wire::checks::check_name;
use longshore::wire::invalid::InvalidField;
use longshore::wire::problem::Problem;

use crate::context::ApiContext;

/// Who asks, and the scope that the route needs. Nothing of it is checked yet: [`Principal::prove`] does that, and so does an
/// accept, inside its own batch.
#[derive(Debug, Clone)]
pub(crate) struct Principal {
    who: Who,
    scope: Scope,
    /// Why the request does not say for which tenant it is: told to those alone who may ask.
    refusal: Option<Problem>,
}

#[derive(Debug, Clone)]
enum Who {
    /// `ROOT_TOKEN`, which makes the first keys and does nothing else.
    Root(Authorized),
    Key(Caller),
}

/// The proof that the key of a request was checked and has the scope of its route.
#[derive(Debug)]
pub(crate) struct Proof {
    authorized: Authorized,
    principal: Principal,
}

impl Principal {
    /// Reads who asks.
    ///
    /// # Errors
    /// `Unauthenticated` when there is no key, or it is malformed.
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
        // Reading harms nobody: it is how an operator decides what is to become of the jobs of a restored store.
        let of_any_epoch = context.request.reads() || operation.is_of_any_epoch();
        let epoch = (!of_any_epoch).then_some(context.settings.epoch);
        let caller = Caller { token, tenant, epoch, origin: Origin::default() };
        Ok(Principal { who: Who::Key(caller), scope, refusal })
    }

    /// Checks the key and its scope.
    ///
    /// # Errors
    /// `Unauthenticated`, `Forbidden`, `Restoring`, `Unavailable`; and when all is well with the key, what is wrong with the
    /// tenant's name.
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

    /// The key, for what checks it itself.
    ///
    /// # Errors
    /// What is wrong with the tenant's name; `Forbidden` for `ROOT_TOKEN`.
    pub(crate) fn caller(&self) -> Result<&Caller, Problem> {
        match (&self.who, &self.refusal) {
            (_, Some(refusal)) => Err(refusal.clone()),
            (Who::Root(_), None) => {
                Err(Problem::Forbidden("The root token only keeps API keys; use one of those".into()))
            }
            (Who::Key(caller), None) => Ok(caller),
        }
    }

    /// The scope that the route needs.
    pub(crate) fn scope(&self) -> Scope {
        self.scope
    }
}

impl Proof {
    /// The tenant that the request is for.
    ///
    /// # Errors
    /// `InvalidHeader` when a key for all tenants names none.
    pub(crate) fn tenant(&self) -> Result<String, Problem> {
        self.authorized.tenant.clone().ok_or_else(Problem::names_no_tenant)
    }

    /// Checks that the key is one for all tenants: no other `does` that.
    ///
    /// # Errors
    /// `Forbidden` for a tenant's key.
    pub(crate) fn for_all_tenants(&self, does: &str) -> Result<(), Problem> {
        if self.authorized.all_tenants {
            return Ok(());
        }
        Err(Problem::Forbidden(format!("Only a key for all tenants can {does}")))
    }

    /// The tenant whose keys the caller may keep; `*` is every one.
    pub(crate) fn keeps_keys_of(&self) -> String {
        self.authorized.tenant.clone().unwrap_or_else(|| "*".into())
    }

    /// Whose proof it is.
    pub(crate) fn principal(&self) -> &Principal {
        &self.principal
    }
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

/// What `ROOT_TOKEN` may, if the request carries it and is about keys.
fn root(context: &ApiContext, operation: Operation, bearer: &str) -> Option<Authorized> {
    let root = variable(&context.env, "ROOT_TOKEN").filter(|_| operation.is_of_keys())?;
    authorize_root(&root, bearer)
}

/// The tenant that the header or the parameter names.
fn tenant(context: &ApiContext) -> Result<Option<String>, Problem> {
    let (header, parameter) = (context.request.header("longshore-tenant"), context.request.parameter("tenant"));
    if header.as_deref().is_some_and(|header| parameter.is_some_and(|parameter| parameter != header)) {
        let detail = "must be the tenant that `Longshore-Tenant` names; name one";
        return Err(Problem::InvalidParameter(InvalidField::of("tenant", "either-or", detail)));
    }
    let tenant = header.or_else(|| parameter.map(str::to_owned));
    match tenant.as_ref().and_then(|tenant| check_name("tenant", tenant)) {
        Some(wrong) => Err(Problem::InvalidParameter(wrong)),
        None => Ok(tenant),
    }
}
