//! I1 and I5 as callers see them: what an answer says is so, and a key answers to one body.

use crate::sim::oracle::invariants::Invariants;
use crate::sim::oracle::row::Row;

impl Invariants {
    /// I5: what a caller was told of a key must be what everybody is told.
    pub(crate) fn answered(&mut self, tenant: &str, key: Option<&String>, id: &str) {
        self.acknowledged.insert((tenant.to_owned(), id.to_owned()));
        let name = (tenant.to_owned(), id.to_owned());
        let Some(row) = self.rows.get(&name) else {
            if !self.erasures.has(&name) {
                self.violated(format!("I1: {id} was acknowledged and is not there"));
            }
            return;
        };
        if row.key.is_some() && row.key.as_ref() != key {
            self.violated(format!("I5: {id} answers for the key {key:?}"));
        }
    }

    /// Whether a key once went to a job with another body. It may be free again when the answer that says so is read.
    pub(crate) fn is_lost(&self, tenant: &str, key: Option<&String>) -> bool {
        key.is_some_and(|key| self.lost.contains(&(tenant.to_owned(), key.clone())))
    }

    /// The row that holds a tenant's key now.
    pub(crate) fn holder(&self, tenant: &str, key: &str) -> Option<&Row> {
        let id = self.keys.get(&(tenant.to_owned(), key.to_owned()))?;
        self.rows.get(&(tenant.to_owned(), id.clone())).filter(|row| row.key.is_some())
    }
}
