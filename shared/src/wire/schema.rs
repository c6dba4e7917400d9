//! Schemas that requests and answers share, as the OpenAPI document shows them: names, times, headers. The checks beside them take
//! what they describe.

use schemars::generate::SchemaGenerator;
use schemars::{Schema, json_schema};

use crate::limits::{HEADER_VALUE_BYTES_MAX, HEADERS_MAX, NAME_BYTES_MAX, TASK_NAME_BYTES_MAX};

/// What [`crate::model::origin::read_traceparent`] takes, but for zeros, for version ff and for more after a version 00.
pub(crate) const TRACEPARENT: &str = "^[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}(-.*)?$";

/// What [`crate::wire::invalid::is_name`] takes.
pub(crate) const NAME: &str = "^[A-Za-z0-9_-]{1,64}$";

/// A name, or `*`.
pub(crate) const TENANT: &str = r"^(\*|[A-Za-z0-9_-]{1,64})$";

/// What [`crate::kinds::Kind::named`] takes.
const KIND: &str = r"^(webhook|embed|index|[a-z][a-z0-9_-]*(\.[a-z][a-z0-9_-]*)+)$";

/// What [`crate::kinds::task::is_task_name`] takes.
pub(crate) const TASK: &str = r"^[a-z][a-z0-9_-]*(\.[a-z][a-z0-9_-]*)+$";

/// The name of a kind: `webhook`, `embed`, `index`, or that of a task, which has a dot in it.
pub(crate) fn kind(_: &mut SchemaGenerator) -> Schema {
    json_schema!({"type": "string", "pattern": KIND, "maxLength": TASK_NAME_BYTES_MAX})
}

/// Headers that a caller wants sent, by name.
pub(crate) fn headers(_: &mut SchemaGenerator) -> Schema {
    json_schema!({
        "type": "object", "maxProperties": HEADERS_MAX,
        "propertyNames": {"pattern": "^[A-Za-z0-9!#$%&'*+.^_`|~-]+$", "maxLength": NAME_BYTES_MAX},
        "additionalProperties": {
            "type": "string", "maxLength": HEADER_VALUE_BYTES_MAX, "pattern": r"^([!-~]([\t -~]*[!-~])?)?$",
        },
    })
}

/// A job's id: a prefix, the shard and a ULID.
pub(crate) const JOB_ID: &str = "^job_00[0-7][0-9A-HJKMNP-TV-Z]{25}$";

/// A name and its value, in the order of the wire.
pub(crate) type Header = [String; 2];

/// The schema of any JSON value. It lists the types because generated clients take a schema without one for unknown.
pub(crate) enum Json {}

impl schemars::JsonSchema for Json {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Json".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "description": "Any JSON value.", "type": ["object", "array", "string", "number", "boolean", "null"],
            "items": {}, "additionalProperties": {},
        })
    }
}

/// An erasure's id: a prefix and a ULID.
pub(crate) const ERASURE_ID: &str = "^era_[0-7][0-9A-HJKMNP-TV-Z]{25}$";

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::invalid::is_name;

    #[test]
    fn the_pattern_of_names_is_the_limit_of_names() {
        assert!(
            NAME.contains(&format!("{{1,{NAME_BYTES_MAX}}}")) && TENANT.contains(&format!("{{1,{NAME_BYTES_MAX}}}"))
        );
        for byte in 0..128u8 {
            let taken = byte.is_ascii_alphanumeric() || b"_-".contains(&byte);
            assert_eq!(is_name(&char::from(byte).to_string()), taken, "{byte}");
        }
    }
}
