//! Blocks of a Markdown text, and the sections between its headings. Plain text counts as Markdown with paragraphs
//! only.

use std::ops::Range;

use pulldown_cmark::{Event, Options, Parser, Tag};

use crate::limits::DOCUMENT_CHUNKS_MAX;

/// Maximum number of characters of a heading in its path. Every chunk below repeats the path, and a document that is
/// one long heading must not be repeated with it: 6 levels have at most 720 characters and their separators.
pub const HEADING_CHARS_MAX: usize = 120;
/// Maximum number of sections of a text. A document with more is refused; without a limit their paths alone would use
/// up all memory.
const SECTIONS_MAX: usize = DOCUMENT_CHUNKS_MAX + 1;
/// Separator between the titles of a path.
const SEPARATOR: &str = " > ";

/// Start of a block.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Block {
    /// Position of the first byte in the text.
    pub(super) at: usize,
    /// Number of blocks around it.
    pub(super) depth: usize,
    /// True for a heading that is in no other block.
    pub(super) is_heading: bool,
    /// True for code, where a full stop ends no sentence.
    pub(super) is_code: bool,
}

/// The text below a heading, or below several headings of rising depth that follow each other directly.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Section {
    /// Titles of the headings above, with its own at the end: `Guide > Setup`.
    pub(super) path: String,
    /// Byte range, headings included. All sections together are the text, except a BOM before it.
    pub(super) range: Range<usize>,
    /// Blocks in order; of several that begin at one position, the outermost.
    pub(super) blocks: Vec<Block>,
}

/// Level, title and end of a heading.
struct Heading {
    level: usize,
    title: String,
    end: usize,
}

/// Splits a text into its sections, in order.
pub(super) fn sections(text: &str) -> Vec<Section> {
    let mut sections = Vec::new();
    let mut open = Section::default();
    open.range.start = text.len() - without_bom(text).len();
    let mut path: Vec<(usize, String)> = Vec::new();
    let mut headings_end = open.range.start;
    for (block, heading) in blocks(text) {
        if let Some(Heading { level, title, end }) = heading {
            let follows = text.get(headings_end..block.at).is_some_and(|between| between.trim().is_empty());
            let begins = !(follows && path.last().is_none_or(|(above, _)| level > *above));
            if begins && sections.len() < SECTIONS_MAX {
                open.range.end = block.at;
                sections.push(std::mem::take(&mut open));
                open.range.start = block.at;
            }
            headings_end = end;
            path.retain(|(above, _)| *above < level);
            path.push((level, title));
            open.path = path.iter().map(|(_, title)| title.as_str()).collect::<Vec<_>>().join(SEPARATOR);
        }
        open.blocks.push(block);
    }
    open.range.end = text.len();
    sections.push(open);
    sections
}

/// Returns the part of a path above the headings at the beginning of the text.
pub(super) fn above<'a>(path: &'a str, text: &str) -> &'a str {
    let own: Vec<_> = blocks(text).into_iter().map_while(|(_, heading)| heading).map(|heading| heading.title).collect();
    match path.strip_suffix(&own.join(SEPARATOR)) {
        Some("") => "",
        Some(rest) => rest.strip_suffix(SEPARATOR).unwrap_or(path),
        None => path,
    }
}

/// Strips the BOM that an editor has put before a text; it is not part of the text.
fn without_bom(text: &str) -> &str {
    text.trim_start_matches('\u{FEFF}')
}

