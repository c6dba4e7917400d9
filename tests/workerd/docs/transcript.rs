//! Commands of a page and their outputs: read from its blocks, compared without what differs from run to run, and written back.

use std::collections::HashMap;
use std::sync::LazyLock;

use regex::{Captures, Regex};

/// Fence of a block that shows commands.
const FENCE: &str = "```text";
/// Beginning of a line with a command.
const PROMPT: &str = "$ ";

/// Texts that differ from run to run, each with a name that replaces it. Ids follow: they are numbered in the order of the block.
static VARYING: LazyLock<Vec<(Regex, &'static str)>> = LazyLock::new(|| {
    let patterns = [
        (r"ls_[0-9a-f]{16}_\S+", "ls_KEY"),
        (r"whsec_\S+", "whsec_SECRET"),
        (r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z( \((now|in [^)]*|[^)]* ago)\))?", "TIME"),
        (r"\b\d+ (ms|s|min|h|d)\b", "SPAN"),
        (r"http://127\.0\.0\.1:\d+", "ADDRESS"),
        (r"\b\d+\.\d+\.\d+\b", "VERSION"),
        (r"(\S) {2,}", "$1  "),
    ];
    patterns.into_iter().map(|(pattern, name)| (Regex::new(pattern).unwrap(), name)).collect()
});
/// Ids: of jobs, actions and causes, of keys, and of requests.
static IDS: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r"\b(?:job_|act_)?0[0-9A-HJKMNP-TV-Z]{25,27}\b|\bcause_[A-Za-z0-9_-]{16}|\b[0-9a-f]{16}\b").unwrap()
});
static DIGITS: LazyLock<Regex> = LazyLock::new(|| Regex::new(r"\d+").unwrap());
static KEYS: LazyLock<Regex> = LazyLock::new(|| Regex::new(r"(ls_[0-9a-f]{16}_|whsec_)[^\s.]+").unwrap());

/// A command and its output, as a block shows them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Shown {
    pub(super) command: String,
    pub(super) output: String,
}

impl Shown {
    /// Returns the lines of the page.
    pub(super) fn text(&self) -> String {
        format!("{PROMPT}{}\n{}", self.command, self.output)
    }

    /// Returns another form of the command, with its ids in the output, too.
    pub(super) fn with_ids_of(&self, command: String) -> Shown {
        let ids = IDS.find_iter(&self.command).zip(IDS.find_iter(&command));
        let output = ids.fold(self.output.clone(), |output, (old, new)| output.replace(old.as_str(), new.as_str()));
        Shown { command, output }
    }
}

/// A part of a page.
#[derive(Debug, PartialEq, Eq)]
enum Part {
    Text(String),
    Commands(Vec<Shown>),
}

/// A page with commands.
#[derive(Debug)]
pub(super) struct Transcript(Vec<Part>);

impl Transcript {
    /// Reads a page.
    pub(super) fn read(page: &str) -> Transcript {
        let (mut parts, mut lines) = (Vec::new(), page.lines().peekable());
        while let Some(line) = lines.next() {
            let is_shown = line == FENCE && lines.peek().is_some_and(|next| next.starts_with(PROMPT));
            parts.push(Part::Text(format!("{line}\n")));
            if !is_shown {
                continue;
            }
            let mut shown: Vec<Shown> = Vec::new();
            for line in lines.by_ref().take_while(|line| *line != "```") {
                match (line.strip_prefix(PROMPT), shown.last_mut()) {
                    (Some(command), _) => shown.push(Shown { command: command.to_owned(), output: String::new() }),
                    (None, Some(last)) => last.output.extend([line, "\n"]),
                    (None, None) => unreachable!("the first line of the block is a command"),
                }
            }
            parts.extend([Part::Commands(shown), Part::Text("```\n".to_owned())]);
        }
        Transcript(parts)
    }

    /// Returns the commands of each block.
    pub(super) fn blocks(&mut self) -> impl Iterator<Item = &mut Vec<Shown>> {
        self.0.iter_mut().filter_map(|part| match part {
            Part::Text(_) => None,
            Part::Commands(shown) => Some(shown),
        })
    }

