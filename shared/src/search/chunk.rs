//! Chunks: the pieces of a document that are embedded, stored and found one by one.
//!
//! What is embedded once must not be embedded again because a paragraph far before it grew. So a boundary never depends
//! on where the last chunk ended: a section that is too long is cut before the block whose first words have the least
//! hash, and so are the two parts. An edit moves no boundary unless it changes the first words of a block or makes a
//! chunk outgrow its limit: that one is cut in two then. Otherwise it changes the chunk that it is in and, if it is at the
//! end of it, the overlap of the next: two at most. All of it at once makes three, which 1 of 10,000 changed words does and
//! 1 of 100 added sentences.

use std::ops::Range;

use icu_segmenter::options::{SentenceBreakInvariantOptions, WordBreakInvariantOptions};
use icu_segmenter::{SentenceSegmenter, WordSegmenter};
use sha2::{Digest, Sha256};

use super::CRC_32;
pub use super::blocks::HEADING_CHARS_MAX;
use super::blocks::{Block, Section, above, sections};

/// The version of the rules by which documents are cut. Chunks of two versions do not belong into one index version.
pub const CHUNKER_VERSION: u32 = 1;

/// How many words of a place its rank is made of: enough to tell paragraphs apart that begin alike.
const RANK_WORDS: usize = 4;
/// How many characters are looked at for them, so that one word without an end costs no more than others.
const RANK_CHARS_MAX: usize = 64;
/// How often a text is cut by rank before it is cut in the middle. A text of n blocks takes about 2 ln n, 30 for a million;
/// one that was made to have its ranks in order would take n.
const SPLIT_DEPTH_MAX: usize = 64;

/// How long chunks may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ChunkLimits {
    /// Characters of a chunk, its overlap included. 0 is taken for 1.
    pub chars_max: usize,
    /// Characters that a chunk repeats of the one before, at most: whole sentences of its last block, if they fit.
    pub overlap_chars: usize,
}

impl Default for ChunkLimits {
    /// About 300 tokens of English, of which models take 512 at least, and two sentences.
    fn default() -> Self {
        ChunkLimits { chars_max: 1_200, overlap_chars: 150 }
    }
}

/// A piece of a document. It crosses no heading: those that it has are at its beginning.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Chunk {
    /// What it says: the bytes of the document from `start` to `end`.
    pub text: String,
    /// The headings that it stands below: `Guide > Setup`; empty before the first one.
    pub heading: String,
    /// Its first byte in the document, overlap included.
    pub start: usize,
    /// The byte after its last one.
    pub end: usize,
    /// SHA-256 of heading and text. Where it stands is not in it.
    pub hash: [u8; 32],
}

/// Cuts a document into chunks, in order. Together they have all of it but white space; an empty text has none.
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

/// What is embedded of a chunk: the headings that it stands below, which say what it is about, and its text. Those that the
/// text begins with are not said twice: a title would outweigh a short text.
pub fn embedded(heading: &str, text: &str) -> String {
    match above(heading, text) {
        "" => text.to_owned(),
        above => format!("{above}\n\n{text}"),
    }
}

fn chunk(document: &str, range: Range<usize>, heading: &str) -> Chunk {
    let text = &document[range.clone()];
    // The length of the heading comes first, so no heading and text read like another heading and text.
    let hash =
        Sha256::new().chain_update((heading.len() as u64).to_le_bytes()).chain_update(heading).chain_update(text);
    let hash = hash.finalize().into();
    Chunk { text: text.to_owned(), heading: heading.to_owned(), start: range.start, end: range.end, hash }
}

/// A place where a text may be cut.
struct Boundary {
    at: usize,
    /// Where there is a cut of a lower level, none of a higher one is made.
    level: usize,
    /// Whether it parts a heading from what follows.
    after_heading: bool,
    /// The least is cut first.
    rank: [u32; RANK_WORDS],
}

struct Splitter<'a> {
    text: &'a str,
    section: &'a Section,
    chars_max: usize,
}

impl Splitter<'_> {
    /// The cuts before the blocks of the section.
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

    /// Cuts a range into pieces that fit; `boundaries` are in order and `depth` is how often it was cut already. A heading is
    /// parted from what follows only where that then stays whole.
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

    /// The cuts within a block: before its sentences, or else lines, or else words, or else anywhere.
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

    /// Where the overlap of a piece begins: at the first sentence of the last block before it that leaves no more
    /// characters than there is room for. Code has none.
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

/// The hashes of a text's first words. Words after the first only decide between places that begin alike, so an edit of
/// the others seldom matters.
fn rank(text: &str) -> [u32; RANK_WORDS] {
    let end = text.char_indices().nth(RANK_CHARS_MAX).map_or(text.len(), |(at, _)| at);
    let mut words = text[..end].split_whitespace().map(|word| CRC_32.checksum(word.as_bytes()));
    std::array::from_fn(|_| words.next().unwrap_or(0))
}

/// Where the sentences of a text begin, but for the first. A line that ends ends no sentence.
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
