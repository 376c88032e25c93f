//! The part of Cloudflare's document that the crate is generated from.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value, json};

/// What the operations are found by.
const TAG: &str = "Stream Signing Keys";
const METHODS: [&str; 8] = ["get", "put", "post", "delete", "options", "head", "patch", "trace"];
/// What explains, and has no part in what is generated.
const ANNOTATIONS: [&str; 5] = ["description", "summary", "example", "examples", "externalDocs"];
/// Objects whose members have names of the document's own choice, so that `description` there is no description.
pub const NAMED: [&str; 9] = [
    "properties",
    "schemas",
    "paths",
    "responses",
    "requestBodies",
    "headers",
    "securitySchemes",
    "content",
    "mapping",
];

/// The operations of the group, all that they refer to, their security schemes and the server: without prose, with every
/// member in alphabetical order.
pub fn fragment(document: &Value) -> Result<Value, String> {
    let version =
        document.get("openapi").and_then(Value::as_str).ok_or("not an OpenAPI document: it has no `openapi`")?;
    if !version.starts_with("3.0.") {
        return Err(format!("OpenAPI {version} is not known here, only 3.0"));
    }
    let paths = tagged_paths(document)?;
    let mut components: BTreeMap<(String, String), Value> = BTreeMap::new();
    collect(document, &paths, &mut Vec::new(), &mut components)?;
    for name in security_schemes(document, &paths) {
        let pointer = format!("#/components/securitySchemes/{name}");
        components.insert(("securitySchemes".to_string(), name), resolve(document, &pointer)?.clone());
    }

    let mut sections = Map::new();
    for ((section, name), component) in components {
        sections.entry(section).or_insert_with(|| json!({}))[name] = component;
    }
    let info = document.get("info").and_then(Value::as_object).ok_or("not an OpenAPI document: it has no `info`")?;
    Ok(structure(&json!({
        "openapi": version,
        "info": info,
        "servers": document.get("servers").ok_or("it has no `servers`")?,
        "paths": paths,
        "components": sections,
    })))
}

/// The same without what has no part in what is generated.
pub fn structure(fragment: &Value) -> Value {
    fn clean(node: &Value, is_named: bool) -> Value {
        match node {
            Value::Object(members) => {
                let kept: BTreeMap<_, _> = members
                    .iter()
                    .filter(|(key, _)| is_named || is_structure(key))
                    .map(|(key, value)| (key.clone(), clean(value, !is_named && NAMED.contains(&key.as_str()))))
                    .collect();
                kept.into_iter().collect()
            }
            Value::Array(items) => items.iter().map(|item| clean(item, false)).collect(),
            other => other.clone(),
        }
    }
    clean(fragment, false)
}

fn is_structure(key: &str) -> bool {
    key == "x-sensitive" || !(key.starts_with("x-") || ANNOTATIONS.contains(&key))
}

/// Takes over the descriptions whose nodes are still there. Gives the nodes that are new.
pub fn merge_descriptions(old: &Value, new: &mut Value) -> Vec<String> {
    fn keep(old: Option<&Value>, new: &mut Value, at: &str, is_named: bool, new_nodes: &mut Vec<String>) {
        match new {
            Value::Object(members) => {
                for (key, value) in members.iter_mut() {
                    let is_named = !is_named && NAMED.contains(&key.as_str());
                    keep(old.and_then(|old| old.get(key)), value, &format!("{at}/{key}"), is_named, new_nodes);
                }
                if is_named {
                    return;
                }
                if let Some(Value::Object(old)) = old {
                    let prose = old.iter().filter(|(key, _)| ANNOTATIONS.contains(&key.as_str()));
                    members.extend(prose.map(|(key, value)| (key.clone(), value.clone())));
                } else if can_be_described(members) {
                    new_nodes.push(at.trim_start_matches('/').to_string());
                }
                // OpenAPI demands one of a response.
                if at.rsplit('/').nth(1) == Some("responses") {
                    members.entry("description").or_insert_with(|| json!(""));
                }
                *new = std::mem::take(members).into_iter().collect::<BTreeMap<_, _>>().into_iter().collect();
            }
            Value::Array(items) => {
                for (i, item) in items.iter_mut().enumerate() {
                    keep(old.and_then(|old| old.get(i)), item, &format!("{at}/{i}"), false, new_nodes);
                }
            }
            _ => {}
        }
    }
    let mut new_nodes = Vec::new();
    keep(Some(old), new, "", false, &mut new_nodes);
    new_nodes
}

