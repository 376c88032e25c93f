//! Adapts operations: their ids, parameters, request bodies and responses. What cannot be generated is reported with the
//! operation's id, the reason, and what to do.

use std::collections::BTreeMap;

use http::StatusCode;
use serde_json::{Map, Value, json};

use super::names::snake_case;
use super::spec::{METHODS, Operation, children, operations, reference, schemas, schemas_mut, target};

/// Headers that OpenAPI 3.0 does not allow as parameters: other parts of the document describe them.
const IGNORED_HEADERS: [&str; 3] = ["accept", "authorization", "content-type"];

/// Methods that a generated client has already, of its own or by a trait.
const CLIENT_METHODS: [&str; 9] =
    ["api_version", "baseurl", "client", "clone", "exec", "inner", "new_with_client", "post", "pre"];

pub fn normalize(spec: &mut Value) -> Result<(), Vec<String>> {
    inline_components(spec);
    let named = schemas(spec);
    let mut problems = Vec::new();
    let mut hoisted = Map::new();
    let mut ids = BTreeMap::new();
    for mut operation in operations(spec) {
        let name = operation.name();
        let result = shorten_id(&mut operation).and_then(|id| {
            if let Some(other) = ids.insert(id, name.clone()) {
                return Err(format!("it becomes the same method as `{other}`"));
            }
            normalize_parameters(operation.value, operation.path)?;
            normalize_request_body(operation.value)?;
            normalize_responses(operation.value, &named, &mut hoisted)
        });
        if let Err(problem) = result {
            problems
                .push(format!("operation `{name}` is not supported: {problem}; remove the operation from the spec"));
        }
    }
    if let Some(named) = schemas_mut(spec) {
        named.extend(hoisted);
    }
    if problems.is_empty() { Ok(()) } else { Err(problems) }
}

/// Moves shared parameters, request bodies, responses and headers into the operations that refer to them.
fn inline_components(spec: &mut Value) {
    fn inline(node: &mut Value, components: &Value) {
        // Limited, so that a component that refers to itself cannot hang the build.
        for _ in 0..8 {
            let reference = node.get("$ref").and_then(Value::as_str).and_then(|r| r.strip_prefix("#/components/"));
            let Some((section, name)) = reference.and_then(|r| r.split_once('/')) else { break };
            match components.get(section).and_then(|section| section.get(name)) {
                Some(component) if section != "schemas" => *node = component.clone(),
                _ => break,
            }
        }
        children(node).for_each(|node| inline(node, components));
    }
    let components = spec.get("components").cloned().unwrap_or_default();
    let paths = spec.get_mut("paths").and_then(Value::as_object_mut).into_iter().flatten();
    for (_, item) in paths {
        inline(item, &components);
        let Some(item) = item.as_object_mut() else { continue };
        let shared = item.remove("parameters").unwrap_or_default();
        for (_, operation) in item.iter_mut().filter(|(method, _)| METHODS.contains(&method.as_str())) {
            add_missing_parameters(operation, &shared);
        }
    }
    if let Some(components) = spec.get_mut("components").and_then(Value::as_object_mut) {
        components.retain(|section, _| section == "schemas" || section == "securitySchemes");
    }
}

/// Adds the parameters of a path to one of its operations, unless it has its own of the same name.
fn add_missing_parameters(operation: &mut Value, shared: &Value) {
    let identity = |parameter: &Value| (parameter["in"].clone(), parameter["name"].clone());
    let own = operation.get("parameters").and_then(Value::as_array).cloned().unwrap_or_default();
    let missing = shared.as_array().into_iter().flatten();
    let missing = missing.filter(|parameter| own.iter().all(|own| identity(own) != identity(parameter)));
    operation["parameters"] = own.iter().chain(missing).cloned().collect();
}

