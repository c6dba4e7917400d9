//! A page of a list, and where the next one begins.

use serde::Serialize;

/// A page of a list.
#[derive(Debug, Serialize)]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema), schemars(rename = "{T}Page"))]
pub struct Page<T> {
    /// The items. A filtered page may be short, even empty, and have a cursor.
    pub data: Vec<T>,
    /// Where the next page goes on; null at the end.
    pub next_cursor: Option<String>,
}

/// A line of a list that is answered as lines of JSON.
#[derive(Debug, Serialize)]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema), schemars(inline))]
#[serde(untagged)]
pub enum PageLine<'a, T> {
    /// An item.
    Item(T),
    /// The last line of a list that one request cannot hold.
    NextCursor(NextCursor<'a>),
}

/// The last line of an export that one request cannot hold.
#[derive(Debug, Serialize)]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema))]
pub struct NextCursor<'a> {
    /// Where another request goes on.
    pub next_cursor: &'a str,
}
