//! Export of a tenant over HTTP: steps of the core, streamed while the caller reads.

use futures_util::{StreamExt, stream};
use longshore::cloudflare::{CloudflareWorld, is_bound};
use longshore::manage::export::{ExportStep, TenantExport};
use longshore::manage::export_line::ExportLine;
use longshore::settings::Settings;
use longshore::wire::ndjson::as_lines;
use longshore::wire::page::NextCursor;
use longshore::wire::problem::Problem;
use worker::Result;

use crate::answer::{ApiResponse, interrupted};
use crate::api::erasures::tenant_of_path;
use crate::authenticate::Proof;
use crate::context::{ApiContext, new_cursor};

struct Stream {
    world: CloudflareWorld,
    settings: Settings,
    tenant: String,
    /// List that the cursors belong to.
    list: String,
    export: TenantExport,
}

/// `GET /v1/tenants/{id}/export`: exports all data of a tenant.
pub(crate) fn export(context: &mut ApiContext, proof: &Proof) -> std::result::Result<ApiResponse, Problem> {
    context.no_limit()?;
    let tenant = tenant_of_path(context, proof)?;
    let from = context.position(&tenant)?;
    let settings = context.settings.clone();
    let (caller, scope) = (proof.principal().caller()?.clone(), proof.principal().scope());
    let has_indexes = is_bound(&context.env, "INDEX_DB");
    let stream = Stream {
        world: CloudflareWorld::new(&context.env).map_err(|_| Problem::Internal)?,
        list: context.list(),
        export: TenantExport::new(tenant.clone(), caller, scope, settings.plan, has_indexes, from),
        settings,
        tenant,
    };
    Ok(ApiResponse::lines(stream::try_unfold(stream, step).boxed_local()))
}

async fn step(mut stream: Stream) -> Result<Option<(Vec<u8>, Stream)>> {
    let text = loop {
        match stream.export.step(&stream.world).await.map_err(|problem| interrupted(&problem))? {
            ExportStep::Text(text) if text.is_empty() => {}
            ExportStep::Text(text) => break text,
            ExportStep::Spent(position) => {
                let Stream { world, settings, tenant, list, .. } = &stream;
                let cursor = new_cursor(world, settings, tenant, list, &position);
                break as_lines([ExportLine::Next(NextCursor { next_cursor: &cursor })]);
            }
            ExportStep::Whole => return Ok(None),
        }
    };
    Ok(Some((text.into_bytes(), stream)))
}
