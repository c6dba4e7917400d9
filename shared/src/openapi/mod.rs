//! The OpenAPI 3.1 document of the API, generated from the route table, the types of requests and answers, and the
//! limits. The API serves `docs/openapi.json`; a test compares it with this module's output.

mod describe;
mod examples;
mod operations;
mod parameters;
mod problems;
mod shapes;

use std::collections::{BTreeMap, BTreeSet};

use describe::{ContentDoc, LinesDoc, OperationDoc};
use schemars::generate::{SchemaGenerator, SchemaSettings};
use serde_json::{Map, Value, json};

use crate::routes::{ROUTES, Route};
use crate::security::key::Scope;
use crate::wire::ndjson::NDJSON;
use crate::wire::problem::Problem;
use crate::wire::problem_document::ProblemDocument;

pub use problems::markdown;

/// Media type of answers that are neither text nor JSON.
const BYTES: &str = "application/octet-stream";
/// Extension of an answer that describes its form as lines of JSON.
const X_NDJSON: &str = "x-ndjson";
/// Extension with the schema of one line of JSON.
const X_ITEM_SCHEMA: &str = "x-item-schema";

/// Schema generators, one for each direction: fields that are optional in a request are always present in an answer.
struct Generators {
    requests: SchemaGenerator,
    answers: SchemaGenerator,
}

impl Generators {
    fn new() -> Generators {
        let mut settings = SchemaSettings::draft2020_12();
        settings.meta_schema = None;
        settings.definitions_path = "/components/schemas".into();
        Generators {
            requests: settings.clone().for_deserialize().into_generator(),
            answers: settings.for_serialize().into_generator(),
        }
    }
}

/// Generates the whole document.
pub fn document() -> Value {
    let mut generators = Generators::new();
    let mut paths: BTreeMap<&str, Map<String, Value>> = BTreeMap::new();
    let mut refusals = BTreeMap::new();
    for route in ROUTES {
        let doc = operations::describe_route(route.does);
        let operation = operation(&route, &doc, &mut generators, &mut refusals);
        paths.entry(route.path).or_default().insert(route.method.to_ascii_lowercase(), operation);
    }
    generators.answers.subschema_for::<ProblemDocument<'_>>();
    let mut schemas = generators.requests.take_definitions(true);
    shapes::split_all(&mut schemas);
    let answers = generators.answers.take_definitions(true);
    name_apart(&mut schemas, &answers);
    schemas.extend(answers);
    schemas.values_mut().for_each(for_clients);
    json!({
        "openapi": "3.1.0",
        "info": info(),
        "servers": [{"url": "/", "description": "The deployment that serves this document."}],
        "tags": operations::tags(),
        "paths": paths,
        "components": {
            "schemas": schemas,
            "parameters": parameters::parameters(),
            "headers": parameters::headers(),
            "responses": refusals,
            "examples": problems::examples(),
            "securitySchemes": {
                "apiKey": {
                    "type": "http", "scheme": "bearer", "bearerFormat": "ls_<id>_<secret>_<crc>",
                    "description": "An API key. Each operation names the scopes that it needs; `admin` includes all \
                                    scopes.",
                },
                "rootToken": {
                    "type": "http", "scheme": "bearer",
                    "description": "The deployment's `ROOT_TOKEN`. It can only manage API keys.",
                },
            },
        },
    })
}

/// Renames the schema of a request if the answer's schema of the same name differs: fields that are optional in a
/// request are always present in an answer.
fn name_apart(requests: &mut Map<String, Value>, answers: &Map<String, Value>) {
    let differs = |(name, schema): &(&String, &Value)| answers.get(*name).is_some_and(|answer| answer != *schema);
    let names: Vec<_> = requests.iter().filter(differs).map(|(name, _)| name.clone()).collect();
    for name in names {
        let (old, new) = (format!("#/components/schemas/{name}"), format!("#/components/schemas/New{name}"));
        requests.values_mut().for_each(|schema| refer(schema, &old, &new));
        if let Some(schema) = requests.remove(&name) {
            requests.insert(format!("New{name}"), schema);
        }
    }
}

/// Replaces references to one schema with references to another.
fn refer(value: &mut Value, old: &str, new: &str) {
    match value {
        Value::String(text) if text == old => new.clone_into(text),
        Value::Array(items) => items.iter_mut().for_each(|item| refer(item, old, new)),
        Value::Object(map) => map.values_mut().for_each(|member| refer(member, old, new)),
        _ => {}
    }
}

