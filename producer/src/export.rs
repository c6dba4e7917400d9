//! The export of a list: the same pages, one after the other, as lines of JSON. Each page is a request of its own to the
//! store, key included, so that nothing grows with the list.

use futures_util::{StreamExt, stream};
use longshore::routes::Operation;
use longshore::wire::ndjson::as_lines;
use longshore::wire::page::{NextCursor, Page, PageLine};
use longshore::wire::problem::Problem;
use serde_json::value::RawValue;
use worker::{Error, Result};

use crate::answer::{ApiResponse, Body, broke_off};
use crate::authenticate::Principal;
use crate::context::ApiContext;
use crate::dispatch::handle;

/// Where an export stands.
enum Next {
    Page(Page<Box<RawValue>>),
    Cursor(String),
    End,
}

struct Export {
    context: ApiContext,
    operation: Operation,
    /// Whose key is checked again for each page.
    principal: Principal,
    next: Next,
    /// Pages that it may still read.
    pages: usize,
}

/// The list that begins with this page.
pub(crate) fn answer(
    context: ApiContext,
    operation: Operation,
    principal: Principal,
    first: Page<Box<RawValue>>,
) -> ApiResponse {
    let pages = context.settings.plan.export_pages;
    let export = Export { context, operation, principal, next: Next::Page(first), pages };
    ApiResponse::lines(stream::try_unfold(export, step).boxed_local())
}

async fn next_page(export: &mut Export) -> std::result::Result<ApiResponse, Problem> {
    let proof = export.principal.prove(&export.context.world).await?;
    handle(export.operation, &proof, &mut export.context).await
}

async fn step(mut export: Export) -> Result<Option<(Vec<u8>, Export)>> {
    let page = match std::mem::replace(&mut export.next, Next::End) {
        Next::Page(page) => page,
        Next::Cursor(cursor) if export.pages <= 1 => {
            return Ok(Some((
                as_lines([PageLine::<()>::NextCursor(NextCursor { next_cursor: &cursor })]).into_bytes(),
                export,
            )));
        }
        Next::Cursor(cursor) => {
            export.pages -= 1;
            export.context.request.set_cursor(cursor);
            match next_page(&mut export).await {
                Ok(ApiResponse { body: Body::Page(page), .. }) => page,
                Ok(_) => return Err(Error::RustError("a list was answered with something else".into())),
                Err(problem) => return Err(broke_off(&problem)),
            }
        }
        Next::End => return Ok(None),
    };
    export.next = page.next_cursor.map_or(Next::End, Next::Cursor);
    Ok(Some((as_lines(page.data.into_iter().map(PageLine::Item)).into_bytes(), export)))
}
