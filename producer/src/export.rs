//! Exports of lists: the pages of a list as lines of JSON, one after the other. Each page checks the key and reads the
//! database again, so that memory does not grow with the list.

use futures_util::{StreamExt, stream};
use longshore::routes::Operation;
use longshore::wire::ndjson::as_lines;
use longshore::wire::page::{NextCursor, Page, PageLine};
use longshore::wire::problem::Problem;
use serde_json::value::RawValue;
use worker::{Error, Result};

use crate::answer::{ApiResponse, Body, interrupted};
use crate::authenticate::Principal;
use crate::context::ApiContext;
use crate::dispatch::handle;

/// Next step of an export.
enum Next {
    Page(Page<Box<RawValue>>),
    Cursor(String),
    End,
}

struct Export {
    context: ApiContext,
    operation: Operation,
    /// Key that is checked again for each page.
    principal: Principal,
    next: Next,
    /// Number of pages left.
    pages: usize,
}

/// Creates the export that begins with this page.
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
                Ok(_) => return Err(Error::RustError("a list handler returned another body".into())),
                Err(problem) => return Err(interrupted(&problem)),
            }
        }
        Next::End => return Ok(None),
    };
    export.next = page.next_cursor.map_or(Next::End, Next::Cursor);
    Ok(Some((as_lines(page.data.into_iter().map(PageLine::Item)).into_bytes(), export)))
}
