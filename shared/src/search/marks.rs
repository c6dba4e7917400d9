//! A text with marks around the words that were found, as HTML.
//!
//! FTS5 marks the words as the store keeps them, which have neither brackets nor control characters: no byte of a document is
//! taken for a mark. The n-th of them is the n-th word of the text as it was brought, whose own bytes are marked.

use std::ops::Range;

use super::keywords::Keywords;
use super::words::{TextWord, WordKind, words};

/// What `mark_words.sql` sets around words.
const BEGINS: char = '[';
const ENDS: char = ']';

/// A text as HTML, with `<mark>` around what `marked` has between brackets: the text as [`indexed`](super::words::indexed).
pub(crate) fn as_html(text: &str, marked: &str, keywords: &Keywords) -> String {
    let mut html = String::with_capacity(text.len() + 64);
    let mut at = 0;
    for span in spans(&words(text), marked, keywords) {
        push_text(&mut html, text.get(at..span.start));
        html.push_str("<mark>");
        push_text(&mut html, text.get(span.clone()));
        html.push_str("</mark>");
        at = span.end;
    }
    push_text(&mut html, text.get(at..));
    html
}

/// What is marked, in order, none of it twice.
fn spans(words: &[TextWord], marked: &str, keywords: &Keywords) -> Vec<Range<usize>> {
    let mut spans: Vec<Range<usize>> = Vec::new();
    let mut is_open = false;
    for (word, marked) in words.iter().zip(marked.split(' ')) {
        let begins = marked.starts_with(BEGINS);
        is_open |= begins;
        if is_open {
            let range = word.range.start..end_of(word, keywords);
            match spans.last_mut() {
                // Within a mark, also what stands between its words.
                Some(last) if !begins || range.start <= last.end => last.end = last.end.max(range.end),
                _ => spans.push(range),
            }
        }
        is_open &= !marked.ends_with(ENDS);
    }
    spans
}

/// Where a word ends that was found. Of a pair that was found by its first letter that is the end of this letter.
fn end_of(word: &TextWord, keywords: &Keywords) -> usize {
    match word.kind {
        WordKind::Pair(first_ends) if !keywords.is_exact(&word.text) => first_ends,
        _ => word.range.end,
    }
}

/// Text as HTML. What HTML has no characters for is shown as such, U+FFFD.
fn push_text(html: &mut String, text: Option<&str>) {
    for letter in text.unwrap_or_default().chars() {
        match letter {
            '<' => html.push_str("&lt;"),
            '>' => html.push_str("&gt;"),
            '&' => html.push_str("&amp;"),
            '"' => html.push_str("&quot;"),
            _ if is_in_html(letter) => html.push(letter),
            _ => html.push(char::REPLACEMENT_CHARACTER),
        }
    }
}

/// Whether HTML may have a character: no control but white space, and nothing that Unicode calls a noncharacter.
fn is_in_html(letter: char) -> bool {
    let is_noncharacter = matches!(letter, '\u{FDD0}'..='\u{FDEF}') || u32::from(letter) & 0xFFFE == 0xFFFE;
    matches!(letter, '\t' | '\n' | '\u{C}' | '\r') || !letter.is_control() && !is_noncharacter
}

#[cfg(test)]
// One marked word is one range.
#[allow(clippy::single_range_in_vec_init)]
mod tests {
    use proptest::prelude::*;

    use super::super::words::indexed;
    use super::*;

    /// Marks the words at these places of a text.
    fn mark(text: &str, query: &str, places: &[Range<usize>]) -> String {
        let mut words: Vec<String> = indexed(text).split(' ').map(str::to_owned).collect();
        for place in places {
            words[place.start].insert(0, BEGINS);
            words[place.end - 1].push(ENDS);
        }
        as_html(text, &words.join(" "), &Keywords::of(query))
    }

    #[test]
    fn marks_are_the_only_markup() {
        let text = "if a < b && lease > \"c\" <script>";
        let expected = "if a &lt; b &amp;&amp; <mark>lease</mark> &gt; &quot;c&quot; &lt;script&gt;";
        assert_eq!(mark(text, "lease", &[3..4]), expected);
        assert_eq!(mark("[a] lease]", "lease", &[1..2]), "[a] <mark>lease</mark>]");
        assert_eq!(mark("<mark>a</mark>", "a", &[1..2]), "&lt;mark&gt;<mark>a</mark>&lt;/mark&gt;");
    }

    #[test]
    fn no_character_is_taken_for_a_mark() {
        let text = "\u{2}le\u{3}ase\u{0} \u{1}ends\u{7f}\u{85}\u{fffe}\u{fdd0}\u{1ffff}\t\n\u{c}\r\u{e000}.";
        let expected = "�le�ase� �<mark>ends</mark>�����\t\n\u{c}\r\u{e000}.";
        assert_eq!(mark(text, "ends", &[2..3]), expected);
    }

    #[test]
    fn the_text_is_marked_as_it_was_brought() {
        for (text, query, places, expected) in [
            ("租约在心跳停止时", "心跳", &[3..4][..], "租约在<mark>心跳</mark>停止时"),
            ("租约在心跳停止时", "心跳停", &[3..5], "租约在<mark>心跳停</mark>止时"),
            ("租约在心跳停止时", "心", &[3..4], "租约在<mark>心</mark>跳停止时"),
            ("心心", "心", &[0..1, 1..2], "<mark>心心</mark>"),
            ("Rust言語", "言語", &[1..2], "Rust<mark>言語</mark>"),
            ("Die Straße.", "strasse", &[1..2], "Die <mark>Straße</mark>."),
            ("cafe\u{301}!", "café", &[0..1], "<mark>cafe\u{301}</mark>!"),
            ("ﾋﾞｰﾄ", "ビート", &[0..2], "<mark>ﾋﾞｰﾄ</mark>"),
            ("See node.js, node", "node.js", &[1..3], "See <mark>node.js</mark>, node"),
            ("C++ & C", "c++", &[0..2], "<mark>C++</mark> &amp; C"),
            ("a b", "a b", &[0..1, 1..2], "<mark>a</mark> <mark>b</mark>"),
        ] {
            assert_eq!(mark(text, query, places), expected, "{text}");
        }
    }

    proptest! {
        /// Whatever is marked, without its marks the HTML is the text.
        #[test]
        fn html_is_the_text_and_its_marks(text in any::<String>(), marked in "[\\[\\]a-z ]{0,40}", query in any::<String>()) {
            let html = as_html(&text, &marked, &Keywords::of(&query));
            prop_assert_eq!(html.matches("<mark>").count(), html.matches("</mark>").count());
            let bare = html.replace("<mark>", "").replace("</mark>", "");
            prop_assert!(!bare.contains(['<', '>']));
            let back = bare.replace("&lt;", "<").replace("&gt;", ">").replace("&quot;", "\"").replace("&amp;", "&");
            prop_assert_eq!(back.chars().count(), text.chars().count());
        }
    }
}
