//! Chunks: the pieces of a document that are embedded, stored and found separately.
//!
//! An edit must not force distant chunks to be embedded again. So a boundary never depends on the end of the previous
//! chunk: a section that is too long is split before the block whose first words have the smallest hash, and the two
//! parts are split in the same way. An edit moves no boundary, unless it changes the first words of a block or makes a
//! chunk exceed its limit; that chunk is then split in two. Otherwise an edit changes its own chunk and, if it is at
//! the end of it, the overlap of the next one: at most two chunks. An edit that does all of this changes three; this
//! happens for 1 of 10,000 changed words and 1 of 100 added sentences.

use std::ops::Range;

use icu_segmenter::options::{SentenceBreakInvariantOptions, WordBreakInvariantOptions};
use icu_segmenter::{SentenceSegmenter, WordSegmenter};
use sha2::{Digest, Sha256};

use super::CRC_32;
pub use super::blocks::HEADING_CHARS_MAX;
use super::blocks::{Block, Section, above, sections};

/// Version of the chunking rules. Chunks of two versions do not belong into one index version.
pub const CHUNKER_VERSION: u32 = 1;

/// Number of words at a boundary that its rank uses: enough to distinguish paragraphs with the same beginning.
const RANK_WORDS: usize = 4;
/// Number of characters that are searched for these words, so that one endless word costs no more than other text.
const RANK_CHARS_MAX: usize = 64;
/// Number of splits by rank before a text is split in the middle. A text of n blocks takes about 2 ln n, 30 for a
/// million; a text made to have ascending ranks would take n.
const SPLIT_DEPTH_MAX: usize = 64;

/// Limits on the length of chunks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ChunkLimits {
    /// Maximum number of characters of a chunk, its overlap included. 0 counts as 1.
    pub chars_max: usize,
    /// Maximum number of characters that a chunk repeats from the previous one: whole sentences of its last block, if
    /// they fit.
    pub overlap_chars: usize,
}

impl Default for ChunkLimits {
    /// About 300 tokens of English, where models accept at least 512, and an overlap of two sentences.
    fn default() -> Self {
        ChunkLimits { chars_max: 1_200, overlap_chars: 150 }
    }
}

/// A piece of a document. It never crosses a heading: headings are at its beginning only.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Chunk {
    /// Text of the chunk: the bytes of the document from `start` to `end`.
    pub text: String,
    /// Path of headings above the chunk: `Guide > Setup`; empty before the first heading.
    pub heading: String,
    /// Position of the first byte in the document, overlap included.
    pub start: usize,
    /// Position after the last byte.
    pub end: usize,
    /// SHA-256 of heading and text. The position is not part of it.
    pub hash: [u8; 32],
}

/// Splits a document into chunks, in order. Together they contain the whole document except white space; an empty text
/// has none.
pub fn chunks(text: &str, limits: ChunkLimits) -> Vec<Chunk> {
    let mut chunks = Vec::new();
    for section in sections(text) {
        let splitter = Splitter { text, section: &section, chars_max: limits.chars_max.max(1) };
        let mut pieces = Vec::new();
        splitter.split(section.range.clone(), &splitter.blocks(), 0, &mut pieces);
        let mut before = None;
        for piece in pieces {
            let room = splitter.chars_max.saturating_sub(chars(&text[piece.clone()])).min(limits.overlap_chars);
            let start = before.and_then(|before| splitter.overlap(before, piece.start, room)).unwrap_or(piece.start);
            chunks.push(chunk(text, start..piece.end, &section.path));
            before = Some(piece);
        }
    }
    chunks
}

/// Builds the text that is embedded for a chunk: the headings above it, which tell its subject, and its text. Headings
/// at the beginning of the text are not repeated: a title would outweigh a short text.
pub fn embedded(heading: &str, text: &str) -> String {
    match above(heading, text) {
        "" => text.to_owned(),
        above => format!("{above}\n\n{text}"),
    }
}

fn chunk(document: &str, range: Range<usize>, heading: &str) -> Chunk {
    let text = &document[range.clone()];
    // The length of the heading comes first, so that no other heading and text produce the same input.
    let hash =
        Sha256::new().chain_update((heading.len() as u64).to_le_bytes()).chain_update(heading).chain_update(text);
    let hash = hash.finalize().into();
    Chunk { text: text.to_owned(), heading: heading.to_owned(), start: range.start, end: range.end, hash }
}

/// A position at which a text may be split.
struct Boundary {
    at: usize,
    /// Priority: a boundary of a lower level is used before one of a higher level.
    level: usize,
    /// True if it separates a heading from the text below.
    after_heading: bool,
    /// Order among boundaries of one level: the smallest rank is used first.
    rank: [u32; RANK_WORDS],
}

struct Splitter<'a> {
    text: &'a str,
    section: &'a Section,
    chars_max: usize,
}

