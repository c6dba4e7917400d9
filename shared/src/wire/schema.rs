//! Schemas shared by requests and responses in the OpenAPI document: names, times, headers. They match the checks next
//! to them.

use schemars::generate::SchemaGenerator;
use schemars::{Schema, json_schema};

use crate::limits::{HEADER_VALUE_BYTES_MAX, HEADERS_MAX, NAME_BYTES_MAX, TASK_NAME_BYTES_MAX};

/// Pattern of [`crate::model::origin::read_traceparent`], without its rules about zeros, version ff, and text after a
/// version 00.
pub(crate) const TRACEPARENT: &str = "^[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}(-.*)?$";

/// Pattern of [`crate::wire::invalid::is_name`].
pub(crate) const NAME: &str = "^[A-Za-z0-9_-]{1,64}$";

/// Pattern of a name, or `*`.
pub(crate) const TENANT: &str = r"^(\*|[A-Za-z0-9_-]{1,64})$";

/// Pattern of [`crate::kinds::Kind::named`].
const KIND: &str = r"^(webhook|embed|index|[a-z][a-z0-9_-]*(\.[a-z][a-z0-9_-]*)+)$";

/// Pattern of [`crate::kinds::task::is_task_name`].
pub(crate) const TASK: &str = r"^[a-z][a-z0-9_-]*(\.[a-z][a-z0-9_-]*)+$";

/// Returns the schema of a kind's name: `webhook`, `embed`, `index`, or a task's name, which has a dot.
pub(crate) fn kind(_: &mut SchemaGenerator) -> Schema {
    json_schema!({"type": "string", "pattern": KIND, "maxLength": TASK_NAME_BYTES_MAX})
}

/// Returns the schema of headers to send, by name.
pub(crate) fn headers(_: &mut SchemaGenerator) -> Schema {
    json_schema!({
        "type": "object", "maxProperties": HEADERS_MAX,
        "propertyNames": {"pattern": "^[A-Za-z0-9!#$%&'*+.^_`|~-]+$", "maxLength": NAME_BYTES_MAX},
        "additionalProperties": {
            "type": "string", "maxLength": HEADER_VALUE_BYTES_MAX, "pattern": r"^([!-~]([\t -~]*[!-~])?)?$",
        },
    })
}

/// Pattern of a job's id: a prefix, the shard and a ULID.
pub(crate) const JOB_ID: &str = "^job_00[0-7][0-9A-HJKMNP-TV-Z]{25}$";

/// Name and value of a header, in the order of the response.
pub(crate) type Header = [String; 2];

/// Schema of any JSON value. Lists all types, because generated clients treat a schema without types as unknown.
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

/// Pattern of an action's id: a prefix and a ULID.
pub(crate) const ACTION_ID: &str = "^act_[0-7][0-9A-HJKMNP-TV-Z]{25}$";
/// Pattern of the id of an entry of the audit log: a prefix and a ULID.
pub(crate) const AUDIT_ID: &str = "^aud_[0-7][0-9A-HJKMNP-TV-Z]{25}$";

/// Pattern of an erasure's id: a prefix and a ULID.
pub(crate) const ERASURE_ID: &str = "^era_[0-7][0-9A-HJKMNP-TV-Z]{25}$";

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::invalid::is_name;

    #[test]
    fn the_pattern_of_names_matches_the_check() {
        assert!(
            NAME.contains(&format!("{{1,{NAME_BYTES_MAX}}}")) && TENANT.contains(&format!("{{1,{NAME_BYTES_MAX}}}"))
        );
        for byte in 0..128u8 {
            let taken = byte.is_ascii_alphanumeric() || b"_-".contains(&byte);
            assert_eq!(is_name(&char::from(byte).to_string()), taken, "{byte}");
        }
    }
}
