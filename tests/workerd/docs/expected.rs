//! The expected output of each block, as listed in `blocks.json`.
//!
//! The file lists the pages in the order in which they run, and the blocks of each page in order. A block has the lines
//! that it prints, each as text or as JSON, or the reason why it does not run. Only the listed members of a JSON value are
//! compared. `"*"` matches any line, and any value except null. An array must contain each listed element.

use longshore_kit::scratch::repository;
use serde::Deserialize;
use serde_json::Value;

use crate::docs::session::Output;

/// A page and its blocks.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ExpectedPage {
    pub(super) page: String,
    pub(super) blocks: Vec<Expected>,
}

/// The expected output of a block, or the reason why it does not run.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Expected {
    /// Commands that run first: the setup that the page describes in words.
    #[serde(default)]
    pub(super) given: String,
    #[serde(default)]
    prints: Vec<Value>,
    pub(super) no_run: Option<String>,
}

/// All of `blocks.json`.
pub(super) fn expected_pages() -> Vec<ExpectedPage> {
    let text = std::fs::read_to_string(repository().join("tests/workerd/docs/blocks.json")).unwrap();
    serde_json::from_str(&text).unwrap()
}

impl Expected {
    /// Compares line by line.
    pub(super) fn check(&self, output: &Output) -> Result<(), String> {
        let Output { status, stdout, stderr } = output;
        if *status != 0 || !stderr.is_empty() {
            return Err(format!("status {status}\nstderr: {stderr}\nstdout: {stdout}"));
        }
        let lines: Vec<_> = stdout.lines().filter(|line| !line.is_empty()).collect();
        let is_as_expected = lines.len() == self.prints.len()
            && self.prints.iter().zip(&lines).all(|(expected, line)| match expected {
                Value::String(text) => text == "*" || text == line,
                json => serde_json::from_str(line).is_ok_and(|value| contains(json, &value)),
            });
        if is_as_expected {
            return Ok(());
        }
        let expected: Vec<_> = self.prints.iter().map(Value::to_string).collect();
        Err(format!("expected:\n{}\nprinted:\n{stdout}", expected.join("\n")))
    }
}

fn contains(expected: &Value, value: &Value) -> bool {
    match (expected, value) {
        (Value::Object(expected), Value::Object(value)) => {
            expected.iter().all(|(name, expected)| value.get(name).is_some_and(|value| contains(expected, value)))
        }
        (Value::Array(expected), Value::Array(values)) => {
            expected.iter().all(|expected| values.iter().any(|value| contains(expected, value)))
        }
        (Value::String(any), value) if any == "*" => !value.is_null(),
        (expected, value) => expected == value,
    }
}