/// Removes the tag from an ID that begins with it, since the ID becomes a method name: with the tag `Stream Signing Keys`,
/// `stream-signing-keys-list-signing-keys` becomes `list-signing-keys`. Returns the method name.
fn shorten_id(operation: &mut Operation) -> Result<String, String> {
    let value = &mut *operation.value;
    let id = value.get("operationId").and_then(Value::as_str).ok_or("it has no operationId")?;
    let tag = value.pointer("/tags/0").and_then(Value::as_str).unwrap_or_default();
    let tag = tag.to_lowercase().replace(' ', "-") + "-";
    let is_reserved = |id: &str| CLIENT_METHODS.contains(&snake_case(id).as_str());
    let short = id.strip_prefix(&tag).filter(|short| !is_reserved(short)).unwrap_or(id).to_string();
    if is_reserved(&short) {
        return Err("its ID is the name of a method that every client has".to_string());
    }
    value["operationId"] = json!(short);
    Ok(snake_case(&short))
}

fn normalize_parameters(operation: &mut Value, path: &str) -> Result<(), String> {
    let mut names = BTreeMap::new();
    if operation.get("requestBody").is_some() {
        names.insert("body".to_string(), "the request body".to_string());
    }
    let Some(parameters) = operation.get_mut("parameters").and_then(Value::as_array_mut) else { return Ok(()) };
    parameters.retain(|parameter| {
        let name = parameter["name"].as_str().unwrap_or_default().to_lowercase();
        parameter["in"] != "header" || !IGNORED_HEADERS.contains(&name.as_str())
    });
    for parameter in parameters.iter_mut() {
        let name = parameter["name"].as_str().unwrap_or_default().to_string();
        let (place, style) =
            (parameter["in"].as_str().unwrap_or_default(), parameter.get("style").and_then(Value::as_str));
        match (place, style) {
            ("cookie", _) => return Err(format!("`{name}` is a cookie parameter")),
            ("path" | "header", None | Some("simple")) | ("query", None | Some("form")) => {}
            _ => return Err(format!("parameter `{name}` has the style {}", style.unwrap_or("of no known place"))),
        }
        if parameter.get("content").is_some() {
            return Err(format!("parameter `{name}` has a media type"));
        }
        if place == "path" && !path.contains(&format!("{{{name}}}")) {
            return Err(format!("the path has no `{{{name}}}`"));
        }
        if let Some(other) = names.insert(snake_case(&name), format!("`{name}`")) {
            return Err(format!("parameter `{name}` becomes the same argument as {other}"));
        }
        if place == "path" {
            parameter["required"] = json!(true);
        }
        if parameter.get("schema").is_none() {
            parameter["schema"] = json!({ "type": "string" });
        }
    }
    let declared =
        |name: &str| parameters.iter().any(|parameter| parameter["in"] == "path" && parameter["name"] == name);
    let templates = path.split('{').skip(1).filter_map(|part| part.split('}').next());
    match templates.into_iter().find(|name| !declared(name)) {
        Some(name) => Err(format!("it does not declare the path parameter `{name}`")),
        None => Ok(()),
    }
}

fn normalize_request_body(operation: &mut Value) -> Result<(), String> {
    let Some(content) = operation.pointer("/requestBody/content").and_then(Value::as_object) else {
        return Ok(());
    };
    let mut media_types = content.keys();
    let (Some(media_type), None) = (media_types.next().cloned(), media_types.next()) else {
        if content.is_empty() {
            operation.as_object_mut().into_iter().for_each(|operation| drop(operation.remove("requestBody")));
            return Ok(());
        }
        return Err(format!("its request body has several media types ({})", join(content.keys())));
    };
    let body = &mut operation["requestBody"]["content"][&media_type];
    match media_type.split(';').next().unwrap_or_default().trim() {
        "application/json" | "application/x-www-form-urlencoded" => {
            super::spec::remove_keys(body, &["encoding"]);
            if body.get("schema").is_none() {
                body["schema"] = json!({});
            }
        }
        "application/octet-stream" => *body = json!({ "schema": { "type": "string", "format": "binary" } }),
        "text/plain" | "text/x-markdown" => *body = json!({ "schema": { "type": "string" } }),
        _ => return Err(format!("its request body has the media type {media_type}")),
    }
    Ok(())
}

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
fn normalize_responses(
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
/// are named after statuses.
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

fn join<'a>(names: impl Iterator<Item = &'a String>) -> String {
    names.cloned().collect::<Vec<_>>().join(", ")
}
