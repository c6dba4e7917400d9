//! Requests of several shapes: one schema per kind of job and per form of its payload. A generated client then has a
//! type for each, and its compiler rejects requests that the API would refuse.

use serde_json::{Map, Value, json};

use crate::limits::TASK_NAME_BYTES_MAX;
use crate::wire::schema::TASK;

/// One shape of an object that has several.
struct Shape {
    name: String,
    description: &'static str,
    /// Members whose schemas in this shape differ from those of the object.
    members: Vec<(&'static str, Value)>,
    /// Members that this shape requires.
    needs: Vec<&'static str>,
    /// Members that this shape excludes; `null` counts as absent.
    lacks: Vec<&'static str>,
}

/// Splits every object of several shapes in the schemas of requests.
pub(super) fn split_all(schemas: &mut Map<String, Value>) {
    schemas.remove("Payload");
    split(schemas, "WebhookPayload", webhook_payloads(), false);
    split(schemas, "IndexPayload", index_payloads(), true);
    split(schemas, "NewJob", kinds("Job"), true);
    split(schemas, "NewSchedule", kinds("Schedule"), true);
    split(schemas, "NewEndpoint", endpoints(), true);
}

fn reference(name: &str) -> Value {
    json!({"$ref": format!("#/components/schemas/{name}")})
}

fn shape(name: impl Into<String>, description: &'static str) -> Shape {
    Shape { name: name.into(), description, members: Vec::new(), needs: Vec::new(), lacks: Vec::new() }
}

fn webhook_payloads() -> Vec<Shape> {
    vec![
        Shape { lacks: vec!["url"], ..shape("WebhookPayload", "The request that a webhook sends to its endpoint.") },
        Shape { needs: vec!["url"], ..shape("UrlWebhookPayload", "The request that a webhook sends to a bare URL.") },
    ]
}

fn index_payloads() -> Vec<Shape> {
    let changes = [
        ("PutDocumentPayload", "put", "Adds or replaces a document of an index."),
        ("DeleteDocumentPayload", "delete", "Deletes a document of an index."),
        ("RemoveSourcePayload", "remove", "Deletes the documents of a source."),
        ("VerifyIndexPayload", "verify", "Checks an index for inconsistencies."),
        ("RebuildIndexPayload", "rebuild", "Continues to build the next version of an index."),
    ];
    let all = changes.map(|(_, member, _)| member);
    let only = |(name, member, description)| {
        let lacks = all.into_iter().filter(|other| *other != member).collect();
        Shape { needs: vec![member], lacks, ..shape(name, description) }
    };
    changes.into_iter().map(only).collect()
}

fn endpoints() -> Vec<Shape> {
    let (by_url, by_service) = ("An endpoint at a URL.", "An endpoint that is a service binding of the consumer.");
    vec![
        Shape { needs: vec!["url"], lacks: vec!["service", "path"], ..shape("NewUrlEndpoint", by_url) },
        Shape { needs: vec!["service"], lacks: vec!["url"], ..shape("NewServiceEndpoint", by_service) },
    ]
}

/// Shapes of each kind, for jobs or schedules.
fn kinds(what: &str) -> Vec<Shape> {
    let of = |kind: &str, name: &str, payload: Value, description| {
        let kind = if kind.is_empty() {
            json!({"type": "string", "pattern": TASK, "maxLength": TASK_NAME_BYTES_MAX})
        } else {
            json!({"type": "string", "enum": [kind]})
        };
        Shape { members: vec![("kind", kind), ("payload", payload)], ..shape(format!("New{name}{what}"), description) }
    };
    let payload = |name: &str| reference(&format!("{name}Payload"));
    let any = json!({"$ref": "#/components/schemas/Json", "description": "Any JSON; the endpoint gets it unchanged."});
    let (webhook, to_url) = (payload("Webhook"), payload("UrlWebhook"));
    let (to, none) = (vec!["endpoint"], vec!["endpoint"]);
    vec![
        Shape { needs: to.clone(), ..of("webhook", "Webhook", webhook, "A webhook to an endpoint.") },
        Shape { lacks: none.clone(), ..of("webhook", "UrlWebhook", to_url, "A webhook to a bare URL.") },
        Shape { needs: to, ..of("", "Task", any, "A task: a job type that you define. Its name contains a dot.") },
        Shape { lacks: none.clone(), ..of("embed", "Embed", payload("Embed"), "Texts that become vectors.") },
        Shape { lacks: none, ..of("index", "Index", payload("Index"), "A change of an index.") },
    ]
}

/// Replaces an object with its shapes. With `is_choice` the original name stands for any of them.
fn split(schemas: &mut Map<String, Value>, name: &str, shapes: Vec<Shape>, is_choice: bool) {
    let Some(object) = schemas.remove(name) else { return };
    if is_choice {
        let choices: Vec<_> = shapes.iter().map(|shape| reference(&shape.name)).collect();
        schemas.insert(name.to_owned(), json!({"description": object["description"], "oneOf": choices}));
    }
    for shape in shapes {
        schemas.insert(shape.name.clone(), shape.of(object.clone()));
    }
}

impl Shape {
    fn of(&self, mut object: Value) -> Value {
        object["description"] = self.description.into();
        for (member, schema) in &self.members {
            object["properties"][*member] = schema.clone();
        }
        for member in &self.lacks {
            object["properties"][*member] = json!({"type": "null"});
        }
        let mut required = object["required"].as_array().cloned().unwrap_or_default();
        for member in &self.needs {
            without_null(&mut object["properties"][*member]);
            required.push((*member).into());
        }
        object["required"] = required.into();
        object
    }
}

/// Removes `null` from the values that a schema allows.
fn without_null(schema: &mut Value) {
    let is_null = |choice: &Value| *choice == "null" || choice["type"] == "null";
    for choice in ["type", "anyOf"] {
        if let Some(choices) = schema.get_mut(choice).and_then(Value::as_array_mut) {
            choices.retain(|choice| !is_null(choice));
            if let [only] = choices.as_slice() {
                let only = only.clone();
                if choice == "type" {
                    schema[choice] = only;
                } else if let (Some(map), Value::Object(only)) = (schema.as_object_mut(), only) {
                    map.remove(choice);
                    map.extend(only);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_needed_member_cannot_be_null() {
        for (mut schema, expected) in [
            (json!({"type": ["string", "null"], "maxLength": 5}), json!({"type": "string", "maxLength": 5})),
            (json!({"anyOf": [{"$ref": "#/a"}, {"type": "null"}]}), json!({"$ref": "#/a"})),
            (json!({"type": "string"}), json!({"type": "string"})),
        ] {
            without_null(&mut schema);
            assert_eq!(schema, expected);
        }
    }
}
