//! Adapts the responses of an operation: one kind of success and one kind of error are left.

use http::StatusCode;
use serde_json::{Map, Value, json};

use super::spec::{operations, reference, target};

/// The content of a response.
#[derive(Clone, PartialEq)]
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

fn is_json(media_type: &str) -> bool {
    let essence = media_type.split(';').next().unwrap_or_default().trim();
    essence == "application/json" || essence.ends_with("+json")
}

/// Leaves at most one kind of success and one kind of error, which is all that progenitor supports. Any 2xx is the success
/// that the spec describes: a key in a 201 must not be lost because the spec says 200.
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
        let success = merge(successes.iter().map(|(_, (content, _))| content), named, &same)
            .ok_or("its success responses have different schemas or media types")?;
        normalized.insert("2XX".to_string(), success.into_response(description));
    }
    if errors.iter().any(|(_, (content, _))| matches!(content, Content::Json(_))) {
        // Errors without JSON are still reported, as unexpected responses.
        errors.retain(|(_, (content, _))| matches!(content, Content::Json(_)));
    }
    if !errors.is_empty() {
        let mut error = merge(errors.iter().map(|(_, (content, _))| content), named, &widest)
            .unwrap_or_else(|| Content::Json(json!({})));
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

/// Merges the contents of several responses. Empty ones make the JSON of others nullable.
fn merge<'a>(
    contents: impl Iterator<Item = &'a Content>,
    named: &Map<String, Value>,
    merge_schemas: &dyn Fn(&Value, &Value) -> Option<Value>,
) -> Option<Content> {
    let mut merged: Option<Content> = None;
    let mut can_be_empty = false;
    for content in contents {
        match (&merged, content) {
            (_, Content::Empty) => can_be_empty = true,
            (None, content) => merged = Some(content.clone()),
            (Some(Content::Json(one)), Content::Json(other)) => {
                let expanded = |schema| expand(schema, named, &mut Vec::new());
                if one != other && expanded(one) != expanded(other) {
                    merged = Some(Content::Json(merge_schemas(&expanded(one), &expanded(other))?));
                }
            }
            (Some(Content::Raw(_)), Content::Raw(_)) => {}
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

/// Does not merge schemas that differ: a caller must know what a success contains.
fn same(_: &Value, _: &Value) -> Option<Value> {
    None
}

/// Merges the objects of different errors into one that has all their members, of which any may be missing. What differs in
/// more than its members can be any JSON.
fn widest(one: &Value, other: &Value) -> Option<Value> {
    let (one, other) = (one.get("properties")?.as_object()?, other.get("properties")?.as_object()?);
    let mut properties = one.clone();
    for (name, other) in other {
        let merged = match one.get(name) {
            Some(one) if one != other => widest_member(one, other),
            _ => other.clone(),
        };
        properties.insert(name.clone(), merged);
    }
    Some(json!({ "type": "object", "properties": properties }))
}

fn widest_member(one: &Value, other: &Value) -> Value {
    if one["type"] == "array" && other["type"] == "array" {
        return json!({ "type": "array", "items": widest_member(&one["items"], &other["items"]) });
    }
    if ["string", "boolean", "integer"].iter().any(|kind| one["type"] == *kind && other["type"] == *kind) {
        return json!({ "type": one["type"] });
    }
    if one == other { one.clone() } else { widest(one, other).unwrap_or_else(|| json!({})) }
}

/// Returns a schema with all references followed, and without what says nothing about the JSON.
fn expand<'a>(schema: &'a Value, named: &'a Map<String, Value>, above: &mut Vec<&'a str>) -> Value {
    if let Some(name) = target(schema)
        && let Some(component) = named.get(name)
    {
        if above.contains(&name) {
            return schema.clone();
        }
        above.push(name);
        let expanded = expand(component, named, above);
        above.pop();
        return expanded;
    }
    match schema {
        Value::Object(members) => {
            if let Some([only]) = members.get("allOf").and_then(Value::as_array).map(Vec::as_slice) {
                return expand(only, named, above);
            }
            let expand_member = |(key, value): (&'a String, &'a Value)| match (key.as_str(), value) {
                ("description" | "example" | "title", _) => None,
                ("properties", Value::Object(properties)) => {
                    let expanded = properties.iter().map(|(name, schema)| (name.clone(), expand(schema, named, above)));
                    Some((key.clone(), expanded.collect()))
                }
                _ => Some((key.clone(), expand(value, named, above))),
            };
            members.iter().filter_map(expand_member).collect()
        }
        Value::Array(items) => items.iter().map(|item| expand(item, named, above)).collect(),
        other => other.clone(),
    }
}
