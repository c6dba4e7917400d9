//! Security: keys, seals, signatures, cursors, redaction, and the checks of destinations.

pub mod cursor;
pub mod destination;
pub mod entropy;
pub mod hex;
pub mod key;
pub mod keyring;
pub mod redact;
pub mod seal;
pub mod signing;
