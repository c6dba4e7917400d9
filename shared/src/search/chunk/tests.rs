//! Tests of chunks: their properties for any text, and the number of chunks that an edit changes.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use proptest::prelude::*;

use super::*;

fn limits(chars_max: usize, overlap_chars: usize) -> ChunkLimits {
    ChunkLimits { chars_max, overlap_chars }
}

/// Properties of the chunks of every text.
fn check(text: &str, limits: ChunkLimits) -> Result<(), TestCaseError> {
    let found = chunks(text, limits);
    prop_assert_eq!(&found, &chunks(text, limits));
    let mut end = text.len() - text.trim_start_matches('\u{FEFF}').len();
    for chunk in &found {
        prop_assert_eq!(&chunk.text, &text[chunk.start..chunk.end]);
        prop_assert!(!chunk.text.is_empty() && chunk.text.trim() == chunk.text);
        prop_assert!(chars(&chunk.text) <= limits.chars_max.max(1));
        prop_assert!(chunk.end > end);
        let new = chunk.start.max(end);
        prop_assert!(text[end..new].trim().is_empty(), "lost {:?}", &text[end..new]);
        prop_assert!(chunk.start >= end || chars(&text[chunk.start..end]) <= limits.overlap_chars);
        end = chunk.end;
    }
    prop_assert!(text[end..].trim().is_empty(), "lost {:?}", &text[end..]);
    Ok(())
}

#[test]
fn embedded_text_has_each_heading_once() {
    let text = "Before.\n\n# Guide\n\nHello.\n\n## Setup\n\nOne step. Another step.\n";
    let found = chunks(text, limits(20, 0));
    let found: Vec<_> = found.iter().map(|chunk| embedded(&chunk.heading, &chunk.text)).collect();
    let expected = ["Before.", "# Guide\n\nHello.", "Guide\n\n## Setup\n\nOne step.", "Guide > Setup\n\nAnother step."];
    assert_eq!(found, expected);
}

/// Generates Markdown of all kinds, with text in between that breaks parsers.
fn markdown() -> impl Strategy<Value = String> {
    let line = prop_oneof![
        "[a-z]{1,8}( [a-z]{1,8}[.!?]?){0,30}",
        "#{1,6} [A-Za-z]{1,9}( [a-z]{1,9}){0,3}",
        "[ \t]{0,5}[-*+>|`~=#_<&\\[\\]()!:1.]{1,5}[ a-z]{0,9}",
        Just("```".to_owned()),
        Just("---".to_owned()),
        Just("| a | b |\n|---|---|\n| c | d |".to_owned()),
        Just("[a]: https://example.com".to_owned()),
        Just("שלום עולם. مرحبا بالعالم! 👩‍👩‍👧‍👦🇩🇪 漢字かな。テスト。".to_owned()),
        "\\PC{0,30}",
        "[\\x00-\\x20\\x7f-\\u{a0}\u{2028}\u{feff}]{0,6}",
        Just(String::new()),
    ];
    let ending = prop_oneof![Just("\n"), Just("\r\n"), Just("\r"), Just("\n\n")];
    proptest::collection::vec((line, ending), 0..40)
        .prop_map(|lines| lines.into_iter().map(|(line, ending)| line + ending).collect())
}

proptest! {
    #[test]
    fn chunks_cover_the_text_and_fit(
        text in markdown(), chars_max in 0_usize..300, overlap_chars in 0_usize..100,
    ) {
        check(&text, limits(chars_max, overlap_chars))?;
    }

    #[test]
    fn any_text_is_chunked(text in any::<String>(), chars_max in 0_usize..50, overlap_chars in 0_usize..50) {
        check(&text, limits(chars_max, overlap_chars))?;
    }

    #[test]
    fn no_chunk_crosses_a_heading(
        lines in proptest::collection::vec(prop_oneof!["## H[a-z]{1,9}", "# H[a-z]{1,9}", "b[a-z ]{1,90}\\."], 0..40),
        chars_max in 20_usize..400,
    ) {
        for chunk in chunks(&lines.join("\n\n"), limits(chars_max, 50)) {
            let body = chunk.text.lines().skip_while(|line| line.starts_with('#') || line.is_empty());
            prop_assert!(!body.clone().any(|line| line.starts_with('#')), "{:?}", chunk.text);
            let own = chunk.text.lines().rfind(|line| line.starts_with('#')).map(|line| line.trim_matches(['#', ' ']));
            prop_assert!(own.is_none_or(|own| chunk.heading.split(" > ").any(|title| title == own)), "{chunk:?}");
        }
    }
}

