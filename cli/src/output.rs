//! Output: tables for people, or the API's JSON. Data goes to standard output, everything else to standard error.

use std::fmt::Display;
use std::io::Write;

use clap::ValueEnum;
use comfy_table::{Table, presets};
use longshore_client::{Answer, Listed};
use serde::Serialize;
use serde_json::value::RawValue;

use crate::escape::escaped;
use crate::failure::Failure;

/// Format of the data on standard output.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// Tables and sentences for people. Their layout may change.
    Table,
    /// The API's answer as one JSON document.
    Json,
    /// One JSON document a line: each item of a list, or the answer.
    Ndjson,
}

/// A list as the API answers it.
#[derive(Serialize)]
struct Page<'a> {
    data: Vec<&'a RawValue>,
    next_cursor: Option<&'a str>,
}

/// Writer of a command's data.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Output {
    format: Format,
}

impl Output {
    /// Creates the writer.
    pub(crate) fn new(format: Format) -> Output {
        Output { format }
    }

    /// True if the data are for people.
    pub(crate) fn is_table(self) -> bool {
        self.format == Format::Table
    }

    /// True if lists are one item a line.
    pub(crate) fn is_ndjson(self) -> bool {
        self.format == Format::Ndjson
    }

    /// Writes a text and a line break.
    #[allow(clippy::unused_self, reason = "all writes go through this type")]
    pub(crate) fn line(self, text: impl Display) -> Result<(), Failure> {
        let mut out = std::io::stdout().lock();
        writeln!(out, "{text}")?;
        // A reader of lines, such as `tail`, needs each line at once.
        out.flush()?;
        Ok(())
    }

    /// Writes bytes as they are.
    #[allow(clippy::unused_self, reason = "all writes go through this type")]
    pub(crate) fn bytes(self, bytes: &[u8]) -> Result<(), Failure> {
        let mut out = std::io::stdout().lock();
        out.write_all(bytes)?;
        out.flush()?;
        Ok(())
    }

    /// Writes one answer: its JSON, or the rows of `fields`.
    pub(crate) fn one<T>(self, answer: &Answer<T>, fields: impl FnOnce(&T) -> Vec<Field>) -> Result<(), Failure> {
        match self.format {
            Format::Table => self.line(fields_of(fields(&answer.value))),
            Format::Json | Format::Ndjson => self.line(answer.json.get()),
        }
    }

    /// Writes a list: its JSON, or a row for each item.
    pub(crate) fn list<T>(
        self,
        listed: &Listed<T>,
        header: &[&str],
        row: impl Fn(&T) -> Vec<String>,
    ) -> Result<(), Failure> {
        match self.format {
            Format::Table => {
                self.rows(header, listed.items.iter().map(|item| row(&item.value)))?;
                if listed.next_cursor.is_some() {
                    note("There are more: use --limit N or --all.");
                }
                Ok(())
            }
            Format::Ndjson => listed.items.iter().try_for_each(|item| self.line(item.json.get())),
            Format::Json => {
                let data = listed.items.iter().map(|item| &*item.json).collect();
                self.value(&Page { data, next_cursor: listed.next_cursor.as_deref() })
            }
        }
    }

    /// Writes a table for people.
    pub(crate) fn rows(self, header: &[&str], rows: impl Iterator<Item = Vec<String>>) -> Result<(), Failure> {
        self.line(table_of(header, rows))
    }

    /// Writes a value as JSON on one line.
    pub(crate) fn value(self, value: &impl Serialize) -> Result<(), Failure> {
        let text = serde_json::to_string(value).map_err(|error| Failure::NotMet(error.to_string()))?;
        self.line(text)
    }

    /// Reports a change that has no data: a sentence for people, nothing for programs.
    pub(crate) fn done(self, text: &str) -> Result<(), Failure> {
        if self.is_table() { self.line(text) } else { Ok(()) }
    }
}

/// A field of one thing: its name and its text. Foreign text is escaped when it is shown.
pub(crate) type Field = (&'static str, Option<String>);

/// Writes a message for people to standard error.
pub(crate) fn note(text: impl Display) {
    // Nobody reads a closed standard error.
    let _ = writeln!(std::io::stderr(), "{text}");
}

fn plain_table() -> Table {
    let mut table = Table::new();
    table.load_style(presets::NOTHING);
    table
}

/// Lays out rows below a header. Cells are escaped.
fn table_of(header: &[&str], rows: impl Iterator<Item = Vec<String>>) -> String {
    let mut table = plain_table();
    table.set_header(header);
    for row in rows {
        table.add_row(row.iter().map(|cell| escaped(cell)));
    }
    trimmed(&table)
}

/// Lays out the fields that have a text, one a line. Texts are escaped.
fn fields_of(fields: Vec<Field>) -> String {
    let mut table = plain_table();
    for (name, text) in fields {
        if let Some(text) = text {
            table.add_row([name.to_owned(), escaped(&text)]);
        }
    }
    trimmed(&table)
}

/// Removes the padding around each line.
fn trimmed(table: &Table) -> String {
    let lines: Vec<_> =
        table.lines().map(|line| line.trim_end().strip_prefix(' ').unwrap_or_default().to_owned()).collect();
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cells_are_escaped_and_lines_have_no_space_at_the_end() {
        let rows = [vec!["a\u{1b}[31m".to_owned(), "b".to_owned()], vec!["c".to_owned(), String::new()]];
        let table = table_of(&["ID", "STATE"], rows.into_iter());
        assert_eq!(table, "ID           STATE\na\\u{1b}[31m  b\nc");
        let fields = fields_of(vec![("id", Some("x".into())), ("none", None), ("error", Some("a\nb".into()))]);
        assert_eq!(fields, "id     x\nerror  a\\nb");
    }
}