    /// Returns the text of the page.
    pub(super) fn text(&self) -> String {
        let of_part = |part: &Part| match part {
            Part::Text(text) => text.clone(),
            Part::Commands(shown) => shown.iter().map(Shown::text).collect::<Vec<_>>().concat(),
        };
        self.0.iter().map(of_part).collect()
    }
}

/// Names of ids, in the order in which a block shows them.
#[derive(Debug, Default)]
pub(super) struct Ids(HashMap<String, usize>);

impl Ids {
    /// Replaces what differs from run to run: keys, times and spans by their names, and ids by numbers that tell which are
    /// equal. With `numbers_vary` all other numbers are replaced, too.
    pub(super) fn normal(&mut self, text: &str, numbers_vary: bool) -> String {
        let named = VARYING
            .iter()
            .fold(text.to_owned(), |text, (pattern, name)| pattern.replace_all(&text, *name).into_owned());
        let numbered = IDS.replace_all(&named, |id: &Captures<'_>| {
            let next = self.0.len();
            let number = *self.0.entry(id[0].to_owned()).or_insert(next);
            format!("ID-{}", letters(number))
        });
        if numbers_vary { DIGITS.replace_all(&numbered, "N").into_owned() } else { numbered.into_owned() }
    }
}

/// Returns a number as letters, which are no digits that may vary.
fn letters(number: usize) -> String {
    number
        .to_string()
        .chars()
        .filter_map(|digit| char::from_u32(u32::from(digit) - u32::from('0') + u32::from('a')))
        .collect()
}

/// Replaces an address by the one that the page shows. Columns of tables stay aligned.
pub(super) fn with_address(text: &str, address: &str, shown: &str) -> String {
    let missing = " ".repeat(address.len().saturating_sub(shown.len()));
    let of_line = |line: &str| {
        let mut parts = line.split(address);
        let first = parts.next().unwrap_or_default().to_owned();
        parts.fold(first, |line, part| {
            let aligned = part.replacen("  ", &format!("  {missing}"), 1);
            line + shown + &aligned
        })
    };
    text.split_inclusive('\n').map(of_line).collect()
}

/// Shortens secrets: a page shows none.
pub(super) fn without_secrets(text: &str) -> String {
    KEYS.replace_all(text, "$1...").into_owned()
}

#[test]
fn a_page_is_written_as_it_was_read() {
    let page = "# A\n\n```text\n$ a b\nc\n\n$ d\n```\n\n```text\nno command\n```\n";
    let mut transcript = Transcript::read(page);
    let shown = |command: &str, output: &str| Shown { command: command.into(), output: output.into() };
    assert_eq!(transcript.blocks().collect::<Vec<_>>(), [&[shown("a b", "c\n\n"), shown("d", "")]]);
    assert_eq!(transcript.text(), page);
}

#[test]
fn equal_ids_stay_equal_and_words_stay() {
    let normal = |text: &str| Ids::default().normal(text, false);
    let (first, other) = ("job_0001KBJ3DW00ZX3VJ5T8M4QY6R7N", "job_0001KBJ1B2009Q8N3W0C6PXS2D4E");
    assert_eq!(normal(&format!("{first} {other} {first}")), "ID-a ID-b ID-a");
    assert_eq!(normal("ID    AT\nx  2026-11-02T08:00:00.000Z (3 h ago)"), "ID  AT\nx  TIME");
    assert_eq!(normal("  Waits 5 s, 2 attempts"), "  Waits SPAN, 2 attempts");
    assert_eq!(normal("0f3a9c1be2d47586 01KBJ3DW00ZX3VJ5T8M4QY6R7N"), "ID-a ID-b");
    assert_ne!(normal("STATE  KIND"), normal("STATE  KINDS"), "a header that changes is seen");
    assert_eq!(Ids::default().normal("3 messages", true), "N messages");
    let row = "a  http://127.0.0.1:41000/x  1\nb  http://other            2\n";
    let shown = "a  http://127.0.0.1:8788/x   1\nb  http://other            2\n";
    assert_eq!(with_address(row, "http://127.0.0.1:41000", "http://127.0.0.1:8788"), shown);
    assert_eq!(without_secrets("key  ls_0f3a9c1be2d47586_ab12_cd"), "key  ls_0f3a9c1be2d47586_...");
}