#[test]
fn empty_texts_have_no_chunks() {
    for text in ["", " ", "\n\r\n\t\u{a0}\u{2003}\n"] {
        assert_eq!(chunks(text, ChunkLimits::default()), []);
    }
}

#[test]
fn huge_uniform_texts_are_chunked() {
    for text in
        ["a", "a ", "a. ", "\n\na", "\u{0}", "👍", "漢", "- a\n", "# a\n", "> ", "| a ", "[", "*a ", "\r\n", "```\na\n"]
    {
        let text = text.repeat(60_000 / text.len());
        check(&text, ChunkLimits::default()).unwrap();
    }
    let in_order: BTreeSet<_> = (0..3_000).map(|n| (rank(&format!("w{n}")), n)).collect();
    let text = in_order.iter().fold(String::new(), |text, (_, n)| text + &format!("w{n}\n\n"));
    check(&text, limits(20, 10)).unwrap();
}

#[test]
fn blocks_stay_whole_if_they_fit() {
    let code = format!("```\n{}```", "let a = 1. Is it?\n".repeat(10));
    let text = format!("{}\n\n{code}\n\n{}", "One two three. ".repeat(9), "Four five. ".repeat(9));
    let found = chunks(&text, limits(200, 60));
    assert_eq!(found.iter().filter(|chunk| chunk.text.contains(&code)).count(), 1, "{found:#?}");
    let long = format!("```\n{}```", "let a = 1. Is it?\n".repeat(50));
    for chunk in chunks(&long, limits(200, 60)) {
        assert!(["```", "let"].iter().any(|begin| chunk.text.starts_with(begin)), "{chunk:?}");
        assert!(["```", "it?"].iter().any(|end| chunk.text.ends_with(end)), "{chunk:?}");
    }
}

#[test]
fn the_overlap_is_whole_sentences_of_the_section() {
    let text = format!("# A\n\n{}\n\n# B\n\nb", "Some words are\nsaid here. ".repeat(100));
    let found = chunks(&text, ChunkLimits::default());
    assert!(found.len() > 3);
    for pair in found.windows(2) {
        let overlap = pair[0].end.saturating_sub(pair[1].start);
        assert!(pair[1].heading != "B" || overlap == 0);
        assert!(pair[1].heading == "B" || (100..=150).contains(&overlap), "{overlap}");
        assert!(["Some", "# "].iter().any(|begin| pair[1].text.starts_with(begin)), "{:?}", pair[1].text);
    }
}

#[test]
fn a_hash_depends_on_heading_and_text_but_not_on_the_position() {
    let one = chunks("# A\n\na\n\n# B\n\nb", ChunkLimits::default());
    let moved = chunks("# B\n\nb\n\n# A\n\na", ChunkLimits::default());
    let below = chunks("# A\n\na\n\n## B\n\nb", ChunkLimits::default());
    assert_eq!((one[0].hash, one[1].hash), (moved[1].hash, moved[0].hash));
    assert!(below[1].hash != one[1].hash && below[0].hash == one[0].hash);
}

/// Generates a long document without headings: paragraphs of one to eight sentences, in a fixed sequence.
fn long_document(seed: u32) -> String {
    let mut state = seed;
    let mut below = |max: u32| {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 8) % max
    };
    let mut text = String::new();
    for _ in 0..80 {
        for _ in 0..=below(8) {
            let words: Vec<_> = (0..5 + below(15)).map(|_| format!("{:x}", 4_096 + below(2_000))).collect();
            write!(text, "W{}. ", words.join(" ")).unwrap();
        }
        text.push_str("\n\n");
    }
    text
}

