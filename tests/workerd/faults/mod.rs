//! Parts that fail, crash or reach a limit.

pub(crate) mod chaos;
pub(crate) mod crash;
pub(crate) mod d1_faults;
pub(crate) mod daily_limits;
pub(crate) mod panics;
pub(crate) mod parts;
pub(crate) mod randomness;
pub(crate) mod restore;
