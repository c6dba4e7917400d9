//! Reads of the audit log: who changed what, the newest first.

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::limits::{AUDIT_SKEW_MS, EXPORT_WHOLE_PAGE, PAGE_ROWS_READ_MAX};
use crate::model::job::mint_ulid;
use crate::ports::{Clock, Database};
use crate::routes::{ROUTES, Route};
use crate::store::audit::request_of;
use crate::store::rows::unavailable;
use crate::store::{batch, first_as, json_param, rows_as, sql};
use crate::wire::checks::read_time;
use crate::wire::invalid::{InvalidField, check_word};
use crate::wire::problem::Problem;
use crate::wire::time::Time;

/// Names of the filters, as query parameters.
pub const AUDIT_FILTERS: [&str; 5] = ["key", "operation", "target", "after", "before"];

/// A row of the audit log as the store returns it, with its time in ms.
#[derive(Debug, Clone, Deserialize)]
#[allow(missing_docs)]
pub struct AuditRow {
    pub tenant: String,
    pub id: String,
    pub at: i64,
    pub key: String,
    pub operation: String,
    pub kind: String,
    pub target: String,
    pub address: Option<String>,
    pub before: Option<Box<RawValue>>,
    pub after: Option<Box<RawValue>>,
}

/// Thing that an operator changed.
#[derive(Debug, Serialize)]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema))]
pub struct AuditTarget<'a> {
    /// Kind of the thing: `job`, `dead_letter`, `cause`, `action`, `endpoint`, `schedule`, `index`, `key`, `tenant`,
    /// `erasure` or `deployment`.
    kind: &'a str,
    /// Id or name of the thing.
    id: &'a str,
}

/// An entry of the audit log: a change that an operator made. It holds no secrets, no tokens and no payloads.
#[derive(Debug, Serialize)]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema))]
pub struct AuditEntry<'a> {
    /// Id of the entry: `aud_` and the id of the request.
    #[cfg_attr(feature = "openapi", schemars(regex(pattern = crate::wire::schema::AUDIT_ID)))]
    id: &'a str,
    /// Tenant of the target; `*` for the whole deployment and for keys of all tenants.
    tenant: &'a str,
    /// Time of the change.
    at: Time,
    /// Id of the operator's API key; `root` for `ROOT_TOKEN`.
    key: &'a str,
    /// `operationId` of the operation in this document, such as `CancelJob`.
    operation: &'a str,
    target: AuditTarget<'a>,
    /// IP address that sent the request; null if the platform reported none.
    address: Option<&'a str>,
    /// Id of the request, as in its `longshore-request-id` header.
    request_id: &'a str,
    /// State before the change; null if there was none.
    #[cfg_attr(feature = "openapi", schemars(with = "Option<crate::wire::schema::Json>"))]
    before: Option<&'a RawValue>,
    /// State after the change; null if nothing is left, and for a read of a secret.
    #[cfg_attr(feature = "openapi", schemars(with = "Option<crate::wire::schema::Json>"))]
    after: Option<&'a RawValue>,
}

impl<'a> From<&'a AuditRow> for AuditEntry<'a> {
    fn from(row: &'a AuditRow) -> Self {
        AuditEntry {
            id: &row.id,
            tenant: &row.tenant,
            at: Time(row.at),
            key: &row.key,
            operation: &row.operation,
            target: AuditTarget { kind: &row.kind, id: &row.target },
            address: row.address.as_deref(),
            request_id: request_of(&row.id),
            before: row.before.as_deref(),
            after: row.after.as_deref(),
        }
    }
}

/// Filters of the audit log, combined with AND.
#[derive(Debug, Clone, Default, Serialize)]
pub struct AuditFilter {
    /// Id of an API key.
    pub key: Option<String>,
    /// Name of an operation.
    pub operation: Option<String>,
    /// Id or name of a target.
    pub target: Option<String>,
    /// Time at or after this, in ms.
    pub after: Option<i64>,
    /// Time before this, in ms.
    pub before: Option<i64>,
}

/// Returns the names of all audited operations.
pub fn audited_operations() -> Vec<String> {
    ROUTES.iter().filter(|route| route.is_audited()).map(Route::name).collect()
}

