//! Reciprocal rank fusion: merges two rankings with incomparable scores into one (Cormack, Clarke and Buettcher 2009).

use std::collections::BTreeMap;

use super::scan::Hit;
use super::segment::EntryId;
use crate::limits::SEARCH_RESULTS_DEFAULT;

/// Constant that flattens the weight of the first ranks: rank 1 counts 1/61, rank 2 counts 1/62. It is the value of the
/// paper.
pub const RANK_CONSTANT: f64 = 60.0;

/// Number of ranks of each ranking that are added up. Without this limit rank 60 in both rankings would outweigh rank 1
/// in one of them, and in a small index every chunk is in both. It equals the default number of hits of a search: 3 to
/// 12 measured about the same, and more was worse.
pub const RANK_WINDOW: usize = SEARCH_RESULTS_DEFAULT;

/// An entry of either ranking.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Fused {
    /// Id of the entry.
    pub id: EntryId,
    /// Sum of 1 / ([`RANK_CONSTANT`] + rank) over the rankings that have the entry among their first [`RANK_WINDOW`];
    /// the greater of the two if neither has. Ranks count from 1.
    pub score: f64,
    /// Score in the keyword search, if that found the entry.
    pub keyword: Option<f32>,
    /// Score in the vector search, if that found the entry.
    pub vector: Option<f32>,
}

/// Fuses two rankings, each with the best hit first; ties are ordered by id. An entry that is twice in one ranking has
/// the better rank.
pub fn fuse(keyword: &[Hit], vector: &[Hit]) -> Vec<Fused> {
    let legs = [
        (keyword, (|entry| &mut entry.keyword) as fn(&mut Fused) -> &mut Option<f32>),
        (vector, |entry| &mut entry.vector),
    ];
    let mut fused: BTreeMap<EntryId, Fused> = BTreeMap::new();
    // Entries below the window come after all entries within it and count less than any rank within.
    for is_within in [true, false] {
        for (hits, leg) in legs {
            let mut divisor = RANK_CONSTANT;
            for (at, hit) in hits.iter().enumerate() {
                divisor += 1.0;
                if (at < RANK_WINDOW) != is_within {
                    continue;
                }
                let nothing = Fused { id: hit.id, score: 0.0, keyword: None, vector: None };
                let entry = fused.entry(hit.id).or_insert(nothing);
                if leg(entry).is_none() {
                    *leg(entry) = Some(hit.score);
                    let share = divisor.recip();
                    entry.score = if is_within { entry.score + share } else { entry.score.max(share) };
                }
            }
        }
    }
    let mut fused: Vec<_> = fused.into_values().collect();
    fused.sort_unstable_by(|one, other| other.score.total_cmp(&one.score).then(one.id.cmp(&other.id)));
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
    fn entries_in_both_rankings_come_first_with_both_scores() {
        let fused = fuse(&hits(&[1, 2, 3]), &hits(&[4, 2]));
        assert_eq!(ids(&fused), [2, 1, 4, 3], "1 and 4 are even and in the order of their ids");
        assert_eq!((fused[0].keyword, fused[0].vector), (Some(0.5), Some(0.5)));
        assert_eq!((fused[1].keyword, fused[1].vector), (Some(1.0), None));
        assert!((fused[0].score - 2.0 / 62.0).abs() < 1e-12 && (fused[1].score - 1.0 / 61.0).abs() < 1e-12);
    }

    #[test]
    fn ranks_below_the_window_do_not_add_up() {
        let keyword: Vec<u8> = (0..=40).collect();
        let vector: Vec<u8> = (100..=130).chain([40, 0]).collect();
        let fused = fuse(&hits(&keyword), &hits(&vector));
        let find = |id: u8| fused.iter().position(|entry| entry.id[0] == id).unwrap();
        assert_eq!(ids(&fused)[..4], [0, 100, 1, 101], "0 and 100 have the first place of one");
        assert!(find(109) < find(110) && find(9) < find(110), "all of the window come first");
        assert_eq!(
            find(40),
            fused.len() - 9,
            "by the 32nd place of the one, for all that it has the 41st of the other"
        );
        let both = fused[find(40)];
        assert!((both.score - 1.0 / 92.0).abs() < 1e-12 && both.keyword.is_some() && both.vector.is_some(), "{both:?}");
    }

    #[test]
    fn one_ranking_alone_keeps_its_order() {
        assert_eq!(ids(&fuse(&hits(&[3, 1, 2]), &[])), [3, 1, 2]);
        assert_eq!(ids(&fuse(&[], &hits(&[3, 1, 3, 2]))), [3, 1, 2], "twice counts once");
        assert_eq!(fuse(&[], &[]), []);
    }

    proptest! {
        #[test]
        fn rankings_are_symmetric(keyword in proptest::collection::vec(0_u8..20, 0..20), vector in proptest::collection::vec(0_u8..20, 0..20)) {
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
