//! Nearest vectors in some segments: a scan of all codes, then exact scores for the best candidates.
//!
//! The scan estimates the distance of a vector from the query by the dimensions in which their signs differ: a Hamming
//! distance of codes, where each dimension is weighted by the query's value in it, in eighths of its greatest value.
//! The bytes of the nearest candidates then give their exact order.

use std::borrow::Borrow;

use super::segment::{EntryId, Quantised, Segment, SegmentError, WORD_BITS, word};

/// Share of entries that are scored exactly: one in this many. Of 20,000, a recall@10 of 0.95 needs 50 candidates if
/// vectors form clusters as those of models do, 1,000 if they are random, and 4,000 if they are lexical and a short
/// query has few non-zero dimensions. Scoring 5,000 takes about as long as the scan.
const SECOND_LOOK_SHARE: usize = 2;
/// Minimum number of entries that are scored exactly.
const SECOND_LOOK_MIN: usize = 5_000;

/// Number of bits of a query's value that the scan uses.
const PLANES: usize = 3;
/// Number of low bits that are ignored, of the 7 bits of a magnitude up to 127.
const PLANES_SHIFT: usize = 7 - PLANES;

/// An entry that was found.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Hit {
    /// Id of the entry.
    pub id: EntryId,
    /// Score; greater is better. For vectors it is the cosine.
    pub score: f32,
}

/// Finds the entries whose vectors have the greatest cosine with `query`, nearest first, at most `k`. Segments are
/// ordered by age: of several entries with one id, the last segment's counts. Entries for which `skip` returns true are
/// left out. The zero vector is near to nothing.
///
/// # Errors
/// `Dimensions` and `NotFinite`, for the query.
pub fn top(
    segments: &[impl Borrow<Segment>],
    query: &[f32],
    k: usize,
    skip: impl Fn(&EntryId) -> bool,
) -> Result<Vec<Hit>, SegmentError> {
    let segments: Vec<&Segment> = segments.iter().map(Borrow::borrow).collect();
    let Some(dimensions) = segments.first().map(|segment| segment.dimensions()) else { return Ok(Vec::new()) };
    let query = Quantised::new(dimensions, query)?;
    let mut near = Vec::new();
    for (n, segment) in segments.iter().enumerate() {
        if segment.dimensions() != dimensions {
            return Err(SegmentError::Dimensions { expected: dimensions, found: segment.dimensions() });
        }
        near.extend(distances(segment, &query).enumerate().map(|(entry, distance)| (distance, n, entry)));
    }
    let looked_at = (near.len() / SECOND_LOOK_SHARE).max(SECOND_LOOK_MIN).max(k);
    near.sort_unstable();
    let hit = |(_, n, entry): (u32, usize, usize)| {
        let (segment, newer) = (segments.get(n)?, segments.get(n + 1..)?);
        let id = segment.ids().get(entry)?;
        let (scale, values) = segment.values(entry);
        let is_zero = scale <= 0.0 || query.scale <= 0.0;
        let is_left_out = is_zero || newer.iter().any(|newer| newer.contains(id)) || skip(id);
        (!is_left_out).then(|| Hit { id: *id, score: query.cosine(scale, values) })
    };
    let mut hits: Vec<Hit> = near.into_iter().filter_map(hit).take(looked_at).collect();
    hits.sort_unstable_by(|one, other| other.score.total_cmp(&one.score).then(one.id.cmp(&other.id)));
    hits.truncate(k);
    Ok(hits)
}

/// Estimates the distance of each entry's code from a query.
fn distances(segment: &Segment, query: &Quantised) -> impl Iterator<Item = u32> {
    let mut words: Vec<(u64, [u64; PLANES])> = query.code.iter().map(|code| (*code, [0; PLANES])).collect();
    for ((_, planes), values) in words.iter_mut().zip(query.values.chunks(WORD_BITS)) {
        for (plane, bits) in planes.iter_mut().enumerate() {
            *bits = word(values, |value| value.unsigned_abs() >> (PLANES_SHIFT + plane) & 1 == 1);
        }
    }
    segment.codes().map(move |code| {
        let of_word = |(word, (query, planes)): (u64, &(u64, [u64; PLANES]))| {
            let differs = word ^ query;
            planes.iter().rev().fold(0, |sum, plane| 2 * sum + (differs & plane).count_ones())
        };
        code.zip(&words).map(of_word).sum()
    })
}

#[cfg(test)]
mod tests;
