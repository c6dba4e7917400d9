//! Runs every property on its seeds and on thousands of random changes of them, without libFuzzer.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::cell::Cell;
use std::path::PathBuf;

use longshore_fuzz::{PROPERTIES, Property};
use proptest::prelude::*;
use proptest::sample::Index;
use proptest::test_runner::{Config, TestRunner};

/// Number of random inputs of each property.
const CASES: u32 = 3_000;

/// Minimum number of inputs that the reader must accept: otherwise the property checks too little.
const ACCEPTED_MIN: u32 = CASES / 20;

/// Snippets that readers of texts often handle wrongly.
const SNIPPETS: [&[u8]; 16] = [
    b"\"",
    b"\\",
    b"\\u0000",
    b"{",
    b"[[",
    b"]}",
    b",",
    b":",
    b"null",
    b"-1",
    b"99999999999999999999",
    b"\xFF",
    b"\n",
    b"\xC3\xA9",
    b"%00",
    b"@127.0.0.1",
];

#[derive(Debug, Clone)]
enum Change {
    Set(Index, u8),
    Insert(Index, usize),
    Remove(Index, Index),
    Repeat(Index, Index),
}

fn any_change() -> impl Strategy<Value = Change> {
    prop_oneof![
        (any::<Index>(), any::<u8>()).prop_map(|(at, byte)| Change::Set(at, byte)),
        (any::<Index>(), 0..SNIPPETS.len()).prop_map(|(at, snippet)| Change::Insert(at, snippet)),
        (any::<Index>(), any::<Index>()).prop_map(|(from, to)| Change::Remove(from, to)),
        (any::<Index>(), any::<Index>()).prop_map(|(from, to)| Change::Repeat(from, to)),
    ]
}

fn change(mut bytes: Vec<u8>, changes: &[Change]) -> Vec<u8> {
    for change in changes {
        let place = |index: &Index| index.index(bytes.len() + 1);
        let range = |from: &Index, to: &Index| place(from).min(place(to))..place(from).max(place(to));
        match change {
            Change::Set(at, byte) if !bytes.is_empty() => {
                let at = at.index(bytes.len());
                bytes[at] = *byte;
            }
            Change::Set(..) => {}
            Change::Insert(at, snippet) => {
                let at = place(at);
                bytes.splice(at..at, SNIPPETS[*snippet].iter().copied());
            }
            Change::Remove(from, to) => {
                let range = range(from, to);
                bytes.drain(range);
            }
            Change::Repeat(from, to) => {
                let (range, end) = (range(from, to), place(to));
                let copy = bytes[range].to_vec();
                bytes.splice(end..end, copy);
            }
        }
    }
    bytes
}

fn seeds(name: &str) -> Vec<Vec<u8>> {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("seeds").join(name);
    let mut files: Vec<_> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    files.into_iter().map(|file| std::fs::read(file).unwrap()).collect()
}

fn run(name: &str, property: Property) {
    let seeds = seeds(name);
    assert!(!seeds.is_empty(), "{name} has no seeds");
    for seed in seeds.iter().chain([&Vec::new()]) {
        property(seed);
    }
    let inputs = (prop::sample::select(seeds), prop::collection::vec(any_change(), 0..6))
        .prop_map(|(seed, changes)| change(seed, &changes));
    let config = Config { cases: CASES, failure_persistence: None, ..Config::default() };
    let accepted = Cell::new(0);
    let result = TestRunner::new(config).run(&inputs, |bytes| {
        accepted.update(|accepted| accepted + u32::from(property(&bytes)));
        Ok(())
    });
    if let Err(failure) = result {
        panic!("{name}: {failure}");
    }
    println!("{name}: {} of {CASES} were accepted", accepted.get());
    assert!(accepted.get() >= ACCEPTED_MIN, "{name}: the reader accepted only {} inputs", accepted.get());
}

#[test]
fn every_property_holds_on_its_seeds_and_on_changes_of_them() {
    for (name, property) in PROPERTIES {
        run(name, property);
    }
}

#[test]
fn every_folder_of_seeds_belongs_to_a_property() {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("seeds");
    let mut folders: Vec<_> =
        std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    folders.sort();
    assert_eq!(folders, PROPERTIES.map(|(name, _)| name.to_owned()));
}
