//! Words of a text, as the full-text index stores and finds them.
//!
//! FTS5's own tokenizer knows neither scripts without spaces nor newer letters. So it gets text that is already split
//! into words, with one space between any two, and only stems English words.
//!
//! - A word is a run of letters and digits, [folded](super::fold). `C++` and `F#` are words in addition to `c` and `f`.
//! - Scripts without spaces are split into overlapping pairs of letters and the last letter: 心跳停 becomes 心跳, 跳停 and 停.
//!   Any run of letters is found as the phrase of its pairs, and a single letter as the prefix of a pair, without a
//!   dictionary that could be wrong. Korean has spaces, but attaches its particles: it is split in the same way.

use std::ops::Range;

use super::fold::{Letter, is_diacritic, letters};

/// Characters that replace `+` and `#` in a word: no other letter is folded to them.
const PLUS: char = '＋';
const SHARP: char = '＃';

/// Kinds of words.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum WordKind {
    /// A run of letters and digits.
    Word,
    /// The previous word with the signs at its end.
    Signed,
    /// Two consecutive letters of a script without spaces, with the end of the first letter in bytes of the text.
    Pair(usize),
    /// The last letter of a run in such a script.
    Last,
}

/// A word and its byte range in the text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct TextWord {
    pub(super) text: String,
    pub(super) range: Range<usize>,
    pub(super) kind: WordKind,
    /// Text between the previous word and this one.
    pub(super) gap: String,
}

/// Splits a text into words for the full-text index: folded, with one space between any two.
pub fn indexed(text: &str) -> String {
    words(text).into_iter().map(|word| word.text).collect::<Vec<_>>().join(" ")
}

/// Splits a text into words, in order.
pub(super) fn words(text: &str) -> Vec<TextWord> {
    let letters = letters(text);
    let mut tokenizer = Tokenizer { rest: &letters, words: Vec::new(), gap: String::new() };
    while let Some(next) = tokenizer.rest.first() {
        match Class::of(next.folded) {
            Class::Spaceless => tokenizer.take_row(),
            Class::Letter => tokenizer.take_word(),
            Class::Other => tokenizer.skip(),
        }
    }
    tokenizer.words
}

struct Tokenizer<'a> {
    rest: &'a [Letter],
    words: Vec<TextWord>,
    /// Text that was skipped since the last word.
    gap: String,
}

impl<'a> Tokenizer<'a> {
    fn skip(&mut self) {
        if let Some((first, rest)) = self.rest.split_first() {
            self.gap.push(first.folded);
            self.rest = rest;
        }
    }

    /// Takes the next letters of this class, with their diacritics.
    fn take(&mut self, class: Class) -> &'a [Letter] {
        let belongs = |it: &&Letter| Class::of(it.folded) == class || is_diacritic(it.folded);
        let (taken, rest) = self.rest.split_at(self.rest.iter().take_while(belongs).count());
        self.rest = rest;
        taken
    }

    fn push(&mut self, letters: &[Letter], kind: WordKind) {
        let (Some(first), Some(last)) = (letters.first(), letters.last()) else { return };
        let text = letters.iter().map(|it| it.folded).collect();
        self.words.push(TextWord { text, range: first.start..last.end, kind, gap: std::mem::take(&mut self.gap) });
    }

    fn take_row(&mut self) {
        let row = self.take(Class::Spaceless);
        for pair in row.windows(2) {
            self.push(pair, pair.first().map_or(WordKind::Last, |first| WordKind::Pair(first.end)));
        }
        self.push(row.get(row.len().saturating_sub(1)..).unwrap_or_default(), WordKind::Last);
    }

    fn take_word(&mut self) {
        let word = self.take(Class::Letter);
        self.push(word, WordKind::Word);
        let signs = self.rest.iter().take_while(|it| matches!(it.folded, '+' | '#')).count();
        let (signs, rest) = self.rest.split_at(signs);
        // `C++11` contains the word C++, but `a+b` and `page#part` are two words each.
        let is_last = rest.first().is_none_or(|next| Class::of(next.folded) == Class::Other);
        if !signs.is_empty() && (is_last || signs.iter().take(2).filter(|it| it.folded == '+').count() == 2) {
            let sign = |it: &Letter| Letter { folded: if it.folded == '+' { PLUS } else { SHARP }, ..*it };
            let signed: Vec<_> = word.iter().copied().chain(signs.iter().map(sign)).collect();
            self.rest = rest;
            self.push(&signed, WordKind::Signed);
        }
    }
}

/// Classes of letters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Class {
    /// A letter of a word, which spaces or punctuation end.
    Letter,
    /// A letter of a script without spaces between words.
    Spaceless,
    /// A separator.
    Other,
}

