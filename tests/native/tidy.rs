//! Rules of the repository, checked by ordinary tests.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod cost;
mod layers;
mod unused;
mod words;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;

use longshore_kit::statements::{Statement, fragments, statements};

const FILE_LINES_MAX: usize = 400;
const FUNCTION_LINES_MAX: usize = 70;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_path_buf()
}

/// Returns every file below these folders with one of these endings, as (path from the root, text).
fn files(folders: &[&str], endings: &[&str]) -> Vec<(String, String)> {
    let mut found = Vec::new();
    let mut open: Vec<PathBuf> = folders.iter().map(|folder| root().join(folder)).collect();
    while let Some(folder) = open.pop() {
        for entry in std::fs::read_dir(&folder).unwrap() {
            let path = entry.unwrap().path();
            let name = path.file_name().unwrap().to_string_lossy().into_owned();
            if path.is_dir() {
                if !["target", "node_modules", "build", "dist", "generated", "assets"].contains(&name.as_str()) {
                    open.push(path);
                }
            } else if endings.iter().any(|ending| name.ends_with(ending)) {
                let from_root = path.strip_prefix(root()).unwrap().to_string_lossy().into_owned();
                found.push((from_root, std::fs::read_to_string(&path).unwrap()));
            }
        }
    }
    found.sort();
    found
}

const SOURCES: [&str; 7] = ["shared", "producer", "consumer", "client", "cli", "clients", "tests"];

