//! Checks I1 and I5 from the callers' view: an answer is true, and a key belongs to one body.

use crate::sim::oracle::invariants::Invariants;
use crate::sim::oracle::row::Row;

impl Invariants {
    /// Checks I5: every caller gets the same answer for a key.
    pub(crate) fn answered(&mut self, tenant: &str, key: Option<&String>, id: &str) {
        self.acknowledged.insert((tenant.to_owned(), id.to_owned()));
        let name = (tenant.to_owned(), id.to_owned());
        let Some(row) = self.rows.get(&name) else {
            if !self.erasures.has(&name) {
                self.violated(format!("I1: {id} was acknowledged and does not exist"));
            }
            return;
        };
        if row.key.is_some() && row.key.as_ref() != key {
            self.violated(format!("I5: {id} was answered for the key {key:?}"));
        }
    }

    /// Returns true if a key ever went to a job with another body. It may be free again when that answer is read.
    pub(crate) fn was_lost(&self, tenant: &str, key: Option<&String>) -> bool {
        key.is_some_and(|key| self.lost.contains(&(tenant.to_owned(), key.clone())))
    }

    /// Row that holds a tenant's key now.
    pub(crate) fn holder(&self, tenant: &str, key: &str) -> Option<&Row> {
        let id = self.keys.get(&(tenant.to_owned(), key.to_owned()))?;
        self.rows.get(&(tenant.to_owned(), id.clone())).filter(|row| row.key.is_some())
    }
}
