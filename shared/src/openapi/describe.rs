//! The description of one operation, and the parameters and headers that several share.

use schemars::generate::SchemaGenerator;
use schemars::{JsonSchema, Schema};
use serde_json::{Value, json};

use super::examples;
use crate::limits::{
    EMBED_ID_BYTES_MAX, IDEMPOTENCY_KEY_CHARS_MAX, PAGE_DEFAULT, PAGE_MAX, SUBJECT_BYTES_MAX, WAIT_SECONDS_MAX,
};
use crate::model::state::State;
use crate::routes::{Does, Open, Operation, Route};
use crate::wire::daily_limit::DailyLimit;
use crate::wire::invalid::InvalidField;
use crate::wire::page::{Page, PageLine};
use crate::wire::prefer::RETURN_MINIMAL;
use crate::wire::problem::Problem;
use crate::wire::schema::{ERASURE_ID, JOB_ID, NAME};

/// A schema and examples of it.
pub(super) struct ContentDoc {
    pub(super) schema: fn(&mut SchemaGenerator) -> Schema,
    pub(super) examples: Vec<(&'static str, Value)>,
}

impl ContentDoc {
    /// The schema of a type, and examples of it.
    pub(super) fn of<T: JsonSchema>(examples: Vec<(&'static str, Value)>) -> ContentDoc {
        ContentDoc { schema: SchemaGenerator::subschema_for::<T>, examples }
    }
}

/// An answer when all is well.
pub(super) struct ResponseDoc {
    pub(super) status: u16,
    pub(super) description: &'static str,
    pub(super) headers: Vec<&'static str>,
    pub(super) content: Option<ContentDoc>,
    /// What it is as lines of JSON, for those who accept that.
    pub(super) lines: Option<LinesDoc>,
    /// What one line is, where it is always lines of JSON.
    pub(super) line: Option<ContentDoc>,
    /// Whether it is bytes.
    pub(super) is_bytes: bool,
}

/// Lines of JSON: what they are, the schema of one, and an example.
pub(super) struct LinesDoc {
    pub(super) item: Option<fn(&mut SchemaGenerator) -> Schema>,
    pub(super) description: &'static str,
    pub(super) example: String,
}

/// One operation as people and programs read of it. What follows from its route is added to it: the method, the path,
/// the scope, and the refusals that every operation of that form has.
pub(super) struct OperationDoc {
    pub(super) tag: &'static str,
    pub(super) summary: &'static str,
    pub(super) description: &'static str,
    pub(super) parameters: Vec<&'static str>,
    pub(super) body: Option<(bool, ContentDoc)>,
    pub(super) body_lines: Option<LinesDoc>,
    pub(super) answers: Vec<ResponseDoc>,
    /// Whether `ROOT_TOKEN` may do it too.
    pub(super) root: bool,
    /// Whether what the path names need not be there.
    creates: bool,
    refusals: Vec<Problem>,
}

/// Begins to tell of an operation.
pub(super) fn describe(tag: &'static str, summary: &'static str, description: &'static str) -> OperationDoc {
    let (parameters, answers, refusals) = (Vec::new(), Vec::new(), Vec::new());
    let (body, body_lines) = (None, None);
    OperationDoc {
        tag,
        summary,
        description,
        parameters,
        body,
        body_lines,
        answers,
        root: false,
        creates: false,
        refusals,
    }
}

/// An answer without a body.
fn answer(status: u16, description: &'static str) -> ResponseDoc {
    let (content, lines, line) = (None, None, None);
    ResponseDoc { status, description, headers: Vec::new(), content, lines, line, is_bytes: false }
}

impl OperationDoc {
    /// It takes these parameters of [`parameters`].
    pub(super) fn takes(mut self, names: &[&'static str]) -> OperationDoc {
        self.parameters.extend(names);
        self
    }

    /// It is about one tenant's things: a key for all tenants names one.
    pub(super) fn of_tenant(self) -> OperationDoc {
        self.takes(&["Longshore-Tenant", "tenant"]).refuses([Problem::names_no_tenant()])
    }

    /// It answers a page at a time.
    pub(super) fn pages(self) -> OperationDoc {
        self.takes(&["limit", "cursor"]).refuses([Problem::InvalidCursor])
    }

    /// It reads a body.
    pub(super) fn reads<T: JsonSchema>(mut self, examples: Vec<(&'static str, Value)>) -> OperationDoc {
        self.body = Some((true, ContentDoc::of::<T>(examples)));
        self
    }

    /// It reads a body if there is one.
    pub(super) fn may_read<T: JsonSchema>(mut self, examples: Vec<(&'static str, Value)>) -> OperationDoc {
        self.body = Some((false, ContentDoc::of::<T>(examples)));
        self
    }

    /// It answers so when all is well.
    pub(super) fn answers<T: JsonSchema>(
        mut self,
        status: u16,
        description: &'static str,
        example: Value,
    ) -> OperationDoc {
        let content = Some(ContentDoc::of::<T>(vec![("example", example)]));
        self.answers.push(ResponseDoc { content, ..answer(status, description) });
        self
    }

    /// It answers a page of these, and all of them to those who accept lines.
    pub(super) fn answers_page<T: JsonSchema>(self, description: &'static str, example: &Value) -> OperationDoc {
        let lines = LinesDoc {
            item: Some(SchemaGenerator::subschema_for::<PageLine<'_, T>>),
            description: "The export: all items from the cursor on, one a line. One too long for a request ends with a line that has but a `next_cursor`. An answer that breaks off is not whole.",
            example: format!("{example}\n"),
        };
        self.answers::<Page<T>>(200, description, examples::page(example)).or_lines(lines)
    }

    /// It answers bytes.
    pub(super) fn answers_bytes(mut self, description: &'static str) -> OperationDoc {
        self.answers.push(ResponseDoc { is_bytes: true, ..answer(200, description) });
        self
    }

    /// It answers lines of JSON, each of that schema.
    pub(super) fn answers_lines(mut self, description: &'static str, line: ContentDoc) -> OperationDoc {
        self.answers.push(ResponseDoc { line: Some(line), ..answer(200, description) });
        self
    }

    /// The last answer may also be lines.
    pub(super) fn or_lines(mut self, lines: LinesDoc) -> OperationDoc {
        if let Some(answer) = self.answers.last_mut() {
            answer.lines = Some(lines);
        }
        self
    }

    /// The body may also be lines; without another one, it is.
    pub(super) fn or_reads_lines(mut self, description: &'static str, example: String) -> OperationDoc {
        self.body_lines = Some(LinesDoc { item: None, description, example });
        self
    }

    /// It answers 204 when all is well.
    pub(super) fn answers_nothing(mut self, description: &'static str) -> OperationDoc {
        self.answers.push(answer(204, description));
        self
    }

    /// The last answer has these headers of [`headers`].
    pub(super) fn with_headers(mut self, names: &[&'static str]) -> OperationDoc {
        self.answers.iter_mut().last().into_iter().for_each(|answer| answer.headers.extend(names));
        self
    }

    /// It refuses with these too, beside what every operation of its form refuses with.
    pub(super) fn refuses(mut self, problems: impl IntoIterator<Item = Problem>) -> OperationDoc {
        self.refusals.extend(problems);
        self
    }

    /// `ROOT_TOKEN` may do it too.
    pub(super) fn also_root(mut self) -> OperationDoc {
        self.root = true;
        self
    }

    /// What the path names need not be there.
    pub(super) fn creates(mut self) -> OperationDoc {
        self.creates = true;
        self
    }

    /// Everything it may refuse with.
    pub(super) fn all_refusals(&self, route: &Route) -> Vec<Problem> {
        let detail = "is given twice; give it once";
        let mut all = vec![Problem::InvalidParameter(InvalidField::of("limit", "duplicate-parameter", detail))];
        if route.does == Does::Open(Open::Readiness) {
            all.push(Problem::RateLimited);
        }
        if route.scope().is_some() {
            all.extend([
                Problem::Unauthenticated("There is no Authorization header.".into()),
                Problem::Forbidden("The key lacks the scope operate.".into()),
                Problem::RateLimited,
                Problem::DailyLimit(DailyLimit::RowsRead),
                Problem::Unavailable,
            ]);
        }
        // These make what is missing.
        let makes = matches!(route.operation(), Some(Operation::ReadSecret | Operation::ReadTenantSecret));
        let writes = (route.method != "GET" || makes) && !route.operation().is_some_and(Operation::is_of_any_epoch);
        if route.scope().is_some() && writes {
            all.push(Problem::Restoring);
        }
        if route.path.contains('{') && !self.creates {
            all.push(Problem::not_found("Job", "job_x"));
        }
        if self.body.is_some() {
            all.extend([
                Problem::NotJson("EOF while parsing a value at line 1 column 0".into()),
                Problem::TooDeep,
                Problem::TooLarge("At most 65536 bytes are read here.".into()),
                Problem::UnsupportedMediaType(String::new()),
                Problem::UnsupportedEncoding(String::new()),
                Problem::field("#/payload/url", "url-invalid", "must be an absolute URL"),
            ]);
        }
        all.extend(self.refusals.iter().cloned());
        all.push(Problem::Internal);
        all
    }

    /// The path's placeholders.
    pub(super) fn path_parameters(route: &Route) -> Vec<Value> {
        let thing = route.path.split('/').nth(2).unwrap_or_default();
        let (what, schema) = match thing {
            "jobs" | "dead-letters" => ("A job's id.", json!({"type": "string", "pattern": JOB_ID})),
            "erasures" => ("An erasure's id.", json!({"type": "string", "pattern": ERASURE_ID})),
            "keys" => ("A key's id.", json!({"type": "string", "pattern": "^[0-9a-f]{16}$"})),
            _ => ("A name.", json!({"type": "string", "pattern": NAME})),
        };
        let number = ("The attempt's number, from 1.", json!({"type": "integer", "minimum": 1}));
        let subject = json!({"type": "string", "minLength": 1, "maxLength": SUBJECT_BYTES_MAX});
        let subject = ("The `subject` of the jobs' metadata.", subject);
        let name = ("The index's name.", json!({"type": "string", "pattern": NAME}));
        let placeholders = [("id", (what, schema)), ("name", name), ("n", number), ("subject", subject)];
        let named = placeholders.into_iter().filter(|(name, _)| route.path.contains(&format!("{{{name}}}")));
        named
            .map(|(name, (description, schema))| {
                json!({"name": name, "in": "path", "required": true, "description": description, "schema": schema})
            })
            .collect()
    }
}

fn parameter(place: &str, name: &str, description: &str, schema: Value) -> Value {
    let mut parameter = json!({"name": name, "in": place, "description": description});
    parameter["schema"] = schema;
    parameter
}

fn in_query(name: &str, description: &str, schema: Value) -> (String, Value) {
    (name.to_owned(), parameter("query", name, description, schema))
}

fn in_header(name: &str, description: &str, schema: Value) -> (String, Value) {
    (name.to_owned(), parameter("header", name, description, schema))
}

/// Every parameter but those of paths.
pub(super) fn parameters() -> Value {
    Value::Object(headers_of_requests().into_iter().chain(queries()).chain(queries_of_documents()).collect())
}

fn headers_of_requests() -> [(String, Value); 6] {
    let name = json!({"type": "string", "pattern": NAME});
    [
        in_header(
            "Idempotency-Key",
            "The same key again, for the same kind and endpoint within the window, is the same job. A quoted string or a \
             bare word; in a batch one key stands for one per job.",
            json!({"type": "string", "pattern": format!(
                r#"^([!#-+\--:<-\[\]-~]{{1,{IDEMPOTENCY_KEY_CHARS_MAX}}}|"([ !#-\[\]-~]|\\[\\"]){{1,{IDEMPOTENCY_KEY_CHARS_MAX}}}")$"#
            )}),
        ),
        in_header(
            "Prefer",
            "With `return=minimal` (RFC 7240) the answer has the refused jobs and the summary alone.",
            json!({"type": "string"}),
        ),
        in_header(
            "traceparent",
            "The trace that the jobs belong to, as in W3C Trace Context, unless they name their own. One that cannot be \
             read is none.",
            json!({"type": "string"}),
        ),
        in_header(
            "tracestate",
            "What others say of that trace, as in W3C Trace Context. One that cannot be read is none.",
            json!({"type": "string"}),
        ),
        in_header(
            "Longshore-Hops",
            "How many jobs made one another before this request: what a webhook's own request says.",
            json!({"type": "string", "pattern": "^[0-9]+$"}),
        ),
        in_header("Longshore-Tenant", "The tenant that a key for all tenants acts for.", name),
    ]
}

fn queries() -> [(String, Value); 14] {
    let name = json!({"type": "string", "pattern": NAME});
    let time = json!({"type": "string", "format": "date-time"});
    let day = json!({"type": "string", "format": "date"});
    let states: Vec<_> = State::ALL.iter().map(|state| state.name()).collect();
    [
        in_query("tenant", "The same as Longshore-Tenant: if both are there, they name one tenant.", name.clone()),
        in_query(
            "limit",
            "Items of the page.",
            json!({"type": "integer", "minimum": 1, "maximum": PAGE_MAX, "default": PAGE_DEFAULT}),
        ),
        in_query(
            "cursor",
            "The `next_cursor` of the page before, with the same filters, within a day.",
            json!({"type": "string"}),
        ),
        in_query(
            "wait",
            "Answers when the job, or each job of the group, has ended, or after this many seconds.",
            json!({"type": "integer", "minimum": 0, "maximum": WAIT_SECONDS_MAX, "default": 0}),
        ),
        in_query("state", "Only jobs in this state.", json!({"type": "string", "enum": states})),
        in_query("kind", "Only jobs of this kind.", json!({"type": "string"})),
        in_query("endpoint", "Only jobs to this endpoint.", name.clone()),
        in_query("group", "Only jobs of this group.", name.clone()),
        in_query("event_id", "Only jobs with this event id, such as a job and its replays.", name),
        in_query(
            "idempotency_key",
            "Only the jobs that hold this key now; with no other filter.",
            json!({"type": "string", "minLength": 1}),
        ),
        in_query("created_after", "Only jobs created then or later.", time.clone()),
        in_query("created_before", "Only jobs created before then.", time),
        in_query("from", "Only that day and later ones.", day.clone()),
        in_query("to", "Only that day and earlier ones.", day),
    ]
}

fn queries_of_documents() -> [(String, Value); 2] {
    let group = "Names the group of the jobs that the lines become. When nothing is said, the idempotency key names it, or the \
                 request.";
    [
        (
            "group-of-documents".to_owned(),
            parameter("query", "group", group, json!({"type": "string", "pattern": NAME})),
        ),
        in_query(
            "replace",
            "The source that has these documents and no others in the end: once the jobs of all lines have succeeded, its \
             documents that were accepted before them are removed. Nothing is if a line is refused or not read, or if one of the \
             jobs dies or is cancelled. Not with `group`.",
            json!({"type": "string", "minLength": 1, "maxLength": EMBED_ID_BYTES_MAX}),
        ),
    ]
}

/// Every header of an answer.
pub(super) fn headers() -> Value {
    let header = |description: &str, schema: Value| json!({"description": description, "schema": schema});
    let text = json!({"type": "string"});
    let seconds = json!({"type": "string", "pattern": "^[0-9]+$"});
    let ulid = json!({"type": "string", "pattern": "^[0-7][0-9A-HJKMNP-TV-Z]{25}$"});
    json!({
        "Longshore-Request-Id": header("Names this request in our logs.", ulid),
        "Location": header("The path of what was made.", text.clone()),
        "Longshore-Group": header("The group of the jobs that the lines become.", json!({"type": "string", "pattern": NAME})),
        "Idempotency-Replayed": header("The job was there already.", json!({"type": "string", "const": "true"})),
        "Preference-Applied": header("The preference of the request that was applied.", json!({"const": RETURN_MINIMAL})),
        "Retry-After": header("Seconds after which it is worth asking again.", seconds),
        "WWW-Authenticate": header("How to authenticate.", text.clone()),
        "Content-Security-Policy": header("A body that came from anywhere must not run anywhere.", text),
    })
}
