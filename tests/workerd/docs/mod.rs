//! Runs the code blocks of the pages as a reader does: page after page, block after block, pasted into an interactive
//! bash and zsh, against what `make dev` starts. `blocks.json` says what each block prints.

mod commands;
mod dev;
mod expected;
mod page;
mod session;
mod shell;
mod transcript;

use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use longshore_kit::scratch::{Scratch, repository};

use crate::docs::dev::Dev;
use crate::docs::expected::{Expected, expected_pages};
use crate::docs::page::{Block, Page, pages};
use crate::docs::session::{BLOCK_WITHIN, Session};
use crate::docs::shell::{SHELLS, Shell};
use crate::support::world::block_on;

/// Number of blocks that do not run, because they need an account, the network or many minutes. Change it deliberately.
const NOT_RUN: usize = 18;

/// Returns a folder of TypeScript snippets: inside the package, so that they can import it by its name.
fn snippets(of: &str) -> PathBuf {
    repository().join("clients/typescript/test/generated").join(of)
}

fn runs_in(shell: Shell) {
    if !shell.is_installed() {
        return;
    }
    block_on(async {
        let scratch = Scratch::new("docs").unwrap();
        let dev = Dev::start(&scratch).await;
        let mut wrong = Vec::new();
        for (page, expected) in pages_with_expected(&dev.session) {
            if expected.iter().any(|expected| expected.no_run.is_none()) {
                wrong.extend(run_page(shell, &dev, &scratch, &page, &expected).await.err());
            }
        }
        // The client's own checks read this folder too.
        let _ = std::fs::remove_dir_all(snippets(shell.name()));
        let end = dev.end_of_log();
        dev.stop().await;
        assert!(wrong.is_empty(), "{}\n\nThe end of the log:\n{end}", wrong.join("\n\n"));
    });
}

/// Each page in the order of `blocks.json`, with what its blocks print.
fn pages_with_expected(make_dev: &str) -> Vec<(Page, Vec<Expected>)> {
    let mut pages = pages();
    pages.push(Page::of_make_dev(make_dev));
    let with_expected = expected_pages().into_iter().map(|expected| {
        let found = pages.iter().position(|page| page.path == expected.page);
        let page = pages.remove(found.unwrap_or_else(|| panic!("{} has no blocks", expected.page)));
        assert_eq!(page.blocks.len(), expected.blocks.len(), "blocks.json has each block of {}", page.path);
        (page, expected.blocks)
    });
    with_expected.collect()
}

async fn run_page(
    shell: Shell,
    dev: &Dev,
    scratch: &Scratch,
    page: &Page,
    expected: &[Expected],
) -> Result<(), String> {
    let mut session = Session::start(shell, BLOCK_WITHIN);
    // What a reader pastes first.
    session.run(&dev.export).await?;
    for (index, (block, expected)) in page.blocks.iter().zip(expected).enumerate() {
        if expected.no_run.is_some() {
            continue;
        }
        let about = |error: String| {
            format!("{} in {}, block {} in line {}: {error}", page.path, shell.name(), index + 1, block.line)
        };
        session.run(&dev.at_its_ports(&expected.given)).await.map_err(about)?;
        let command = command_of(block, &snippet_name(page, index), scratch, shell.name());
        let output = session.run(&dev.at_its_ports(&command)).await.map_err(about)?;
        expected.check(&output).map_err(about)?;
    }
    session.end().await;
    Ok(())
}

fn snippet_name(page: &Page, index: usize) -> String {
    format!("{}-{}", page.path.replace(['/', '.'], "-"), index + 1)
}

/// Returns the pasted text: the block itself, or the command that runs it as a file.
fn command_of(block: &Block, name: &str, scratch: &Scratch, of: &str) -> String {
    let (program, file) = match block.language.as_str() {
        "python" => ("python3", scratch.path().join(format!("{name}.py"))),
        "ts" => ("node", snippets(of).join(format!("{name}.ts"))),
        _ => return block.text.clone(),
    };
    std::fs::create_dir_all(file.parent().unwrap()).unwrap();
    std::fs::write(&file, &block.text).unwrap();
    format!("{program} {}", file.display())
}

