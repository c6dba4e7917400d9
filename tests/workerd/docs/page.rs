//! Pages of Markdown and their fenced blocks.

use longshore_kit::scratch::repository;

/// The name of what `make dev` prints, which is run as a page of one block.
pub(super) const MAKE_DEV: &str = "make dev";

/// Languages of blocks that run, as a fence names them.
const RUN: [&str; 3] = ["sh", "python", "ts"];
/// Languages of blocks that only show something. A block in any other language fails the test, so that no shell block
/// hides behind the name `bash`.
const SHOWN: [&str; 4] = ["", "text", "json", "toml"];

/// A fenced block that could run.
pub(super) struct Block {
    pub(super) language: String,
    /// True unless the fence says `no-run`.
    pub(super) is_run: bool,
    /// The text of the block, without the indentation of its fence.
    pub(super) text: String,
    /// The line of its fence, from 1.
    pub(super) line: usize,
}

/// A page, by its path from the root.
pub(super) struct Page {
    pub(super) path: String,
    pub(super) blocks: Vec<Block>,
}

impl Page {
    pub(super) fn of_make_dev(session: &str) -> Page {
        let block = Block { language: "sh".into(), is_run: true, text: session.to_owned(), line: 1 };
        Page { path: MAKE_DEV.to_owned(), blocks: vec![block] }
    }

    fn read(path: &str) -> Page {
        let text = std::fs::read_to_string(repository().join(path)).unwrap();
        let (mut blocks, mut lines) = (Vec::new(), text.lines().enumerate());
        while let Some((index, line)) = lines.next() {
            let indentation = line.len() - line.trim_start().len();
            let Some(fence) = line.trim_start().strip_prefix("```") else {
                continue;
            };
            let closes = |line: &str| line.trim() == "```";
            let inside = lines.by_ref().map(|(_, line)| line).take_while(|line| !closes(line));
            let inside: Vec<_> = inside.map(|line| line.get(indentation..).unwrap_or_default()).collect();
            let text = inside.join("\n");
            let (language, rest) = fence.split_once(' ').unwrap_or((fence, ""));
            let at = format!("{path}, line {}", index + 1);
            assert!(RUN.contains(&language) || SHOWN.contains(&language), "{at}: `{language}` is not run");
            assert!(rest.is_empty() || rest == "no-run", "{at}: `{rest}`");
            if RUN.contains(&language) {
                blocks.push(Block { language: language.to_owned(), is_run: rest.is_empty(), text, line: index + 1 });
            } else if language == "json" {
                serde_json::from_str::<serde_json::Value>(&text).unwrap_or_else(|error| panic!("{at}: {error}"));
            }
        }
        Page { path: path.to_owned(), blocks }
    }
}

/// Every page for readers.
pub(super) fn pages() -> Vec<Page> {
    let in_docs = std::fs::read_dir(repository().join("docs")).unwrap();
    let in_docs =
        in_docs.map(|entry| entry.unwrap().path()).filter(|path| path.extension().is_some_and(|it| it == "md"));
    let mut paths: Vec<_> =
        in_docs.map(|path| format!("docs/{}", path.file_name().unwrap().to_string_lossy())).collect();
    let others = ["README.md", "ARCHITECTURE.md", "CONTRIBUTING.md", "SECURITY.md"];
    paths.extend(
        others.into_iter().chain(["clients/python/README.md", "clients/typescript/README.md"]).map(str::to_owned),
    );
    paths.sort();
    paths.iter().map(|path| Page::read(path)).collect()
}
