//! Turns requests about documents into jobs of kind `index`, one per line.
//!
//! Each line is parsed completely and serialized again inside the job, so that a line cannot set fields of the job.

use serde::Deserialize;
use serde_json::json;

use crate::accept::request::{NewJob, check_request_length, check_written};
use crate::index::IndexRow;
use crate::kinds::index::Verify;
use crate::limits::EMBED_ID_BYTES_MAX;
use crate::ports::Clock;
use crate::settings::Settings;
use crate::wire::canonical::{Level, canonical};
use crate::wire::checks::{check_label, check_name};
use crate::wire::idempotency::digest;
use crate::wire::invalid::{InvalidField, read};
use crate::wire::metadata::Metadata;
use crate::wire::phrase::quoted;
use crate::wire::problem::Problem;
use crate::wire::raw::RawObject;

/// One line: a document, or `{"id", "deleted": true}` to delete one.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct DocumentLine {
    id: String,
    text: Option<String>,
    metadata: Option<Metadata>,
    source: Option<String>,
    #[serde(default)]
    deleted: bool,
}

/// Target index, group and options of the documents of one request.
#[derive(Debug, Clone)]
pub struct Documents {
    index: IndexIdentity,
    group: String,
    /// Source that the documents replace, with `replace`.
    replaces: Option<String>,
}

/// Index that the request found. Its jobs do not touch an index created later under the same name.
#[derive(Debug, Clone)]
struct IndexIdentity {
    name: String,
    id: String,
}

impl IndexIdentity {
    fn of(index: &IndexRow) -> IndexIdentity {
        IndexIdentity { name: index.name.clone(), id: index.id.clone() }
    }

    /// Builds the job of a change, as a caller would write it.
    fn job(&self, change: RawObject, group: Option<&str>) -> Vec<u8> {
        let payload = change.with("index", self.name.as_str()).with("index_id", self.id.as_str()).to_raw();
        let job = RawObject::of(json!({"kind": "index", "group": group})).with_kept("payload", Some(&payload));
        job.to_raw().get().as_bytes().to_vec()
    }
}

impl Documents {
    /// Creates the target of a document request.
    ///
    /// Without a `group`, the group is derived from the idempotency key, so that a repeat is the same request; without
    /// a key it is the request id. `replaces` names a source: after the request it has these documents and no others.
    ///
    /// # Errors
    /// `InvalidParameter` if the group or the source is invalid, or if both are given.
    pub fn new(
        index: &IndexRow,
        group: Option<&str>,
        replaces: Option<&str>,
        key: Option<&str>,
        request_id: &str,
    ) -> Result<Documents, Problem> {
        let of_source = replaces.and_then(|source| check_label("replace", source, &(1..=EMBED_ID_BYTES_MAX)));
        if let Some(wrong) = of_source.or_else(|| group.and_then(|group| check_name("group", group))) {
            return Err(Problem::InvalidParameter(wrong));
        }
        if replaces.is_some() && group.is_some() {
            let detail = "cannot be combined with `replace`, which creates its own group; remove it";
            return Err(Problem::InvalidParameter(InvalidField::of("group", "either-or", detail)));
        }
        let group = match (group, key) {
            (Some(group), _) => group.to_owned(),
            (None, Some(key)) => digest(&[index.id.as_bytes(), key.as_bytes()]),
            (None, None) => request_id.to_owned(),
        };
        Ok(Documents { index: IndexIdentity::of(index), group, replaces: replaces.map(str::to_owned) })
    }

    /// Returns the group of the jobs.
    pub fn group(&self) -> &str {
        &self.group
    }

    /// True if the documents replace all documents of a source.
    pub fn replace(&self) -> bool {
        self.replaces.is_some()
    }

