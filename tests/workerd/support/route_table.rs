//! The producer's real route table, with the properties that tests need.

pub(crate) use longshore::routes::{ROUTES, Route};

use longshore::routes::Operation as Op;

/// Properties of a route.
pub(crate) trait RouteExt {
    /// Path of one resource.
    fn path_of(&self, id: &str) -> String;
    /// Returns true if the path names one resource.
    fn names_resource(&self) -> bool;
    /// Returns true if it creates the resource that its path names.
    fn creates_resource(&self) -> bool;
    /// Returns true if it acts on the whole installation, which requires a key for all tenants.
    fn is_for_all_tenants(&self) -> bool;
    /// Returns true if it manages keys: of one tenant or of all, and for `ROOT_TOKEN` too.
    fn is_of_keys(&self) -> bool;
    /// Returns true if a key for all tenants need not name one: the request is about all of them then.
    fn may_name_no_tenant(&self) -> bool;
}

impl RouteExt for Route {
    fn path_of(&self, id: &str) -> String {
        self.path.replace("{id}", id).replace("{name}", id).replace("{n}", "1").replace("{subject}", "unknown")
    }

    fn names_resource(&self) -> bool {
        ["{id}", "{name}"].iter().any(|placeholder| self.path.contains(placeholder))
    }

    fn creates_resource(&self) -> bool {
        self.method == "PUT" || self.operation() == Some(Op::CloseGroup)
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

    fn may_name_no_tenant(&self) -> bool {
        self.is_for_all_tenants() || self.is_of_keys() || self.operation() == Some(Op::ListAudit)
    }
}
