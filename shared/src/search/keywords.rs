//! Translation of a query into FTS5 expressions for the keyword search.
//!
//! A chunk matches if it contains any word of the query. A word of the query that consists of several
//! [words](super::words) is searched for as a phrase: `node.js`, `127.0.0.1`, 心跳停止. If punctuation joins separate
//! words, each of them matches as well as the phrase: `heartbeat,lease`. If an index does not contain a word as a
//! whole, its parts are searched for, except single letters and numbers, which occur everywhere.

use std::collections::BTreeSet;

use super::words::{TextWord, WordKind, words};
use crate::limits::QUERY_WORDS_MAX;

/// Punctuation within names: `node.js`, `foo-bar`, `foo_bar`, `don't`, `a@example.com`, `AT&T`, `a+b`, `page#part`,
/// `col·lecció`.
const JOINERS: [&str; 12] = [".", "-", "_", "'", "’", "@", "&", "+", "#", "·", "\u{2010}", "\u{200C}"];

/// A word of a query as an FTS5 expression.
#[derive(Debug, Clone, PartialEq, Eq)]
struct QueryWord {
    /// Expression for the whole word: its phrase, or one of its joined words.
    whole: String,
    /// Expression for its parts, used if an index does not contain the whole word; `None` if there are none.
    parts: Option<String>,
}

/// Words of a query.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Keywords {
    wanted: Vec<QueryWord>,
    /// Words that must match completely, not only as a prefix.
    exact: BTreeSet<String>,
}

impl Keywords {
    /// Parses the words of a query: at most [`QUERY_WORDS_MAX`] words and as many parts.
    pub(crate) fn of(query: &str) -> Keywords {
        let mut keywords = Keywords::default();
        let (mut wholes_left, mut parts_left) = (QUERY_WORDS_MAX, QUERY_WORDS_MAX);
        for text in query.split_whitespace() {
            let words = words(text);
            if words.is_empty() {
                continue;
            }
            if wholes_left == 0 {
                break;
            }
            let runs: Vec<&[TextWord]> = words.chunk_by(is_joined).collect();
            let runs = if runs.len() > 1 { runs } else { Vec::new() };
            let mut wholes: Vec<String> = Vec::new();
            for run in std::iter::once(words.as_slice()).chain(runs).take(wholes_left) {
                let phrase = keywords.phrase(run);
                if !wholes.contains(&phrase) {
                    wholes.push(phrase);
                }
            }
            wholes_left -= wholes.len();
            let mut parts: Vec<String> = Vec::new();
            for word in words.iter().filter(|word| is_part(word)).take(parts_left) {
                let phrase = keywords.phrase(std::slice::from_ref(word));
                if !wholes.contains(&phrase) && !parts.contains(&phrase) {
                    parts.push(phrase);
                }
            }
            parts_left -= parts.len();
            let parts = (!parts.is_empty()).then(|| parts.join(" OR "));
            keywords.wanted.push(QueryWord { whole: wholes.join(" OR "), parts });
        }
        keywords
    }

    /// Checks if the query has no words.
    pub(crate) fn is_empty(&self) -> bool {
        self.wanted.is_empty()
    }

    /// Expressions as the SQL statements take them: `[[whole, parts], ...]`.
    pub(crate) fn wanted(&self) -> Vec<(&str, Option<&str>)> {
        self.wanted.iter().map(|it| (it.whole.as_str(), it.parts.as_deref())).collect()
    }

    /// Checks if a word must match completely, not only as a prefix.
    pub(super) fn is_exact(&self, word: &str) -> bool {
        self.exact.contains(word)
    }

    /// Builds the phrase of consecutive words. Words have no quotes and no signs, so a query cannot contain FTS5
    /// syntax.
    fn phrase(&mut self, row: &[TextWord]) -> String {
        // In a longer text the last letter of this row is not a separate word: the pair before it ends the phrase.
        let row = match row {
            [before @ .., pair, last] if last.kind == WordKind::Last && matches!(pair.kind, WordKind::Pair(_)) => {
                row.get(..=before.len()).unwrap_or(row)
            }
            _ => row,
        };
        let is_beginning = row.last().is_some_and(|last| last.kind == WordKind::Last);
        let exact = row.len() - usize::from(is_beginning);
        self.exact.extend(row.iter().take(exact).map(|word| word.text.clone()));
        let phrase = row.iter().map(|word| word.text.as_str()).collect::<Vec<_>>().join(" ");
        format!("\"{phrase}\"{}", if is_beginning { "*" } else { "" })
    }
}

/// Checks if two words form one name: nothing is between them, or punctuation of names or of numbers.
fn is_joined(before: &TextWord, next: &TextWord) -> bool {
    let is_digit = |letter: Option<char>| letter.is_some_and(char::is_numeric);
    let is_number = is_digit(before.text.chars().last()) && is_digit(next.text.chars().next());
    next.gap.is_empty() || JOINERS.contains(&next.gap.as_str()) || is_number && next.gap.chars().count() == 1
}