fn new(before: &[Chunk], after: &[Chunk]) -> usize {
    let before: BTreeSet<_> = before.iter().map(|chunk| chunk.hash).collect();
    after.iter().filter(|chunk| !before.contains(&chunk.hash)).count()
}

/// Counts the chunks that each kind of edit makes new, for every paragraph, every sentence and every fifth word of a
/// text.
fn edits(text: &str) -> BTreeMap<&'static str, BTreeMap<usize, usize>> {
    const SENTENCE: &str = "This sentence was added later, and it is about as long as others are.";
    let before = chunks(text, ChunkLimits::default());
    let mut counts: BTreeMap<_, BTreeMap<_, _>> = BTreeMap::new();
    let mut edit = |kind, range: Range<usize>, put: &str| {
        let after = format!("{}{put}{}", &text[..range.start], &text[range.end..]);
        *counts.entry(kind).or_default().entry(new(&before, &chunks(&after, ChunkLimits::default()))).or_default() += 1;
    };
    let blocks: Vec<_> = sections(text).into_iter().flat_map(|section| section.blocks).collect();
    let top: Vec<_> = blocks.iter().filter(|block| block.depth == 0).collect();
    for (n, block) in top.iter().enumerate() {
        let range = trimmed(text, block.at..top.get(n + 1).map_or(text.len(), |next| next.at));
        let paragraph = &text[range.clone()];
        if block.is_heading || block.is_code || !paragraph.starts_with(char::is_alphanumeric) {
            continue;
        }
        for (n, word) in paragraph.split_whitespace().enumerate() {
            let at = word.as_ptr().addr() - text.as_ptr().addr();
            if n < RANK_WORDS || n % 5 == 4 {
                edit(if n < RANK_WORDS { "first words" } else { "words" }, at..at + word.len(), "elsewhere");
            }
        }
        for at in sentences(paragraph) {
            edit("sentence added", range.start + at..range.start + at, &format!("{SENTENCE} "));
        }
        edit("sentence added", range.end..range.end, &format!(" {SENTENCE}"));
        edit("sentence before", range.start..range.start, &format!("{SENTENCE} "));
        edit("paragraph deleted", range.clone(), "");
        edit("paragraph before", range.start..range.start, &format!("Something new. {SENTENCE}\n\n"));
    }
    counts
}

/// An edit makes three chunks new if it makes a chunk exceed its limit where its end is the overlap of the next one.
/// The bounds below measure how rare this is; every document has such places, so the bounds leave room for future
/// texts.
#[test]
fn an_edited_paragraph_changes_two_chunks_at_most() {
    let own = |name| std::fs::read_to_string(format!("{}/../{name}", env!("CARGO_MANIFEST_DIR"))).unwrap();
    let texts = [
        ("generated 1", long_document(1)),
        ("generated 2", long_document(2)),
        ("ARCHITECTURE.md", own("ARCHITECTURE.md")),
        ("docs/operations.md", own("docs/operations.md")),
    ];
    let mut sums: BTreeMap<_, BTreeMap<usize, usize>> = BTreeMap::new();
    for (name, text) in texts {
        let counts = edits(&text);
        println!("{name}, {} chunks: {counts:?}", chunks(&text, ChunkLimits::default()).len());
        for (kind, counts) in counts {
            for (new, count) in counts {
                *sums.entry(kind).or_default().entry(new).or_default() += count;
            }
        }
    }
    for (kind, more_than_two_in) in [("words", 1_000), ("sentence added", 50), ("first words", 50)] {
        let all: usize = sums[kind].values().sum();
        let more: usize = sums[kind].range(3..).map(|(_, count)| count).sum();
        assert!(all > 300 && more <= all / more_than_two_in, "{kind}: {:?}", sums[kind]);
    }
    assert!(sums.values().all(|counts| counts.keys().all(|new| *new <= 5)), "{sums:?}");
}
