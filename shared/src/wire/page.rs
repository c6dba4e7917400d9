//! Pages of lists and their cursors.

use serde::Serialize;

use crate::wire::time::Time;

/// A page of a list.
#[derive(Debug, Serialize)]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema), schemars(rename = "{T}Page"))]
pub struct Page<T> {
    /// Items of the page. A filtered page may be short or empty and still have a cursor.
    pub data: Vec<T>,
    /// Cursor of the next page; null at the end.
    pub next_cursor: Option<String>,
    /// Time of the last job that a filtered page has looked at, if there are more: its creation, or its death in a list of dead
    /// letters.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub searched_to: Option<Time>,
}

/// A line of a list that is returned as NDJSON.
#[derive(Debug, Serialize)]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema), schemars(inline))]
#[serde(untagged)]
pub enum PageLine<'a, T> {
    /// An item.
    Item(T),
    /// The last line of a list that did not fit into one response.
    NextCursor(NextCursor<'a>),
}

/// The last line of an export that did not fit into one response.
#[derive(Debug, Serialize)]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema))]
pub struct NextCursor<'a> {
    /// Cursor with which the next request continues.
    pub next_cursor: &'a str,
}