impl Class {
    fn of(letter: char) -> Class {
        match letter {
            letter if letter.is_ascii() => {
                if letter.is_ascii_alphanumeric() {
                    Class::Letter
                } else {
                    Class::Other
                }
            }
            letter if is_spaceless(letter) => Class::Spaceless,
            letter if letter.is_alphanumeric() => Class::Letter,
            _ => Class::Other,
        }
    }
}

/// Matches scripts that are written without spaces or attach particles, without their punctuation.
fn is_spaceless(letter: char) -> bool {
    matches!(letter,
        // Thai, Lao.
        '\u{E01}'..='\u{E3A}' | '\u{E40}'..='\u{E4E}' | '\u{E50}'..='\u{E59}' | '\u{E81}'..='\u{EFF}'
        // Myanmar.
        | '\u{1000}'..='\u{1049}' | '\u{104C}'..='\u{109F}' | '\u{A9E0}'..='\u{A9FE}' | '\u{AA60}'..='\u{AA7F}'
        // Khmer.
        | '\u{1780}'..='\u{17D3}' | '\u{17D7}' | '\u{17DC}'..='\u{17DD}' | '\u{17E0}'..='\u{17E9}'
        // Tai Le, New Tai Lue, Tai Tham.
        | '\u{1950}'..='\u{1974}' | '\u{1980}'..='\u{19DA}' | '\u{1A20}'..='\u{1A99}'
        // Hangul.
        | '\u{1100}'..='\u{11FF}' | '\u{A960}'..='\u{A97C}' | '\u{AC00}'..='\u{D7FB}'
        // Radicals and signs of Han, kana, Bopomofo; the middle dot of Katakana is punctuation.
        | '\u{2E80}'..='\u{2FD5}' | '々'..='〇' | '\u{3021}'..='\u{302F}' | '\u{3031}'..='\u{3035}'
        | '\u{3038}'..='\u{303C}' | '\u{3041}'..='\u{309F}' | '\u{30A1}'..='\u{30FA}' | 'ー'..='\u{318E}'
        | '\u{31A0}'..='\u{31BF}' | '\u{31F0}'..='\u{31FF}'
        // Han, Yi, Tangut, Khitan, Nushu, and historic kana.
        | '\u{3400}'..='\u{4DBF}' | '\u{4E00}'..='\u{A48C}' | '\u{F900}'..='\u{FAFF}'
        | '\u{16FE0}'..='\u{1B2FB}' | '\u{20000}'..='\u{3FFFD}'
        // Pictographs.
        | '\u{2600}'..='\u{27BF}' | '\u{1F000}'..='\u{1FAFF}')
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_text_is_split_into_words_and_pairs() {
        for (text, expected) in [
            ("The lease ends.", "the lease ends"),
            ("租约在心跳停", "租约 约在 在心 心跳 跳停 停"),
            ("心", "心"),
            ("Rust言語v2", "rust 言語 語 v2"),
            ("第3章", "第 3 章"),
            ("ハート・ビート", "ハー ート ト ビー ート ト"),
            ("ﾋﾞｰﾄ", "ビー ート ト"),
            ("ที่นี่", "ที ี่ ่น นี ี่ ่"),
            ("한글이", "한글 글이 이"),
            ("हिन्दी में", "हिन्दी में"),
            ("naïve Straße", "naive strasse"),
            ("foo_bar node.js 127.0.0.1", "foo bar node js 127 0 0 1"),
            ("C++, C# and C; C++11 a+b p#q", "c c＋＋ c c＃ and c c c＋＋ 11 a b p q"),
            ("done✅👍🏽", "done ✅👍 👍🏽 🏽"),
            ("a\u{2}b\u{0}c\u{e000}d \u{301}e", "a b c d e"),
            ("[x] \"y\" {z}*", "x y z"),
        ] {
            assert_eq!(indexed(text), expected, "{text}");
        }
    }

    #[test]
    fn a_word_has_its_range_and_the_gap_before_it() {
        let found: Vec<_> = words("Go, ＦＵＮ言語!").into_iter().map(|it| (it.gap, it.range, it.kind)).collect();
        let expected = [
            (String::new(), 0..2, WordKind::Word),
            (", ".to_owned(), 4..13, WordKind::Word),
            (String::new(), 13..19, WordKind::Pair(16)),
            (String::new(), 16..19, WordKind::Last),
        ];
        assert_eq!(found, expected);
    }

    proptest! {
        /// FTS5 gets no character at which it would split a word, and none that looks like a highlight bracket.
        #[test]
        fn a_word_has_letters_digits_and_nothing_else(text in any::<String>()) {
            let indexed = indexed(&text);
            prop_assert!(indexed.chars().all(|it| it == ' ' || it.is_ascii_alphanumeric() || !it.is_ascii()));
            prop_assert!(indexed.is_empty() || indexed.split(' ').all(|word| !word.is_empty()));
            prop_assert!(words(&text).iter().all(|it| text.get(it.range.clone()).is_some()));
        }
    }
}