fn blocks(text: &str) -> Vec<(Block, Option<Heading>)> {
    let text_without_bom = without_bom(text);
    let skipped = text.len() - text_without_bom.len();
    let options = Options::ENABLE_TABLES | Options::ENABLE_YAML_STYLE_METADATA_BLOCKS;
    let mut blocks: Vec<(Block, Option<Heading>)> = Vec::new();
    let mut depth = 0_usize;
    for (event, range) in Parser::new_ext(text_without_bom, options).into_offset_iter() {
        let range = range.start + skipped..range.end + skipped;
        let open_heading = blocks.last_mut().and_then(|(_, heading)| heading.as_mut());
        if let (Some(heading), Some(part)) = (open_heading, title_text(&event))
            && range.end <= heading.end
        {
            let left = HEADING_CHARS_MAX.saturating_sub(heading.title.chars().count());
            heading.title.extend(part.chars().take(left));
        }
        let is_new = blocks.last().is_none_or(|(last, _)| last.at < range.start);
        if begins_block(&event) && is_new && text.is_char_boundary(range.start) {
            let heading = match &event {
                Event::Start(Tag::Heading { level, .. }) if depth == 0 => {
                    Some(Heading { level: *level as usize, title: String::new(), end: range.end })
                }
                _ => None,
            };
            let is_code = matches!(event, Event::Start(Tag::CodeBlock(_)));
            blocks.push((Block { at: range.start, depth, is_heading: heading.is_some(), is_code }, heading));
        }
        match event {
            Event::Start(_) => depth += 1,
            Event::End(_) => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    blocks
}

/// Text that an event adds to the title of a heading. Any kind of line break separates two words.
fn title_text<'a>(event: &'a Event<'_>) -> Option<&'a str> {
    match event {
        Event::Text(part) | Event::Code(part) => Some(part),
        Event::SoftBreak | Event::HardBreak => Some(" "),
        Event::InlineHtml(tag) if is_break(tag) => Some(" "),
        _ => None,
    }
}

/// Matches a `<br>` tag in all its forms.
fn is_break(tag: &str) -> bool {
    let name = tag.trim_start_matches('<').trim_end_matches(['/', '>', ' ']);
    name.split_ascii_whitespace().next().is_some_and(|name| name.eq_ignore_ascii_case("br"))
}

fn begins_block(event: &Event<'_>) -> bool {
    match event {
        Event::Start(Tag::Emphasis | Tag::Strong | Tag::Link { .. } | Tag::Image { .. } | Tag::TableCell) => false,
        Event::Start(_) | Event::Rule => true,
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn paths_and_texts(text: &str) -> Vec<(String, &str)> {
        sections(text).into_iter().map(|section| (section.path, text[section.range].trim())).collect()
    }

    #[test]
    fn headings_make_sections_and_paths() {
        let text = "Before.\n\n# Guide\n\nHello.\n\n## Set *up* `it`\nSteps.\n\nTitle\n=====\nEnd.\n";
        let expected = [
            ("", "Before."),
            ("Guide", "# Guide\n\nHello."),
            ("Guide > Set up it", "## Set *up* `it`\nSteps."),
            ("Title", "Title\n=====\nEnd."),
        ];
        assert_eq!(paths_and_texts(text), expected.map(|(path, text)| (path.to_owned(), text)));
    }

    #[test]
    fn a_text_has_no_more_sections_than_a_refusal_needs() {
        let text = "# a\n\nb\n\n".repeat(2 * SECTIONS_MAX);
        let sections = sections(&text);
        assert_eq!(sections.len(), SECTIONS_MAX + 1);
        assert_eq!(sections.last().unwrap().range.end, text.len(), "one more has the rest");
    }

    #[test]
    fn a_heading_shares_a_section_with_a_deeper_one_right_below() {
        let text = "# A\n\n## B\nb\n## C\n## D\n[d]: https://example.com\n### E\ne";
        let expected = [
            ("A > B", "# A\n\n## B\nb"),
            ("A > C", "## C"),
            ("A > D", "## D\n[d]: https://example.com"),
            ("A > D > E", "### E\ne"),
        ];
        assert_eq!(paths_and_texts(text), expected.map(|(path, text)| (path.to_owned(), text)));
        assert_eq!(paths_and_texts("[a]: b\n\n# H")[0], (String::new(), "[a]: b"));
    }

    #[test]
    fn only_top_level_headings_count() {
        for text in
            ["> # quoted", "- # in a list", "```\n# code\n```", "    # code", "---\ntitle: x\n---\n", "#hashtag"]
        {
            assert_eq!(paths_and_texts(text), [(String::new(), text.trim())], "{text}");
        }
    }

    #[test]
    fn lines_of_a_heading_are_joined_with_a_space() {
        for text in [
            "The team,\nthe *others*\n===\n\nText.",
            "The team,\r\nthe *others*\r\n===\r\n\r\nText.",
            "The team,  \nthe *others*\n---\n\nText.",
            "The team,\\\nthe *others*\n---\n\nText.",
            "The *team,\n  the* others\n---\n\nText.",
            "# The team,<br>the others\n\nText.",
            "# The team,<BR />the <b>others</b>\n\nText.",
        ] {
            assert_eq!(sections(text)[0].path, "The team, the others", "{text}");
            assert_eq!(above("The team, the others", text), "", "{text}");
        }
    }

    #[test]
    fn a_byte_order_mark_is_not_part_of_the_text() {
        let text = "\u{FEFF}# Guide\n\nHello.\n\n## Setup\n\nSteps.";
        let expected = [("Guide", "# Guide\n\nHello."), ("Guide > Setup", "## Setup\n\nSteps.")];
        assert_eq!(paths_and_texts(text), expected.map(|(path, text)| (path.to_owned(), text)));
        let plain = sections("\u{FEFF}a \u{FEFF}b");
        assert_eq!((plain[0].range.clone(), plain[0].blocks[0].at), (3..9, 3));
        assert_eq!(paths_and_texts("\u{FEFF}"), [(String::new(), "")]);
        assert_eq!(paths_and_texts("\u{FEFF}---\ntitle: x\n---\n\n# A")[1].0, "A");
    }

    #[test]
    fn a_long_heading_is_truncated_in_the_path() {
        let text = format!("# {} *{}*\n\ntext", "ä".repeat(100), "ö".repeat(1_000));
        assert_eq!(sections(&text)[0].path.chars().count(), HEADING_CHARS_MAX);
    }

    #[test]
    fn the_path_leaves_out_headings_in_the_text() {
        for (path, text, expected) in [
            ("Guide", "# Guide\n\nHello.", ""),
            ("Guide > Set up it", "## Set *up* `it`\nSteps.", "Guide"),
            ("A > B > C", "## B\n\n### C\nc", "A"),
            ("A > B", "A sentence of the same section.", "A > B"),
            ("A > B", "# B and others\n\nAs code it is no heading.", "A > B"),
            ("Guide B", "# B", "Guide B"),
            ("", "Before.", ""),
        ] {
            assert_eq!(above(path, text), expected, "{text}");
        }
        let long = format!("# {}", "ä".repeat(1_000));
        assert_eq!(above(&sections(&long)[0].path, &long), "");
    }

    #[test]
    fn blocks_have_positions_and_depths() {
        let text = "One.\n\n- a\n\n  b\n- c\n\n```\nx\n```\n\n| h |\n|---|\n| d |\n\n---\n";
        let found: Vec<_> = sections(text)[0]
            .blocks
            .iter()
            .map(|block| (text[block.at..].lines().next().unwrap_or_default(), block.depth, block.is_code))
            .collect();
        let expected = [
            ("One.", 0, false),
            ("- a", 0, false),
            ("a", 2, false),
            ("b", 2, false),
            ("- c", 1, false),
            ("c", 2, false),
            ("```", 0, true),
            ("| h |", 0, false),
            ("| d |", 1, false),
            ("---", 0, false),
        ];
        assert_eq!(found, expected);
    }
}