/// Checks if a word is specific enough to be searched for alone.
fn is_part(word: &TextWord) -> bool {
    matches!(word.kind, WordKind::Word | WordKind::Pair(_))
        && word.text.chars().nth(1).is_some()
        && !word.text.chars().all(char::is_numeric)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn wanted(query: &str) -> Vec<String> {
        let shown = |(whole, parts): (&str, Option<&str>)| match parts {
            None => whole.to_owned(),
            Some(parts) => format!("{whole} / {parts}"),
        };
        Keywords::of(query).wanted().into_iter().map(shown).collect()
    }

    #[test]
    fn a_query_is_words_and_never_syntax() {
        for (query, expected) in [
            ("rotate The secret", &[r#""rotate""#, r#""the""#, r#""secret""#][..]),
            (r#"a" OR NEAR( -x* ^y"#, &[r#""a""#, r#""or""#, r#""near""#, r#""x""#, r#""y""#]),
            ("?! -- *", &[]),
            ("\u{0}a\u{0}b", &[r#""a b" OR "a" OR "b""#]),
            (r#""{scope}":x"#, &[r#""scope x" OR "scope" OR "x""#]),
        ] {
            assert_eq!(wanted(query), expected, "{query}");
        }
    }

    #[test]
    fn words_joined_by_punctuation_match_as_a_phrase_or_separately() {
        for (query, expected) in [
            ("heartbeat,lease", r#""heartbeat lease" OR "heartbeat" OR "lease""#),
            ("heartbeat，lease", r#""heartbeat lease" OR "heartbeat" OR "lease""#),
            ("(heartbeat)", r#""heartbeat""#),
            ("heartbeat--lease", r#""heartbeat lease" OR "heartbeat" OR "lease""#),
            ("src/main.rs", r#""src main rs" OR "src" OR "main rs" / "main" OR "rs""#),
            ("a/b", r#""a b" OR "a" OR "b""#),
            ("租约,心", r#""租约 约 心"* OR "租约" OR "心"*"#),
        ] {
            assert_eq!(wanted(query), [expected], "{query}");
        }
    }

    #[test]
    fn the_parts_of_a_name_are_a_fallback() {
        for (query, expected) in [
            ("node.js", r#""node js" / "node" OR "js""#),
            ("foo-bar", r#""foo bar" / "foo" OR "bar""#),
            ("127.0.0.1", r#""127 0 0 1""#),
            ("12:30", r#""12 30""#),
            ("C++", r#""c c＋＋""#),
            ("AT&T R&D", r#""at t" / "at""#),
            ("don’t", r#""don t" / "don""#),
            ("心跳", r#""心跳""#),
            ("心", r#""心"*"#),
            ("心跳停", r#""心跳 跳停" / "心跳" OR "跳停""#),
            ("Rust言語", r#""rust 言語" / "rust" OR "言語""#),
            ("言語Rust", r#""言語 語 rust" / "言語" OR "rust""#),
            ("第3章", r#""第 3 章"*"#),
        ] {
            assert_eq!(wanted(query)[0], expected, "{query}");
        }
    }

    #[test]
    fn the_number_of_words_in_a_query_is_limited() {
        let phrases = |query: &str| {
            let keywords = Keywords::of(query);
            let count = |text: &str| 1 + text.matches(" OR ").count();
            let of = |it: &QueryWord| (count(&it.whole), it.parts.as_deref().map_or(0, count));
            keywords.wanted.iter().map(of).fold((0, 0), |sum, it| (sum.0 + it.0, sum.1 + it.1))
        };
        assert_eq!(phrases(&"word ".repeat(1_000)), (QUERY_WORDS_MAX, 0));
        let list: Vec<String> = (0..1_000).map(|n| format!("w{n}.x{n}")).collect();
        assert_eq!(phrases(&list.join(",")), (QUERY_WORDS_MAX, QUERY_WORDS_MAX));
        assert_eq!(phrases(&list.join(" ")), (QUERY_WORDS_MAX, QUERY_WORDS_MAX));
        let row: String = ('一'..).take(1_000).collect();
        assert_eq!(phrases(&row), (1, QUERY_WORDS_MAX));
    }

    proptest! {
        #[test]
        fn a_phrase_has_quotes_only_at_its_ends(query in any::<String>()) {
            for (whole, parts) in Keywords::of(&query).wanted() {
                for phrase in whole.split(" OR ").chain(parts.into_iter().flat_map(|parts| parts.split(" OR "))) {
                    let inner = phrase.trim_end_matches('*').strip_prefix('"').and_then(|it| it.strip_suffix('"'));
                    let is_letter = |it: char| it == ' ' || it.is_ascii_alphanumeric() || !it.is_ascii();
                    prop_assert!(inner.is_some_and(|it| !it.is_empty() && it.chars().all(is_letter)), "{}", phrase);
                }
            }
        }
    }
}
