//! Indexes over HTTP: create, fill, search, verify and drop.

use std::rc::Rc;

use longshore::accept::documents::{Documents, rebuilding, verification};
use longshore::accept::insert::{Submitter, accept_for};
use longshore::accept::request::check;
use longshore::index::answer::{Index, WholeIndex};
use longshore::index::find::{SegmentCache, search as find};
use longshore::index::manage;
use longshore::index::manage::PutResult;
use longshore::limits::REQUEST_BYTES_MAX;
use longshore::routes::Operation;
use longshore::store::audit::Target;
use longshore::wire::ndjson::NDJSON;
use longshore::wire::problem::Problem;

use crate::answer::ApiResponse;
use crate::api::accept::{durable, idempotency_key, submitter};
use crate::api::bulk;
use crate::authenticate::Proof;
use crate::context::ApiContext;

thread_local! {
    /// Segments that searches of this isolate have read. They are bytes in the Worker's memory, not objects of the
    /// platform, so that requests may share them. A segment's key always names the same bytes.
    static SEGMENTS: Rc<SegmentCache> = Rc::default();
}

/// `PUT /v1/indexes/{name}`: creates or changes an index.
pub(crate) async fn put(context: &mut ApiContext, proof: &Proof) -> Result<ApiResponse, Problem> {
    let tenant = proof.tenant()?;
    let caller = submitter(context, proof.principal())?;
    let body = context.request.json_body(REQUEST_BYTES_MAX).await?;
    let name = context.placeholder(0).to_owned();
    let operator = proof.operator(context);
    let (index, change) =
        manage::put_index(&context.world, &operator, &context.settings, &tenant, &name, &body).await?;
    if change == PutResult::Builds {
        // A repeat creates another build job, which changes nothing if there is nothing left to do.
        let job = check(&context.world, &context.settings, &rebuilding(&index), 0, None)?;
        let submitter = Submitter { caller: &caller, scope: proof.principal().scope(), action: None };
        let mut results = accept_for(&context.world, submitter, vec![job]).await?;
        durable(context, results.pop().ok_or(Problem::Internal)??)?;
    }
    let answer = whole(context, &tenant).await?;
    Ok(match change {
        PutResult::Kept => answer,
        PutResult::Builds => ApiResponse { status: 202, ..answer },
        PutResult::Made => ApiResponse { status: 201, ..answer }.with_header("location", format!("/v1/indexes/{name}")),
    })
}

/// `GET /v1/indexes/{name}`: reads an index.
pub(crate) async fn read(context: &mut ApiContext, proof: &Proof) -> Result<ApiResponse, Problem> {
    let tenant = proof.tenant()?;
    whole(context, &tenant).await
}

/// Returns the index in the path, with its counts.
async fn whole(context: &ApiContext, tenant: &str) -> Result<ApiResponse, Problem> {
    let (row, counts) = manage::count_index(&context.world, tenant, context.placeholder(0)).await?;
    Ok(ApiResponse::ok(WholeIndex::of(&row, &counts)))
}

/// `GET /v1/indexes`: lists indexes.
pub(crate) async fn list(context: &mut ApiContext, proof: &Proof) -> Result<ApiResponse, Problem> {
    let tenant = proof.tenant()?;
    let after = context.position::<String>(&tenant)?.unwrap_or_default();
    let limit = context.limit()?;
    let rows = manage::list_indexes(&context.world, &tenant, &after, limit).await?;
    Ok(context.page(&tenant, limit, &rows, |row| &row.name, Index::from))
}

/// `DELETE /v1/indexes/{name}`: drops an index.
pub(crate) async fn delete(context: &mut ApiContext, proof: &Proof) -> Result<ApiResponse, Problem> {
    let tenant = proof.tenant()?;
    manage::drop_index(&context.world, &proof.operator(context), &tenant, context.placeholder(0)).await?;
    Ok(ApiResponse::nothing())
}

/// `POST /v1/indexes/{name}/documents`: accepts one document per line, see [`bulk`].
pub(crate) async fn write_documents(context: &mut ApiContext, proof: &Proof) -> Result<ApiResponse, Problem> {
    let tenant = proof.tenant()?;
    let caller = submitter(context, proof.principal())?;
    let key = idempotency_key(context)?;
    // The index is read before the lines, so that a mistyped name is refused once and not per line.
    let index = manage::read_index(&context.world, &tenant, context.placeholder(0)).await?;
    if !context.request.has_lines() {
        return Err(context.request.must_be(&[NDJSON]));
    }
    let (group, replaces) = (context.request.parameter("group"), context.request.parameter("replace"));
    let documents = Documents::new(&index, group, replaces, key.as_deref(), &context.request_id)?;
    bulk::create_jobs(context, caller, key, Some(documents))
}

/// `POST /v1/indexes/{name}/search`: searches an index.
pub(crate) async fn search(context: &mut ApiContext, proof: &Proof) -> Result<ApiResponse, Problem> {
    let tenant = proof.tenant()?;
    let body = context.request.json_body(REQUEST_BYTES_MAX).await?;
    let segments = SEGMENTS.with(Rc::clone);
    let found = find(&context.world, &context.settings, &segments, &tenant, context.placeholder(0), &body).await?;
    Ok(ApiResponse::ok(found))
}

/// `POST /v1/indexes/{name}/verify`: creates a job that checks the index for inconsistencies.
pub(crate) async fn verify(context: &mut ApiContext, proof: &Proof) -> Result<ApiResponse, Problem> {
    let tenant = proof.tenant()?;
    let caller = submitter(context, proof.principal())?;
    let key = idempotency_key(context)?;
    let index = manage::read_index(&context.world, &tenant, context.placeholder(0)).await?;
    let body = context.request.optional_json_body(REQUEST_BYTES_MAX).await?;
    let job = verification(&index, body.as_deref())?;
    let job = check(&context.world, &context.settings, &job, 0, key)?;
    let action = proof.operator(context).does(Operation::VerifyIndex, &tenant, Target::Index, &index.name);
    let submitter = Submitter { caller: &caller, scope: proof.principal().scope(), action: Some(&action) };
    let mut results = accept_for(&context.world, submitter, vec![job]).await?;
    durable(context, results.pop().ok_or(Problem::Internal)??)
}
