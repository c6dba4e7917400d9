//! Requests to erase a tenant, or one subject of its jobs, and their receipts. The run itself is [`crate::sweep::erase`].

use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::limits::SUBJECT_BYTES_MAX;
use crate::model::job::mint_ulid;
use crate::ports::{Clock, Database, Statement};
use crate::store::rows::{read_first, unavailable};
use crate::store::secrets::erasing;
use crate::store::{batch, first_as, json_param, sql};
use crate::wire::invalid::InvalidField;
use crate::wire::metadata::is_subject;
use crate::wire::problem::Problem;
use crate::wire::time::Time;

/// How an erasure stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum ErasureState {
    /// The sweep is at it.
    Running,
    /// A whole round met nothing any more.
    Done,
}

/// What an erasure removed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema))]
pub struct ErasureCounts {
    /// Jobs, with their payloads, results, logs and keys.
    pub jobs: u64,
    /// Attempts of those jobs; their evidence was overwritten before.
    pub attempts: u64,
    /// Endpoints, deleted ones too.
    pub endpoints: u64,
    /// Schedules.
    pub schedules: u64,
    /// API keys.
    pub keys: u64,
}

/// The receipt of an erasure.
#[derive(Debug, Clone, Deserialize, Serialize)]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema))]
pub struct Erasure {
    /// Its id.
    #[cfg_attr(feature = "openapi", schemars(regex(pattern = crate::wire::schema::ERASURE_ID)))]
    pub id: String,
    /// How it stands.
    pub state: ErasureState,
    /// Whom it erases, or a part of whom.
    pub tenant: String,
    /// Whom it erases, null for the whole tenant; once it is done, `sha256:` and the digest of that, base64url.
    pub subject: Option<String>,
    /// When it was asked for.
    pub created_at: Time,
    /// When the last round met nothing any more.
    pub finished_at: Option<Time>,
    /// What left so far.
    pub counts: ErasureCounts,
}

/// The subject that a segment of a path names.
///
/// # Errors
/// `InvalidParameter` when no job can have it.
pub fn subject_of(segment: &str) -> Result<String, Problem> {
    // A query's own signs mean nothing in a path.
    let escaped = segment.replace('+', "%2B").replace('&', "%26").replace('=', "%3D");
    let subject =
        url::form_urlencoded::parse(escaped.as_bytes()).next().map_or_else(String::new, |(text, _)| text.into());
    if !is_subject(&subject) {
        let detail = format!("must be 1 to {SUBJECT_BYTES_MAX} bytes of UTF-8 without NUL, and neither . nor ..");
        return Err(Problem::InvalidParameter(InvalidField::of("subject", "invalid-subject", detail)));
    }
    Ok(subject)
}

/// Asks that a tenant, or one subject of its jobs, be erased. In the same batch everything that could make or accept more
/// of it leaves: keys, endpoints, schedules. The jobs are the sweep's work. Asking again answers the run that is under way.
///
/// # Errors
/// `Unavailable`.
pub async fn request_erasure<W: Database + Clock>(
    world: &W,
    tenant: &str,
    subject: Option<&str>,
) -> Result<Erasure, Problem> {
    let id = format!("era_{}", mint_ulid(world.now_ms(), world.random()));
    let target = json_param(&json!({"tenant": tenant, "id": id, "subject": subject}));
    let statements = vec![
        sql!("request_erasure", target.clone()),
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

/// The receipt of an erasure.
///
/// # Errors
/// `NotFound`; `Unavailable`.
pub async fn read_erasure<W: Database + Clock>(world: &W, tenant: &str, id: &str) -> Result<Erasure, Problem> {
    read_first(world, reading(tenant, Some(id), None)).await?.ok_or_else(|| Problem::not_found("Erasure", id))
}

/// Reads one erasure by its id, or the one that runs for this target.
fn reading(tenant: &str, id: Option<&str>, subject: Option<&str>) -> Statement {
    sql!("read_erasure", tenant, id.map(str::to_owned), subject.map(str::to_owned))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use url::Url;

    use super::*;

    /// What a subject becomes on its way: a client escapes it, and whoever reads the URL normalises its path.
    fn travelled(subject: &str) -> Option<String> {
        let escaped = url::form_urlencoded::byte_serialize(subject.as_bytes()).collect::<String>().replace('+', "%20");
        let url = Url::parse(&format!("https://longshore.example/v1/tenants/acme/subjects/{escaped}")).ok()?;
        let segment = url.path().strip_prefix("/v1/tenants/acme/subjects/").filter(|rest| !rest.contains('/'))?;
        subject_of(segment).ok()
    }

    proptest! {
        #[test]
        fn a_subject_may_be_what_a_path_can_name(subject in "\\PC{0,6}|[./\\\\%2eE#?;+ \u{0}\n\u{fffd}\u{7f}-]{0,4}") {
            prop_assert_eq!(travelled(&subject), is_subject(&subject).then(|| subject.clone()));
        }
    }

    #[test]
    fn dots_alone_lead_elsewhere() {
        for subject in [".", "..", "", "\0", "\u{fffd}"] {
            assert_eq!((travelled(subject), is_subject(subject)), (None, false), "{subject:?}");
        }
    }

    #[test]
    fn a_subject_is_what_the_path_says() {
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