/// Renders the document in the form that is checked in and served.
pub fn text() -> String {
    format!("{:#}\n", document())
}

/// Transforms a schema and its subschemas into the form that client generators read: a choice of texts becomes an
/// `enum` with the meanings in the description, and "anything" becomes an empty object instead of `true`.
fn for_clients(schema: &mut Value) {
    match schema {
        Value::Array(items) => items.iter_mut().for_each(for_clients),
        Value::Object(map) => {
            map.values_mut().for_each(for_clients);
            if map.get("additionalProperties") == Some(&Value::Bool(true)) {
                map.insert("additionalProperties".to_owned(), json!({}));
            }
            if let Some(Value::Array(choices)) = map.remove("oneOf") {
                list_texts(map, choices);
            }
        }
        _ => {}
    }
}

/// Writes the choices of an object; all text choices become one `enum`.
fn list_texts(map: &mut Map<String, Value>, choices: Vec<Value>) {
    let (texts, mut others): (Vec<_>, Vec<_>) = choices.into_iter().partition(|choice| texts_of(choice).is_some());
    let (values, abouts): (Vec<_>, Vec<_>) = texts.iter().filter_map(texts_of).unzip();
    let list = json!({"type": "string", "enum": values.concat()});
    let about = map.get("description").and_then(Value::as_str).map(str::to_owned);
    let abouts = abouts.into_iter().flatten().collect::<Vec<_>>().join("\n");
    let description: Vec<_> = about.into_iter().chain([abouts]).filter(|text| !text.is_empty()).collect();
    if !values.is_empty() {
        map.insert("description".to_owned(), description.join("\n\n").into());
    }
    match (values.is_empty(), others.is_empty()) {
        (false, true) => map.extend(list.as_object().cloned().unwrap_or_default()),
        (false, false) => {
            others.insert(0, list);
            map.insert("oneOf".to_owned(), others.into());
        }
        (true, _) => {
            map.insert("oneOf".to_owned(), others.into());
        }
    }
}

/// Returns the texts that a schema allows, with their meanings; `None` if it allows anything else.
fn texts_of(schema: &Value) -> Option<(Vec<Value>, Option<String>)> {
    if let Some(values) = schema.get("enum").and_then(Value::as_array) {
        return values.iter().all(Value::is_string).then(|| (values.clone(), None));
    }
    let value = schema.get("const").filter(|value| value.is_string())?;
    let about = schema.get("description").and_then(Value::as_str);
    Some((vec![value.clone()], about.map(|about| format!("- `{}`: {about}", value.as_str().unwrap_or_default()))))
}

fn info() -> Value {
    json!({
        "title": "Longshore",
        "version": env!("CARGO_PKG_VERSION"),
        "summary": "A queue-driven async job pipeline on Cloudflare Workers.",
        "description": concat!(
            "An acknowledged job is durable; delivery is at least once and unordered; each outcome is recorded ",
            "exactly once; Longshore logs every request it sends.\n\n",
            "Every error is a problem document (RFC 9457) whose `type` is `urn:problem-type:longshore:<slug>`; ",
            "`docs/errors.md` in the repository documents each error. A method that a path does not support is ",
            "answered with 405 `method-not-allowed`, an unknown path with 404 `not-found`. ",
            "Every GET operation also answers HEAD. A body may be sent with `Content-Encoding: gzip`. ",
            "A failure of the platform may be a 5xx without a problem document.",
        ),
        "contact": {"name": "The operator of this deployment"},
        "license": {"name": "MIT OR Apache-2.0", "identifier": "MIT OR Apache-2.0"},
    })
}

