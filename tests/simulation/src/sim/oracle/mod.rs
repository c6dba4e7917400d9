//! The oracle: the conditions that must hold after every write and in the end.

pub(crate) mod answers;
pub(crate) mod audit;
pub(crate) mod ending;
pub(crate) mod invariants;
pub(crate) mod limits;
pub(crate) mod objects;
pub(crate) mod row;
pub(crate) mod totals;
pub(crate) mod waits;
