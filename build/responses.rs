//! Adapts the responses of an operation: one kind of success and one kind of error are left.

use http::StatusCode;
use serde_json::{Map, Value, json};

use super::spec::{Kind, operations, reference, remove_keys, resolve, target, visit_schemas};

/// The content of a response.
#[derive(Clone)]
enum Content {
    Empty,
    /// A schema.
    Json(Value),
    /// A media type.
    Raw(String),
}

impl Content {
    fn parse(status: &str, response: &Value) -> Self {
        let content = response.get("content").and_then(Value::as_object);
        let Some(content) = content.filter(|content| !content.is_empty() && !["204", "205"].contains(&status)) else {
            return Self::Empty;
        };
        let json = content.iter().find(|(media_type, _)| is_json(media_type));
        match (json, content.keys().next()) {
            (Some((_, media_type)), _) => Self::Json(media_type.get("schema").cloned().unwrap_or_else(|| json!({}))),
            (None, Some(media_type)) => Self::Raw(media_type.clone()),
            (None, None) => Self::Empty,
        }
    }

    /// Returns whether both become the same type.
    fn is_same(&self, other: &Self, named: &Map<String, Value>) -> bool {
        match (self, other) {
            (Self::Json(one), Self::Json(other)) => structure(one, named) == structure(other, named),
            (Self::Raw(_), Self::Raw(_)) | (Self::Empty, Self::Empty) => true,
            _ => false,
        }
    }

    fn into_response(self, description: &Value) -> Value {
        match self {
            Self::Empty => json!({ "description": description }),
            Self::Json(schema) => {
                json!({ "description": description, "content": { "application/json": { "schema": schema } } })
            }
            Self::Raw(media_type) => json!({ "description": description, "content": { media_type: {} } }),
        }
    }
}

/// Returns a schema without its descriptions. References inside it are not followed.
fn structure(schema: &Value, named: &Map<String, Value>) -> Value {
    let mut schema = resolve(schema, named).cloned().unwrap_or_default();
    visit_schemas(&mut schema, Kind::Schema, &mut |schema| remove_keys(schema, &["description", "example", "title"]));
    schema
}

fn is_json(media_type: &str) -> bool {
    let essence = media_type.split(';').next().unwrap_or_default().trim();
    essence == "application/json" || essence.ends_with("+json")
}

/// Leaves at most one kind of success and one kind of error, which is all that progenitor supports. Any 2xx is the success
/// that the spec describes: a key in a 201 must not be lost because the spec says 200. Errors of another kind are returned
/// as unexpected responses.
pub fn normalize_responses(
    operation: &mut Value,
    named: &Map<String, Value>,
    hoisted: &mut Map<String, Value>,
) -> Result<(), String> {
    let id = operation["operationId"].as_str().unwrap_or_default().to_string();
    let responses = operation.get("responses").and_then(Value::as_object).cloned().unwrap_or_default();
    let (mut successes, mut errors) = (Vec::new(), Vec::new());
    for (status, response) in &responses {
        let status = status.to_uppercase();
        let entry = (Content::parse(&status, response), response["description"].clone());
        match status.chars().next() {
            Some('2') => successes.push((status, entry)),
            Some('4' | '5' | 'D') => errors.push((status.to_lowercase().replace('x', "X"), entry)),
            _ => {}
        }
    }
    // A default response alone describes successes as well.
    if successes.is_empty() {
        successes.extend(errors.iter().find(|(status, _)| status == "default").cloned());
    }

    let mut normalized = Map::new();
    if let Some((_, (_, description))) = successes.first() {
        let success = merge(successes.iter().map(|(_, (content, _))| content), named)
            .ok_or("its success responses have different schemas or media types")?;
        normalized.insert("2XX".to_string(), success.into_response(description));
    }
    // A range says more of errors in general than a single status, and JSON says more than anything else.
    errors.sort_by_key(|(status, (content, _))| (!matches!(content, Content::Json(_)), status.parse::<u16>().is_ok()));
    if let Some(mut error) = errors.first().map(|(_, (content, _))| content.clone()) {
        errors.retain(|(_, (content, _))| content.is_same(&error, named));
        if let Content::Json(schema) = &mut error
            && errors.len() > 1
            && target(schema).is_none()
        {
            let name = format!("{id}-error");
            hoisted.insert(name.clone(), std::mem::replace(schema, reference(&name)));
        }
        for (status, (_, description)) in errors {
            normalized.insert(status, error.clone().into_response(&description));
        }
    }
    operation["responses"] = Value::Object(normalized);
    Ok(())
}

/// Gives successes the status 200 instead of a range, with content, and removes statuses without a name: helpers for tests
/// are named after statuses. A service whose 4xx has an envelope can send it with a 5xx.
pub fn use_named_statuses(spec: &mut Value) {
    for operation in operations(spec) {
        let Some(responses) = operation.value["responses"].as_object_mut() else { continue };
        if let Some(mut success) = responses.remove("2XX") {
            let schema = success.pointer_mut("/content/application~1json/schema");
            if let Some(schema) =
                schema.filter(|schema| schema.get("nullable").is_some() && schema.get("allOf").is_some())
            {
                *schema = schema["allOf"][0].clone();
            }
            responses.insert("200".to_string(), success);
        }
        if let Some(error) = responses.get("4XX").cloned() {
            responses.entry("5XX").or_insert(error);
        }
        responses.retain(|status, _| {
            let has_name = |status: u16| StatusCode::from_u16(status).is_ok_and(|s| s.canonical_reason().is_some());
            status.parse().map_or(true, has_name)
        });
    }
}

/// Merges the contents of several successes. Empty ones make the JSON of others nullable.
fn merge<'a>(contents: impl Iterator<Item = &'a Content>, named: &Map<String, Value>) -> Option<Content> {
    let mut merged: Option<Content> = None;
    let mut can_be_empty = false;
    for content in contents {
        match (&merged, content) {
            (_, Content::Empty) => can_be_empty = true,
            (None, content) => merged = Some(content.clone()),
            (Some(one), other) if one.is_same(other, named) => {}
            _ => return None,
        }
    }
    match merged {
        Some(Content::Json(schema)) if can_be_empty => {
            Some(Content::Json(json!({ "nullable": true, "allOf": [schema] })))
        }
        Some(content) => Some(content),
        None => Some(Content::Empty),
    }
}
