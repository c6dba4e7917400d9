//! Keys, seals, signatures, cursors, and what may not be shown or reached.

pub mod cursor;
pub mod destination;
pub mod entropy;
pub mod hex;
pub mod key;
pub mod keyring;
pub mod redact;
pub mod seal;
pub mod signing;
