//! Tests of the API document against the code: the checked-in files are current, the document contains exactly the
//! routes, every reference resolves, and every example matches its schema.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::collections::BTreeSet;
use std::path::PathBuf;

use longshore::openapi::{document, text};
use longshore::routes::ROUTES;
use longshore::wire::idempotency::parse_header;
use longshore::wire::problem::Problem;
use longshore_tests::api_document::ApiDocument;
use longshore_tests::wrong_requests::errors_page;
use serde_json::{Value, json};

#[test]
fn the_checked_in_documents_match_the_code() {
    assert!(text() == include_str!("../../docs/openapi.json"), "docs/openapi.json has drifted: make openapi");
    assert!(errors_page() == include_str!("../../docs/errors.md"), "docs/errors.md has drifted: make openapi");
}

#[test]
fn the_document_has_exactly_the_routes() {
    let document = document();
    let offered: BTreeSet<_> =
        ROUTES.iter().map(|route| (route.method.to_ascii_lowercase(), route.path.to_owned())).collect();
    let paths = document["paths"].as_object().unwrap();
    let documented: BTreeSet<_> = paths
        .iter()
        .flat_map(|(path, methods)| methods.as_object().unwrap().keys().map(|method| (method.clone(), path.clone())))
        .collect();
    assert_eq!(documented, offered);
    for route in ROUTES {
        let operation = &paths[route.path][&route.method.to_ascii_lowercase()];
        let key = operation["security"].as_array().unwrap().iter().find_map(|way| way.get("apiKey")).cloned();
        let needed = route.scope().map(|scope| serde_json::json!([scope.name()]));
        assert_eq!(key, needed, "{} {}", route.method, route.path);
        let statuses = operation["responses"].as_object().unwrap();
        for status in ["401", "403", "503"] {
            assert!(route.scope().is_none() || statuses.contains_key(status), "{} {status}", route.path);
        }
        let reads = |media: &str| operation.pointer(&format!("/requestBody/content/{media}")).is_some();
        for status in ["413", "415", "422"] {
            assert!(!reads("application~1json") || statuses.contains_key(status), "{} {status}", route.path);
        }
        assert!(!reads("application~1x-ndjson") || statuses.contains_key("415"), "{}", route.path);
    }
}

/// Every problem is documented at an operation; `method-not-allowed` belongs to none.
#[test]
fn every_problem_belongs_to_an_operation() {
    let document = document();
    let named = document["components"]["responses"].to_string();
    for slug in Problem::SLUGS {
        let is_named = named.contains(&format!("#/components/examples/{slug}\""));
        assert!(is_named || *slug == "method-not-allowed", "{slug}");
    }
}

/// Collects every value below with that name, and its path.
fn all<'a>(value: &'a Value, name: &str, way: &str, found: &mut Vec<(String, &'a Value)>) {
    match value {
        Value::Object(map) => {
            for (key, value) in map {
                let way = format!("{way}/{key}");
                if key == name {
                    found.push((way.clone(), value));
                }
                all(value, name, &way, found);
            }
        }
        Value::Array(items) => {
            for (index, item) in items.iter().enumerate() {
                all(item, name, &format!("{way}/{index}"), found);
            }
        }
        _ => {}
    }
}

#[test]
fn every_reference_resolves_and_every_component_is_used() {
    let document = document();
    let mut references = Vec::new();
    all(&document, "$ref", "", &mut references);
    let used: BTreeSet<_> = references.iter().map(|(_, reference)| reference.as_str().unwrap()).collect();
    assert!(used.len() > 50, "{}", used.len());
    for reference in &used {
        assert!(document.pointer(reference.trim_start_matches('#')).is_some(), "{reference}");
    }
    for (kind, things) in document["components"].as_object().unwrap() {
        for name in things.as_object().unwrap().keys().filter(|_| kind != "securitySchemes") {
            let unused = !used.contains(format!("#/components/{kind}/{name}").as_str());
            assert!(!unused, "{kind}/{name} is used by nothing");
        }
    }
}

/// Type of the core with a schema: its name in the document, and true for written and for read types.
struct Described {
    name: String,
    is_written: bool,
    is_read: bool,
}

