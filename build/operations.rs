//! Adapts operations: their IDs, parameters and request bodies. An operation that cannot be generated is reported with
//! its ID, the reason, and what to do.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::names::snake_case;
use super::responses::normalize_responses;
use super::spec::{Kind, METHODS, Operation, operations, remove_keys, schemas_mut, visit};

/// Methods that a generated client already has, itself or through a trait, or that are removed from it.
const CLIENT_METHODS: [&str; 10] =
    ["api_version", "baseurl", "client", "clone", "exec", "inner", "new", "new_with_client", "post", "pre"];

/// The operations that `src/client/signing_keys.rs` calls, with their methods: requests are retried by their method,
/// and a create that is not a POST would be sent again.
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

pub fn normalize(spec: &mut Value) -> Result<(), String> {
    let servers = spec["servers"].clone();
    let mut hoisted = Map::new();
    let mut ids = BTreeMap::new();
    for mut operation in operations(spec) {
        if operation.value.get("servers").is_some_and(|own| *own != servers) {
            return Err("it has `servers` of its own".to_string());
        }
        let request_line = operation.request_line();
        let id = shorten_id(&mut operation)?;
        normalize_parameters(&mut operation)?;
        normalize_request_body(operation.value)?;
        normalize_responses(operation.value, &mut hoisted)?;
        if let Some(other) = ids.insert(id, request_line.clone()) {
            return Err(format!("{request_line} becomes the same method as {other}; remove one of them"));
        }
    }
    schemas_mut(spec).into_iter().for_each(|named| named.extend(hoisted.clone()));
    Ok(())
}

/// Inlines all references except those to schemas, and moves what a path has into its operations.
pub fn inline_components(spec: &mut Value) {
    let document = spec.clone();
    // A component can refer to another.
    for _ in 0..3 {
        visit(&mut spec["paths"], Kind::Objects, "", &mut |node, kind, _| {
            let reference = node["$ref"].as_str().and_then(|reference| reference.strip_prefix('#'));
            if let Some(component) = reference.filter(|_| kind == Kind::Object).and_then(|path| document.pointer(path))
            {
                *node = component.clone();
            }
        });
    }
    for item in spec["paths"].as_object_mut().into_iter().flat_map(Map::values_mut) {
        let (parameters, servers) = (item["parameters"].take(), item["servers"].take());
        remove_keys(item, &["parameters", "servers"]);
        let operations = item.as_object_mut().into_iter().flatten();
        for (_, operation) in operations.filter(|(method, _)| METHODS.contains(&method.as_str())) {
            let identity = |parameter: &Value| (parameter["in"].clone(), parameter["name"].clone());
            let own = operation["parameters"].as_array().cloned().unwrap_or_default();
            let is_new = |other: &&Value| own.iter().all(|own| identity(own) != identity(other));
            let shared = parameters.as_array().into_iter().flatten().filter(is_new);
            operation["parameters"] = own.iter().chain(shared).cloned().collect();
            if operation.get("servers").is_none() && servers.is_array() {
                operation["servers"] = servers.clone();
            }
        }
    }
    let named = document.pointer("/components/schemas").cloned().unwrap_or_else(|| json!({}));
    spec["components"] = json!({ "schemas": named });
}

/// Removes the tag from an ID that begins with it, since the ID becomes a method name: with the tag
/// `Stream Signing Keys`, `stream-signing-keys-list-signing-keys` becomes `list-signing-keys`. Returns the method name.
fn shorten_id(operation: &mut Operation) -> Result<String, String> {
    let id = operation.value["operationId"].as_str().ok_or("it has no operationId")?.to_string();
    if let Some((_, method)) = CALLED.iter().find(|(called, method)| *called == id && *method != operation.method) {
        return Err(format!("{} should be a {}", operation.request_line(), method.to_uppercase()));
    }
    let tags = operation.value["tags"].as_array().into_iter().flatten().filter_map(Value::as_str);
    let mut prefixes = tags.map(|tag| tag.to_lowercase().replace(' ', "-") + "-");
    let short = prefixes.find_map(|tag| id.strip_prefix(&tag)).unwrap_or(&id);
    let short = if CLIENT_METHODS.contains(&snake_case(short).as_str()) { &id } else { short };
    if CLIENT_METHODS.contains(&snake_case(short).as_str()) {
        return Err("its ID is the name of a method that every client has".to_string());
    }
    operation.value["operationId"] = json!(short);
    Ok(snake_case(short))
}

fn normalize_parameters(operation: &mut Operation) -> Result<(), String> {
    let mut templates: Vec<String> = operation.path_parameters().map(String::from).collect();
    let mut names = BTreeMap::new();
    if operation.value.get("requestBody").is_some() {
        names.insert("body".to_string(), "the request body".to_string());
    }
    for parameter in operation.value["parameters"].as_array_mut().into_iter().flatten() {
        let name = parameter["name"].as_str().unwrap_or_default().to_string();
        match (parameter["in"].as_str().unwrap_or_default(), parameter["style"].as_str()) {
            _ if parameter.get("content").is_some() => return Err(format!("parameter `{name}` has a media type")),
            ("cookie", _) => return Err(format!("`{name}` is a cookie parameter")),
            ("header", _) if ["accept", "authorization", "content-type"].contains(&name.to_lowercase().as_str()) => {
                return Err(format!("`{name}` is a header that OpenAPI does not describe as a parameter"));
            }
            ("path", None | Some("simple")) => {
                let template = templates.iter().position(|template| *template == name);
                templates.remove(template.ok_or_else(|| format!("the path has no `{{{name}}}`"))?);
            }
            ("header", None | Some("simple")) | ("query", None | Some("form")) => {}
            (_, style) => {
                let style = style.map_or("an unknown place".to_string(), |style| format!("the style {style}"));
                return Err(format!("parameter `{name}` has {style}"));
            }
        }
        if let Some(other) = names.insert(snake_case(&name), format!("`{name}`")) {
            return Err(format!("parameter `{name}` becomes the same argument as {other}"));
        }
    }
    templates.first().map_or(Ok(()), |name| Err(format!("`{{{name}}}` is in the path without a parameter, or twice")))
}

fn normalize_request_body(operation: &mut Value) -> Result<(), String> {
    let Some(content) = operation.pointer_mut("/requestBody/content").and_then(Value::as_object_mut) else {
        return Ok(());
    };
    // JSON can express every body. Multipart, JSON Merge Patch or plain text would only be another way to send it.
    if content.contains_key("application/json") {
        content.retain(|media_type, _| media_type == "application/json");
    }
    let media_types: Vec<String> = content.keys().cloned().collect();
    let Some(body) = content.values_mut().next() else {
        remove_keys(operation, &["requestBody"]);
        return Ok(());
    };
    // Without a schema, as the body of a create.
    let schema = body.get("schema").cloned().unwrap_or_else(|| json!({}));
    match media_types.join(" or ").as_str() {
        "application/json" | "application/x-www-form-urlencoded" => *body = json!({ "schema": schema }),
        "application/octet-stream" => *body = json!({ "schema": { "type": "string", "format": "binary" } }),
        "text/plain" => *body = json!({ "schema": { "type": "string" } }),
        media_type => return Err(format!("its request body has the media type {media_type}")),
    }
    Ok(())
}
