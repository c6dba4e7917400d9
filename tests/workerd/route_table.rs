//! The route table as callers know it: method, path, scope. A test holds it against the producer's own.

/// A route.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Route {
    pub(crate) method: &'static str,
    pub(crate) path: &'static str,
    /// The scope it needs; `None` needs no key.
    pub(crate) scope: Option<&'static str>,
}

const WRITE: Option<&str> = Some("jobs:write");
const READ: Option<&str> = Some("jobs:read");
const OPERATE: Option<&str> = Some("operate");
const ADMIN: Option<&str> = Some("admin");

const fn route(method: &'static str, path: &'static str, scope: Option<&'static str>) -> Route {
    Route { method, path, scope }
}

pub(crate) const ROUTES: [Route; 29] = [
    route("POST", "/v1/jobs", WRITE),
    route("POST", "/v1/jobs/batch", WRITE),
    route("GET", "/v1/jobs", READ),
    route("GET", "/v1/jobs/{id}", READ),
    route("GET", "/v1/jobs/{id}/attempts", READ),
    route("GET", "/v1/jobs/{id}/attempts/{n}/evidence", READ),
    route("POST", "/v1/jobs/{id}/cancel", OPERATE),
    route("POST", "/v1/jobs/{id}/retry", OPERATE),
    route("GET", "/v1/dead-letters", READ),
    route("GET", "/v1/dead-letters/{id}", READ),
    route("POST", "/v1/dead-letters/{id}/replay", OPERATE),
    route("POST", "/v1/dead-letters/{id}/discard", OPERATE),
    route("GET", "/v1/endpoints", READ),
    route("PUT", "/v1/endpoints/{id}", OPERATE),
    route("GET", "/v1/endpoints/{id}", READ),
    route("DELETE", "/v1/endpoints/{id}", OPERATE),
    route("POST", "/v1/endpoints/{id}/pause", OPERATE),
    route("POST", "/v1/endpoints/{id}/resume", OPERATE),
    route("GET", "/v1/endpoints/{id}/secret", OPERATE),
    route("POST", "/v1/endpoints/{id}/secret/rotate", OPERATE),
    route("GET", "/v1/secret", OPERATE),
    route("POST", "/v1/keys", ADMIN),
    route("GET", "/v1/keys", ADMIN),
    route("DELETE", "/v1/keys/{id}", ADMIN),
    route("GET", "/v1/strays", ADMIN),
    route("POST", "/v1/pause", ADMIN),
    route("POST", "/v1/resume", ADMIN),
    route("GET", "/healthz", None),
    route("GET", "/readyz", None),
];

impl Route {
    /// The path of one thing.
    pub(crate) fn path_of(&self, id: &str) -> String {
        self.path.replace("{id}", id).replace("{n}", "1")
    }

    /// Whether the path names one thing.
    pub(crate) fn names_something(&self) -> bool {
        self.path.contains("{id}")
    }

    /// Whether it acts on the whole installation, which only a key for all tenants may.
    pub(crate) fn is_for_all_tenants(&self) -> bool {
        ["/v1/strays", "/v1/pause", "/v1/resume"].contains(&self.path)
    }
}

#[test]
fn it_is_the_producers_own() {
    let source = include_str!("../../producer/src/routes.rs");
    let from = source.find("pub(crate) const ROUTES").expect("the producer has a route table");
    let table = &source[from..from + source[from..].find("];").unwrap()];
    let words: String = table.split_whitespace().collect();
    let scope_of = |scope: Option<&str>| match scope {
        Some("jobs:write") => "Some(Scope::JobsWrite)",
        Some("jobs:read") => "Some(Scope::JobsRead)",
        Some("operate") => "Some(Scope::Operate)",
        Some(_) => "Some(Scope::Admin)",
        None => "None",
    };
    for route in ROUTES {
        let entry = format!("(\"{}\",\"{}\",", route.method, route.path);
        let at = words.find(&entry).unwrap_or_else(|| panic!("the producer has no {} {}", route.method, route.path));
        let rest = &words[at..at + words[at + 1..].find("(\"").map_or(words.len() - at, |end| end + 1)];
        assert!(rest.contains(scope_of(route.scope)), "{} {} needs {rest}", route.method, route.path);
    }
    assert_eq!(words.matches("Op::").count(), ROUTES.len(), "a route of the producer is not tested");
}