impl AuditFilter {
    /// Reads the filters of a request. `parameters` are all of its query parameters; others than filters are skipped.
    ///
    /// # Errors
    /// The first wrong value: an unknown operation, or a text that is no time.
    pub fn read<'a>(parameters: impl Iterator<Item = (&'a str, &'a str)>) -> Result<AuditFilter, InvalidField> {
        let mut filter = AuditFilter::default();
        for (name, value) in parameters {
            match name {
                "key" => filter.key = Some(value.to_owned()),
                "target" => filter.target = Some(value.to_owned()),
                "after" => filter.after = Some(read_time(name, value)?),
                "before" => filter.before = Some(read_time(name, value)?),
                "operation" => {
                    let names = audited_operations();
                    let names: Vec<&str> = names.iter().map(String::as_str).collect();
                    if let Some(wrong) = check_word(name, value, &names) {
                        return Err(wrong);
                    }
                    filter.operation = Some(value.to_owned());
                }
                _ => {}
            }
        }
        Ok(filter)
    }

    /// Returns the maximum number of rows that a page reads, twice: one statement selects, another finds where it stopped.
    fn rows_read(&self, limit: i64) -> i64 {
        let AuditFilter { key, operation, target, .. } = self;
        let is_narrow = [key, operation, target].iter().any(|filter| filter.is_some())
            || self.after.is_some()
            || self.before.is_some();
        if is_narrow { PAGE_ROWS_READ_MAX / 2 } else { limit }
    }
}

/// One page of the audit log.
#[derive(Debug)]
pub struct AuditPage {
    /// Rows of the page.
    pub rows: Vec<AuditRow>,
    /// Id after which the next page begins; `None` at the end.
    pub next: Option<String>,
    /// Time of the last row that was read, if the filter did not select all that were read and there are more.
    pub searched_to: Option<i64>,
}

/// Reads a page of the audit log of a tenant, the newest first; `*` has the actions on the whole deployment. A filtered
/// page reads at most [`PAGE_ROWS_READ_MAX`] rows and may be short.
///
/// # Errors
/// `Unavailable`.
pub async fn list_audit<W: Database + Clock>(
    world: &W,
    tenant: &str,
    filter: &AuditFilter,
    before: Option<String>,
    limit: u32,
) -> Result<AuditPage, Problem> {
    #[derive(Serialize)]
    struct Terms<'a> {
        tenant: &'a str,
        before_id: String,
        from_id: String,
        #[serde(flatten)]
        filter: &'a AuditFilter,
    }
    #[derive(Deserialize)]
    struct LastRead {
        id: Option<String>,
        at: Option<i64>,
        rows: i64,
    }
    let newest = filter.before.map_or_else(|| "b".to_owned(), |at| id_at(at + AUDIT_SKEW_MS));
    let before_id = before.map_or(newest.clone(), |before| before.min(newest));
    let from_id = filter.after.map_or_else(String::new, |at| id_at(at - AUDIT_SKEW_MS));
    let terms = json_param(&Terms { tenant, before_id, from_id, filter });
    let limit = i64::from(limit);
    let scan = filter.rows_read(limit);
    let statements = vec![sql!("list_audit", terms.clone(), scan, limit), sql!("last_audit", terms, scan)];
    let answers = batch(world, &statements).await.map_err(|error| unavailable(&error))?;
    let rows: Vec<AuditRow> = rows_as(answers.first().unwrap_or(&Vec::new())).map_err(|error| unavailable(&error))?;
    let last: Option<LastRead> = first_as(answers.get(1)).map_err(|error| unavailable(&error))?;
    let is_full = i64::try_from(rows.len()).unwrap_or(0) >= limit;
    let last = last.filter(|last| !is_full && last.rows >= scan);
    let (stopped_at, searched_to) = last.map_or((None, None), |last| (last.id, last.at));
    let next = if is_full { rows.last().map(|row| row.id.clone()) } else { stopped_at };
    Ok(AuditPage { rows, next, searched_to })
}

/// Reads a page of the whole audit log of a tenant for its export, and the position of the next one.
///
/// # Errors
/// `Unavailable`.
pub(crate) async fn page_of_audit<W: Database + Clock>(
    world: &W,
    tenant: &str,
    after: &str,
) -> Result<(Vec<AuditRow>, Option<String>), Problem> {
    let before = Some(after.to_owned()).filter(|after| !after.is_empty());
    let page = list_audit(world, tenant, &AuditFilter::default(), before, EXPORT_WHOLE_PAGE).await?;
    Ok((page.rows, page.next))
}

/// Returns the lowest id of an audit row whose request began at this time, in ms.
fn id_at(ms: i64) -> String {
    format!("aud_{}", mint_ulid(ms, 0))
}
