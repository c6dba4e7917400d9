//! Tests of the scan: its hits, and its recall compared with an exact search.

use std::collections::BTreeSet;

use proptest::prelude::*;

use super::*;
use crate::search::lexical;
use crate::search::segment::encode;

fn id(n: usize) -> EntryId {
    (n as u128).to_be_bytes()
}

fn segment(entries: &[(usize, &[f32])]) -> Segment {
    let dimensions = entries.first().map_or(1, |(_, vector)| vector.len());
    Segment::decode(encode(dimensions, entries.iter().map(|(n, vector)| (id(*n), *vector))).unwrap()).unwrap()
}

fn found(segments: &[Segment], query: &[f32], k: usize) -> Vec<EntryId> {
    top(segments, query, k, |_| false).unwrap().iter().map(|hit| hit.id).collect()
}

#[test]
fn the_nearest_come_first_with_their_cosine() {
    let segments =
        [segment(&[(1, &[1.0, 0.0]), (2, &[1.0, 1.0]), (3, &[-1.0, 0.0]), (4, &[0.0, 0.0]), (5, &[9.0, 0.0])])];
    let hits = top(&segments, &[2.0, 0.0], 9, |_| false).unwrap();
    assert_eq!(hits.iter().map(|hit| hit.id).collect::<Vec<_>>(), [1, 5, 2, 3].map(id), "ties by id, zero is not near");
    for (hit, cosine) in hits.iter().zip([1.0, 1.0, 0.5_f32.sqrt(), -1.0]) {
        assert!((hit.score - cosine).abs() < 1e-6, "{hit:?}");
    }
    assert_eq!(found(&segments, &[2.0, 0.0], 1), [id(1)]);
    assert_eq!(found(&segments, &[0.0, 0.0], 9), [] as [EntryId; 0]);
    assert_eq!(found(&segments, &[1.0, 0.0], 0), [] as [EntryId; 0]);
    assert_eq!(found(&[], &[1.0], 9), [] as [EntryId; 0]);
}

#[test]
fn the_last_segment_wins_and_skipped_entries_are_left_out() {
    let old = segment(&[(1, &[1.0, 0.0]), (2, &[1.0, 0.1])]);
    let new = segment(&[(1, &[0.0, 1.0]), (3, &[1.0, 0.2])]);
    let segments = [old, new];
    assert_eq!(found(&segments, &[1.0, 0.0], 9), [2, 3, 1].map(id));
    assert_eq!(found(&segments, &[1.0, 0.0], 1), [id(2)]);
    let hits = top(&segments, &[1.0, 0.0], 1, |entry| *entry == id(2)).unwrap();
    assert_eq!(hits.iter().map(|hit| hit.id).collect::<Vec<_>>(), [id(3)]);
}

#[test]
fn wrong_queries_are_refused() {
    let segments = [segment(&[(1, &[1.0, 0.0])]), segment(&[(1, &[1.0])])];
    let refused = |query: &[f32], segments: &[Segment]| top(segments, query, 1, |_| false).unwrap_err();
    assert_eq!(refused(&[1.0], &segments[..1]), SegmentError::Dimensions { expected: 2, found: 1 });
    assert_eq!(refused(&[1.0, 0.0], &segments), SegmentError::Dimensions { expected: 2, found: 1 });
    assert_eq!(refused(&[f32::NAN, 0.0], &segments[..1]), SegmentError::NotFinite);
}

proptest! {
    /// Checks that with few entries the scan equals the exact search over the stored vectors: all entries are scored.
    #[test]
    fn few_entries_are_searched_exactly(
        vectors in proptest::collection::vec((0_usize..40, proptest::collection::vec(-1_f32..1.0, 70)), 1..60),
        query in proptest::collection::vec(-1_f32..1.0, 70),
        split in any::<prop::sample::Index>(),
    ) {
        let (old, new) = vectors.split_at(split.index(vectors.len()));
        let as_segment = |part: &[(usize, Vec<f32>)]| {
            let entries: Vec<_> = part.iter().map(|(n, vector)| (*n, vector.as_slice())).collect();
            Segment::decode(encode(70, entries.iter().map(|(n, vector)| (id(*n), *vector))).unwrap()).unwrap()
        };
        let hits = top(&[as_segment(old), as_segment(new)], &query, 50, |_| false).unwrap();
        let latest: std::collections::BTreeMap<_, _> = vectors.iter().map(|(n, vector)| (id(*n), vector)).collect();
        prop_assert_eq!(hits.iter().map(|hit| hit.id).collect::<BTreeSet<_>>().len(), hits.len());
        prop_assert_eq!(hits.len(), latest.len());
        prop_assert!(hits.is_sorted_by(|one, next| one.score >= next.score));
        for hit in hits {
            prop_assert!((hit.score - cosine(&query, latest[&hit.id])).abs() < 0.02);
        }
    }
}

