//! The pure core of search: documents become chunks, chunks become vectors, vectors become segments that are scanned.
//!
//! 1. [`chunk`]: a document is cut where its own text says so, never where the text before it ended.
//! 2. [`lexical`]: the vectors of the provider `builtin`.
//! 3. [`segment`]: vectors as binary codes and bytes, in an object that never changes.
//! 4. [`scan`]: the nearest vectors of some segments.
//! 5. [`filter`]: which documents a search is about.
//! 6. [`fuse`]: two rankings become one.
//! 7. [`words`]: what words a text has, in any script.
//! 8. [`keywords`]: what a search by words asks for.
//! 9. [`marks`]: where a text says it, in HTML.

pub mod chunk;
pub mod filter;
pub mod fuse;
pub(crate) mod keywords;
pub mod lexical;
pub(crate) mod marks;
pub mod scan;
pub mod segment;
pub mod words;

mod blocks;
mod fold;

use crc::{CRC_32_ISO_HDLC, Crc};

/// What segments are sealed by, and features are hashed by. Its table is 1 KB; the one of an API key's needs none.
pub(crate) const CRC_32: Crc<u32> = Crc::<u32>::new(&CRC_32_ISO_HDLC);
