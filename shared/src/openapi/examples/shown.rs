//! Examples from rows of the store.

use serde::de::DeserializeOwned;
use serde_json::Value;

/// Renders a row as the API shows it; a row that does not fit its type becomes null, which matches no schema.
pub(super) fn shown<R: DeserializeOwned>(row: Value, show: impl FnOnce(&R) -> Value) -> Value {
    serde_json::from_value(row).map_or(Value::Null, |row| show(&row))
}