fn operation(
    route: &Route,
    doc: &OperationDoc,
    generators: &mut Generators,
    refusals: &mut BTreeMap<String, Value>,
) -> Value {
    let mut parameters: Vec<Value> = OperationDoc::path_parameters(route);
    parameters.extend(doc.parameters.iter().map(|name| json!({"$ref": format!("#/components/parameters/{name}")})));
    let mut responses = Map::new();
    for answer in &doc.answers {
        let mut headers = json!({"Longshore-Request-Id": {"$ref": "#/components/headers/Longshore-Request-Id"}});
        for name in &answer.headers {
            headers[*name] = json!({"$ref": format!("#/components/headers/{name}")});
        }
        let mut response = json!({"description": answer.description, "headers": headers});
        if let Some(content) = &answer.content {
            response["content"] = json!({"application/json": media(content, &mut generators.answers)});
        }
        if let Some(lines) = &answer.lines {
            // An extension instead of a second media type: client generators would merge a page and a text into one
            // type.
            response[X_NDJSON] = lines_media(lines, &mut generators.answers);
        }
        if let Some(line) = &answer.line {
            response["content"] = json!({NDJSON: item_media(line, &mut generators.answers)});
        }
        if answer.is_bytes {
            let schema = json!({"type": "string", "contentMediaType": BYTES});
            let example = json!({"value": "{\"dimensions\":256,\"ids\":[\"a\"]}\n(1,024 bytes)"});
            response["content"] = json!({BYTES: {"schema": schema, "examples": {"example": example}}});
        }
        if let Some(text) = answer.text {
            let example = json!({"value": text});
            response["content"] =
                json!({"text/plain": {"schema": {"type": "string"}, "examples": {"example": example}}});
        }
        responses.insert(answer.status.to_string(), response);
    }
    for (status, problems) in by_status(doc.all_refusals(route)) {
        let (name, response) = problems::response(status, &problems);
        // Readiness answers 503 with its findings, or with a problem if it cannot read them.
        if let Some(both) = responses.get_mut(&status.to_string()) {
            both["content"]["application/problem+json"] = problems::media(&problems);
        } else {
            let reference = json!({"$ref": format!("#/components/responses/{name}")});
            responses.insert(status.to_string(), reference);
            refusals.insert(name, response);
        }
    }
    let mut operation = json!({
        "operationId": route.name(), "tags": [doc.tag], "summary": doc.summary,
        "description": doc.description, "security": security(route, doc), "parameters": parameters,
        "responses": responses,
    });
    if let Some((required, content)) = &doc.body {
        let media = media(content, &mut generators.requests);
        operation["requestBody"] = json!({"required": required, "content": {"application/json": media}});
    }
    if let Some(lines) = &doc.body_lines {
        operation["requestBody"]["required"] = json!(true);
        operation["requestBody"]["content"][NDJSON] = lines_media(lines, &mut generators.requests);
    }
    operation
}

fn media(content: &ContentDoc, generator: &mut SchemaGenerator) -> Value {
    let examples: Map<String, Value> =
        content.examples.iter().map(|(name, value)| ((*name).to_owned(), json!({"value": value}))).collect();
    json!({"schema": (content.schema)(generator), "examples": examples})
}

/// Describes lines of JSON as one text, with the schema of one line.
fn item_media(line: &ContentDoc, generator: &mut SchemaGenerator) -> Value {
    let mut media = media(line, generator);
    media[X_ITEM_SCHEMA] = media["schema"].take();
    let examples =
        line.examples.iter().map(|(name, value)| ((*name).to_owned(), json!({"value": format!("{value}\n")})));
    media["examples"] = Value::Object(examples.collect());
    media["schema"] = json!({"type": "string", "description": "Lines of JSON; `x-item-schema` is the schema of each."});
    media
}

/// Describes lines of JSON as a text. Client generators send and receive the format `binary` unchanged.
fn lines_media(lines: &LinesDoc, generator: &mut SchemaGenerator) -> Value {
    let schema = json!({"type": "string", "format": "binary", "description": lines.description});
    let mut media = json!({"schema": schema, "examples": {"lines": {"value": lines.example}}});
    if let Some(item) = lines.item {
        media[X_ITEM_SCHEMA] = item(generator).to_value();
    }
    media
}

fn security(route: &Route, doc: &OperationDoc) -> Value {
    match route.scope() {
        None => json!([]),
        Some(scope) if doc.root => json!([{"apiKey": [Scope::name(scope)]}, {"rootToken": []}]),
        Some(scope) => json!([{"apiKey": [scope.name()]}]),
    }
}

fn by_status(refusals: Vec<Problem>) -> BTreeMap<u16, Vec<Problem>> {
    let (mut by_status, mut seen): (BTreeMap<u16, Vec<Problem>>, BTreeSet<_>) = Default::default();
    for problem in refusals {
        if seen.insert(problem.slug()) {
            by_status.entry(problem.status()).or_default().push(problem);
        }
    }
    by_status
}
