//! Every dependency that a manifest names is used by its code.

use std::collections::BTreeSet;

use toml_edit::{DocumentMut, TableLike};

use crate::{files, root};

/// Code of a package, without its comments.
#[derive(Default)]
struct Code {
    /// Code that it ships, without its tests.
    shipped: String,
    /// Code of its build script.
    build: String,
    /// All code, with its tests.
    whole: String,
}

type CodeOf = fn(&Code) -> &str;

/// Tables that name dependencies, and the code that each of them serves.
const TABLES: [(&str, CodeOf); 3] = [
    ("dependencies", |code| &code.shipped),
    ("build-dependencies", |code| &code.build),
    ("dev-dependencies", |code| &code.whole),
];

/// Returns true if a path begins with the crate, or a `use` names it alone.
fn is_used(code: &str, dependency: &str) -> bool {
    let name = dependency.replace('-', "_");
    code.match_indices(&name).any(|(at, _)| {
        let (before, after) = (&code[..at], &code[at + name.len()..]);
        let begins = !before.ends_with(|last: char| last.is_alphanumeric() || last == '_' || last == ':');
        let is_alone = before.ends_with("use ") && [";", " as "].iter().any(|next| after.starts_with(next));
        begins && (after.starts_with("::") || is_alone)
    })
}

/// Dependency of a manifest.
struct Named {
    /// Index of its table in [`TABLES`].
    table: usize,
    /// Name in the code, also of a renamed dependency.
    name: String,
    /// True if the workspace defines its version.
    is_of_workspace: bool,
}

/// Returns the dependencies of a manifest, including those for one target only.
fn dependencies(manifest: &DocumentMut) -> Vec<Named> {
    let of_targets = manifest.get("target").and_then(|targets| targets.as_table_like());
    let targets = of_targets.into_iter().flat_map(TableLike::iter).filter_map(|(_, target)| target.as_table_like());
    let mut found = Vec::new();
    for place in std::iter::once(manifest.as_table() as &dyn TableLike).chain(targets) {
        for (at, (table, _)) in TABLES.iter().enumerate() {
            let named = place.get(table).and_then(|table| table.as_table_like());
            found.extend(named.into_iter().flat_map(TableLike::iter).map(|(name, item)| Named {
                table: at,
                name: name.to_owned(),
                is_of_workspace: item.get("workspace").is_some(),
            }));
        }
    }
    found
}

/// Returns dependencies that a manifest names but the code does not use.
fn unused(manifest: &DocumentMut, code: &Code) -> Vec<String> {
    let is_unused = |named: &Named| !is_used(TABLES[named.table].1(code), &named.name);
    let unused = dependencies(manifest).into_iter().filter(is_unused);
    unused.map(|named| format!("{} in [{}]", named.name, TABLES[named.table].0)).collect()
}

/// Returns the code of a package in `folder`; packages below it have their own.
fn code_of(folder: &str, packages: &[String]) -> Code {
    let mut code = Code::default();
    for (path, text) in files(&[folder], &[".rs"]) {
        let is_in = |package: &&String| path.starts_with(&format!("{package}/"));
        if packages.iter().filter(is_in).map(String::len).max() != Some(folder.len()) {
            continue;
        }
        let path = &path[folder.len() + 1..];
        let stripped = |text: &str| -> String {
            let lines = text.lines().filter(|line| !line.trim_start().starts_with("//"));
            lines.flat_map(|line| [line, "\n"]).collect()
        };
        code.whole += &stripped(&text);
        if path == "build.rs" {
            code.build += &stripped(&text);
        }
        let is_source = path.starts_with("src/") || path.starts_with("fuzz_targets/");
        if is_source && !path.ends_with("/tests.rs") && !path.contains("/tests/") {
            code.shipped += &stripped(text.split("\n#[cfg(test)]\nmod ").next().unwrap_or_default());
        }
    }
    code
}

fn manifest(folder: &str) -> DocumentMut {
    std::fs::read_to_string(root().join(folder).join("Cargo.toml")).unwrap().parse().unwrap()
}

/// Returns the folders of all packages, including the one outside of the workspace.
fn packages() -> Vec<String> {
    let workspace = manifest("");
    let listed = ["members", "exclude"].map(|list| workspace["workspace"][list].as_array().unwrap().clone());
    listed.iter().flatten().map(|folder| folder.as_str().unwrap().to_owned()).collect()
}

#[test]
fn every_dependency_is_used() {
    let packages = packages();
    let mut wrong = Vec::new();
    for folder in &packages {
        let unused = unused(&manifest(folder), &code_of(folder, &packages));
        wrong.extend(unused.into_iter().map(|what| format!("{folder}/Cargo.toml: nothing uses {what}")));
    }
    assert!(wrong.is_empty() && packages.len() > 10, "{wrong:#?}");
}

#[test]
fn every_dependency_of_the_workspace_is_used_by_a_package() {
    let all = packages().into_iter().flat_map(|folder| dependencies(&manifest(&folder)));
    let named: BTreeSet<String> = all.filter(|named| named.is_of_workspace).map(|named| named.name).collect();
    let workspace = manifest("");
    let listed = workspace["workspace"]["dependencies"].as_table_like().unwrap();
    let unnamed: Vec<_> = listed.iter().map(|(name, _)| name).filter(|name| !named.contains(*name)).collect();
    assert!(unnamed.is_empty(), "Cargo.toml: no package names {unnamed:?}");
}

#[test]
fn a_planted_dependency_is_found() {
    let manifest = r#"
        [dependencies]
        planted = "1"
        planted-one.workspace = true
        one-path = { version = "1", optional = true }
        new_name = { package = "renamed", version = "1" }
        alone = "1"
        [target.'cfg(unix)'.dependencies]
        of_target = "1"
        [build-dependencies]
        one-path = "1"
        [dev-dependencies]
        tested = "1"
        untested = "1"
    "#;
    let shipped = "use one_path::a;\nuse alone;\nfn planted() -> new_name::B { x::planted::c; unplanted::d }\n";
    let whole = format!("{shipped}use planted_one::e;\nuse tested as f;\n");
    let code = Code { shipped: shipped.to_owned(), build: "fn main() {}".to_owned(), whole };
    let expected = [
        "planted in [dependencies]",
        "planted-one in [dependencies]",
        "one-path in [build-dependencies]",
        "untested in [dev-dependencies]",
        "of_target in [dependencies]",
    ];
    assert_eq!(unused(&manifest.parse().unwrap(), &code), expected);
}
