//! Input of a command: a file, standard input, or a text in the arguments.

use std::io::Read;

use serde_json::value::RawValue;

use crate::failure::Failure;

/// Name of standard input in arguments.
pub(crate) const STDIN: &str = "-";

/// Reads a file, or standard input for `-`.
///
/// # Errors
/// [`Failure::Usage`] with the error of the system.
pub(crate) fn read_file(path: &str) -> Result<Vec<u8>, Failure> {
    let failed = |error: std::io::Error| Failure::Usage(format!("{path}: {error}"));
    if path != STDIN {
        return std::fs::read(path).map_err(failed);
    }
    let mut bytes = Vec::new();
    std::io::stdin().lock().read_to_end(&mut bytes).map_err(failed)?;
    Ok(bytes)
}

/// Reads a body argument: the text itself, `@PATH` for a file, or `-` for standard input.
///
/// # Errors
/// [`Failure::Usage`] with the error of the system.
pub(crate) fn read_body(argument: &str) -> Result<Vec<u8>, Failure> {
    match argument.strip_prefix('@') {
        Some(path) => read_file(path),
        None if argument == STDIN => read_file(STDIN),
        None => Ok(argument.as_bytes().to_vec()),
    }
}

/// Reads a body argument that must be JSON, and keeps its tokens.
///
/// # Errors
/// [`Failure::Usage`].
pub(crate) fn read_json(argument: &str) -> Result<Box<RawValue>, Failure> {
    let body = read_body(argument)?;
    serde_json::from_slice(&body).map_err(|error| Failure::Usage(format!("The body is not JSON: {error}")))
}
