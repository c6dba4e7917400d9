//! Folding: the letters of a text without case, width and composition, each with its position in the text.
//!
//! It is Unicode's compatibility caseless match, NFKC and full case folding without a locale: `Straße` equals
//! `strasse`, and full-width letters equal normal ones. Accents of Latin letters are removed, so that `cafe` finds
//! `café`. Accents of other scripts distinguish letters and are kept.

use icu_casemap::CaseMapperBorrowed;
use icu_normalizer::properties::CanonicalCombiningClassMapBorrowed;
use icu_normalizer::{ComposingNormalizerBorrowed, DecomposingNormalizerBorrowed};
use icu_segmenter::{GraphemeClusterSegmenter, GraphemeClusterSegmenterBorrowed};

const DECOMPOSED: DecomposingNormalizerBorrowed<'static> = DecomposingNormalizerBorrowed::new_nfkd();
const COMPOSED: ComposingNormalizerBorrowed<'static> = ComposingNormalizerBorrowed::new_nfc();
const CASES: CaseMapperBorrowed<'static> = CaseMapperBorrowed::new();
const COMBINING: CanonicalCombiningClassMapBorrowed<'static> = CanonicalCombiningClassMapBorrowed::new();
const CLUSTERS: GraphemeClusterSegmenterBorrowed<'static> = GraphemeClusterSegmenter::new();

/// A folded letter or other character, with the bytes of the text that it comes from: one whole character as a reader
/// sees it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Letter {
    pub(super) folded: char,
    pub(super) start: usize,
    pub(super) end: usize,
}

/// Folds the letters of a text. Leaves out invisible characters, such as soft hyphens.
pub(super) fn letters(text: &str) -> Vec<Letter> {
    let ascii =
        |(start, byte): (usize, u8)| Letter { folded: char::from(byte.to_ascii_lowercase()), start, end: start + 1 };
    if text.is_ascii() {
        return text.bytes().enumerate().map(ascii).collect();
    }
    let mut letters = Vec::with_capacity(text.len());
    let mut start = 0;
    for end in CLUSTERS.segment_str(text) {
        let cluster = text.get(start..end).unwrap_or_default();
        let mut chars = cluster.chars();
        match (chars.next(), chars.next()) {
            (Some(letter), None) if letter.is_ascii() => {
                letters.push(Letter { folded: letter.to_ascii_lowercase(), start, end });
            }
            (Some(letter), None) if is_folded(letter) => letters.push(Letter { folded: letter, start, end }),
            _ => letters.extend(folded(cluster).chars().map(|letter| Letter { folded: letter, start, end })),
        }
        start = end;
    }
    letters
}

/// Matches diacritics, which combine with the previous letter.
pub(super) fn is_diacritic(letter: char) -> bool {
    COMBINING.get_u8(letter) != 0
}

/// Matches scripts that folding does not change: Han, kana and Hangul, which long texts consist of.
fn is_folded(letter: char) -> bool {
    matches!(letter, 'ぁ'..='ゖ' | 'ァ'..='ヺ' | '\u{4E00}'..='\u{9FFF}' | '가'..='힣')
}

fn folded(cluster: &str) -> String {
    let folded = CASES.fold_string(&DECOMPOSED.normalize(cluster)).into_owned();
    let mut plain = String::with_capacity(folded.len());
    let mut is_latin = false;
    for letter in DECOMPOSED.normalize(&folded).chars().filter(|letter| !is_invisible(*letter)) {
        if is_latin && is_diacritic(letter) {
            continue;
        }
        is_latin = letter.is_ascii_alphanumeric();
        plain.push(letter);
    }
    // The remaining diacritics belong to no letter, such as the stress in a Russian dictionary.
    COMPOSED.normalize(&plain).replace(|letter| matches!(letter, '\u{300}'..='\u{36F}'), "")
}

/// Matches invisible characters: soft hyphens and optional breaks, joiners, directions, variation selectors. A
/// zero-width non-joiner separates parts of Persian words and is not included.
fn is_invisible(letter: char) -> bool {
    matches!(letter,
        '\u{AD}' | '\u{34F}' | '\u{61C}' | '\u{115F}'..='\u{1160}' | '\u{17B4}'..='\u{17B5}' | '\u{180B}'..='\u{180F}'
        | '\u{200B}' | '\u{200D}'..='\u{200F}' | '\u{202A}'..='\u{202E}' | '\u{2060}'..='\u{206F}' | '\u{3164}'
        | '\u{FE00}'..='\u{FE0F}' | '\u{FEFF}' | '\u{FFA0}' | '\u{E0000}'..='\u{E0FFF}')
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn fold(text: &str) -> String {
        letters(text).iter().map(|letter| letter.folded).collect()
    }

    #[test]
    fn letters_are_compared_without_case_width_and_composition() {
        for (text, expected) in [
            ("Straße STRASSE ẞ", "strasse strasse ss"),
            ("ＡＢＣ１２３", "abc123"),
            ("ﬁnal eﬃcient", "final efficient"),
            ("ﾊｰﾄﾋﾞｰﾄ", "ハートビート"),
            ("か\u{3099} が", "が が"),
            ("café cafe\u{301} Ångström ộ ǡ", "cafe cafe angstrom o a"),
            ("ΣΊΣΥΦΟΣ ς", "σίσυφοσ σ"),
            ("й и\u{306} за\u{301}мок ё", "й й замок ё"),
            ("İstanbul ISPARTA ısı", "istanbul isparta ısı"),
            ("각 \u{1100}\u{1161}\u{11A8}", "각 각"),
            ("㎏ ① x² ½", "kg 1 x2 1\u{2044}2"),
            ("hy\u{AD}phen ok\u{FE0F} \u{FEFF}a", "hyphen ok a"),
            ("กำ กํา", "กํา กํา"),
        ] {
            assert_eq!(fold(text), expected, "{text}");
        }
    }

    #[test]
    fn a_letter_knows_the_bytes_that_it_comes_from() {
        let places: Vec<_> = letters("aß心e\u{301}").into_iter().map(|it| (it.folded, it.start, it.end)).collect();
        assert_eq!(places, [('a', 0, 1), ('s', 1, 3), ('s', 1, 3), ('心', 3, 6), ('e', 6, 9)]);
    }

    proptest! {
        #[test]
        fn the_same_text_in_another_form_has_the_same_letters(text in any::<String>()) {
            let decomposed = DecomposingNormalizerBorrowed::new_nfd().normalize(&text).into_owned();
            prop_assert_eq!(fold(&text), fold(&decomposed));
            let places = letters(&text);
            prop_assert!(places.windows(2).all(|two| two[0].start <= two[1].start && two[0].end <= two[1].end));
            prop_assert!(places.iter().all(|it| it.start < it.end && text.get(it.start..it.end).is_some()));
        }
    }
}
