//! The project's language: one word for each thing, plain sentences, and doc comments that stand alone.

use regex::{Regex, RegexSet};

use super::files;

/// Folders and files whose words are checked.
const TEXTS: [&str; 11] =
    ["shared", "producer", "consumer", "client", "cli", "clients", "examples", "migrations", "tests", "docs", ".ci"];
const ENDINGS: [&str; 12] =
    [".rs", ".sql", ".md", ".mjs", ".ts", ".py", ".sh", ".toml", ".json", ".yml", ".yaml", "run"];

/// Words that the project replaced by a term of the field, with that term.
const LEFT: [(&str, &str); 21] = [
    (r"marks?", "watermark, or highlight"),
    (r"look_at", "next_check_at"),
    (r"suspects?", "quarantined"),
    (r"bury|buries|buried|burying", "dead-letter"),
    (r"bury_on", "dead_letter_on"),
    (r"strays?", "malformed message"),
    (r"damping", "re-dispatch back-off"),
    (r"slots?", "occurrence"),
    (r"firings?", "occurrence"),
    (r"brings?|brought|bringing", "upsert, ingest, send or take"),
    (r"cuts?|cutting", "chunk, truncate or split"),
    (r"generations?", "index version or secret version"),
    (r"dialects?", "provider protocol"),
    (r"kept vectors?", "embedding cache"),
    (r"lanes?", "queue"),
    (r"hand(s|ed)? back", "release"),
    (r"Maker", "Submitter"),
    (r"Told", "a name of what it is"),
    (r"Standing", "a name of what it is"),
    (r"Asks", "requests"),
    (r"exactly-once delivery", "delivery is at least once"),
];

/// Phrases that a reader must read twice, with what to write.
const PHRASES: [(&str, &str); 37] = [
    (r"of (its|their|his|our|one's) own\b", "its own, separate"),
    (r"\b(is|are|was|were|be|been) told\b", "name the actor: the caller sees"),
    (r"\btell(s|ing)? of\b", "documents, lists"),
    (r"\bwants? eyes\b", "alert on"),
    (r"\bas one it is\b", "say it in the active voice"),
    (r"\bbut for\b", "except"),
    (r"\bno such thing\b", "not found"),
    (r"\ball else\b", "everything else"),
    (r"\bwhoever\b", "name the actor"),
    (r"\banswers? always\b", "Infallible: every failure becomes ..."),
    (r"\bmend(s|ed|ing)?\b", "fix, repair"),
    (r"\bheld? against\b", "compare with, check"),
    (r"\bgo(es)? on\b", "continue"),
    (r"\banew\b", "again, rebuild"),
    (r"\bas (it|they) stands?\b", "the current"),
    (r"\bwhat stands\b", "the current state"),
    (r"\b(takes?|taken|took) away\b", "delete, remove"),
    (r"\bthere no more\b", "no longer exists"),
    (r"\bis no more\b", "no longer exists"),
    (r"\bwhat (came|comes|becomes?|became) of\b", "the result of"),
    (r"\b(is|are|was|were) not there\b", "is missing, does not exist"),
    (r"\bthat (is|are) there\b", "that exists"),
    (r"\bwhat is there\b", "what exists"),
    (r"\bgiven up\b", "abandoned, dropped"),
    (r"\bleaves? in pieces\b", "is deleted in batches"),
    (r"\bof (ours|theirs)\b", "our, name the owner"),
    (r"\b(its|their) place\b", "replaces, position"),
    (r"\bto blame\b", "caused by"),
    (r"\bwhat is (no|not)\b", "a positive sentence"),
    (r"\b(is|are) to be\b", "must, will"),
    (r"\bwere (it|they)\b", "if it were"),
    (r"\bsomething of\b", "name it"),
    (r"\boffered here\b", "use, supported"),
    (r"\ba kind of your own\b", "a job type that you define"),
    (r"\brows? leaves?\b", "is deleted"),
    (r"\bthat many\b", "give the number"),
    (r"\bin its turn\b", "then"),
];

/// First words that make a doc comment depend on something else than itself.
const STARTS: &str = r"^(What|That|How|Whether|Why|Where|When|Whenever|Who|Whose|Whoever|Which|It|Its|They|Their|There|This|These|Here|Of|For|In|On|At|By|As|To|With|Without|From|Up|Under|Over|Between|After|Before|Since|Until|While|If|Unless|Because|So|And|Or|But|Not|Nothing|Nobody|Never|Also|Always|Then|Once|Is|Are|Was|Has|Have|Had|Does|Do|Did|Must|May|Can|See|Return|Get|Set|Make|Read|Write|Add|Delete|Take|Send|Find|Put|Give|Let|Be)\b";

/// Terms of others that contain a replaced word: the HTML element of a highlight, Unicode's name, a module of Python's test
/// runner.
const OTHERS: [&str; 5] = ["<mark>", "</mark>", "mark&gt;", "byte order mark", "pytest.mark"];

