//! Groups: the number of jobs with a label and how they ended, in one row. [`crate::store::counted`] updates the
//! counts. A producer closes a group after its last job; a closed group may make one webhook job when it finishes.

use serde::{Deserialize, Serialize};

use crate::model::hint::Hint;
use crate::model::job::mint_id;
use crate::model::origin::Origin;
use crate::ports::{Clock, Database, Param};
use crate::store::counted::{GroupRow, OnFinishedError, close, find_group};
use crate::store::rows::{read_rows, unavailable};
use crate::store::{json_param, sql};
use crate::wire::checks::{check_name, check_name_of_path};
use crate::wire::idempotency::digest_of_form;
use crate::wire::invalid::is_name;
use crate::wire::problem::Problem;
use crate::wire::time::Time;

/// JSON pointer of the endpoint in a request to close a group.
const ENDPOINT: &str = "#/on_finished/endpoint";

/// Body of `POST /v1/groups/{id}/close`: `{"on_finished"?}`.
#[derive(Debug, Default, Deserialize)]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct CloseGroup {
    /// Webhook to send once when the group finishes. It cannot be set or changed after the group is closed.
    pub on_finished: Option<OnFinishedRequest>,
}

/// Destination of the webhook of a finished group.
#[derive(Debug, Deserialize)]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct OnFinishedRequest {
    /// Endpoint that receives the webhook.
    #[cfg_attr(feature = "openapi", schemars(regex(pattern = crate::wire::schema::NAME)))]
    endpoint: String,
}

/// Webhook of a group, which is sent when the group finishes.
#[derive(Debug, Serialize)]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema))]
pub struct OnFinished<'a> {
    /// Endpoint that receives the webhook.
    endpoint: &'a str,
    /// Job that was made; null until the group has finished.
    job: Option<&'a str>,
    /// Reason why no job was made.
    error: Option<OnFinishedError>,
}

/// The column `on_finished`. The time in the id is replaced when the group finishes.
#[derive(Debug, Serialize)]
struct JobTemplate<'a> {
    endpoint: &'a str,
    id: String,
    digest: String,
    #[serde(flatten)]
    origin: &'a Origin,
}

/// Counts of the jobs with a label.
#[derive(Debug, Serialize)]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema))]
pub struct Group<'a> {
    /// Label of the group.
    #[cfg_attr(feature = "openapi", schemars(regex(pattern = crate::wire::schema::NAME)))]
    id: &'a str,
    tenant: &'a str,
    created_at: Time,
    /// Time at which its last open job ended; null while a job is open.
    finished_at: Option<Time>,
    /// Time at which a producer closed it: no more jobs come.
    closed_at: Option<Time>,
    /// True if it is closed and all its jobs have ended.
    finished: bool,
    /// Webhook that is sent when it finishes.
    on_finished: Option<OnFinished<'a>>,
    /// Number of jobs accepted with this label, including replays.
    total: u64,
    /// Jobs that have not ended.
    open: u64,
    succeeded: u64,
    /// Dead letters that were not replayed.
    dead: u64,
    /// Dead letters that were replayed by another job of the group.
    replayed: u64,
    cancelled: u64,
}

impl<'a> From<&'a GroupRow> for Group<'a> {
    fn from(row: &'a GroupRow) -> Self {
        let ended = row.succeeded + row.dead + row.replayed + row.cancelled;
        Group {
            id: &row.id,
            tenant: &row.tenant,
            created_at: Time(row.created_at),
            finished_at: row.finished_at.map(Time),
            closed_at: row.closed_at.map(Time),
            finished: row.closed_at.is_some() && row.finished_at.is_some(),
            on_finished: row.on_finished.as_deref().map(|endpoint| OnFinished {
                endpoint,
                job: row.made_job(),
                error: row.on_finished_error,
            }),
            total: row.total,
            open: row.total.saturating_sub(ended),
            succeeded: row.succeeded,
            dead: row.dead,
            replayed: row.replayed,
            cancelled: row.cancelled,
        }
    }
}

/// Reads one group; costs one row read.
///
/// # Errors
/// `NotFound`; `Unavailable`.
pub async fn read_group<W: Database + Clock>(world: &W, tenant: &str, id: &str) -> Result<GroupRow, Problem> {
    if !is_name(id) {
        return Err(Problem::not_found("Group", id));
    }
    find_group(world, tenant, id)
        .await
        .map_err(|error| unavailable(&error))?
        .ok_or_else(|| Problem::not_found("Group", id))
}

/// Closes a group: no more jobs come. Returns the group, and the hint of its webhook job if all its jobs have ended.
///
/// Safe to repeat: the first call decides, and a repeated one returns the group. A group without jobs is created and has
/// finished.
///
/// # Errors
/// `InvalidRequest` for a malformed name or an endpoint that does not exist; `IllegalTransition` if the group was closed
/// with another `on_finished`; `Unavailable`.
pub async fn close_group<W: Database + Clock>(
    world: &W,
    tenant: &str,
    id: &str,
    request: &CloseGroup,
    origin: &Origin,
) -> Result<(GroupRow, Option<Hint>), Problem> {
    let endpoint = request.on_finished.as_ref().map(|on_finished| on_finished.endpoint.as_str());
    let wrong: Vec<_> =
        check_name_of_path(id).into_iter().chain(endpoint.and_then(|name| check_name(ENDPOINT, name))).collect();
    if !wrong.is_empty() {
        return Err(Problem::InvalidRequest(wrong));
    }
    let template = endpoint.map_or(Param::Null, |endpoint| {
        let digest = digest_of_form(&[b"group", id.as_bytes()]);
        json_param(&JobTemplate { endpoint, id: mint_id(world.now_ms(), world.random()), digest, origin })
    });
    let (row, hint) = close(world, tenant, id, template).await.map_err(|error| unavailable(&error))?;
    let asked = endpoint.unwrap_or_default();
    let row = row.filter(|row| row.closed_at.is_some()).ok_or_else(|| Problem::unknown_endpoint_at(ENDPOINT, asked))?;
    if endpoint.is_some() && row.on_finished.as_deref() != endpoint {
        return Err(Problem::IllegalTransition(changed(&row)));
    }
    Ok((row, hint))
}

/// Returns the text about an `on_finished` that is not the one with which the group was closed.
fn changed(row: &GroupRow) -> String {
    let id = &row.id;
    if row.on_finished.is_some() {
        format!("Group `{id}` was closed with `on_finished` to another endpoint, which cannot be changed")
    } else {
        format!("Group `{id}` was closed without `on_finished`, which cannot be added")
    }
}

/// Reads a page of a tenant's groups, sorted by name.
///
/// # Errors
/// `Unavailable`.
pub(crate) async fn list_groups<W: Database + Clock>(
    world: &W,
    tenant: &str,
    after: &str,
    limit: u32,
) -> Result<Vec<GroupRow>, Problem> {
    let statement = sql!("list_groups", tenant, after, i64::from(limit));
    read_rows(world, statement).await
}