/// Returns the types that derive a schema, found by their attributes.
fn described() -> Vec<Described> {
    let (mut open, mut types) =
        (vec![PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../shared/src"))], Vec::new());
    while let Some(path) = open.pop() {
        if path.is_dir() {
            open.extend(std::fs::read_dir(path).unwrap().map(|entry| entry.unwrap().path()));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            types.extend(described_in(&std::fs::read_to_string(path).unwrap()));
        }
    }
    types
}

fn described_in(source: &str) -> Vec<Described> {
    let (mut attributes, mut types) = (String::new(), Vec::new());
    for line in source.lines().map(str::trim).filter(|line| !line.starts_with("//")) {
        let words = ["struct ", "enum "].iter().find_map(|word| {
            line.split_once(word).filter(|(before, _)| before.is_empty() || before.starts_with("pub"))
        });
        match words {
            Some((_, rest)) if attributes.contains("derive(schemars::JsonSchema)") => {
                let renamed = attributes.split_once("schemars(rename = \"").and_then(|(_, rest)| rest.split_once('"'));
                let own = rest.split(|letter: char| !letter.is_alphanumeric()).next().unwrap_or_default();
                types.push(Described {
                    name: renamed.map_or(own, |(name, _)| name).to_owned(),
                    is_written: attributes.contains("Serialize")
                        || source.contains(&format!("impl Serialize for {own} ")),
                    is_read: attributes.contains("Deserialize")
                        || source.contains(&format!("impl<'de> Deserialize<'de> for {own} ")),
                });
                attributes.clear();
            }
            _ if line.starts_with("#[") => attributes.push_str(line),
            _ => attributes.clear(),
        }
    }
    types
}

/// Returns the names of the schemas that parts of the document use.
fn schemas_of(document: &Value, parts: &[&Value]) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    let mut open: Vec<&Value> = parts.to_vec();
    while let Some(part) = open.pop() {
        let mut references = Vec::new();
        all(part, "$ref", "", &mut references);
        for (_, reference) in references {
            let pointer = reference.as_str().unwrap().trim_start_matches('#');
            let is_new = pointer.strip_prefix("/components/schemas/").is_none_or(|name| found.insert(name.to_owned()));
            if is_new {
                open.push(document.pointer(pointer).unwrap());
            }
        }
    }
    found
}

/// Returns the schema from which one of several shapes of a request was split.
fn of_all_shapes(name: &str) -> &str {
    match name {
        _ if name.starts_with("New") && name.ends_with("Job") => "NewJob",
        _ if name.starts_with("New") && name.ends_with("Schedule") => "NewSchedule",
        "NewRedaction" => "Redaction",
        "NewUrlEndpoint" | "NewServiceEndpoint" => "NewEndpoint",
        "UrlWebhookPayload" => "WebhookPayload",
        "PutDocumentPayload"
        | "DeleteDocumentPayload"
        | "RemoveSourcePayload"
        | "VerifyIndexPayload"
        | "RebuildIndexPayload" => "IndexPayload",
        _ => name,
    }
}

/// Every schema of an answer belongs to a type that writes it, and every schema of a request to a type that reads it.
/// `Json` has no type: such a value keeps its own bytes.
#[test]
fn schemas_belong_to_the_types_that_write_and_read_them() {
    let document = document();
    let (mut answers, mut requests) = (Vec::new(), Vec::new());
    for operation in document["paths"].as_object().unwrap().values().flat_map(|path| path.as_object().unwrap().values())
    {
        answers.push(&operation["responses"]);
        requests.extend(operation.get("requestBody"));
    }
    let types = described();
    assert!(types.len() > 80, "{} types are found", types.len());
    let is_of = |name: &str, has: fn(&Described) -> bool| {
        let name = name.strip_suffix("Page").map_or(name, |_| "{T}Page");
        types.iter().any(|known| known.name == name && has(known))
    };
    let (answered, requested) = (schemas_of(&document, &answers), schemas_of(&document, &requests));
    assert!(answered.len() > 40 && requested.len() > 20, "{} and {}", answered.len(), requested.len());
    for name in answered.iter().filter(|name| *name != "Json") {
        assert!(is_of(name, |known| known.is_written), "no type writes {name}");
    }
    for name in requested.iter().filter(|name| *name != "Json") {
        assert!(is_of(of_all_shapes(name), |known| known.is_read), "no type reads {name}");
    }
    let used: BTreeSet<_> = answered.union(&requested).cloned().collect();
    let all: BTreeSet<_> = document["components"]["schemas"].as_object().unwrap().keys().cloned().collect();
    assert_eq!(used, all);
}

/// A closed set of texts is an `enum` list: client generators recognise no other form.
#[test]
fn closed_sets_are_lists() {
    let document = document();
    let mut choices = Vec::new();
    all(&document["components"]["schemas"], "oneOf", "", &mut choices);
    for (way, choices) in choices {
        let is_const = |choice: &Value| choice.get("const").is_some();
        assert!(!choices.as_array().unwrap().iter().all(is_const), "{way} is a choice of constants");
    }
    let states = &document["components"]["schemas"]["DeadLetterState"];
    assert_eq!(states["enum"], serde_json::json!(["open", "replayed", "discarded"]));
    assert!(states["description"].as_str().unwrap().contains("- `discarded`: "), "{states}");
}

/// Every example matches its schema. The types that answer write the examples, so a difference between type and schema
/// is found here.
#[test]
fn every_example_fits_its_schema() {
    let document = ApiDocument::generated();
    let mut checked = 0;
    for route in ROUTES {
        let operation = document.operation(route.method, route.path);
        let what = format!("{} {}", route.method, route.path);
        if let Some(content) = operation.pointer("/requestBody/content/application~1json") {
            checked += document.check_examples(&what, content);
        }
        for (status, response) in operation["responses"].as_object().unwrap() {
            let response = document.resolve(response);
            for content in response.get("content").into_iter().flat_map(|content| content.as_object().unwrap().values())
            {
                checked += document.check_examples(&format!("{what} {status}"), content);
            }
        }
    }
    assert!(checked > 100, "{checked} examples");
    println!("{checked} examples of {} operations fit their schemas", ROUTES.len());
}

/// The checks above find an additional, a missing and a wrong field.
#[test]
fn a_field_too_many_or_too_few_or_wrong_is_found() {
    let document = ApiDocument::generated();
    let errors = |job: &Value| document.errors_of_answer("GET", "/v1/jobs/{id}", 200, Some("application/json"), job);
    let example = document.operation("GET", "/v1/jobs/{id}")["responses"]["200"]["content"]["application/json"]
        ["examples"]["example"]["value"]
        .clone();
    assert_eq!(errors(&example), Vec::<String>::new());
    for field in example.as_object().unwrap().keys() {
        let mut less = example.clone();
        less.as_object_mut().unwrap().remove(field);
        assert!(!errors(&less).is_empty(), "{field} may be missing");
    }
    for (field, value) in
        [("more", "1"), ("state", "\"finished\""), ("created_at", "\"yesterday\""), ("id", "\"job_1\"")]
    {
        let mut wrong = example.clone();
        wrong[field] = serde_json::from_str(value).unwrap();
        assert!(!errors(&wrong).is_empty(), "{field} may be {value}");
    }
    let undocumented = |status, media| document.errors_of_answer("GET", "/v1/jobs/{id}", status, media, &example);
    assert!(
        !undocumented(418, Some("application/json")).is_empty() && !undocumented(200, Some("text/html")).is_empty()
    );
    assert!(!undocumented(200, None).is_empty());
}

/// The schema of the header allows what the producer parses. Parameters after a quoted key are parsed too, and ignored.
#[test]
fn the_schema_of_an_idempotency_key_is_its_reader() {
    let document = ApiDocument::generated();
    let parameter = json!({"$ref": "#/components/parameters/Idempotency-Key"});
    let validator = document.validator(&document.resolve(&parameter)["schema"]).unwrap();
    let longest = "k".repeat(255);
    let headers = [
        longest.clone(),
        format!("{longest}k"),
        format!("\"{longest}\""),
        format!("\"{longest}k\""),
        format!("\"{}\"", "\\\"".repeat(255)),
        format!("\"{}\"", "\\\\".repeat(256)),
        String::new(),
    ];
    let all_bytes = (0x20..0x7f_u8)
        .map(char::from)
        .flat_map(|byte| [format!("a{byte}b"), format!("\"a{byte}b\""), format!("\"a\\{byte}b\"")]);
    for header in headers.into_iter().chain(all_bytes) {
        let is_read = parse_header(&header).is_ok();
        assert_eq!(validator.is_valid(&json!(header)), is_read, "{header:?}");
    }
}
