//! The words of a text, as the store of search keeps and finds them.
//!
//! FTS5 splits a text where its own tokenizer says, which knows neither scripts without spaces nor newer letters. So it gets
//! words that are already cut, with a space between any two, and has nothing left to decide but the stem of an English word.
//!
//! - A word is letters and digits in a row, [folded](super::fold). `C++` and `F#` are a word beside `c` and `f`.
//! - What is written without spaces is cut into pairs of letters, each pair beginning one letter further, and the last letter:
//!   心跳停 is 心跳, 跳停 and 停. Any letters in a row are found as the phrase of their pairs, and one letter as the beginning of a
//!   pair, with no dictionary to be wrong. Korean has spaces, but its particles are attached: it is cut too.

use std::ops::Range;

use super::fold::{Letter, is_mark, letters};

/// What stands for `+` and `#` in a word: no other letter is folded to them.
const PLUS: char = '＋';
const SHARP: char = '＃';

/// What kind of a word it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum WordKind {
    /// Letters and digits.
    Word,
    /// The word before with the signs that end it.
    Signed,
    /// Two letters in a row of a script without spaces. The first one ends at this byte of the text.
    Pair(usize),
    /// The last letter of such a row.
    Last,
}

/// A word and the bytes of the text that it is of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct TextWord {
    pub(super) text: String,
    pub(super) range: Range<usize>,
    pub(super) kind: WordKind,
    /// What stands between the word before and this one.
    pub(super) gap: String,
}

/// The words of a text as the store keeps them: folded, cut, and a space between any two.
pub fn indexed(text: &str) -> String {
    words(text).into_iter().map(|word| word.text).collect::<Vec<_>>().join(" ")
}

/// The words of a text, in order.
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
    /// What was skipped since the last word.
    gap: String,
}

impl<'a> Tokenizer<'a> {
    fn skip(&mut self) {
        if let Some((first, rest)) = self.rest.split_first() {
            self.gap.push(first.folded);
            self.rest = rest;
        }
    }

    /// Takes the letters that are of this class, and the marks upon them.
    fn take(&mut self, class: Class) -> &'a [Letter] {
        let goes_on = |it: &&Letter| Class::of(it.folded) == class || is_mark(it.folded);
        let (taken, rest) = self.rest.split_at(self.rest.iter().take_while(goes_on).count());
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
        // `C++11` is about C++, but `a+b` and `page#part` are two words each.
        let is_last = rest.first().is_none_or(|next| Class::of(next.folded) == Class::Other);
        if !signs.is_empty() && (is_last || signs.iter().take(2).filter(|it| it.folded == '+').count() == 2) {
            let sign = |it: &Letter| Letter { folded: if it.folded == '+' { PLUS } else { SHARP }, ..*it };
            let signed: Vec<_> = word.iter().copied().chain(signs.iter().map(sign)).collect();
            self.rest = rest;
            self.push(&signed, WordKind::Signed);
        }
    }
}

/// What a letter belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Class {
    /// A word, up to where it ends.
    Letter,
    /// A row that has no spaces where words end.
    Spaceless,
    /// Nothing: it ends either.
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

/// Whether a letter is of a script that is written without spaces, or attaches its particles. Its punctuation is left out.
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
        // Han, Yi, Tangut, Khitan, Nushu, and kana that are no longer written.
        | '\u{3400}'..='\u{4DBF}' | '\u{4E00}'..='\u{A48C}' | '\u{F900}'..='\u{FAFF}'
        | '\u{16FE0}'..='\u{1B2FB}' | '\u{20000}'..='\u{3FFFD}'
        // Pictures.
        | '\u{2600}'..='\u{27BF}' | '\u{1F000}'..='\u{1FAFF}')
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_text_is_cut_into_words_and_pairs() {
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
    fn a_word_knows_its_place_and_what_is_before_it() {
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
        /// What FTS5 gets has no character at which it would split a word, and none that could be taken for a mark.
        #[test]
        fn a_word_has_letters_digits_and_nothing_else(text in any::<String>()) {
            let indexed = indexed(&text);
            prop_assert!(indexed.chars().all(|it| it == ' ' || it.is_ascii_alphanumeric() || !it.is_ascii()));
            prop_assert!(indexed.is_empty() || indexed.split(' ').all(|word| !word.is_empty()));
            prop_assert!(words(&text).iter().all(|it| text.get(it.range.clone()).is_some()));
        }
    }
}