    /// Builds the job that removes the replaced documents. `first` is the smallest job id of the request. `None`
    /// without `replace`.
    pub fn removal(&self, first: &str) -> Option<Vec<u8>> {
        let source = self.replaces.as_ref()?;
        let change = RawObject::of(json!({"remove": {"source": source, "before": first}}));
        Some(self.index.job(change, Some(&self.group)))
    }

    /// Returns the problem of a `replace` request without documents. It is treated as a mistake, and nothing is
    /// removed. `None` without `replace`.
    pub fn nothing_replaces(&self) -> Option<Problem> {
        let source = self.replaces.as_ref()?;
        let all = json!({"kind": "index", "payload": {"index": self.index.name, "remove": {"source": source}}});
        let detail = format!(
            "The request has no document, so no document of the source {} was removed; to remove them all, create this job: {all}",
            quoted(source)
        );
        Some(Problem::InvalidRequest(vec![InvalidField::new("#", "no-documents", detail)]))
    }

    /// Checks a line. `index` is its position in the request, `key` its idempotency key.
    ///
    /// # Errors
    /// A problem that names every wrong field of the line.
    pub fn check<C: Clock>(
        &self,
        clock: &C,
        settings: &Settings,
        line: &[u8],
        index: usize,
        key: Option<String>,
    ) -> Result<NewJob, Problem> {
        let too_long = || check_request_length(line, &settings.plan).err();
        let job = self.job(read(line, "#").map_err(|wrong| too_long().unwrap_or(wrong.into()))?)?;
        // The digest covers the line as the caller wrote it, because the job's JSON is generated.
        let written = canonical(line, |level, _, value| level == Level::Document && value == b"null");
        let replaces = self.replaces.as_deref().unwrap_or_default();
        let form = [self.index.id.as_bytes(), self.group.as_bytes(), replaces.as_bytes(), &written];
        check_written(clock, settings, &job, index, key, Some(&form)).map_err(of_line)
    }

    /// Builds the job of a line, as a caller would write it.
    fn job(&self, line: DocumentLine) -> Result<Vec<u8>, Problem> {
        let wrong = |pointer, code, detail| Err(Problem::field(pointer, code, detail));
        if self.replaces.is_some() && line.deleted {
            return wrong("#/deleted", "either-or", "cannot be combined with the parameter `replace`; remove the line");
        }
        if self.replaces.is_some() && line.source.is_some() && line.source != self.replaces {
            return wrong("#/source", "either-or", "must be the source that the parameter `replace` names; remove it");
        }
        let change = match line {
            DocumentLine { id, text: None, metadata: None, source: None, deleted: true } => {
                RawObject::of(json!({"delete": {"id": id}}))
            }
            DocumentLine { deleted: true, .. } => {
                return wrong(
                    "#/deleted",
                    "either-or",
                    "cannot be combined with `text`, `metadata` or `source`; give only the `id`",
                );
            }
            DocumentLine { text: None, .. } => {
                return wrong("#/text", "missing-field", "is required, unless `deleted` is `true`");
            }
            DocumentLine { id, text: Some(text), metadata, source, .. } => {
                let source = source.or_else(|| self.replaces.clone()).unwrap_or_default();
                let put = RawObject::of(json!({"id": id, "text": text, "source": source}));
                let put = put.with_kept("metadata", Some(&metadata.unwrap_or_default().to_raw()));
                RawObject::default().with_kept("put", Some(&put.to_raw()))
            }
        };
        Ok(self.index.job(change, Some(&self.group)))
    }
}

/// Builds the job that verifies an index. Without a body it repairs nothing.
///
/// # Errors
/// A problem that names the wrong field.
pub fn verification(index: &IndexRow, body: Option<&[u8]>) -> Result<Vec<u8>, Problem> {
    let asked: Verify = read(body.unwrap_or(b"{}"), "#")?;
    Ok(IndexIdentity::of(index).job(RawObject::of(json!({"verify": asked})), None))
}

/// Builds the job that continues the build of an index version.
pub fn rebuilding(index: &IndexRow) -> Vec<u8> {
    IndexIdentity::of(index).job(RawObject::of(json!({"rebuild": {}})), None)
}

