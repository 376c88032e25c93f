//! Adapts operations: their IDs, parameters and request bodies. What cannot be generated is reported with the
//! operation's id, the reason, and what to do.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::names::snake_case;
use super::responses::normalize_responses;
use super::spec::{METHODS, Operation, children, operations, remove_keys, schemas, schemas_mut};

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
            remove_keys(body, &["encoding"]);
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

fn join<'a>(names: impl Iterator<Item = &'a String>) -> String {
    names.cloned().collect::<Vec<_>>().join(", ")
}