#[test]
fn the_blocks_run_in_bash() {
    runs_in(Shell::Bash);
}

#[test]
fn the_blocks_run_in_zsh() {
    runs_in(Shell::Zsh);
}

/// A block that does not run has a reason in `blocks.json`, and both shells can parse it.
#[test]
fn blocks_that_do_not_run_are_known_and_parse() {
    let scratch = Scratch::new("docs-parsed").unwrap();
    let pages = pages_with_expected("true");
    let not_run = pages.iter().flat_map(|(_, expected)| expected).filter(|expected| expected.no_run.is_some());
    assert_eq!(not_run.count(), NOT_RUN);
    let blocks = pages.iter().flat_map(|(page, expected)| page.blocks.iter().zip(expected).map(move |of| (page, of)));
    for (page, (block, expected)) in blocks {
        let at = format!("{} line {}", page.path, block.line);
        assert_eq!(!block.is_run, expected.no_run.is_some(), "{at}: the fence and blocks.json agree on no-run");
        // An interactive zsh has no comments: it reads their words as arguments.
        let is_comment = |word: &str| block.language == "sh" && word.starts_with('#');
        assert!(!block.text.split_whitespace().any(is_comment), "{at}: a comment");
        if block.is_run {
            continue;
        }
        let file = scratch.path().join("block");
        std::fs::write(&file, &block.text).unwrap();
        for shell in SHELLS.into_iter().filter(|shell| shell.is_installed()) {
            let parsed = Command::new(shell.name()).arg("-n").arg(&file).output().unwrap();
            assert!(parsed.status.success(), "{at}: {}", String::from_utf8_lossy(&parsed.stderr));
        }
    }
}

/// Every page with a block that could run is in `blocks.json`.
#[test]
fn no_page_is_left_out() {
    let known = expected_pages();
    let of_pages: Vec<_> = pages().into_iter().filter(|page| !page.blocks.is_empty()).map(|page| page.path).collect();
    let left: Vec<_> = of_pages.iter().filter(|path| known.iter().all(|known| known.page != **path)).collect();
    assert!(of_pages.len() > 10 && left.is_empty(), "{left:?}");
}

/// Checks that a block that fails for a reader fails here too; otherwise the runs above prove nothing.
#[test]
fn what_fails_in_an_interactive_shell_fails_here() {
    const WITHIN: Duration = Duration::from_secs(20);
    if !Shell::Zsh.is_installed() {
        return;
    }
    block_on(async {
        let mut zsh = Session::start(Shell::Zsh, WITHIN);
        let (status, stderr) = zsh.run("# a comment").await.map(|output| (output.status, output.stderr)).unwrap();
        assert_eq!((status, stderr.trim()), (127, "zsh: command not found: #"));
        assert_eq!(zsh.run("echo /nowhere-*").await.unwrap().status, 1, "zsh fails when a pattern matches nothing");
        assert!(zsh.run("echo \"open").await.is_err(), "a quote that stays open is seen");
        let mut bash = Session::start(Shell::Bash, WITHIN);
        let output = bash.run("echo out; echo err >&2; false").await.unwrap();
        assert_eq!((output.status, output.stdout.as_str(), output.stderr.as_str()), (1, "out\n", "err"));
    });
}

/// The snippets in TypeScript have the types that the client declares.
#[test]
fn the_snippets_in_typescript_have_types() {
    let scratch = Scratch::new("docs-types").unwrap();
    for page in pages() {
        for (index, block) in page.blocks.iter().enumerate().filter(|(_, block)| block.language == "ts") {
            command_of(block, &snippet_name(&page, index), &scratch, "types");
        }
    }
    let client = repository().join("clients/typescript");
    let tsc = client.join("node_modules/.bin/tsc");
    assert!(tsc.exists(), "{} is missing: run `make clients`", tsc.display());
    let node = repository().join("node_modules/.bin/node");
    let checked = Command::new(node)
        .arg(tsc.canonicalize().unwrap())
        .args(["--project", "tsconfig.test.json"])
        .current_dir(&client)
        .output()
        .unwrap();
    std::fs::remove_dir_all(snippets("types")).unwrap();
    assert!(checked.status.success(), "{}", String::from_utf8_lossy(&checked.stdout));
}