impl Splitter<'_> {
    /// Boundaries before the blocks of the section.
    fn blocks(&self) -> Vec<Boundary> {
        let blocks = &self.section.blocks;
        let after_heading = std::iter::once(false).chain(blocks.iter().map(|block| block.is_heading));
        let boundary = |(block, after_heading): (&Block, bool)| Boundary {
            at: block.at,
            level: 2 * block.depth + usize::from(after_heading),
            after_heading,
            rank: rank(&self.text[block.at..]),
        };
        blocks.iter().zip(after_heading).map(boundary).collect()
    }

    /// Splits a range into pieces that fit. `boundaries` are in order; `depth` is the number of splits so far. A
    /// heading is separated from the text below only if that text then stays whole.
    fn split(&self, range: Range<usize>, boundaries: &[Boundary], depth: usize, pieces: &mut Vec<Range<usize>>) {
        let range = trimmed(self.text, range);
        if self.fits(range.clone()) {
            pieces.extend((!range.is_empty()).then_some(range));
            return;
        }
        let first = boundaries.partition_point(|boundary| boundary.at <= range.start);
        let boundaries = &boundaries[first..boundaries.partition_point(|boundary| boundary.at < range.end).max(first)];
        let middle = range.start + range.len() / 2;
        let may_split = |boundary: &&Boundary| {
            !boundary.after_heading || self.is_code(boundary.at) || self.fits(boundary.at..range.end)
        };
        let best = match depth {
            0..=SPLIT_DEPTH_MAX => boundaries
                .iter()
                .filter(may_split)
                .min_by_key(|boundary| (boundary.level, boundary.rank, boundary.at.abs_diff(middle))),
            _ => boundaries.get(boundaries.len() / 2),
        };
        if let Some(best) = best {
            self.split(range.start..best.at, boundaries, depth + 1, pieces);
            self.split(best.at..range.end, boundaries, depth + 1, pieces);
        } else {
            self.split(range.clone(), &self.inside(range), 0, pieces);
        }
    }

    fn fits(&self, range: Range<usize>) -> bool {
        chars(&self.text[range]) <= self.chars_max
    }

    /// Boundaries within a block: before its sentences; if there are none, before lines, then before words, then
    /// anywhere.
    fn inside(&self, range: Range<usize>) -> Vec<Boundary> {
        let text = &self.text[range.clone()];
        let mut places = if self.is_code(range.start) { Vec::new() } else { sentences(text) };
        if places.is_empty() {
            places = inner(text, text.match_indices('\n').map(|(at, _)| at + 1));
        }
        if places.is_empty() {
            let segmenter = WordSegmenter::new_for_non_complex_scripts(WordBreakInvariantOptions::default());
            places = inner(text, segmenter.segment_str(text));
        }
        if places.is_empty() {
            places = inner(text, text.char_indices().map(|(at, _)| at).step_by(self.chars_max));
        }
        places
            .into_iter()
            .map(|at| Boundary { at: range.start + at, level: 0, after_heading: false, rank: rank(&text[at..]) })
            .collect()
    }

    /// Finds the start of a piece's overlap: the first sentence of the last block before the piece from which the text
    /// fits into `room` characters. Code has no overlap.
    fn overlap(&self, before: Range<usize>, start: usize, room: usize) -> Option<usize> {
        let blocks = &self.section.blocks;
        let block = blocks[..blocks.partition_point(|block| block.at < before.end)].last();
        let from = block.map_or(before.start, |block| block.at.max(before.start));
        let places = sentences(&self.text[from..before.end]).into_iter().map(|at| from + at);
        let mut places = std::iter::once(from).chain(places).map(|at| trimmed(self.text, at..start).start);
        if self.is_code(from) { None } else { places.find(|at| chars(&self.text[*at..start]) <= room) }
    }

    fn is_code(&self, at: usize) -> bool {
        let blocks = &self.section.blocks;
        blocks[..blocks.partition_point(|block| block.at <= at)].last().is_some_and(|block| block.is_code)
    }
}

/// Hashes the first words of a text. The words after the first one only decide between boundaries that begin alike, so
/// an edit of them seldom matters.
fn rank(text: &str) -> [u32; RANK_WORDS] {
    let end = text.char_indices().nth(RANK_CHARS_MAX).map_or(text.len(), |(at, _)| at);
    let mut words = text[..end].split_whitespace().map(|word| CRC_32.checksum(word.as_bytes()));
    std::array::from_fn(|_| words.next().unwrap_or(0))
}

/// Finds the positions at which sentences begin, except the first. A line break does not end a sentence.
fn sentences(text: &str) -> Vec<usize> {
    let one_line = text.replace(['\r', '\n'], " ");
    inner(text, SentenceSegmenter::new(SentenceBreakInvariantOptions::default()).segment_str(&one_line))
}

fn inner(text: &str, places: impl Iterator<Item = usize>) -> Vec<usize> {
    places.filter(|at| (1..text.len()).contains(at)).collect()
}

fn chars(text: &str) -> usize {
    text.chars().count()
}

fn trimmed(text: &str, range: Range<usize>) -> Range<usize> {
    let end = range.start + text[range.clone()].trim_end().len();
    end - text[range.start..end].trim_start().len()..end
}

#[cfg(test)]
mod tests;
