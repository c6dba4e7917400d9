//! What blocks print, as `blocks.json` lists it.
//!
//! It has the pages in the order in which they run, and each block of a page in its order: with the line of text or the JSON of each
//! line that it prints, or with the reason why it is not run. Of JSON the listed members count; `"*"` stands for any line
//! and for any value but null, and of an array each listed element is somewhere in it.

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

/// What a block prints, or why it is not run.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Expected {
    /// What the page's words ask the reader to have or to set before.
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
