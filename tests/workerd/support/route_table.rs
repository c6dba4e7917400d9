//! The producer's own route table, and what tests ask of its routes.

pub(crate) use longshore::routes::{ROUTES, Route};

use longshore::routes::Operation as Op;

/// What a test asks of a route.
pub(crate) trait RouteExt {
    /// The path of one thing.
    fn path_of(&self, id: &str) -> String;
    /// Whether the path names one thing.
    fn names_something(&self) -> bool;
    /// Whether it acts on the whole installation, which only a key for all tenants may.
    fn is_for_all_tenants(&self) -> bool;
    /// Whether it keeps keys: of one tenant or of all, and for `ROOT_TOKEN` too.
    fn is_of_keys(&self) -> bool;
}

impl RouteExt for Route {
    fn path_of(&self, id: &str) -> String {
        self.path.replace("{id}", id).replace("{name}", id).replace("{n}", "1").replace("{subject}", "nobody")
    }

    fn names_something(&self) -> bool {
        ["{id}", "{name}"].iter().any(|placeholder| self.path.contains(placeholder))
    }

    fn is_for_all_tenants(&self) -> bool {
        matches!(
            self.operation(),
            Some(Op::ListMalformedMessages | Op::Pause | Op::Resume | Op::Restored | Op::PutQuota)
        )
    }

    fn is_of_keys(&self) -> bool {
        self.operation().is_some_and(Op::is_of_keys)
    }
}
