//! Segments: the vectors of many chunks in one immutable object.
//!
//! A vector is stored twice, both times in a compact form. Its **code** has one bit per dimension, the sign; a scan
//! compares codes only. Its **bytes** have one byte per dimension, the value in 127ths of the greatest one; they decide
//! the order of the scan's hits.
//! 20,000 vectors of 384 dimensions are 9 MB: 48 + 384 + 4 + 16 bytes each.
//!
//! All numbers are little-endian: `"LSVS"`, version, dimensions, count; the ids in ascending order; the codes, in words
//! of 64 bits; the scales; the bytes; CRC-32 of all before.

use std::collections::BTreeMap;
use std::ops::Range;

use thiserror::Error;

use super::CRC_32;
use crate::limits::EMBED_DIMENSIONS_MAX;

/// Id of an entry: the chunk of a document.
pub type EntryId = [u8; 16];

const MAGIC: [u8; 4] = *b"LSVS";
const VERSION: u32 = 1;
/// Length of the magic and of three numbers of 4 bytes.
const HEADER_BYTES: usize = 16;
const CHECKSUM_BYTES: usize = 4;
const ID_BYTES: usize = size_of::<EntryId>();
const SCALE_BYTES: usize = 4;
pub(super) const WORD_BITS: usize = 64;
const WORD_BYTES: usize = WORD_BITS / 8;
/// Quantised value of a vector's greatest magnitude.
const BYTE_MAX: f32 = 127.0;

/// A reason why vectors cannot be encoded, or bytes cannot be decoded.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum SegmentError {
    /// The bytes do not begin like a segment.
    #[error("not a segment")]
    Magic,
    /// The segment has a version that this code does not know.
    #[error("segment version {0} is unknown")]
    Version(u32),
    /// The number of dimensions is out of range.
    #[error("{0} dimensions, not 1 to {EMBED_DIMENSIONS_MAX}")]
    NoDimensions(usize),
    /// A vector's dimensions differ from the segment's.
    #[error("{found} dimensions instead of {expected}")]
    Dimensions {
        /// Dimensions of the segment.
        expected: usize,
        /// Dimensions of the vector.
        found: usize,
    },
    /// A vector has an infinite value or NaN.
    #[error("a value is not finite")]
    NotFinite,
    /// The number of vectors exceeds the limit of a segment.
    #[error("{0} entries are too many")]
    TooMany(usize),
    /// The number of bytes differs from the header.
    #[error("the length differs from the header")]
    Length,
    /// The bytes were changed after encoding.
    #[error("the checksum differs")]
    Checksum,
    /// The ids are not in ascending order, or a scale is not finite: no encoder writes such bytes.
    #[error("the entries are out of order or have an invalid scale")]
    Entries,
}

/// Number of bytes per entry.
pub fn entry_bytes(dimensions: usize) -> usize {
    ID_BYTES + dimensions.div_ceil(WORD_BITS) * WORD_BYTES + SCALE_BYTES + dimensions
}

/// A decoded segment. It keeps the original bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Segment {
    bytes: Vec<u8>,
    layout: SegmentLayout,
}

/// Byte ranges of the parts of a segment.
#[derive(Debug, Clone, PartialEq, Eq)]
struct SegmentLayout {
    dimensions: usize,
    ids: Range<usize>,
    codes: Range<usize>,
    scales: Range<usize>,
    values: Range<usize>,
}

impl SegmentLayout {
    /// `None` if the byte count overflows an address.
    fn new(dimensions: usize, count: usize) -> Option<SegmentLayout> {
        let mut end = HEADER_BYTES;
        let mut part = |entry_bytes: usize| {
            let start = end;
            end = count.checked_mul(entry_bytes).and_then(|bytes| start.checked_add(bytes))?;
            Some(start..end)
        };
        let ids = part(ID_BYTES)?;
        let codes = part(dimensions.div_ceil(WORD_BITS) * WORD_BYTES)?;
        let scales = part(SCALE_BYTES)?;
        let values = part(dimensions)?;
        values.end.checked_add(CHECKSUM_BYTES)?;
        Some(SegmentLayout { dimensions, ids, codes, scales, values })
    }
}

/// Encodes a segment. Of several entries with one id, the last one is kept; otherwise the order does not matter.
///
/// # Errors
/// `NoDimensions`, `Dimensions`, `NotFinite` and `TooMany`.
pub fn encode<'a>(
    dimensions: usize,
    entries: impl IntoIterator<Item = (EntryId, &'a [f32])>,
) -> Result<Vec<u8>, SegmentError> {
    write(dimensions, None, &quantised(dimensions, entries)?)
}

/// Source of an entry.
enum Source {
    /// Entry number in an old segment. Its bytes are copied unchanged.
    Old(usize),
    New(Quantised),
}