/// Texts of others, and this list.
fn is_exempt(path: &str) -> bool {
    ["tests/quality/texts/", "tests/fuzz/seeds/", "tests/quality/questions.json", "tests/native/words.rs"]
        .iter()
        .any(|part| path.starts_with(part))
        || ["Cargo.lock", "package-lock.json", "zones.txt"].iter().any(|end| path.ends_with(end))
}

fn texts() -> Vec<(String, String)> {
    let mut texts = files(&TEXTS, &ENDINGS);
    for name in
        ["README.md", "ARCHITECTURE.md", "CHANGELOG.md", "CONTRIBUTING.md", "SECURITY.md", "Makefile", "wrangler.toml"]
    {
        texts.push((name.to_owned(), std::fs::read_to_string(super::root().join(name)).unwrap()));
    }
    texts.retain(|(path, _)| !is_exempt(path));
    assert!(texts.len() > 400, "only {} texts were found", texts.len());
    texts
}

/// Every line that one of the patterns matches, with the advice beside the pattern.
fn matches(patterns: &[(&str, &str)], wrap: impl Fn(&str) -> String) -> Vec<String> {
    let set = RegexSet::new(patterns.iter().map(|(pattern, _)| wrap(pattern))).unwrap();
    let mut found = Vec::new();
    for (path, text) in texts() {
        for (number, line) in text.lines().enumerate() {
            for hit in &set.matches(&OTHERS.iter().fold(line.to_owned(), |line, term| line.replace(term, ""))) {
                let (pattern, instead) = patterns[hit];
                found.push(format!("{path}:{}: `{pattern}` -> {instead}: {}", number + 1, line.trim()));
            }
        }
    }
    found
}

#[test]
fn replaced_words_are_gone() {
    let found = matches(&LEFT, |word| format!(r"\b({word})\b"));
    assert!(found.is_empty(), "{} lines:\n{}", found.len(), found.join("\n"));
}

#[test]
fn no_phrase_is_a_riddle() {
    let found = matches(&PHRASES, |phrase| format!("(?i){phrase}"));
    assert!(found.is_empty(), "{} lines:\n{}", found.len(), found.join("\n"));
}

/// The doc comments of a source: the number of the first line and the lines without their slashes.
fn doc_comments(text: &str) -> Vec<(usize, Vec<&str>)> {
    let mut comments: Vec<(usize, Vec<&str>)> = Vec::new();
    let mut before = None;
    for (number, line) in text.lines().enumerate() {
        let line = line.trim_start();
        let comment =
            ["///", "//!"].into_iter().find_map(|slashes| Some((slashes, line.strip_prefix(slashes)?.trim())));
        match comment {
            Some((slashes, words)) if before == Some(slashes) => comments.last_mut().unwrap().1.push(words),
            Some((_, words)) => comments.push((number + 1, vec![words])),
            None => {}
        }
        before = comment.map(|(slashes, _)| slashes);
    }
    comments
}

/// Tells why a doc comment is no statement that stands alone; `None` if it is one.
fn fault(comment: &[&str], starts: &Regex) -> Option<&'static str> {
    let first: Vec<_> = comment.iter().take_while(|line| !line.is_empty()).collect();
    if first.first().is_some_and(|line| starts.is_match(line)) {
        return Some("begin with a noun phrase or a verb in the third person");
    }
    // Markdown's definitions of links say nothing by themselves.
    let said = comment.iter().rfind(|line| !(line.is_empty() || line.starts_with('[') && line.contains("]: ")));
    let ends = |line: &&str| [".", ":", "|", "```"].iter().any(|end| line.ends_with(end));
    let whole = first.last().is_some_and(|line| ends(line)) && said.is_some_and(ends);
    (!whole).then_some("end with a full stop")
}

#[test]
fn doc_comments_stand_alone() {
    let starts = Regex::new(STARTS).unwrap();
    let mut found = Vec::new();
    for (path, text) in files(&TEXTS, &[".rs"]).into_iter().filter(|(path, _)| !is_exempt(path)) {
        for (number, comment) in doc_comments(&text) {
            if let Some(fault) = fault(&comment, &starts) {
                found.push(format!("{path}:{number}: {fault}: {}", comment[0]));
            }
        }
    }
    assert!(found.is_empty(), "{} comments:\n{}", found.len(), found.join("\n"));
}

#[test]
fn what_doc_comments_must_be_is_checked() {
    let starts = Regex::new(STARTS).unwrap();
    for (comment, expected) in [
        (&["Releases expired keys."][..], true),
        (&["Number of failed attempts,", "at most 50."], true),
        (&["What was found."], false),
        (&["Of the secret."], false),
        (&["Number of failed attempts"], false),
        (&["The rows.", "", "# Errors", "None"], false),
    ] {
        assert_eq!(fault(comment, &starts).is_none(), expected, "{comment:?}");
    }
}
