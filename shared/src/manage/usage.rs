//! Provider usage by tenant, day and model.

use serde::{Deserialize, Serialize};

use crate::limits::{DAY_MS, PAGE_MAX};
use crate::ports::{Clock, Database};
use crate::store::rows::{is_full, read_rows};
use crate::store::sql;
use crate::wire::invalid::InvalidField;
use crate::wire::problem::Problem;
use crate::wire::time::{date, parse_date};

/// Range of days, both inclusive, as days since 1970.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Days {
    from: i64,
    to: i64,
}

impl Days {
    /// All days that can be written: 1970-01-01 to 9999-12-31.
    pub const ALL: Days = Days { from: 0, to: 2_932_896 };

    /// Parses the days of a request, such as `2026-11-26`.
    ///
    /// # Errors
    /// `InvalidParameter`, which names the invalid date.
    pub fn parse(from: Option<&str>, to: Option<&str>) -> Result<Days, Problem> {
        let read = |name, text: Option<&str>, otherwise| match text {
            None => Ok(otherwise),
            Some(text) => parse_date(text).ok_or_else(|| {
                let detail = "must be a day, such as 2026-11-26";
                Problem::InvalidParameter(InvalidField::of(name, "invalid-date", detail))
            }),
        };
        Ok(Days { from: read("from", from, Days::ALL.from)?, to: read("to", to, Days::ALL.to)? })
    }
}

/// Position in a list: a day and the last model read of it.
pub type Position = (i64, String);

/// Usage of one model by a tenant on one day.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[allow(missing_docs)]
pub struct UsageRow {
    pub day: i64,
    pub model: String,
    pub calls: u64,
    pub texts: u64,
    pub tokens: u64,
}

/// Usage of one model by a tenant's jobs on one day.
#[derive(Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema))]
pub struct Usage<'a> {
    /// Day in UTC.
    #[cfg_attr(feature = "openapi", schemars(extend("format" = "date")))]
    day: String,
    provider: &'a str,
    model: &'a str,
    /// Number of requests to the provider, including failed ones.
    calls: u64,
    /// Number of texts in them.
    texts: u64,
    /// Number of tokens, as counted by the provider.
    tokens: u64,
}

impl<'a> From<&'a UsageRow> for Usage<'a> {
    fn from(row: &'a UsageRow) -> Self {
        // Names of providers have no slash.
        let (provider, model) = row.model.split_once('/').unwrap_or(("", &row.model));
        let (calls, texts, tokens) = (row.calls, row.texts, row.tokens);
        Usage { day: date(row.day * DAY_MS), provider, model, calls, texts, tokens }
    }
}

impl UsageRow {
    /// Returns the position after this row.
    pub fn position(&self) -> Position {
        (self.day, self.model.clone())
    }
}

/// Reads a page of a tenant's usage, the latest day first, and within a day by model.
///
/// # Errors
/// `Unavailable`.
pub async fn list_usage<W: Database + Clock>(
    world: &W,
    tenant: &str,
    days: Days,
    after: Option<Position>,
    limit: u32,
) -> Result<Vec<UsageRow>, Problem> {
    let (to, model) = after.unwrap_or((days.to, String::new()));
    read_rows(world, sql!("list_usage", tenant, days.from, to, model, i64::from(limit))).await
}

/// Reads a page of a tenant's usage for its export. Returns the position of the next page as `{day}
/// {model}`; empty for the first, `None` after the last.
///
/// # Errors
/// `Unavailable`.
pub(crate) async fn page_of_usage<W: Database + Clock>(
    world: &W,
    tenant: &str,
    after: &str,
) -> Result<(Vec<UsageRow>, Option<String>), Problem> {
    let position = after.split_once('\n').and_then(|(day, model)| Some((day.parse().ok()?, model.to_owned())));
    let rows = list_usage(world, tenant, Days::ALL, position, PAGE_MAX).await?;
    let next = rows.last().filter(|_| is_full(rows.len(), PAGE_MAX)).map(|row| format!("{}\n{}", row.day, row.model));
    Ok((rows, next))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_must_be_dates() {
        assert_eq!(Days::parse(None, None), Ok(Days::ALL));
        assert_eq!(Days::parse(Some("1970-01-02"), Some("2026-11-26")), Ok(Days { from: 1, to: 20_783 }));
        assert_eq!(Days::parse(None, Some("9999-12-31")), Ok(Days::ALL));
        for wrong in
            ["", "today", "2026-1-2", "2026-02-30", "2026-11-26T00:00:00Z", "+2026-11-26", " 2026-11-26", "26-11-26"]
        {
            for (from, to, name) in [(Some(wrong), None, "from"), (None, Some(wrong), "to")] {
                let refused = Days::parse(from, to);
                let Err(Problem::InvalidParameter(field)) = refused else { panic!("{wrong:?}: {refused:?}") };
                assert_eq!((field.pointer.as_str(), field.code), (name, "invalid-date"), "{wrong:?}");
            }
        }
    }

    #[test]
    fn a_model_may_have_a_slash() {
        let row = UsageRow { day: 20_783, model: "own/acme/small".into(), calls: 2, texts: 101, tokens: 4_000 };
        let expected = Usage {
            day: "2026-11-26".into(),
            provider: "own",
            model: "acme/small",
            calls: 2,
            texts: 101,
            tokens: 4_000,
        };
        assert_eq!(Usage::from(&row), expected);
    }
}
