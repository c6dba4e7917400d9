//! Vectors of the provider `builtin`: lexical, not semantic. They show which words two texts share and which words look
//! alike, but not that a car is a vehicle.
//!
//! Each word and each three consecutive letters of it are a feature. A hash of the feature selects one of 256
//! dimensions and a sign, so that colliding features cancel each other as often as they add up (feature hashing,
//! Weinberger et al. 2009). The code uses only additions, divisions and square roots, which IEEE 754 rounds in one way
//! only: every machine computes the same bytes.

use std::collections::BTreeMap;

use icu_segmenter::WordSegmenter;
use icu_segmenter::options::WordBreakInvariantOptions;

use super::CRC_32;

/// Number of dimensions of a lexical vector.
pub const LEXICAL_DIMENSIONS: usize = 256;

/// Weight of three letters relative to a word's weight of 1. Of 0 to 1, this value found most phrases in this project's
/// documents.
const TRIGRAM_WEIGHT: f64 = 0.5;
/// Golden ratio in 32 bits: a multiplication by it spreads close values of CRC-32 (Knuth, 6.4).
const SPREAD: u32 = 0x9E37_79B9;

/// Computes the vector of a text, of length 1. A text without words has the zero vector, which is near to nothing.
pub fn embed(text: &str) -> Vec<f32> {
    let text = text.to_lowercase();
    let mut counts: BTreeMap<u32, (f64, f64)> = BTreeMap::new();
    let mut count = |feature: &str, weight| {
        let hash = CRC_32.checksum(feature.as_bytes()).wrapping_mul(SPREAD);
        counts.entry(hash).or_insert((0.0, weight)).0 += 1.0;
    };
    for word in words(&text) {
        // The brackets are not letters: they distinguish a word from three of its letters, and its ends from its
        // middle.
        let bracketed = format!("<{word}>");
        count(&format!("={word}"), 1.0);
        let ends = bracketed.char_indices().map(|(at, letter)| at + letter.len_utf8()).skip(2);
        bracketed.char_indices().zip(ends).for_each(|((start, _), end)| count(&bracketed[start..end], TRIGRAM_WEIGHT));
    }
    let mut vector = [0_f64; LEXICAL_DIMENSIONS];
    for (hash, (count, weight)) in counts {
        let sign = if hash & (1 << 16) == 0 { 1.0 } else { -1.0 };
        // A feature that occurs four times counts twice.
        vector[usize::from(hash.to_be_bytes()[0])] += sign * weight * count.sqrt();
    }
    let length = vector.iter().map(|value| value * value).sum::<f64>().sqrt();
    // Every value is between -1 and 1.
    #[allow(clippy::cast_possible_truncation)]
    vector.iter().map(|value| if length > 0.0 { (value / length) as f32 } else { 0.0 }).collect()
}

/// Splits a text into words, numbers included.
fn words(text: &str) -> Vec<&str> {
    let segmenter = WordSegmenter::new_for_non_complex_scripts(WordBreakInvariantOptions::default());
    let mut start = 0;
    let parts = segmenter.segment_str(text).iter_with_word_type().map(|(end, kind)| {
        let part = std::mem::replace(&mut start, end)..end;
        text.get(part).filter(|_| kind.is_word_like())
    });
    parts.flatten().collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn cosine(one: &str, other: &str) -> f32 {
        embed(one).iter().zip(embed(other)).map(|(one, other)| one * other).sum()
    }

    #[test]
    fn shared_words_are_near_and_inflections_less_so() {
        let question = "How do I rotate the signing secret?";
        let near = cosine(question, "A signing secret is rotated with an overlap of a day.");
        let far = cosine(question, "Evidence leaves by age; the bucket has a rule for it.");
        assert!(near > 0.25 && far < 0.15, "{near} {far}");
        assert!(cosine("delivery", "deliveries") > 0.4 && cosine("delivery", "evidence") < 0.3);
        assert!((cosine("Straße ÄRGER", "straße ärger!") - 1.0).abs() < 1e-6);
    }

    #[test]
    fn a_text_without_words_is_the_zero_vector() {
        for text in ["", " \n", "?!. --- \u{0}", "👍"] {
            assert_eq!(embed(text), [0.0; LEXICAL_DIMENSIONS], "{text:?}");
        }
    }

    /// Stored vectors must not change with a toolchain or a target.
    #[test]
    fn the_vector_of_a_text_is_stable() {
        let text = "The queue is only a hint; the database is the truth. 漢字 naïve 42 queue queue";
        let bytes: Vec<u8> = embed(text).iter().flat_map(|value| value.to_le_bytes()).collect();
        assert_eq!(format!("{:08x}", CRC_32.checksum(&bytes)), "edda939b");
    }

    proptest! {
        #[test]
        fn every_text_has_a_vector_of_length_one_or_none(text in any::<String>()) {
            let vector = embed(&text);
            let length: f64 = vector.iter().map(|value| f64::from(*value).powi(2)).sum();
            prop_assert_eq!(vector.len(), LEXICAL_DIMENSIONS);
            prop_assert!(vector.iter().all(|value| value.is_finite()));
            prop_assert!((length - 1.0).abs() < 1e-6 || vector.iter().all(|value| *value == 0.0));
            prop_assert_eq!(vector, embed(&text));
        }
    }
}
