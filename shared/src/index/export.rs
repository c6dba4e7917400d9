//! Pages of a tenant's documents, index by index, for its export.

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::limits::EXPORT_DOCUMENTS_PAGE;
use crate::ports::{Clock, IndexDatabase};
use crate::store::rows::{is_full, unavailable};
use crate::store::search::{Store, index_sql};
use crate::store::{batch, first_as, rows_as};
use crate::wire::problem::Problem;
use crate::wire::time::Time;

/// A page of documents, and the start of the next page as `{index}\n{document}`; `None` after the last page.
type DocumentPage = (Vec<ExportedDocument>, Option<String>);

/// A document of an index, as it was written last.
#[derive(Debug, Deserialize, Serialize)]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema))]
pub struct ExportedDocument {
    id: String,
    tenant: String,
    /// Name of the index.
    index: String,
    source: String,
    /// Time at which the job wrote the document.
    written_at: Time,
    #[cfg_attr(feature = "openapi", schemars(with = "crate::wire::metadata::Metadata"))]
    metadata: Box<RawValue>,
    text: String,
}

/// Reads the documents after a position: at most [`EXPORT_DOCUMENTS_PAGE`] documents of one index. An empty page may
/// have a next page.
///
/// # Errors
/// `Unavailable`.
pub(crate) async fn page_of_documents<W: IndexDatabase + Clock>(
    world: &W,
    tenant: &str,
    after: &str,
) -> Result<DocumentPage, Problem> {
    // A line break separates them safely: names have none, and ids have no control characters.
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
