//! `longshore search`: searches an index.

use clap::Args;
use serde_json::{Value, json};

use crate::context::Context;
use crate::escape::{escaped, escaped_lines};
use crate::failure::{DONE, Failure};
use crate::input::read_json;
use crate::output::note;

/// Number of characters of a hit that are shown.
const SHOWN_CHARS: usize = 300;

/// Searches an index by words, by vectors, or by both.
#[derive(Debug, Args)]
pub(crate) struct Options {
    /// Name of the index.
    index: String,
    /// Text to find.
    query: String,
    /// Method: `hybrid`, `keyword` or `vector`.
    #[arg(long, value_name = "MODE", default_value = "hybrid")]
    mode: String,
    /// Maximum number of hits.
    #[arg(long, value_name = "N", default_value_t = 10)]
    limit: u32,
    /// Conditions on the metadata of documents, as JSON, such as `{"lang":"en"}`.
    #[arg(long, value_name = "JSON")]
    filter: Option<String>,
}

/// Searches and shows the hits, the best first.
pub(crate) fn run(context: &Context, options: &Options) -> Result<u8, Failure> {
    let mut query = json!({ "query": options.query, "mode": options.mode, "limit": options.limit });
    if let Some(filter) = &options.filter {
        let filter: Result<Value, _> = serde_json::from_str(read_json(filter)?.get());
        query["filter"] = filter.map_err(|error| Failure::Usage(format!("The filter is not JSON: {error}")))?;
    }
    let found = context.client().search(&options.index, &query)?;
    if !context.output.is_table() {
        return context.output.line(found.json.get()).map(|()| DONE);
    }
    if let Some(reason) = &found.value.degraded {
        note(format!("The search is degraded: {}", escaped(reason)));
    }
    for (number, hit) in (1..).zip(&found.value.hits) {
        let heading = if hit.heading.is_empty() { String::new() } else { format!(" > {}", escaped(&hit.heading)) };
        let text: String = hit.text.chars().take(SHOWN_CHARS).collect();
        let (document, text) = (escaped(&hit.document), escaped_lines(text.trim(), "   "));
        context.output.line(format!("{number}. {document}{heading} ({:.4})\n{text}", hit.score))?;
    }
    if found.value.hits.is_empty() {
        note("Nothing was found.");
    }
    Ok(DONE)
}