fn quantised<'a>(
    dimensions: usize,
    entries: impl IntoIterator<Item = (EntryId, &'a [f32])>,
) -> Result<BTreeMap<EntryId, Source>, SegmentError> {
    let mut quantised = BTreeMap::new();
    for (id, vector) in entries {
        quantised.insert(id, Source::New(Quantised::new(dimensions, vector)?));
    }
    Ok(quantised)
}

fn write(
    dimensions: usize,
    old: Option<&Segment>,
    entries: &BTreeMap<EntryId, Source>,
) -> Result<Vec<u8>, SegmentError> {
    let too_many = SegmentError::TooMany(entries.len());
    if !(1..=EMBED_DIMENSIONS_MAX).contains(&dimensions) {
        return Err(SegmentError::NoDimensions(dimensions));
    }
    let (Ok(count), Ok(wide)) = (u32::try_from(entries.len()), u32::try_from(dimensions)) else {
        return Err(too_many);
    };
    let layout = SegmentLayout::new(dimensions, entries.len()).ok_or(too_many)?;
    let mut bytes = Vec::with_capacity(layout.values.end + CHECKSUM_BYTES);
    bytes.extend(MAGIC);
    bytes.extend([VERSION, wide, count].iter().flat_map(|number| number.to_le_bytes()));
    bytes.extend(entries.keys().flatten());
    let mut part = |of_old: fn(&SegmentLayout) -> &Range<usize>, width: usize, of_new: fn(&Quantised, &mut Vec<u8>)| {
        for source in entries.values() {
            match source {
                Source::New(vector) => of_new(vector, &mut bytes),
                Source::Old(entry) => {
                    bytes.extend(old.map_or(&[][..], |old| old.entry(of_old(&old.layout), width, *entry)));
                }
            }
        }
    };
    part(
        |layout| &layout.codes,
        dimensions.div_ceil(WORD_BITS) * WORD_BYTES,
        |vector, to| to.extend(vector.code.iter().flat_map(|word| word.to_le_bytes())),
    );
    part(|layout| &layout.scales, SCALE_BYTES, |vector, to| to.extend(vector.scale.to_le_bytes()));
    part(
        |layout| &layout.values,
        dimensions,
        |vector, to| to.extend(vector.values.iter().map(|value| value.cast_unsigned())),
    );
    bytes.extend(CRC_32.checksum(&bytes).to_le_bytes());
    Ok(bytes)
}

/// A quantised vector.
#[derive(Debug, PartialEq)]
pub(super) struct Quantised {
    /// Signs, one bit per dimension.
    pub(super) code: Vec<u64>,
    /// Factor that turns `values` into a unit vector; 0 for the zero vector.
    pub(super) scale: f32,
    /// Values in 127ths of the greatest one.
    pub(super) values: Vec<i8>,
}

impl Quantised {
    /// # Errors
    /// `Dimensions` and `NotFinite`.
    pub(super) fn new(dimensions: usize, vector: &[f32]) -> Result<Quantised, SegmentError> {
        if vector.len() != dimensions {
            return Err(SegmentError::Dimensions { expected: dimensions, found: vector.len() });
        }
        if !vector.iter().all(|value| value.is_finite()) {
            return Err(SegmentError::NotFinite);
        }
        let greatest = vector.iter().fold(0_f32, |greatest, value| greatest.max(value.abs()));
        // Every value is between -127 and 127: a value divided by the greatest one is at most 1. 0 / 0 becomes 0.
        #[allow(clippy::cast_possible_truncation)]
        let values: Vec<i8> = vector.iter().map(|value| (value / greatest * BYTE_MAX).round() as i8).collect();
        let squares: f64 = values.iter().map(|value| f64::from(*value) * f64::from(*value)).sum();
        // The scale is between 1 / (127 * 64) and 1; 64 is the square root of the maximum number of dimensions.
        #[allow(clippy::cast_possible_truncation)]
        let scale = if squares > 0.0 { (1.0 / squares.sqrt()) as f32 } else { 0.0 };
        let code = vector.chunks(WORD_BITS).map(|values| word(values, |value| *value > 0.0)).collect();
        Ok(Quantised { code, scale, values })
    }

    /// Cosine of the angle between this vector and a vector of a segment. The sum of products is below 127 * 127 *
    /// 4,096 = 66,064,384.
    #[allow(clippy::cast_precision_loss)]
    pub(super) fn cosine(&self, scale: f32, values: impl Iterator<Item = i8>) -> f32 {
        let product: i32 = self.values.iter().zip(values).map(|(one, other)| i32::from(*one) * i32::from(other)).sum();
        product as f32 * self.scale * scale
    }
}

/// Packs one bit per value into a word, the first value lowest.
pub(super) fn word<T>(values: &[T], bit: impl Fn(&T) -> bool) -> u64 {
    values.iter().rev().fold(0, |word, value| word << 1 | u64::from(bit(value)))
}

