//! Context of a request for its handler, with the cursors and limits of lists.

use std::rc::Rc;

use longshore::cloudflare::CloudflareWorld;
use longshore::limits::{CURSOR_MS_MAX, PAGE_DEFAULT, PAGE_MAX};
use longshore::ports::Clock;
use longshore::security::cursor;
use longshore::security::seal::nonce;
use longshore::settings::Settings;
use longshore::wire::invalid::{InvalidField, unknown};
use longshore::wire::problem::Problem;
use longshore::wire::values::Whole;
use serde::Serialize;
use serde::de::DeserializeOwned;
use worker::{Context, Env};

use crate::answer::ApiResponse;
use crate::request::ApiRequest;

/// A request with its environment.
pub(crate) struct ApiContext {
    pub(crate) env: Env,
    pub(crate) worker: Rc<Context>,
    pub(crate) world: CloudflareWorld,
    pub(crate) settings: Settings,
    pub(crate) request: ApiRequest,
    pub(crate) request_id: String,
    /// Values of the path's placeholders, in order.
    pub(crate) placeholders: Vec<String>,
}

impl ApiContext {
    /// Returns the value of a placeholder; the route table defines their number.
    pub(crate) fn placeholder(&self, index: usize) -> &str {
        self.placeholders.get(index).map_or("", String::as_str)
    }

    /// Returns the `limit` of a list, 1 to 100. An export must not have a `limit`.
    pub(crate) fn limit(&self) -> Result<u32, Problem> {
        let Some(text) = self.request.parameter("limit") else {
            return Ok(PAGE_DEFAULT);
        };
        if self.request.wants_lines() {
            self.no_limit()?;
        }
        Whole::<1, PAGE_MAX>::parse("limit", text).map_err(Problem::InvalidParameter)
    }

    /// Refuses a `limit`.
    pub(crate) fn no_limit(&self) -> Result<(), Problem> {
        let detail = "cannot be given for an export, which has no pages; remove it";
        match self.request.parameter("limit") {
            None => Ok(()),
            Some(_) => Err(Problem::InvalidParameter(InvalidField::of("limit", "either-or", detail))),
        }
    }

    /// Refuses unknown parameters: a mistyped filter must not return everything.
    pub(crate) fn only_parameters(&self, known: &[&str]) -> Result<(), Problem> {
        let always: &[&str] = if self.request.reads() { &["limit", "cursor", "tenant"] } else { &["tenant"] };
        // A known name that ends with a dot is a prefix.
        let is_known = |name: &str| {
            let begins = |known: &&str| known.ends_with('.') && name.starts_with(*known);
            known.contains(&name) || always.contains(&name) || known.iter().any(begins)
        };
        match self.request.parameter_names().find(|name| !is_known(name)) {
            None => Ok(()),
            Some(name) => {
                let detail = unknown("parameter", name, known.iter().chain(always).copied());
                Err(Problem::InvalidParameter(InvalidField::new(name, "unknown-parameter", detail)))
            }
        }
    }

    /// Identifies the list that a cursor belongs to: its route and its filters.
    pub(crate) fn list(&self) -> String {
        let mut filters: Vec<_> = self
            .request
            .parameter_names()
            .filter(|name| !["cursor", "limit"].contains(name))
            .map(|name| format!("{name}={}", self.request.parameter(name).unwrap_or_default()))
            .collect();
        filters.sort_unstable();
        format!("{}?{}", self.request.path, filters.join("&"))
    }

    /// Returns the position of the request's cursor.
    pub(crate) fn position<T: DeserializeOwned>(&self, tenant: &str) -> Result<Option<T>, Problem> {
        let Some(text) = self.request.parameter("cursor") else {
            return Ok(None);
        };
        cursor::decode(&self.settings.keys, tenant, &self.list(), self.world.now_ms(), text)
            .map(Some)
            .ok_or(Problem::InvalidCursor)
    }

    /// Creates the cursor of the next page.
    pub(crate) fn cursor<T: Serialize>(&self, tenant: &str, position: Option<&T>) -> Option<String> {
        position.map(|position| new_cursor(&self.world, &self.settings, tenant, &self.list(), position))
    }

    /// Creates a page of rows sorted by their positions. A full page has a cursor.
    pub(crate) fn page<'a, T, P: Serialize, S: Serialize>(
        &self,
        tenant: &str,
        limit: u32,
        rows: &'a [T],
        position: impl Fn(&'a T) -> P,
        shown: impl Fn(&'a T) -> S,
    ) -> ApiResponse {
        let full = rows.len() >= usize::try_from(limit).unwrap_or(usize::MAX);
        let cursor = self.cursor(tenant, rows.last().filter(|_| full).map(position).as_ref());
        ApiResponse::page(rows.iter().map(shown), cursor)
    }
}

/// Creates a cursor of a list.
pub(crate) fn new_cursor<T: Serialize>(
    world: &CloudflareWorld,
    settings: &Settings,
    tenant: &str,
    list: &str,
    position: &T,
) -> String {
    let expires_at = world.now_ms() + CURSOR_MS_MAX;
    cursor::encode(&settings.keys, tenant, list, nonce(world), expires_at, position)
}
