//! The API's document as tests use it: its schemas, closed against undocumented fields, check examples and real
//! answers.

use jsonschema::{Draft, Validator};
use longshore::wire::ndjson::NDJSON;
use serde_json::{Map, Value, json};

/// The OpenAPI document of the API.
#[derive(Debug)]
pub struct ApiDocument {
    document: Value,
}

impl ApiDocument {
    /// Document that the code generates.
    pub fn generated() -> ApiDocument {
        ApiDocument::of(longshore::openapi::document())
    }

    /// Document that a producer served.
    pub fn of(mut document: Value) -> ApiDocument {
        close(&mut document);
        ApiDocument { document }
    }

    /// Operation of a method and a path.
    pub fn operation(&self, method: &str, path: &str) -> &Value {
        &self.document["paths"][path][&method.to_ascii_lowercase()]
    }

    /// Target of a reference, or the value if it is none.
    pub fn resolve<'a>(&'a self, value: &'a Value) -> &'a Value {
        let reference = value.get("$ref").and_then(Value::as_str);
        reference.and_then(|reference| self.document.pointer(reference.trim_start_matches('#'))).unwrap_or(value)
    }

    /// Violations of a schema of the document; empty if the value is valid.
    pub fn errors(&self, schema: &Value, value: &Value) -> Vec<String> {
        let validator = match self.validator(schema) {
            Ok(validator) => validator,
            Err(error) => return vec![format!("the schema itself: {error}")],
        };
        validator.iter_errors(value).map(|error| format!("{}: {error}", error.instance_path())).collect()
    }

    /// Builds a validator for a schema of the document.
    ///
    /// # Errors
    /// When it is not a schema.
    pub fn validator(&self, schema: &Value) -> Result<Validator, String> {
        let mut whole = schema.clone();
        whole["components"] = self.document["components"].clone();
        let options = jsonschema::options().with_draft(Draft::Draft202012).should_validate_formats(true);
        options.build(&whole).map_err(|error| error.to_string())
    }

    /// Checks every example of a media type against its schema. Returns the number of examples.
    ///
    /// # Panics
    /// When an example does not match, or there is none.
    pub fn check_examples(&self, what: &str, content: &Value) -> usize {
        let examples = content["examples"].as_object().unwrap_or_else(|| panic!("{what} has no example"));
        assert!(!examples.is_empty(), "{what} has no example");
        for (name, example) in examples {
            let value = &self.resolve(example)["value"];
            let errors = self.errors(&content["schema"], value);
            assert!(errors.is_empty(), "{what}, example {name}: {errors:#?} in {value:#}");
        }
        examples.len()
    }

    /// Differences between an answer and the document; empty if they match.
    pub fn errors_of_answer(
        &self,
        method: &str,
        path: &str,
        status: u16,
        media: Option<&str>,
        body: &Value,
    ) -> Vec<String> {
        let Some(response) = self.operation(method, path)["responses"].get(status.to_string()) else {
            return vec![format!("{method} {path} has no documented answer {status}")];
        };
        let response = self.resolve(response);
        if let (Some(lines), Some(NDJSON)) = (response.get("x-ndjson"), media) {
            // Without a schema for lines, the description documents them.
            return lines.get("x-item-schema").map_or_else(Vec::new, |item| self.errors(item, body));
        }
        let content = response.get("content");
        match (content, media) {
            (None, None) => Vec::new(),
            (Some(content), Some(media)) => match content.get(media) {
                Some(content) => self.errors(content.get("x-item-schema").unwrap_or(&content["schema"]), body),
                None => vec![format!("{method} {path} {status} has no documented type {media}")],
            },
            _ => vec![format!("{method} {path} {status}: the body is documented differently")],
        }
    }

    /// Examples of requests of an operation.
    pub fn request_examples(&self, method: &str, path: &str) -> Map<String, Value> {
        let examples = self.operation(method, path).pointer("/requestBody/content/application~1json/examples");
        let examples = examples.and_then(Value::as_object).cloned().unwrap_or_default();
        examples.into_iter().map(|(name, example)| (name, example["value"].clone())).collect()
    }
}

/// Closes every object schema. Answers may gain fields later, but in tests an undocumented field is an error.
fn close(value: &mut Value) {
    match value {
        Value::Object(map) => {
            map.values_mut().for_each(close);
            let is_object = map.get("type").is_some_and(|kind| *kind == "object" || *kind == json!(["object", "null"]));
            if is_object && map.contains_key("properties") && !map.contains_key("additionalProperties") {
                map.insert("additionalProperties".into(), json!(false));
            }
        }
        Value::Array(items) => items.iter_mut().for_each(close),
        _ => {}
    }
}