impl Segment {
    /// Decodes a segment without copying.
    ///
    /// # Errors
    /// The bytes are not in the format that [`encode`] writes.
    pub fn decode(bytes: Vec<u8>) -> Result<Segment, SegmentError> {
        let number = |at: usize| bytes.get(at..)?.first_chunk().map(|bytes| u32::from_le_bytes(*bytes));
        let (true, Some(version), Some(dimensions), Some(count)) =
            (bytes.starts_with(&MAGIC), number(4), number(8), number(12))
        else {
            return Err(SegmentError::Magic);
        };
        if version != VERSION {
            return Err(SegmentError::Version(version));
        }
        let (dimensions, count) = (dimensions as usize, count as usize);
        if !(1..=EMBED_DIMENSIONS_MAX).contains(&dimensions) {
            return Err(SegmentError::NoDimensions(dimensions));
        }
        let layout = SegmentLayout::new(dimensions, count).ok_or(SegmentError::Length)?;
        if bytes.len() != layout.values.end + CHECKSUM_BYTES {
            return Err(SegmentError::Length);
        }
        if number(layout.values.end) != Some(CRC_32.checksum(&bytes[..layout.values.end])) {
            return Err(SegmentError::Checksum);
        }
        let segment = Segment { bytes, layout };
        let in_order = segment.ids().is_sorted_by(|before, after| before < after);
        if !in_order || !segment.scales().iter().all(|scale| (0.0..=1.0).contains(&f32::from_le_bytes(*scale))) {
            return Err(SegmentError::Entries);
        }
        Ok(segment)
    }

    /// Encodes a segment from the entries of an old one that `keep` accepts, copied byte for byte, and from new
    /// entries. A new entry replaces an old one with the same id.
    ///
    /// # Errors
    /// As [`encode`].
    pub fn merged<'a>(
        dimensions: usize,
        old: Option<&Segment>,
        keep: impl Fn(&EntryId) -> bool,
        fresh: impl IntoIterator<Item = (EntryId, &'a [f32])>,
    ) -> Result<Vec<u8>, SegmentError> {
        let mut entries = BTreeMap::new();
        if let Some(old) = old {
            if old.dimensions() != dimensions {
                return Err(SegmentError::Dimensions { expected: dimensions, found: old.dimensions() });
            }
            let kept = old.ids().iter().enumerate().filter(|(_, id)| keep(id));
            entries.extend(kept.map(|(entry, id)| (*id, Source::Old(entry))));
        }
        entries.extend(quantised(dimensions, fresh)?);
        write(dimensions, old, &entries)
    }

    /// Bytes of an entry in one part.
    fn entry(&self, part: &Range<usize>, width: usize, entry: usize) -> &[u8] {
        self.bytes[part.clone()].chunks_exact(width).nth(entry).unwrap_or_default()
    }

    /// Size in bytes.
    pub fn bytes(&self) -> usize {
        self.bytes.len()
    }

    /// Number of dimensions of every vector.
    pub fn dimensions(&self) -> usize {
        self.layout.dimensions
    }

    /// Ids of the entries, in ascending order.
    pub fn ids(&self) -> &[EntryId] {
        self.bytes[self.layout.ids.clone()].as_chunks().0
    }

    /// Checks if the segment has an entry.
    pub fn contains(&self, id: &EntryId) -> bool {
        self.ids().binary_search(id).is_ok()
    }

    /// Checks if an entry has this vector, within the precision of the quantisation.
    pub fn holds(&self, id: &EntryId, vector: &[f32]) -> bool {
        let (Ok(entry), Ok(vector)) = (self.ids().binary_search(id), Quantised::new(self.layout.dimensions, vector))
        else {
            return false;
        };
        let (scale, values) = self.values(entry);
        scale.to_bits() == vector.scale.to_bits()
            && values.eq(vector.values)
            && self.codes().nth(entry).is_some_and(|code| code.eq(vector.code))
    }

    /// Codes of the entries, in order.
    pub(super) fn codes(&self) -> impl Iterator<Item = impl Iterator<Item = u64>> {
        let words = self.bytes[self.layout.codes.clone()].as_chunks().0;
        words
            .chunks_exact(self.layout.dimensions.div_ceil(WORD_BITS))
            .map(|code| code.iter().map(|word| u64::from_le_bytes(*word)))
    }

    /// Scale and values of an entry.
    pub(super) fn values(&self, entry: usize) -> (f32, impl Iterator<Item = i8>) {
        let width = self.layout.dimensions;
        let values = self.entry(&self.layout.values, width, entry);
        let scale = self.scales().get(entry).map_or(0.0, |scale| f32::from_le_bytes(*scale));
        (scale, values.iter().map(|value| value.cast_signed()))
    }

    fn scales(&self) -> &[[u8; SCALE_BYTES]] {
        self.bytes[self.layout.scales.clone()].as_chunks().0
    }
}

#[cfg(test)]
mod tests;
