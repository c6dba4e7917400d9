//! The text of metrics in the two formats that Prometheus reads: its own of version 0.0.4, and `OpenMetrics` 1.0.

use std::fmt::Write;

/// Format of the text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// Prometheus text of version 0.0.4.
    Prometheus,
    /// `OpenMetrics` 1.0.
    OpenMetrics,
}

impl Format {
    /// Returns the format that an Accept header asks for. Prometheus names `OpenMetrics` there if it reads it.
    pub fn accepted(accept: Option<&str>) -> Format {
        match accept {
            Some(accept) if accept.contains("application/openmetrics-text") => Format::OpenMetrics,
            _ => Format::Prometheus,
        }
    }

    /// Returns the content type.
    pub fn content_type(self) -> &'static str {
        match self {
            Format::Prometheus => "text/plain; version=0.0.4; charset=utf-8",
            Format::OpenMetrics => "application/openmetrics-text; version=1.0.0; charset=utf-8",
        }
    }
}

/// Labels of a sample: names and values.
pub(super) type Labels<'a> = [(&'a str, &'a str)];

/// A text of metrics that is being written.
#[derive(Debug)]
pub(super) struct MetricsText {
    format: Format,
    text: String,
}

impl MetricsText {
    pub(super) fn new(format: Format) -> MetricsText {
        MetricsText { format, text: String::new() }
    }

    /// Begins a family of samples. `kind` is `counter`, `gauge` or `histogram`.
    pub(super) fn family(&mut self, name: &str, kind: &str, help: &str) {
        // The samples of a counter end in `_total`. OpenMetrics names the family without it, the older format with it.
        let total = if kind == "counter" && self.format == Format::Prometheus { "_total" } else { "" };
        self.line(format_args!("# HELP {name}{total} {help}"));
        self.line(format_args!("# TYPE {name}{total} {kind}"));
    }

    /// Adds a sample.
    pub(super) fn sample(&mut self, name: &str, labels: &Labels<'_>, value: &str) {
        self.text.push_str(name);
        for (number, (label, value)) in labels.iter().enumerate() {
            self.text.push(if number == 0 { '{' } else { ',' });
            self.text.push_str(label);
            self.text.push_str("=\"");
            for character in value.chars() {
                match character {
                    '\\' => self.text.push_str("\\\\"),
                    '"' => self.text.push_str("\\\""),
                    '\n' => self.text.push_str("\\n"),
                    other => self.text.push(other),
                }
            }
            self.text.push('"');
        }
        if !labels.is_empty() {
            self.text.push('}');
        }
        self.line(format_args!(" {value}"));
    }

    /// Returns the whole text.
    pub(super) fn end(mut self) -> String {
        if self.format == Format::OpenMetrics {
            self.text.push_str("# EOF\n");
        }
        self.text
    }

    fn line(&mut self, line: std::fmt::Arguments<'_>) {
        // Writing to a text cannot fail.
        let _ = self.text.write_fmt(line);
        self.text.push('\n');
    }
}

/// Writes milliseconds as seconds, without trailing zeros.
pub(super) fn seconds(ms: i64) -> String {
    let text = format!("{}.{:03}", ms / 1_000, ms % 1_000);
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn label_values_are_escaped() {
        let mut text = MetricsText::new(Format::Prometheus);
        text.family("longshore_jobs", "counter", "Jobs.");
        text.sample("longshore_jobs_total", &[("kind", "a\"b\\c\nd"), ("state", "dead")], "3");
        text.sample("longshore_up", &[], "1");
        let expected = "# HELP longshore_jobs_total Jobs.\n# TYPE longshore_jobs_total counter\n\
                        longshore_jobs_total{kind=\"a\\\"b\\\\c\\nd\",state=\"dead\"} 3\nlongshore_up 1\n";
        assert_eq!(text.end(), expected);
    }

    #[test]
    fn open_metrics_names_families_without_total_and_has_an_end() {
        let mut text = MetricsText::new(Format::OpenMetrics);
        text.family("longshore_jobs", "counter", "Jobs.");
        assert_eq!(text.end(), "# HELP longshore_jobs Jobs.\n# TYPE longshore_jobs counter\n# EOF\n");
        let accept = "application/openmetrics-text;version=1.0.0;q=0.5,text/plain;version=0.0.4;q=0.3";
        assert_eq!(Format::accepted(Some(accept)), Format::OpenMetrics);
        assert_eq!([None, Some("*/*"), Some("text/plain")].map(Format::accepted), [Format::Prometheus; 3]);
    }

    #[test]
    fn times_are_seconds() {
        assert_eq!([0, 10, 250, 1_000, 2_500, 172_800_000].map(seconds), ["0", "0.01", "0.25", "1", "2.5", "172800"]);
    }
}
