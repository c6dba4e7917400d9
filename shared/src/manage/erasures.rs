//! Requests to erase a tenant, or one subject of its jobs, and their receipts. [`crate::sweep::erase`] does the work.

use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::limits::SUBJECT_BYTES_MAX;
use crate::model::job::mint_ulid;
use crate::ports::{Clock, Database, Statement};
use crate::routes::Operation;
use crate::store::audit::{Operator, Target};
use crate::store::rows::{read_first, unavailable};
use crate::store::secrets::erasing;
use crate::store::{batch, first_as, json_param, sql};
use crate::wire::invalid::InvalidField;
use crate::wire::metadata::is_subject;
use crate::wire::problem::Problem;
use crate::wire::time::Time;

/// State of an erasure.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum ErasureState {
    /// The sweep is erasing.
    Running,
    /// A complete round of the sweep found nothing left.
    Done,
}

/// Number of erased rows.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema))]
pub struct ErasureCounts {
    /// Jobs, with their payloads, results, logs and keys.
    pub jobs: u64,
    /// Attempts of those jobs; their evidence was overwritten before.
    pub attempts: u64,
    /// Endpoints, including deleted ones.
    pub endpoints: u64,
    /// Schedules.
    pub schedules: u64,
    /// API keys.
    pub keys: u64,
}

/// Receipt of an erasure.
#[derive(Debug, Clone, Deserialize, Serialize)]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema))]
pub struct Erasure {
    /// Id of the erasure.
    #[cfg_attr(feature = "openapi", schemars(regex(pattern = crate::wire::schema::ERASURE_ID)))]
    pub id: String,
    /// State of the erasure.
    pub state: ErasureState,
    /// Tenant that is erased, or whose subject is erased.
    pub tenant: String,
    /// Subject that is erased; null for the whole tenant. After the end: `sha256:` and the digest of the subject in
    /// base64url.
    pub subject: Option<String>,
    /// Time of the request.
    pub created_at: Time,
    /// Time of the last round, which found nothing left.
    pub finished_at: Option<Time>,
    /// Number of rows erased so far.
    pub counts: ErasureCounts,
}

/// Decodes the subject in a path segment.
///
/// # Errors
/// `InvalidParameter` if no job can have this subject.
pub fn subject_of(segment: &str) -> Result<String, Problem> {
    // `+`, `&` and `=` have their query meaning for the decoder, but not in a path.
    let escaped = segment.replace('+', "%2B").replace('&', "%26").replace('=', "%3D");
    let subject =
        url::form_urlencoded::parse(escaped.as_bytes()).next().map_or_else(String::new, |(text, _)| text.into());
    if !is_subject(&subject) {
        let detail = format!("must be 1 to {SUBJECT_BYTES_MAX} bytes of UTF-8 without NUL, and neither . nor ..");
        return Err(Problem::InvalidParameter(InvalidField::of("subject", "invalid-subject", detail)));
    }
    Ok(subject)
}

/// Requests the erasure of a tenant or of one subject of its jobs. The same batch deletes what could create
/// jobs: its schedules, and for a tenant also keys, quotas and endpoints. The sweep deletes the jobs. A repeat returns the
/// running erasure.
///
/// # Errors
/// `Unavailable`.
pub async fn request_erasure<W: Database + Clock>(
    world: &W,
    operator: &Operator,
    tenant: &str,
    subject: Option<&str>,
) -> Result<Erasure, Problem> {
    let id = format!("era_{}", mint_ulid(world.now_ms(), world.random()));
    let target = json_param(&json!({"tenant": tenant, "id": id, "subject": subject}));
    // Without the subject, which the receipt forgets at its end.
    let action = match subject {
        None => operator.does(Operation::EraseTenant, tenant, Target::Tenant, tenant).after(json!({"erasure": id})),
        Some(_) => operator.does(Operation::EraseSubject, tenant, Target::Erasure, &id),
    };
    let statements = vec![
        sql!("request_erasure", target.clone()),
        action.if_changed(),
        sql!("erase_keys", target.clone()),
        sql!("erase_quotas", target.clone()),
        sql!("erase_endpoints", target.clone()),
        erasing(target.clone()),
        sql!("erase_schedules", target),
        reading(tenant, None, subject),
    ];
    let answers = batch(world, &statements).await.map_err(|error| unavailable(&error))?;
    first_as(answers.last()).map_err(|error| unavailable(&error))?.ok_or(Problem::Internal)
}

/// Reads the receipt of an erasure.
///
/// # Errors
/// `NotFound`; `Unavailable`.
pub async fn read_erasure<W: Database + Clock>(world: &W, tenant: &str, id: &str) -> Result<Erasure, Problem> {
    read_first(world, reading(tenant, Some(id), None)).await?.ok_or_else(|| Problem::not_found("Erasure", id))
}

/// Builds the statement that reads an erasure by its id, or the running one of this target.
fn reading(tenant: &str, id: Option<&str>, subject: Option<&str>) -> Statement {
    sql!("read_erasure", tenant, id.map(str::to_owned), subject.map(str::to_owned))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use url::Url;

    use super::*;

    /// Returns the subject that arrives when a client escapes it and a server normalizes the path.
    fn travelled(subject: &str) -> Option<String> {
        let escaped = url::form_urlencoded::byte_serialize(subject.as_bytes()).collect::<String>().replace('+', "%20");
        let url = Url::parse(&format!("https://longshore.example/v1/tenants/acme/subjects/{escaped}")).ok()?;
        let segment = url.path().strip_prefix("/v1/tenants/acme/subjects/").filter(|rest| !rest.contains('/'))?;
        subject_of(segment).ok()
    }

    proptest! {
        #[test]
        fn a_subject_is_anything_a_path_can_name(subject in "\\PC{0,6}|[./\\\\%2eE#?;+ \u{0}\n\u{fffd}\u{7f}-]{0,4}") {
            prop_assert_eq!(travelled(&subject), is_subject(&subject).then(|| subject.clone()));
        }
    }

    #[test]
    fn dots_are_not_subjects() {
        for subject in [".", "..", "", "\0", "\u{fffd}"] {
            assert_eq!((travelled(subject), is_subject(subject)), (None, false), "{subject:?}");
        }
    }

    #[test]
    fn a_subject_is_the_decoded_segment() {
        for (segment, subject) in [
            ("user-7", "user-7"),
            ("a%40example.com", "a@example.com"),
            ("a+b=c&d", "a+b=c&d"),
            ("%C3%A4%2F%20", "ä/ "),
            ("100%", "100%"),
        ] {
            assert_eq!(subject_of(segment).as_deref(), Ok(subject), "{segment}");
        }
        assert!(subject_of(&"x".repeat(SUBJECT_BYTES_MAX)).is_ok());
        for segment in ["", "%00", "%FF", &"x".repeat(SUBJECT_BYTES_MAX + 1)] {
            assert!(matches!(subject_of(segment), Err(Problem::InvalidParameter(_))), "{segment}");
        }
    }
}
