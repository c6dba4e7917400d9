//! Highlights: a text as HTML, with `<mark>` around the matched words.
//!
//! FTS5 sets brackets around matched words in its stored form of the text, which has neither brackets nor control
//! characters. So no byte of a document looks like a highlight bracket. The n-th stored word is the n-th word of the
//! original text, whose own bytes are highlighted.

use std::ops::Range;

use super::keywords::Keywords;
use super::words::{TextWord, WordKind, words};

/// The brackets that `highlight_words.sql` sets around matched words.
const BEGINS: char = '[';
const ENDS: char = ']';

/// Renders a text as HTML, with `<mark>` around the words that have brackets in `bracketed`, the
/// [`indexed`](super::words::indexed) form of the text.
pub(crate) fn as_html(text: &str, bracketed: &str, keywords: &Keywords) -> String {
    let mut html = String::with_capacity(text.len() + 64);
    let mut at = 0;
    for span in spans(&words(text), bracketed, keywords) {
        push_text(&mut html, text.get(at..span.start));
        html.push_str("<mark>");
        push_text(&mut html, text.get(span.clone()));
        html.push_str("</mark>");
        at = span.end;
    }
    push_text(&mut html, text.get(at..));
    html
}

/// Finds the byte ranges to highlight, in order and without overlaps.
fn spans(words: &[TextWord], bracketed: &str, keywords: &Keywords) -> Vec<Range<usize>> {
    let mut spans: Vec<Range<usize>> = Vec::new();
    let mut is_open = false;
    for (word, bracketed) in words.iter().zip(bracketed.split(' ')) {
        let begins = bracketed.starts_with(BEGINS);
        is_open |= begins;
        if is_open {
            let range = word.range.start..end_of(word, keywords);
            match spans.last_mut() {
                // A highlight of several words includes the text between them.
                Some(last) if !begins || range.start <= last.end => last.end = last.end.max(range.end),
                _ => spans.push(range),
            }
        }
        is_open &= !bracketed.ends_with(ENDS);
    }
    spans
}

/// Returns the end of a matched word. A pair that was matched by its first letter ends with this letter.
fn end_of(word: &TextWord, keywords: &Keywords) -> usize {
    match word.kind {
        WordKind::Pair(first_ends) if !keywords.is_exact(&word.text) => first_ends,
        _ => word.range.end,
    }
}

/// Escapes text for HTML. Characters that are not allowed in HTML become U+FFFD.
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

/// Checks if HTML allows a character: no control characters except white space, and no Unicode noncharacters.
fn is_in_html(letter: char) -> bool {
    let is_noncharacter = matches!(letter, '\u{FDD0}'..='\u{FDEF}') || u32::from(letter) & 0xFFFE == 0xFFFE;
    matches!(letter, '\t' | '\n' | '\u{C}' | '\r') || !letter.is_control() && !is_noncharacter
}

#[cfg(test)]
// A highlighted word is one range.
#[allow(clippy::single_range_in_vec_init)]
mod tests {
    use proptest::prelude::*;

    use super::super::words::indexed;
    use super::*;

    /// Highlights the words at these positions of a text.
    fn highlight(text: &str, query: &str, places: &[Range<usize>]) -> String {
        let mut words: Vec<String> = indexed(text).split(' ').map(str::to_owned).collect();
        for place in places {
            words[place.start].insert(0, BEGINS);
            words[place.end - 1].push(ENDS);
        }
        as_html(text, &words.join(" "), &Keywords::of(query))
    }

    #[test]
    fn highlights_are_the_only_markup() {
        let text = "if a < b && lease > \"c\" <script>";
        let expected = "if a &lt; b &amp;&amp; <mark>lease</mark> &gt; &quot;c&quot; &lt;script&gt;";
        assert_eq!(highlight(text, "lease", &[3..4]), expected);
        assert_eq!(highlight("[a] lease]", "lease", &[1..2]), "[a] <mark>lease</mark>]");
        assert_eq!(highlight("<mark>a</mark>", "a", &[1..2]), "&lt;mark&gt;<mark>a</mark>&lt;/mark&gt;");
    }

    #[test]
    fn no_character_of_a_text_becomes_a_highlight() {
        let text = "\u{2}le\u{3}ase\u{0} \u{1}ends\u{7f}\u{85}\u{fffe}\u{fdd0}\u{1ffff}\t\n\u{c}\r\u{e000}.";
        let expected = "�le�ase� �<mark>ends</mark>�����\t\n\u{c}\r\u{e000}.";
        assert_eq!(highlight(text, "ends", &[2..3]), expected);
    }

    #[test]
    fn the_original_text_is_highlighted() {
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
            assert_eq!(highlight(text, query, places), expected, "{text}");
        }
    }

    proptest! {
        /// HTML without its `<mark>` tags equals the escaped text.
        #[test]
        fn html_is_text_and_highlights(text in any::<String>(), bracketed in "[\\[\\]a-z ]{0,40}", query in any::<String>()) {
            let html = as_html(&text, &bracketed, &Keywords::of(&query));
            prop_assert_eq!(html.matches("<mark>").count(), html.matches("</mark>").count());
            let bare = html.replace("<mark>", "").replace("</mark>", "");
            prop_assert!(!bare.contains(['<', '>']));
            let back = bare.replace("&lt;", "<").replace("&gt;", ">").replace("&quot;", "\"").replace("&amp;", "&");
            prop_assert_eq!(back.chars().count(), text.chars().count());
        }
    }
}
