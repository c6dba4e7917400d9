//! Reciprocal rank fusion: two rankings whose scores cannot be compared become one (Cormack, Clarke and Buettcher 2009).

use std::collections::BTreeMap;

use super::scan::Hit;
use super::segment::EntryId;

/// How little the first places differ: the first counts 1/61, the second 1/62. The value of the paper.
pub const RANK_CONSTANT: f64 = 60.0;

/// An entry that either ranking has.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Fused {
    /// Which.
    pub id: EntryId,
    /// The sum of 1 / ([`RANK_CONSTANT`] + place) over the rankings that have it; places count from 1.
    pub score: f64,
    /// Its score in the search by keywords, if that found it.
    pub keyword: Option<f32>,
    /// Its score in the search by vectors, if that found it.
    pub vector: Option<f32>,
}

/// Fuses two rankings, the best first in each; ties are in the order of their ids. What one ranking has twice has the
/// better place.
pub fn fuse(keyword: &[Hit], vector: &[Hit]) -> Vec<Fused> {
    let mut fused: BTreeMap<EntryId, Fused> = BTreeMap::new();
    for (hits, leg) in [
        (keyword, (|entry| &mut entry.keyword) as fn(&mut Fused) -> &mut Option<f32>),
        (vector, |entry| &mut entry.vector),
    ] {
        let mut place = RANK_CONSTANT;
        for hit in hits {
            place += 1.0;
            let nothing = Fused { id: hit.id, score: 0.0, keyword: None, vector: None };
            let entry = fused.entry(hit.id).or_insert(nothing);
            if leg(entry).is_none() {
                *leg(entry) = Some(hit.score);
                entry.score += place.recip();
            }
        }
    }
    let mut fused: Vec<_> = fused.into_values().collect();
    // The sort is stable, and the map was in the order of ids.
    fused.sort_by(|one, other| other.score.total_cmp(&one.score));
    fused
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn hits(ids: &[u8]) -> Vec<Hit> {
        ids.iter().zip(1_u8..).map(|(id, n)| Hit { id: [*id; 16], score: f32::from(n).recip() }).collect()
    }

    fn ids(fused: &[Fused]) -> Vec<u8> {
        fused.iter().map(|entry| entry.id[0]).collect()
    }

    #[test]
    fn what_both_have_comes_first_with_both_scores() {
        let fused = fuse(&hits(&[1, 2, 3]), &hits(&[4, 2]));
        assert_eq!(ids(&fused), [2, 1, 4, 3], "1 and 4 are even and in the order of their ids");
        assert_eq!((fused[0].keyword, fused[0].vector), (Some(0.5), Some(0.5)));
        assert_eq!((fused[1].keyword, fused[1].vector), (Some(1.0), None));
        assert!((fused[0].score - 2.0 / 62.0).abs() < 1e-12 && (fused[1].score - 1.0 / 61.0).abs() < 1e-12);
    }

    #[test]
    fn one_ranking_alone_keeps_its_order() {
        assert_eq!(ids(&fuse(&hits(&[3, 1, 2]), &[])), [3, 1, 2]);
        assert_eq!(ids(&fuse(&[], &hits(&[3, 1, 3, 2]))), [3, 1, 2], "twice counts once");
        assert_eq!(fuse(&[], &[]), []);
    }

    proptest! {
        #[test]
        fn the_legs_are_alike(keyword in proptest::collection::vec(0_u8..20, 0..20), vector in proptest::collection::vec(0_u8..20, 0..20)) {
            let (one, other) = (fuse(&hits(&keyword), &hits(&vector)), fuse(&hits(&vector), &hits(&keyword)));
            prop_assert_eq!(ids(&one), ids(&other));
            prop_assert!(one.is_sorted_by(|a, b| (b.score, a.id) < (a.score, b.id)));
            for (one, other) in one.iter().zip(&other) {
                prop_assert_eq!((one.keyword, one.vector), (other.vector, other.keyword));
                prop_assert!(one.keyword.is_some() == keyword.contains(&one.id[0]) && one.vector.is_some() == vector.contains(&one.id[0]));
            }
        }
    }
}
