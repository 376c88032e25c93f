//! Adapts operations: their IDs, parameters and request bodies. What cannot be generated is reported with the
//! operation's id, the reason, and what to do.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::names::snake_case;
use super::responses::normalize_responses;
use super::spec::{METHODS, ORIGINAL_ID, Operation, operations, remove_keys, schemas, schemas_mut};

/// Headers that OpenAPI 3.0 does not allow as parameters: other parts of the document describe them.
const IGNORED_HEADERS: [&str; 3] = ["accept", "authorization", "content-type"];

/// Methods that a generated client has already, of its own or by a trait, or that are removed from it.
const CLIENT_METHODS: [&str; 10] =
    ["api_version", "baseurl", "client", "clone", "exec", "inner", "new", "new_with_client", "post", "pre"];

/// The operations that `src/client/signing_keys.rs` calls, with their methods: requests are retried by their method, and a
/// create that is not a POST would be sent again.
const CALLED: [(&str, &str); 3] = [
    ("stream-signing-keys-list-signing-keys", "get"),
    ("stream-signing-keys-create-signing-keys", "post"),
    ("stream-signing-keys-delete-signing-keys", "delete"),
];

/// Describes why an operation cannot be generated, and what to do.
pub fn unsupported(operation: &Operation, problem: &str) -> String {
    let name = operation.name();
    let remedy = if CALLED.iter().any(|(id, _)| *id == name) {
        "src/client/signing_keys.rs calls it, so add a rule to build/, or correct the spec"
    } else {
        "remove the operation from the spec, and add its ID to `x-ignored-operations` there"
    };
    format!("operation `{name}` is not supported: {problem}; {remedy}")
}

pub fn normalize(spec: &mut Value) -> Result<(), Vec<String>> {
    inline_components(spec);
    let named = schemas(spec);
    let servers = spec.get("servers").cloned().unwrap_or_default();
    let mut problems = Vec::new();
    let mut hoisted = Map::new();
    let mut ids = BTreeMap::new();
    for mut operation in operations(spec) {
        let result = shorten_id(&mut operation).and_then(|id| {
            if let Some(other) = ids.insert(id, operation.request_line()) {
                return Err(format!("{} becomes the same method as {other}", operation.request_line()));
            }
            if operation.value.get("servers").is_some_and(|own| *own != servers) {
                return Err("it has `servers` of its own".to_string());
            }
            normalize_parameters(operation.value, operation.path)?;
            normalize_request_body(operation.value)?;
            normalize_responses(operation.value, &named, &mut hoisted)
        });
        if let Err(problem) = result {
            problems.push(unsupported(&operation, &problem));
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
        match node {
            Value::Object(members) => members.values_mut().for_each(|node| inline(node, components)),
            Value::Array(items) => items.iter_mut().for_each(|node| inline(node, components)),
            _ => {}
        }
    }
    let components = spec.get("components").cloned().unwrap_or_default();
    let paths = spec.get_mut("paths").and_then(Value::as_object_mut).into_iter().flatten();
    for (_, item) in paths {
        inline(item, &components);
        let Some(item) = item.as_object_mut() else { continue };
        let shared = item.remove("parameters").unwrap_or_default();
        let servers = item.remove("servers");
        for (_, operation) in item.iter_mut().filter(|(method, _)| METHODS.contains(&method.as_str())) {
            add_missing_parameters(operation, &shared);
            if let (Some(servers), Some(operation)) = (&servers, operation.as_object_mut()) {
                operation.entry("servers").or_insert_with(|| servers.clone());
            }
        }
    }
    if let Some(components) = spec.get_mut("components").and_then(Value::as_object_mut) {
        components.retain(|section, _| section == "schemas" || section == "securitySchemes");
    }
    if spec.pointer("/components/schemas").is_none() {
        spec["components"]["schemas"] = json!({});
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
    let id = operation.id().to_string();
    if id.is_empty() {
        return Err("it has no operationId".to_string());
    }
    if let Some((_, method)) = CALLED.iter().find(|(called, method)| *called == id && *method != operation.method) {
        return Err(format!("{} should be a {}", operation.request_line(), method.to_uppercase()));
    }
    let is_reserved = |id: &str| CLIENT_METHODS.contains(&snake_case(id).as_str());
    let tags = operation.value.get("tags").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str);
    let mut prefixes = tags.map(|tag| tag.to_lowercase().replace(' ', "-") + "-");
    let short = prefixes.find_map(|tag| id.strip_prefix(&tag).filter(|short| !is_reserved(short))).unwrap_or(&id);
    if is_reserved(short) {
        return Err("its ID is the name of a method that every client has".to_string());
    }
    let method = snake_case(short);
    operation.value["operationId"] = json!(short);
    operation.value[ORIGINAL_ID] = json!(id);
    Ok(method)
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
    let Some(content) = operation.pointer_mut("/requestBody/content").and_then(Value::as_object_mut) else {
        return Ok(());
    };
    // Every body offers what JSON does: multipart, JSON Merge Patch or plain text would only be another way to send it.
    if content.contains_key("application/json") {
        content.retain(|media_type, _| media_type == "application/json");
    }
    let media_types: Vec<String> = content.keys().cloned().collect();
    let [media_type] = &media_types[..] else {
        if media_types.is_empty() {
            remove_keys(operation, &["requestBody"]);
            return Ok(());
        }
        return Err(format!("its request body has several media types ({})", media_types.join(", ")));
    };
    let body = &mut content[media_type];
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