fn cosine(one: &[f32], other: &[f32]) -> f32 {
    let product = |one: &[f32], other: &[f32]| one.iter().zip(other).map(|(one, other)| one * other).sum::<f32>();
    product(one, other) / (product(one, one) * product(other, other)).sqrt()
}

/// Pseudo-random numbers with a fixed sequence (`SplitMix64`).
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    fn below(&mut self, max: u64) -> usize {
        usize::try_from(self.next() % max).unwrap()
    }

    /// Random number from 0 to 1.
    fn unit(&mut self) -> f32 {
        f32::from(u16::try_from(self.next() >> 48).unwrap()) / 65_536.0
    }

    /// Approximately normal number: the sum of twelve uniform ones.
    fn normal(&mut self) -> f32 {
        (0..12).map(|_| self.unit()).sum::<f32>() - 6.0
    }

    fn normals(&mut self, count: usize) -> Vec<f32> {
        (0..count).map(|_| self.normal()).collect()
    }
}

/// Generates vectors like those of models: near one of 400 topics, in far fewer directions than dimensions, some
/// directions with much more weight than others, with a mean away from zero, and with noise.
fn clustered(seed: u64) -> impl FnMut() -> Vec<f32> {
    let mut random = Random(seed);
    let mean: Vec<f32> = random.normals(384).iter().map(|value| value * 0.6).collect();
    let directions: Vec<_> = (0_u8..48).map(|n| (random.normals(384), (1.0 + f32::from(n)).sqrt().recip())).collect();
    let topics: Vec<_> = (0..400).map(|_| random.normals(48)).collect();
    move || {
        let mut vector = mean.clone();
        for (centre, (direction, weight)) in topics[random.below(400)].iter().zip(&directions) {
            let along = (centre + 0.6 * random.normal()) * weight;
            vector.iter_mut().zip(direction).for_each(|(value, direction)| *value += along * direction);
        }
        vector.iter().map(|value| value + 0.3 * random.normal()).collect()
    }
}

/// Generates a text in which few words are common and most are rare.
fn text(random: &mut Random, words: usize) -> String {
    let word = |_| format!("{:x}", (20_000_f32.powf(random.unit()) * 7_919.0).to_bits());
    (0..words).map(word).collect::<Vec<_>>().join(" ")
}

/// Share of the ten nearest by the exact cosine that the scan finds, as the mean of all queries.
fn recall(vectors: &[Vec<f32>], queries: &[Vec<f32>]) -> f64 {
    let entries: Vec<_> = vectors.iter().enumerate().map(|(n, vector)| (n, vector.as_slice())).collect();
    let (older, newer) = entries.split_at(entries.len() / 3);
    let segments = [segment(older), segment(newer)];
    let mut common = 0;
    for query in queries {
        let mut exact: Vec<_> = vectors.iter().map(|vector| cosine(query, vector)).enumerate().collect();
        exact.sort_by(|one, other| other.1.total_cmp(&one.1));
        let exact: BTreeSet<_> = exact.iter().take(10).map(|(n, _)| id(*n)).collect();
        common += found(&segments, query, 10).iter().filter(|id| exact.contains(*id)).count();
    }
    f64::from(u32::try_from(common).unwrap()) / f64::from(u32::try_from(queries.len() * 10).unwrap())
}

#[test]
fn the_scan_finds_what_an_exact_search_finds() {
    const ENTRIES: usize = 20_000;
    const QUERIES: usize = 15;
    let mut random = Random(7);
    let mut near = clustered(3);
    let [clustered, queries] = [ENTRIES, QUERIES].map(|count| (0..count).map(|_| near()).collect::<Vec<_>>());
    let of_clusters = recall(&clustered, &queries);
    let [uniform, queries] =
        [ENTRIES, QUERIES].map(|count| (0..count).map(|_| random.normals(384)).collect::<Vec<_>>());
    let of_noise = recall(&uniform, &queries);
    let [texts, queries] = [(ENTRIES, 50), (QUERIES, 6)]
        .map(|(count, words)| (0..count).map(|_| lexical::embed(&text(&mut random, words))).collect::<Vec<_>>());
    let of_texts = recall(&texts, &queries);
    println!("recall@10: clustered {of_clusters:.3}, uniform {of_noise:.3}, lexical {of_texts:.3}");
    assert!(of_clusters >= 0.98 && of_noise >= 0.95 && of_texts >= 0.95, "{of_clusters} {of_noise} {of_texts}");
}
