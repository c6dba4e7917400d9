//! What the command `longshore` does. It is a library too, so that tests run it without a process around it.

pub mod deploy;
pub mod terminal;
