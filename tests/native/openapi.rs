//! The document of the API against the code that it is generated from: what is checked in has not drifted, every route
//! is in it and nothing else, every reference leads somewhere, and every example fits its own schema.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::collections::BTreeSet;

use longshore::openapi::{document, markdown, text};
use longshore::routes::ROUTES;
use longshore::wire::problem::Problem;
use longshore_tests::api_document::ApiDocument;
use serde_json::Value;

#[test]
fn what_is_checked_in_is_what_the_code_says() {
    assert!(text() == include_str!("../../docs/openapi.json"), "docs/openapi.json has drifted: make openapi");
    assert!(markdown() == include_str!("../../docs/problems.md"), "docs/problems.md has drifted: make openapi");
}

#[test]
fn every_route_is_told_and_nothing_else() {
    let document = document();
    let offered: BTreeSet<_> =
        ROUTES.iter().map(|route| (route.method.to_ascii_lowercase(), route.path.to_owned())).collect();
    let paths = document["paths"].as_object().unwrap();
    let told: BTreeSet<_> = paths
        .iter()
        .flat_map(|(path, methods)| methods.as_object().unwrap().keys().map(|method| (method.clone(), path.clone())))
        .collect();
    assert_eq!(told, offered);
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

/// A refusal that no operation names would be told to nobody. Two belong to no operation.
#[test]
fn every_problem_is_some_operations() {
    let document = document();
    let named = document["components"]["responses"].to_string();
    for slug in Problem::SLUGS {
        let is_named = named.contains(&format!("urn:problem-type:longshore:{slug}\""));
        assert!(is_named || *slug == "method-not-allowed", "{slug}");
    }
}

/// Every value below that is called so, with the way to it.
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
fn every_reference_leads_to_something_and_everything_is_used() {
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

/// Answers' examples are made by the functions that answer: a field that they write and the schema lacks, or the other
/// way round, is found here.
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

/// The checks above find what they are there for.
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
    let untold = |status, media| document.errors_of_answer("GET", "/v1/jobs/{id}", status, media, &example);
    assert!(!untold(418, Some("application/json")).is_empty() && !untold(200, Some("text/html")).is_empty());
    assert!(!untold(200, None).is_empty());
}
