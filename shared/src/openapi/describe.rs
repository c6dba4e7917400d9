//! Descriptions of operations.

use schemars::generate::SchemaGenerator;
use schemars::{JsonSchema, Schema};
use serde_json::{Value, json};

use super::examples;
use crate::limits::SUBJECT_BYTES_MAX;
use crate::routes::{Does, Open, Operation, Route};
use crate::wire::daily_limit::DailyLimit;
use crate::wire::invalid::InvalidField;
use crate::wire::page::{Page, PageLine};
use crate::wire::problem::Problem;
use crate::wire::schema::{ERASURE_ID, JOB_ID, NAME};

/// A schema with examples.
pub(super) struct ContentDoc {
    pub(super) schema: fn(&mut SchemaGenerator) -> Schema,
    pub(super) examples: Vec<(&'static str, Value)>,
}

impl ContentDoc {
    /// Combines the schema of a type with examples.
    pub(super) fn of<T: JsonSchema>(examples: Vec<(&'static str, Value)>) -> ContentDoc {
        ContentDoc { schema: SchemaGenerator::subschema_for::<T>, examples }
    }
}

/// A successful answer of an operation.
pub(super) struct ResponseDoc {
    pub(super) status: u16,
    pub(super) description: &'static str,
    pub(super) headers: Vec<&'static str>,
    pub(super) content: Option<ContentDoc>,
    /// Form of the answer as lines of JSON, on request.
    pub(super) lines: Option<LinesDoc>,
    /// Schema of one line, if the answer is always lines of JSON.
    pub(super) line: Option<ContentDoc>,
    /// True if the answer is binary.
    pub(super) is_bytes: bool,
    /// Example of the answer, if it is a text.
    pub(super) text: Option<&'static str>,
}

/// Lines of JSON: description, schema of one line, and an example.
pub(super) struct LinesDoc {
    pub(super) item: Option<fn(&mut SchemaGenerator) -> Schema>,
    pub(super) description: &'static str,
    pub(super) example: String,
}

/// The description of one operation. The route adds the method, the path, the scope, and the errors that all operations
/// of its form share.
pub(super) struct OperationDoc {
    pub(super) tag: &'static str,
    pub(super) summary: &'static str,
    pub(super) description: &'static str,
    pub(super) parameters: Vec<&'static str>,
    pub(super) body: Option<(bool, ContentDoc)>,
    pub(super) body_lines: Option<LinesDoc>,
    pub(super) answers: Vec<ResponseDoc>,
    /// True if `ROOT_TOKEN` may call the operation too.
    pub(super) root: bool,
    /// True if the operation creates the resource that its path names.
    creates: bool,
    refusals: Vec<Problem>,
}

/// Starts the description of an operation.
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
    ResponseDoc { status, description, headers: Vec::new(), content, lines, line, is_bytes: false, text: None }
}

impl OperationDoc {
    /// Adds parameters by their names in [`parameters`].
    pub(super) fn takes(mut self, names: &[&'static str]) -> OperationDoc {
        self.parameters.extend(names);
        self
    }

    /// Adds the tenant parameters: a key for all tenants must name a tenant.
    pub(super) fn of_tenant(self) -> OperationDoc {
        self.takes(&["Longshore-Tenant", "tenant"]).refuses([Problem::names_no_tenant()])
    }

    /// Adds the parameters of paged lists.
    pub(super) fn pages(self) -> OperationDoc {
        self.takes(&["limit", "cursor"]).refuses([Problem::InvalidCursor])
    }

    /// Adds a required body.
    pub(super) fn reads<T: JsonSchema>(mut self, examples: Vec<(&'static str, Value)>) -> OperationDoc {
        self.body = Some((true, ContentDoc::of::<T>(examples)));
        self
    }

    /// Adds an optional body.
    pub(super) fn may_read<T: JsonSchema>(mut self, examples: Vec<(&'static str, Value)>) -> OperationDoc {
        self.body = Some((false, ContentDoc::of::<T>(examples)));
        self
    }

    /// Adds a successful answer with a JSON body.
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

    /// Adds an answer with a page of items, or with all items as lines.
    pub(super) fn answers_page<T: JsonSchema>(self, description: &'static str, example: &Value) -> OperationDoc {
        let lines = LinesDoc {
            item: Some(SchemaGenerator::subschema_for::<PageLine<'_, T>>),
            description: "All items from the cursor on, one per line. An export that is too long for one request ends \
                          with a line that contains only `next_cursor`. An interrupted answer is incomplete.",
            example: format!("{example}\n"),
        };
        self.answers::<Page<T>>(200, description, examples::page(example)).or_lines(lines)
    }

    /// Adds a binary answer.
    pub(super) fn answers_bytes(mut self, description: &'static str) -> OperationDoc {
        self.answers.push(ResponseDoc { is_bytes: true, ..answer(200, description) });
        self
    }

    /// Adds an answer that is a text.
    pub(super) fn answers_text(mut self, description: &'static str, example: &'static str) -> OperationDoc {
        self.answers.push(ResponseDoc { text: Some(example), ..answer(200, description) });
        self
    }

    /// Adds an answer of lines of JSON with the given schema.
    pub(super) fn answers_lines(mut self, description: &'static str, line: ContentDoc) -> OperationDoc {
        self.answers.push(ResponseDoc { line: Some(line), ..answer(200, description) });
        self
    }

    /// Lets the last answer also be lines of JSON.
    pub(super) fn or_lines(mut self, lines: LinesDoc) -> OperationDoc {
        if let Some(answer) = self.answers.last_mut() {
            answer.lines = Some(lines);
        }
        self
    }

    /// Lets the body be lines of JSON, as an alternative or as the only form.
    pub(super) fn or_reads_lines(mut self, description: &'static str, example: String) -> OperationDoc {
        self.body_lines = Some(LinesDoc { item: None, description, example });
        self
    }

    /// Adds a successful answer 204 without a body.
    pub(super) fn answers_nothing(mut self, description: &'static str) -> OperationDoc {
        self.answers.push(answer(204, description));
        self
    }

    /// Adds headers of [`headers`] to the last answer.
    pub(super) fn with_headers(mut self, names: &[&'static str]) -> OperationDoc {
        self.answers.iter_mut().last().into_iter().for_each(|answer| answer.headers.extend(names));
        self
    }

    /// Adds errors that are specific to the operation.
    pub(super) fn refuses(mut self, problems: impl IntoIterator<Item = Problem>) -> OperationDoc {
        self.refusals.extend(problems);
        self
    }

    /// Lets `ROOT_TOKEN` call the operation too.
    pub(super) fn also_root(mut self) -> OperationDoc {
        self.root = true;
        self
    }

    /// Declares that the operation creates the resource that its path names.
    pub(super) fn creates(mut self) -> OperationDoc {
        self.creates = true;
        self
    }

    /// Lists all errors of the operation.
    pub(super) fn all_refusals(&self, route: &Route) -> Vec<Problem> {
        let detail = "is given twice; give it once";
        let mut all = vec![Problem::InvalidParameter(InvalidField::of("limit", "duplicate-parameter", detail))];
        if route.does == Does::Open(Open::Readiness) {
            all.push(Problem::RateLimited);
        }
        if route.scope().is_some() {
            all.extend([
                Problem::Unauthenticated("The Authorization header is missing.".into()),
                Problem::Forbidden("The key lacks the scope operate.".into()),
                Problem::RateLimited,
                Problem::DailyLimit(DailyLimit::RowsRead),
                Problem::Unavailable,
            ]);
        }
        // These operations create a missing secret.
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
                Problem::TooLarge("The body must have at most 65536 bytes, got 70000".into()),
                Problem::UnsupportedMediaType(String::new()),
                Problem::UnsupportedEncoding(String::new()),
                Problem::field("#/payload/url", "url-invalid", "must be an absolute URL"),
            ]);
        }
        all.extend(self.refusals.iter().cloned());
        all.push(Problem::Internal);
        all
    }

    /// Parameters in the path.
    pub(super) fn path_parameters(route: &Route) -> Vec<Value> {
        let thing = route.path.split('/').nth(2).unwrap_or_default();
        let (what, schema) = match thing {
            "jobs" | "dead-letters" => ("Id of the job.", json!({"type": "string", "pattern": JOB_ID})),
            "erasures" => ("Id of the erasure.", json!({"type": "string", "pattern": ERASURE_ID})),
            "keys" => ("Id of the API key.", json!({"type": "string", "pattern": "^[0-9a-f]{16}$"})),
            _ => ("Name of the resource.", json!({"type": "string", "pattern": NAME})),
        };
        let number = ("Number of the attempt, from 1.", json!({"type": "integer", "minimum": 1}));
        let subject = json!({"type": "string", "minLength": 1, "maxLength": SUBJECT_BYTES_MAX});
        let subject = ("The `subject` of the jobs' metadata.", subject);
        let name = ("Name of the index.", json!({"type": "string", "pattern": NAME}));
        let placeholders = [("id", (what, schema)), ("name", name), ("n", number), ("subject", subject)];
        let named = placeholders.into_iter().filter(|(name, _)| route.path.contains(&format!("{{{name}}}")));
        named
            .map(|(name, (description, schema))| {
                json!({"name": name, "in": "path", "required": true, "description": description, "schema": schema})
            })
            .collect()
    }
}
