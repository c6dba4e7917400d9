//! The pure core of search: documents are split into chunks, chunks become vectors, and vectors become segments for
//! scans.
//!
//! 1. [`chunk`]: splits documents into chunks, at boundaries that do not depend on the text before them.
//! 2. [`lexical`]: computes the vectors of the provider `builtin`.
//! 3. [`segment`]: stores vectors as binary codes and bytes in an immutable object.
//! 4. [`scan`]: finds the nearest vectors in segments.
//! 5. [`filter`]: selects the documents that a search covers.
//! 6. [`fuse`]: merges two rankings into one.
//! 7. [`words`]: splits a text into words, in any script.
//! 8. [`keywords`]: translates a query into an FTS5 expression.
//! 9. [`highlights`]: highlights the matched words of a text in HTML.

pub mod chunk;
pub mod filter;
pub mod fuse;
pub(crate) mod highlights;
pub(crate) mod keywords;
pub mod lexical;
pub mod scan;
pub mod segment;
pub mod words;

mod blocks;
mod fold;

use crc::{CRC_32_ISO_HDLC, Crc};

/// CRC-32 for checksums of segments and hashes of features, with a table of 1 KB. The CRC of API keys works without a
/// table.
pub(crate) const CRC_32: Crc<u32> = Crc::<u32>::new(&CRC_32_ISO_HDLC);
