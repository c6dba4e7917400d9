//! Bulk intake over HTTP: the core reads and accepts the lines while the response streams.

use longshore::accept::authorize::Caller;
use longshore::accept::bulk::{BulkRequest, Intake};
use longshore::accept::documents::Documents;
use longshore::cloudflare::CloudflareWorld;
use longshore::wire::problem::Problem;

use crate::answer::ApiResponse;
use crate::api::accept::preference_applied;
use crate::api::bulk_answer::bulk_answer;
use crate::api::lines::BodyLines;
use crate::context::ApiContext;

/// Accepts the lines of a request whose key may enqueue jobs: jobs, or the documents of an index.
pub(crate) fn create_jobs(
    context: &mut ApiContext,
    caller: Caller,
    key: Option<String>,
    documents: Option<Documents>,
) -> Result<ApiResponse, Problem> {
    let mut lines = BodyLines::new(context.request.take_lines()?);
    let world = CloudflareWorld::new(&context.env).map_err(|_| Problem::Internal)?;
    let (settings, request_id) = (context.settings.clone(), context.request_id.clone());
    let group = documents.as_ref().map(|documents| documents.group().to_owned());
    let minimal = context.request.prefers_minimal();
    let (mut write, read) = bulk_answer(request_id.clone(), minimal);
    // Runs independently of the reader: a caller that sends everything before it reads would otherwise wait forever.
    context.worker.wait_until(async move {
        let request = BulkRequest { caller, key, documents };
        let summary = Intake::new(&world, &settings, request, &mut lines).run(&mut write).await;
        write.sum_up(summary.line(write.unreported(), &request_id).into_bytes());
        // After an early end: a caller that sends everything before it reads must first be able to finish sending. The
        // response ends after that.
        lines.pass_over().await;
        drop(write);
    });
    let answer = preference_applied(ApiResponse::lines(read), minimal);
    Ok(group.into_iter().fold(answer, |answer, group| answer.with_header("longshore-group", group)))
}
