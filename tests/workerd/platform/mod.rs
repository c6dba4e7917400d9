//! Platform tests: migrations, plans, rotation, upgrades, histories on the real D1.

pub(crate) mod histories;
pub(crate) mod migrations;
pub(crate) mod plans;
pub(crate) mod rotation;
pub(crate) mod upgrade;