/// Translates pointers into the job to pointers into the line.
fn of_line(problem: Problem) -> Problem {
    let Problem::InvalidRequest(mut fields) = problem else { return problem };
    for field in &mut fields {
        let within = ["#/payload/put", "#/payload/delete", "#/payload"];
        if let Some(rest) = within.iter().find_map(|prefix| field.pointer.strip_prefix(prefix)) {
            let pointer = format!("#{rest}");
            *field = field.clone().moved(pointer);
        }
    }
    Problem::InvalidRequest(fields)
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;
    use crate::wire::invalid::is_name;

    fn index() -> IndexRow {
        let (tenant, name, id) = ("acme".into(), "notes".into(), "01I".into());
        IndexRow { tenant, name, id, serving: "01G".into(), building: None, index_versions: Vec::new(), created_at: 0 }
    }

    fn documents() -> Documents {
        Documents::new(&index(), Some("import"), None, None, "01K").unwrap()
    }

    fn job_of(line: &str) -> Result<Value, Problem> {
        let job = documents().job(read(line.as_bytes(), "#")?)?;
        Ok(serde_json::from_slice(&job).unwrap())
    }

    #[test]
    fn a_line_is_only_a_document() {
        let put = job_of(r#"{"id": "a", "text": "x\"},\"kind\":\"webhook", "metadata": {"n": 1}}"#).unwrap();
        let expected = json!({"kind": "index", "group": "import", "payload": {"index": "notes", "index_id": "01I", "put":
            {"id": "a", "text": "x\"},\"kind\":\"webhook", "metadata": {"n": 1}, "source": ""}}});
        assert_eq!(put, expected);
        let gone = job_of(r#"{"id": "a", "deleted": true}"#).unwrap();
        assert_eq!(gone["payload"], json!({"index": "notes", "index_id": "01I", "delete": {"id": "a"}}));
    }

    #[test]
    fn metadata_of_a_line_is_kept_verbatim() {
        let metadata = r#"{"z":117.63331139400017,"a":[12345678901234567890123,-0,1E5],"b":"\u00e9\/"}"#;
        let line = format!(r#"{{"id": "a", "text": "b", "metadata": {metadata}}}"#);
        let job = documents().job(read(line.as_bytes(), "#").unwrap()).unwrap();
        assert!(String::from_utf8(job).unwrap().contains(&format!(r#""metadata":{metadata}"#)));
    }

    #[test]
    fn replacing_documents_have_one_source() {
        let documents = Documents::new(&index(), None, Some("site"), Some("k"), "01K").unwrap();
        let source_of = |line: &str| {
            let job = documents.job(read(line.as_bytes(), "#").unwrap())?;
            Ok::<_, Problem>(serde_json::from_slice::<Value>(&job).unwrap()["payload"]["put"]["source"].clone())
        };
        assert_eq!(source_of(r#"{"id": "a", "text": "b"}"#).unwrap(), "site");
        assert_eq!(source_of(r#"{"id": "a", "text": "b", "source": "site"}"#).unwrap(), "site");
        for line in [r#"{"id": "a", "text": "b", "source": ""}"#, r#"{"id": "a", "deleted": true}"#] {
            assert!(matches!(source_of(line), Err(Problem::InvalidRequest(_))), "{line}");
        }
        let removal: Value = serde_json::from_slice(&documents.removal("job_1").unwrap()).unwrap();
        let expected = json!({"index": "notes", "index_id": "01I", "remove": {"source": "site", "before": "job_1"}});
        assert_eq!((&removal["payload"], removal["group"].as_str()), (&expected, Some(documents.group())));
        let Some(Problem::InvalidRequest(fields)) = documents.nothing_replaces() else { panic!("no problem") };
        assert!(
            fields[0].detail.contains("`site` was removed")
                && fields[0].detail.contains(r#""remove":{"source":"site"}"#)
        );
        let both = Documents::new(&index(), Some("import"), Some("site"), None, "01K");
        assert!(matches!(both, Err(Problem::InvalidParameter(field)) if field.pointer == "group"));
        for source in ["", "a\u{0}b", &"x".repeat(EMBED_ID_BYTES_MAX + 1)] {
            let refused = Documents::new(&index(), None, Some(source), None, "01K");
            assert!(matches!(refused, Err(Problem::InvalidParameter(_))), "{source:?}");
        }
    }

    #[test]
    fn errors_of_a_line_name_its_fields() {
        let pointer = |line: &str| match job_of(line) {
            Err(Problem::InvalidRequest(fields)) => (fields[0].pointer.clone(), fields[0].code),
            other => panic!("{line}: {other:?}"),
        };
        for (line, field, code) in [
            (r#"{"id": "a"}"#, "#/text", "missing-field"),
            (r#"{"text": "a"}"#, "#/id", "missing-field"),
            (r#"{"id": "a", "text": "b", "deleted": true}"#, "#/deleted", "either-or"),
            (r#"{"id": "a", "text": "b", "kind": "webhook"}"#, "#/kind", "unknown-field"),
            (r#"{"id": "a", "text": "b", "id": "c"}"#, "#/id", "duplicate-field"),
            (r#"{"id": "a", "text": 7}"#, "#/text", "invalid-type"),
            ("[]", "#", "invalid-type"),
        ] {
            assert_eq!(pointer(line), (field.to_owned(), code), "{line}");
        }
        for line in [r#"{"id": "a", "text": "b"}}"#, r#"{"id": "a", "text": "b"}, {"id": "c", "text": "d"}"#, ""] {
            assert!(matches!(job_of(line), Err(Problem::NotJson(_))), "{line}");
        }
    }

    #[test]
    fn errors_of_the_job_name_the_line() {
        let pointers = ["#/payload/put/text", "#/payload/delete/id", "#/payload", "#/group"];
        let fields = pointers.map(|pointer| InvalidField::new(pointer, "out-of-range", "It is long."));
        let Problem::InvalidRequest(fields) = of_line(Problem::InvalidRequest(fields.to_vec())) else { panic!() };
        let pointers: Vec<_> = fields.into_iter().map(|field| field.pointer).collect();
        assert_eq!(pointers, ["#/text", "#/id", "#", "#/group"]);
        assert_eq!(of_line(Problem::TooDeep), Problem::TooDeep);
    }

    #[test]
    fn a_group_is_given_or_derived_from_the_key() {
        let group = |group, key, id| Documents::new(&index(), group, None, key, id).map(|documents| documents.group);
        assert_eq!(group(Some("mine"), Some("k"), "01K"), Ok("mine".to_owned()));
        assert_eq!(group(None, None, "01K"), Ok("01K".to_owned()));
        let by_key = group(None, Some("k"), "01K").unwrap();
        assert!(is_name(&by_key), "{by_key}");
        assert_eq!(group(None, Some("k"), "01L"), Ok(by_key.clone()));
        assert_ne!(group(None, Some("l"), "01K"), Ok(by_key));
        assert!(matches!(group(Some("a b"), None, "01K"), Err(Problem::InvalidParameter(_))));
    }

    #[test]
    fn a_verification_repairs_only_on_request() {
        let of = |body: Option<&str>| verification(&index(), body.map(str::as_bytes));
        let payload = |body| serde_json::from_slice::<Value>(&of(body).unwrap()).unwrap()["payload"].clone();
        assert_eq!(payload(None), json!({"index": "notes", "index_id": "01I", "verify": {"repair": false}}));
        assert_eq!(
            payload(Some(r#"{"repair": true}"#)),
            json!({"index": "notes", "index_id": "01I", "verify": {"repair": true}})
        );
        assert!(of(Some(r#"{"fix": true}"#)).is_err());
    }
}