/// Whether it is a schema, an operation, a parameter, a response or a security scheme.
fn can_be_described(node: &Map<String, Value>) -> bool {
    ["type", "properties", "operationId", "in", "content", "allOf", "anyOf", "oneOf"]
        .iter()
        .any(|key| node.contains_key(*key))
}

/// The paths with the operations that have the tag, and those only.
fn tagged_paths(document: &Value) -> Result<Value, String> {
    let paths = document.get("paths").and_then(Value::as_object).ok_or("not an OpenAPI document: it has no `paths`")?;
    let has_tag = |operation: &Value| {
        operation.get("tags").and_then(Value::as_array).is_some_and(|tags| tags.iter().any(|tag| tag == TAG))
    };
    let mut found = Map::new();
    for (path, item) in paths {
        let Some(item) = item.as_object() else { continue };
        if item.iter().any(|(method, operation)| METHODS.contains(&method.as_str()) && has_tag(operation)) {
            let kept = item.iter().filter(|(key, value)| !METHODS.contains(&key.as_str()) || has_tag(value));
            found.insert(path.clone(), kept.map(|(key, value)| (key.clone(), value.clone())).collect());
        }
    }
    if found.is_empty() {
        return Err(format!("it has no operation with the tag `{TAG}`"));
    }
    Ok(Value::Object(found))
}

/// Gathers every component that the node refers to, and those that they refer to.
fn collect(
    document: &Value,
    node: &Value,
    on_the_way: &mut Vec<String>,
    found: &mut BTreeMap<(String, String), Value>,
) -> Result<(), String> {
    match node {
        Value::Object(members) => {
            if let Some(reference) = members.get("$ref").and_then(Value::as_str) {
                if on_the_way.iter().any(|above| above == reference) {
                    return Err(format!("`{reference}` refers to itself, by way of {}", on_the_way.join(", ")));
                }
                let component = resolve(document, reference)?;
                let (section, name) = component_name(reference)?;
                on_the_way.push(reference.to_string());
                collect(document, component, on_the_way, found)?;
                on_the_way.pop();
                found.insert((section, name), component.clone());
            }
            members.values().try_for_each(|value| collect(document, value, on_the_way, found))
        }
        Value::Array(items) => items.iter().try_for_each(|item| collect(document, item, on_the_way, found)),
        _ => Ok(()),
    }
}

fn resolve<'a>(document: &'a Value, reference: &str) -> Result<&'a Value, String> {
    let target = reference.strip_prefix('#').and_then(|pointer| document.pointer(pointer));
    target.ok_or_else(|| format!("`{reference}` refers to nothing in it"))
}

fn component_name(reference: &str) -> Result<(String, String), String> {
    match reference.split('/').collect::<Vec<_>>()[..] {
        ["#", "components", section, name] => Ok((section.to_string(), name.to_string())),
        _ => Err(format!("`{reference}` does not refer to a component")),
    }
}

/// The names of the schemes that the operations accept.
fn security_schemes(document: &Value, paths: &Value) -> BTreeSet<String> {
    let operations = paths.as_object().into_iter().flat_map(Map::values).filter_map(Value::as_object);
    let operations = operations.flat_map(|item| item.iter().filter(|(key, _)| METHODS.contains(&key.as_str())));
    let of_all = document.get("security");
    let lists =
        operations.filter_map(|(_, operation)| operation.get("security").or(of_all)).filter_map(Value::as_array);
    lists.flatten().filter_map(Value::as_object).flat_map(|choice| choice.keys().cloned()).collect()
}
