//! The documents of a tenant as they were brought, index by index, for its export.

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::limits::EXPORT_DOCUMENTS_PAGE;
use crate::ports::{Clock, IndexDatabase};
use crate::store::rows::{is_full, unavailable};
use crate::store::search::{Store, index_sql};
use crate::store::{batch, first_as, rows_as};
use crate::wire::problem::Problem;
use crate::wire::time::Time;

/// A page of documents, and where the next one begins: `{index}\n{document}`. `None` after the last.
type DocumentPage = (Vec<ExportedDocument>, Option<String>);

/// A document of an index as it was brought last.
#[derive(Debug, Deserialize, Serialize)]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema))]
pub struct ExportedDocument {
    id: String,
    tenant: String,
    /// The name of its index.
    index: String,
    source: String,
    /// When the job that brought it ran.
    written_at: Time,
    #[cfg_attr(feature = "openapi", schemars(with = "crate::wire::metadata::Metadata"))]
    metadata: Box<RawValue>,
    text: String,
}

/// The documents after a place, at most [`EXPORT_DOCUMENTS_PAGE`] and of one index; there may be none, and still a next page.
///
/// # Errors
/// `Unavailable`.
pub(crate) async fn page_of_documents<W: IndexDatabase + Clock>(
    world: &W,
    tenant: &str,
    after: &str,
) -> Result<DocumentPage, Problem> {
    // Neither has a line break: names have none, and ids no control characters.
    let (index, document) = after.split_once('\n').unwrap_or_default();
    let statements = vec![
        index_sql!("export_documents", tenant, index, document, i64::from(EXPORT_DOCUMENTS_PAGE)),
        index_sql!("next_index", tenant, index),
    ];
    // Safe to repeat: it only reads.
    let answers = batch(&Store(world), &statements).await.map_err(|error| unavailable(&error))?;
    let rows = rows_as(answers.first().unwrap_or(&Vec::new()));
    let documents: Vec<ExportedDocument> = rows.map_err(|error| unavailable(&error))?;
    let next_index: Option<String> = first_as(answers.last()).map_err(|error| unavailable(&error))?;
    let has_more = is_full(documents.len(), EXPORT_DOCUMENTS_PAGE);
    let next = match documents.last().filter(|_| has_more) {
        Some(last) => Some(format!("{index}\n{}", last.id)),
        None => next_index.map(|next| format!("{next}\n")),
    };
    Ok((documents, next))
}
