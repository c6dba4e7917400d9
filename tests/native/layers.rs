//! Layers of the core: imports point only downwards, and no files import each other in a circle.

use std::collections::{BTreeMap, BTreeSet};

use crate::files;

/// Layers of the core from the top; each imports only itself and those after it.
const LAYERS: [&str; 20] = [
    "openapi",
    "cloudflare",
    "consume",
    "manage",
    "sweep",
    "schedules",
    "run",
    "accept",
    "kinds",
    "index",
    "embed",
    "store",
    "settings",
    "model",
    "search",
    "routes",
    "security",
    "ports",
    "wire",
    "limits",
];

type Module = Vec<String>;
/// Imported modules of each module.
type Imports = BTreeMap<Module, BTreeSet<Module>>;

/// Splits at the commas outside of braces.
fn split_top(text: &str) -> Vec<&str> {
    let (mut parts, mut depth, mut from) = (Vec::new(), 0, 0);
    for (at, character) in text.char_indices() {
        match character {
            '{' => depth += 1,
            '}' => depth -= 1,
            ',' if depth == 0 => {
                parts.push(&text[from..at]);
                from = at + 1;
            }
            _ => {}
        }
    }
    parts.push(&text[from..]);
    parts.into_iter().map(str::trim).filter(|part| !part.is_empty()).collect()
}

/// Returns the paths of a `use` tree: `a::{b, c::d}` has two.
fn expand(before: &[String], tree: &str) -> Vec<Module> {
    let names = |path: &str| path.split("::").filter(|name| !name.is_empty()).map(str::to_owned).collect::<Vec<_>>();
    let paths = |part: &&str| -> Vec<Module> {
        match part.split_once('{') {
            Some((path, rest)) => {
                let inner = rest.strip_suffix('}').expect("a brace is closed");
                expand(&[before, &names(path)].concat(), inner)
            }
            None => vec![[before, &names(part.split(" as ").next().unwrap_or_default())].concat()],
        }
    };
    split_top(tree).iter().flat_map(paths).collect()
}

/// Returns every path of a file's code that begins with `crate`, `super` or `self`, in `use` lines and elsewhere.
fn paths_of(code: &str) -> Vec<Module> {
    let mut paths = Vec::new();
    let mut rest = String::new();
    for statement in code.split_inclusive(';') {
        let begin = statement.rfind("\nuse ").map(|at| at + 5).or(statement.starts_with("use ").then_some(4));
        match begin {
            Some(at) if statement.ends_with(';') => {
                paths.extend(expand(&[], &statement[at..statement.len() - 1].replace('\n', " ")));
                rest.push_str(&statement[..at]);
            }
            _ => rest.push_str(statement),
        }
    }
    for start in ["crate::", "super::"] {
        for (at, _) in rest.match_indices(start) {
            let path = rest[at..].split(|letter: char| !letter.is_alphanumeric() && !"_:".contains(letter)).next();
            paths.extend(path.map(|path| path.split("::").map(str::to_owned).collect::<Module>()));
        }
    }
    paths.retain(|path| ["crate", "super", "self"].contains(&path[0].as_str()));
    paths
}

/// Returns a path from the root of its crate.
fn absolute(module: &Module, path: &[String]) -> Module {
    let (mut base, mut rest) = (module.clone(), path);
    while let Some((first, others)) = rest.split_first() {
        match first.as_str() {
            "crate" => base.clear(),
            "super" => drop(base.pop()),
            "self" => {}
            _ => break,
        }
        rest = others;
    }
    [base, rest.to_vec()].concat()
}

/// Returns the imports of a crate by file, without those of tests. `lib.rs` is excluded: it contains declarations.
fn imports_of(source: &str) -> Imports {
    let sources = files(&[source], &[".rs"]);
    let module_of = |path: &str| -> Module {
        let path = path.strip_prefix(source).unwrap().trim_start_matches('/').trim_end_matches(".rs");
        path.split('/').filter(|name| *name != "mod").map(str::to_owned).collect()
    };
    let is_test = |path: &str| path.ends_with("/tests.rs") || path.contains("/tests/");
    let shipped: Vec<_> = sources.iter().filter(|(path, _)| !is_test(path) && !path.ends_with("/lib.rs")).collect();
    let modules: BTreeSet<Module> = shipped.iter().map(|(path, _)| module_of(path)).collect();
    let imports = |(path, text): &&(String, String)| {
        let module = module_of(path);
        let code = text.split("\n#[cfg(test)]\nmod ").next().unwrap_or_default();
        let code: String =
            code.lines().filter(|line| !line.trim_start().starts_with("//")).flat_map(|line| [line, "\n"]).collect();
        let file_of =
            |path: Module| (1..=path.len()).rev().map(|n| path[..n].to_vec()).find(|path| modules.contains(path));
        let found = paths_of(&code).iter().filter_map(|path| file_of(absolute(&module, path))).collect::<BTreeSet<_>>();
        (module.clone(), found.into_iter().filter(|other| *other != module).collect())
    };
    shipped.iter().map(imports).collect()
}

#[test]
fn imports_point_downwards() {
    let rank = |module: &Module| LAYERS.iter().position(|layer| *layer == module[0]);
    let mut upwards = Vec::new();
    let imports = imports_of("shared/src");
    assert!(
        imports.len() > 100 && imports.values().map(BTreeSet::len).sum::<usize>() > 500,
        "too few imports were found"
    );
    for (module, others) in imports {
        assert!(rank(&module).is_some(), "{module:?} is in no layer");
        for other in others.iter().filter(|other| rank(other) < rank(&module)) {
            upwards.push(format!("{} imports {}", module.join("::"), other.join("::")));
        }
    }
    assert!(upwards.is_empty(), "{upwards:#?}");
}

/// Removes files that import none of the remaining ones until nothing changes: the rest is in circles.
fn circles(mut imports: Imports) -> Vec<Module> {
    loop {
        let left: BTreeSet<Module> = imports.keys().cloned().collect();
        imports.retain(|_, others| others.iter().any(|other| left.contains(other)));
        if imports.len() == left.len() {
            return imports.into_keys().collect();
        }
    }
}

#[test]
fn no_file_imports_another_in_a_circle() {
    for source in ["shared/src", "producer/src", "consumer/src", "client/src", "cli/src"] {
        assert_eq!(
            circles(imports_of(source)),
            Vec::<Module>::new(),
            "{source}: these files are in circles, or import one that is"
        );
    }
}

#[test]
fn only_known_files_are_outside_of_the_layers() {
    let outside: Vec<_> = files(&["shared/src"], &[".rs"])
        .into_iter()
        .filter_map(|(path, _)| path.strip_prefix("shared/src/").filter(|name| !name.contains('/')).map(str::to_owned))
        .collect();
    assert_eq!(outside, ["lib.rs", "ports.rs", "routes.rs"]);
}

#[test]
fn a_tree_of_imports_is_read_whole() {
    let code = "use crate::a::{b, c::{self, d as e}};\nuse std::f;\nfn g() { super::h::i(); }\n";
    let read: Vec<_> = paths_of(code).into_iter().map(|path| path.join("::")).collect();
    assert_eq!(read, ["crate::a::b", "crate::a::c::self", "crate::a::c::d", "super::h::i"]);
}