#[test]
fn source_files_are_short_and_have_a_header() {
    let mut wrong = Vec::new();
    for (path, text) in files(&SOURCES, &[".rs", ".mjs", ".sql", ".ts", ".py"]) {
        let lines = text.lines().count();
        if lines > FILE_LINES_MAX {
            wrong.push(format!("{path} has {lines} lines"));
        }
        let header = ["//!", "// ", "/**", "-- ", "\"\"\""].iter().any(|header| text.starts_with(header));
        if !header {
            wrong.push(format!("{path} does not begin with a header"));
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn functions_are_kept_short_by_the_linter() {
    let clippy = std::fs::read_to_string(root().join("clippy.toml")).unwrap();
    assert!(clippy.contains(&format!("too-many-lines-threshold = {FUNCTION_LINES_MAX}")), "{clippy}");
    let manifest = std::fs::read_to_string(root().join("Cargo.toml")).unwrap();
    assert!(manifest.contains("too_many_lines = \"deny\"") && manifest.contains("unsafe_code = \"forbid\""));
    let silenced: Vec<_> = files(&SOURCES, &[".rs"])
        .into_iter()
        .filter(|(path, text)| !path.ends_with("tidy.rs") && text.contains("clippy::too_many_lines"))
        .map(|(path, _)| path)
        .collect();
    assert!(silenced.is_empty(), "{silenced:?}");
}

/// Returns the statements of both databases, each with its folder.
fn all_statements() -> Vec<(&'static str, Statement)> {
    ["store", "index"]
        .into_iter()
        .flat_map(|folder| statements(folder).into_iter().map(move |it| (folder, it)))
        .collect()
}

#[test]
fn every_statement_file_is_issued_from_one_place() {
    let code: String =
        files(&["shared/src"], &[".rs"]).into_iter().map(|(_, text)| text.replace(char::is_whitespace, "")).collect();
    let mut wrong = Vec::new();
    let statements = all_statements();
    for (folder, Statement { name, text, .. }) in &statements {
        // Both databases may have a statement of the same name. The example in a comment does not count.
        let namesakes = statements.iter().filter(|(_, other)| other.name == *name).count();
        let examples = usize::from(name == "claim");
        if code.matches(&format!("sql!(\"{name}\"")).count() != namesakes + examples {
            wrong.push(format!("{folder}/{name}.sql is not issued once"));
        }
        if text.contains("BEGIN") || text.contains("PRAGMA") {
            wrong.push(format!("{folder}/{name}.sql has what D1 refuses"));
        }
    }
    assert!(wrong.is_empty() && statements.len() > 150, "{wrong:#?}");
}

#[test]
fn every_fragment_is_shared() {
    let statements = all_statements();
    let users = |folder, name: &String| {
        statements.iter().filter(|(place, it)| *place == folder && it.fragments.contains(name)).count()
    };
    for folder in ["store", "index"] {
        let unshared: Vec<_> = fragments(folder).into_iter().filter(|name| users(folder, name) < 2).collect();
        assert!(unshared.is_empty(), "{folder}/fragments: fewer than two statements include {unshared:?}");
    }
}

/// Maximum number of arguments of a SQL function: D1 documents 32; the local engine accepts 127.
const ARGUMENTS_MAX: usize = 32;

/// Returns the largest number of arguments of any function call in a statement.
fn most_arguments(sql: &str) -> usize {
    let (mut most, mut open, mut in_text) = (0, Vec::new(), false);
    for line in
        sql.lines().map(|line| line.split(" -- ").next().unwrap_or_default()).filter(|line| !line.starts_with("--"))
    {
        for character in line.chars() {
            match character {
                '\'' => in_text = !in_text,
                _ if in_text => {}
                '(' => open.push(1),
                ',' => open.iter_mut().last().into_iter().for_each(|count| *count += 1),
                ')' => most = most.max(open.pop().unwrap_or(0)),
                _ => {}
            }
        }
    }
    most
}

#[test]
fn no_function_takes_more_arguments_than_d1_allows() {
    for (folder, Statement { name, text, .. }) in all_statements() {
        let most = most_arguments(&text);
        assert!(most <= ARGUMENTS_MAX, "{folder}/{name}.sql has a function of {most} arguments");
    }
    assert_eq!(most_arguments("SELECT f(a, g('(,', b), c) -- , , ,"), 3);
}

#[test]
fn the_core_knows_no_platform_and_no_test_helper_reaches_a_worker() {
    let tree = |arguments: &[&str]| {
        let output = Command::new(env!("CARGO"))
            .args(["tree", "--offline", "--prefix", "none", "-e", "normal"])
            .args(arguments)
            .current_dir(root())
            .output()
            .unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let text = String::from_utf8(output.stdout).unwrap();
        text.lines().filter_map(|line| line.split(' ').next().map(str::to_owned)).collect::<BTreeSet<_>>()
    };
    let core = tree(&["-p", "longshore"]);
    for platform in ["worker", "js-sys", "web-sys", "wasm-bindgen", "rusqlite", "tokio"] {
        assert!(!core.contains(platform), "the core depends on {platform}");
    }
    for worker in ["longshore-producer", "longshore-consumer"] {
        let shipped = tree(&["-p", worker, "--target", "wasm32-unknown-unknown"]);
        assert!(shipped.contains("worker"));
        for helper in ["rusqlite", "reqwest", "proptest", "axum", "schemars", "jsonschema", "longshore-kit"] {
            assert!(!shipped.contains(helper), "{worker} ships {helper}");
        }
    }
}

#[test]
fn every_binding_and_variable_of_the_wrangler_files_is_read() {
    let code: String =
        files(&["shared/src", "producer/src", "consumer/src"], &[".rs"]).into_iter().map(|(_, text)| text).collect();
    for path in ["wrangler.toml", "consumer/wrangler.toml"] {
        let text = std::fs::read_to_string(root().join(path)).unwrap();
        let mut section = "";
        for line in text.lines() {
            if line.starts_with('[') {
                section = line;
            }
            let Some((key, value)) = line.split_once(" = ") else { continue };
            let in_vars = section == "[vars]";
            let name = if in_vars { key } else { value.trim_matches('"') };
            let is_binding = key == "binding" || (section == "[[ratelimits]]" && key == "name");
            if in_vars || is_binding {
                assert!(code.contains(&format!("\"{name}\"")), "{path}: nothing reads {name}");
            }
        }
    }
}

/// The flag `global_fetch_strictly_public` must stay in both wrangler files. On Cloudflare only this flag prevents a
/// public name that resolves to a private address, or to a zone of the same account, from being reached past its front
/// door. The local runtime has no such network, so this test checks the files.
#[test]
fn both_workers_fetch_from_the_public_internet_only() {
    for path in ["wrangler.toml", "consumer/wrangler.toml"] {
        let text = std::fs::read_to_string(root().join(path)).unwrap();
        let flags: Vec<_> = text.lines().filter(|line| line.starts_with("compatibility_flags")).collect();
        assert_eq!(flags.len(), 1, "{path}");
        assert!(flags[0].contains("\"global_fetch_strictly_public\""), "{path}: {}", flags[0]);
    }
}

#[test]
fn every_failure_mode_names_a_test_that_exists_or_says_not_yet() {
    let text = std::fs::read_to_string(root().join("docs/failure-modes.md")).unwrap();
    let tests: String = files(&SOURCES, &[".rs"]).into_iter().map(|(_, text)| text).collect();
    let is_row = |line: &&str| {
        let id = line.trim_start_matches("| ").trim_start_matches(['F', 'I']);
        line.starts_with("| ") && id.starts_with(|first: char| first.is_ascii_digit())
    };
    let rows: Vec<_> = text.lines().filter(is_row).collect();
    let ids: std::collections::BTreeSet<_> = rows.iter().filter_map(|row| row.split(' ').nth(1)).collect();
    assert!(ids.len() == rows.len() && rows.len() >= 61 + 14, "{} rows, {} ids", rows.len(), ids.len());
    let mut wrong = Vec::new();
    for row in rows {
        let cell = row.trim_end_matches([' ', '|']).rsplit('|').next().unwrap_or_default().trim();
        let names: Vec<_> = cell.split('`').skip(1).step_by(2).collect();
        let says_so = cell.starts_with("not yet") || cell.starts_with("none:");
        if names.is_empty() && !says_so {
            wrong.push(format!("names no test: {row}"));
        }
        for name in names {
            let function = name.rsplit("::").next().unwrap_or(name);
            if !["(", "<"].iter().any(|next| tests.contains(&format!("fn {function}{next}"))) {
                wrong.push(format!("names {name}, which does not exist: {row}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn no_text_promises_exactly_once_delivery() {
    let mut texts = files(&["shared", "producer", "consumer", "client", "cli", "docs"], &[".rs", ".md", ".sql"]);
    for name in ["README.md", "ARCHITECTURE.md", "CHANGELOG.md", "CONTRIBUTING.md"] {
        texts.push((name.to_owned(), std::fs::read_to_string(root().join(name)).unwrap()));
    }
    for (path, text) in texts {
        for phrase in ["exactly-once", "exactly once delivery", "delivered exactly once"] {
            assert!(!text.to_lowercase().contains(phrase), "{path} promises {phrase:?}");
        }
    }
}

/// Every npm package has a digest, which `npm ci` compares; a package without one would be installed unchecked.
#[test]
fn every_npm_package_is_pinned_by_its_digest() {
    for path in ["package-lock.json", "clients/typescript/package-lock.json", "tests/openapi-lint/package-lock.json"] {
        let text = std::fs::read_to_string(root().join(path)).unwrap();
        let lock: serde_json::Value = serde_json::from_str(&text).unwrap();
        let packages = lock["packages"].as_object().unwrap();
        let is_pinned =
            |package: &serde_json::Value| package["integrity"].as_str().is_some_and(|it| it.starts_with("sha512-"));
        let loose: Vec<_> = packages
            .iter()
            .filter(|(name, package)| !name.is_empty() && !is_pinned(package))
            .map(|(name, _)| name)
            .collect();
        assert!(packages.len() > 10 && loose.is_empty(), "{path}: {loose:?}");
    }
}

/// Every test target is in a ring: others would run in no gate.
#[test]
fn every_test_target_is_in_a_ring() {
    let rings = std::fs::read_to_string(root().join("tests/local/rings.sh")).unwrap();
    let manifest = std::fs::read_to_string(root().join("tests/Cargo.toml")).unwrap();
    let declared = manifest.split("[[test]]\nname = \"").skip(1).filter_map(|rest| rest.split('"').next());
    let mut targets: BTreeSet<String> = declared.map(str::to_owned).collect();
    for (path, _) in files(&["tests"], &[".rs"]) {
        if let Some((_, name)) = path.rsplit_once("/tests/").filter(|(_, name)| !name.contains('/')) {
            targets.insert(name.trim_end_matches(".rs").to_owned());
        }
    }
    assert!(targets.len() >= 10, "{targets:?}");
    let missing: Vec<_> = targets.iter().filter(|name| !rings.contains(&format!("--test {name}"))).collect();
    assert!(missing.is_empty(), "{missing:?}");
}
