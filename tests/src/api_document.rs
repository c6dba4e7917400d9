//! The document of the API as tests use it: its schemas, closed against fields that it does not tell, hold examples and
//! real answers.

use jsonschema::{Draft, Validator};
use longshore::wire::ndjson::NDJSON;
use serde_json::{Map, Value, json};

/// The document.
#[derive(Debug)]
pub struct ApiDocument {
    document: Value,
}

impl ApiDocument {
    /// As the code generates it.
    pub fn generated() -> ApiDocument {
        ApiDocument::of(longshore::openapi::document())
    }

    /// As somebody answered it.
    pub fn of(mut document: Value) -> ApiDocument {
        close(&mut document);
        ApiDocument { document }
    }

    /// An operation of the table.
    pub fn operation(&self, method: &str, path: &str) -> &Value {
        &self.document["paths"][path][&method.to_ascii_lowercase()]
    }

    /// What a reference leads to, or the value itself.
    pub fn resolve<'a>(&'a self, value: &'a Value) -> &'a Value {
        let reference = value.get("$ref").and_then(Value::as_str);
        reference.and_then(|reference| self.document.pointer(reference.trim_start_matches('#'))).unwrap_or(value)
    }

    /// What is wrong with a value by a schema of the document; empty if nothing is.
    pub fn errors(&self, schema: &Value, value: &Value) -> Vec<String> {
        let validator = match self.validator(schema) {
            Ok(validator) => validator,
            Err(error) => return vec![format!("the schema itself: {error}")],
        };
        validator.iter_errors(value).map(|error| format!("{}: {error}", error.instance_path())).collect()
    }

    /// What holds values against a schema of the document.
    ///
    /// # Errors
    /// When it is no schema.
    pub fn validator(&self, schema: &Value) -> Result<Validator, String> {
        let mut whole = schema.clone();
        whole["components"] = self.document["components"].clone();
        let options = jsonschema::options().with_draft(Draft::Draft202012).should_validate_formats(true);
        options.build(&whole).map_err(|error| error.to_string())
    }

    /// Holds every example of a media type against its schema.
    ///
    /// # Panics
    /// When one does not fit, or there is none.
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

    /// What is wrong with an answer by the document; empty if nothing is.
    pub fn errors_of_answer(
        &self,
        method: &str,
        path: &str,
        status: u16,
        media: Option<&str>,
        body: &Value,
    ) -> Vec<String> {
        let Some(response) = self.operation(method, path)["responses"].get(status.to_string()) else {
            return vec![format!("{method} {path} is not told to answer {status}")];
        };
        let response = self.resolve(response);
        if let (Some(lines), Some(NDJSON)) = (response.get("x-ndjson"), media) {
            // Without a schema of one line the description tells of it.
            return lines.get("x-item-schema").map_or_else(Vec::new, |item| self.errors(item, body));
        }
        let content = response.get("content");
        match (content, media) {
            (None, None) => Vec::new(),
            (Some(content), Some(media)) => match content.get(media) {
                Some(content) => self.errors(content.get("x-item-schema").unwrap_or(&content["schema"]), body),
                None => vec![format!("{method} {path} {status} is not told to be {media}")],
            },
            _ => vec![format!("{method} {path} {status} is told otherwise to have a body")],
        }
    }

    /// The examples of requests that an operation may be sent.
    pub fn request_examples(&self, method: &str, path: &str) -> Map<String, Value> {
        let examples = self.operation(method, path).pointer("/requestBody/content/application~1json/examples");
        let examples = examples.and_then(Value::as_object).cloned().unwrap_or_default();
        examples.into_iter().map(|(name, example)| (name, example["value"].clone())).collect()
    }
}

/// The document lets answers gain fields later. Tests do not: a field that nobody told is found.
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
