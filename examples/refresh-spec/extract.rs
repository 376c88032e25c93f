//! The part of Cloudflare's document that the crate is generated from.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value, json};

use crate::operation::{METHODS, operations};
use crate::resolve::Document;
use crate::words::list;

/// What the operations are found by.
const TAG: &str = "Stream Signing Keys";
/// Where they are looked for if none has the tag.
const PATH: &str = "/stream/keys";
/// What explains, and has no part in what is generated.
pub const ANNOTATIONS: [&str; 5] = ["description", "summary", "example", "examples", "externalDocs"];
/// Objects whose members have names of the document's own choice, so that `description` there is no description.
pub const NAMED: [&str; 14] = [
    "callbacks",
    "content",
    "encoding",
    "headers",
    "links",
    "mapping",
    "parameters",
    "paths",
    "properties",
    "requestBodies",
    "responses",
    "schemas",
    "securitySchemes",
    "variables",
];
/// Keywords whose values are data.
pub const VERBATIM: [&str; 3] = ["default", "enum", "security"];

/// Returns the operations with the tag, all that they refer to, their security schemes and the servers: without
/// annotations, with the members of every object in alphabetical order.
pub fn spec(document: &Value) -> Result<Value, String> {
    let version =
        document.get("openapi").and_then(Value::as_str).ok_or("not an OpenAPI document: it has no `openapi`")?;
    if !version.starts_with("3.0.") {
        return Err(format!("OpenAPI {version} is not supported, only 3.0"));
    }
    let paths = tagged_paths(document)?;
    let mut spec = json!({
        "openapi": version,
        "info": document.get("info").filter(|info| info.is_object()).ok_or("not an OpenAPI document: it has no `info`")?,
        "servers": document.get("servers").ok_or("it has no `servers`")?,
        "paths": paths,
    });
    if operations(Document(&spec)).iter().any(|operation| operation.node.value.get("security").is_none())
        && let Some(security) = document.get("security")
    {
        spec["security"] = security.clone();
    }
    let mut spec = structure(&spec);
    spec["components"] = components(document, &spec)?;
    Ok(structure(&spec))
}

/// Returns the document without what has no part in what is generated.
pub fn structure(document: &Value) -> Value {
    fn clean(node: &Value, is_named: bool) -> Value {
        match node {
            Value::Object(members) => {
                let structure = members.iter().filter(|(key, _)| is_named || is_structure(key));
                let cleaned = structure.map(|(key, value)| {
                    let is_data = !is_named && VERBATIM.contains(&key.as_str());
                    let holds_names = !is_named && NAMED.contains(&key.as_str());
                    (key.clone(), if is_data { value.clone() } else { clean(value, holds_names) })
                });
                cleaned.collect::<BTreeMap<_, _>>().into_iter().collect()
            }
            Value::Array(items) => items.iter().map(|item| clean(item, false)).collect(),
            other => other.clone(),
        }
    }
    clean(document, false)
}

fn is_structure(key: &str) -> bool {
    key == "x-sensitive" || !(key.starts_with("x-") || ANNOTATIONS.contains(&key))
}

/// Returns the paths with the operations that have the tag, and those only.
fn tagged_paths(document: &Value) -> Result<Value, String> {
    let paths = document.get("paths").and_then(Value::as_object).ok_or("not an OpenAPI document: it has no `paths`")?;
    let mut found = Map::new();
    for (path, item) in paths {
        let Some(item) = item.as_object() else { continue };
        if item.iter().any(|(key, value)| METHODS.contains(&key.as_str()) && has_tag(value)) {
            let kept = item.iter().filter(|(key, value)| !METHODS.contains(&key.as_str()) || has_tag(value));
            found.insert(path.clone(), kept.map(|(key, value)| (key.clone(), value.clone())).collect());
        }
    }
    if found.is_empty() { Err(missing_tag(document)) } else { Ok(Value::Object(found)) }
}

fn has_tag(operation: &Value) -> bool {
    tags(operation).any(|tag| tag == TAG)
}

fn tags(operation: &Value) -> impl Iterator<Item = &str> {
    operation.get("tags").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str)
}

fn missing_tag(document: &Value) -> String {
    let operations = operations(Document(document));
    let near = operations.iter().filter(|operation| operation.path.contains(PATH));
    let found: BTreeSet<&str> = near.flat_map(|operation| tags(operation.node.value)).collect();
    if found.is_empty() {
        return format!("no operation has the tag `{TAG}`; no path with {PATH} has any tag");
    }
    let found = list(found.into_iter().map(String::from));
    format!("no operation has the tag `{TAG}`; paths with {PATH} have the tags: {found}")
}

/// Returns the components that the spec needs, by their sections.
fn components(document: &Value, spec: &Value) -> Result<Value, String> {
    let mut found = Components::new();
    collect(document, spec, &mut found)?;
    for operation in operations(Document(spec)) {
        let security = operation.inherited(Document(spec), "security");
        let choices = security.and_then(|security| security.value.as_array()).into_iter().flatten();
        for scheme in choices.filter_map(Value::as_object).flat_map(Map::keys) {
            add_component(document, &format!("#/components/securitySchemes/{scheme}"), &mut found)?;
        }
    }
    let mut sections = Map::new();
    for ((section, name), component) in found {
        sections.entry(section).or_insert_with(|| json!({}))[name] = component;
    }
    Ok(Value::Object(sections))
}

/// Components by section and name.
type Components = BTreeMap<(String, String), Value>;

/// Adds every component that the node refers to, and those that they refer to.
fn collect(document: &Value, node: &Value, found: &mut Components) -> Result<(), String> {
    match node {
        Value::Object(members) => {
            if let Some(reference) = members.get("$ref").and_then(Value::as_str) {
                add_component(document, reference, found)?;
            }
            let mut nodes = members.iter().filter(|(key, _)| !VERBATIM.contains(&key.as_str()));
            nodes.try_for_each(|(_, value)| collect(document, value, found))
        }
        Value::Array(items) => items.iter().try_for_each(|item| collect(document, item, found)),
        _ => Ok(()),
    }
}

fn add_component(document: &Value, reference: &str, found: &mut Components) -> Result<(), String> {
    let ["#", "components", section, name] = reference.split('/').collect::<Vec<_>>()[..] else {
        return Err(format!("`{reference}` does not refer to a component"));
    };
    let key = (section.to_string(), name.to_string());
    if found.contains_key(&key) {
        return Ok(());
    }
    let component = Document(document).component(section, name).ok_or(format!("`{reference}` does not exist"))?;
    let component = structure(component.value);
    found.insert(key, component.clone());
    collect(document, &component, found)
}
