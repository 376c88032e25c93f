//! The part of Cloudflare's document that the crate is generated from.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value, json};

use crate::build::spec::{Kind, METHODS, Operation, operations, visit};

/// What the operations are found by.
const TAG: &str = "Stream Signing Keys";
/// Where operations with other tags may belong to them too.
const PATH: &str = "/stream/keys";
/// Names the operations of the group that the spec does without, in the spec.
pub const IGNORED: &str = "x-ignored-operations";
/// What explains, and has no part in what is generated.
pub const ANNOTATIONS: [&str; 5] = ["description", "summary", "example", "examples", "externalDocs"];

/// Returns the operations with the tag, all that they refer to, their security schemes and the servers: without
/// annotations, with the members of every object in alphabetical order. Adds to `notes` what it leaves out.
pub fn spec(document: &Value, current: &Value, notes: &mut Vec<String>) -> Result<Value, String> {
    let member = |key| document.get(key).ok_or(format!("not an OpenAPI document: it has no `{key}`"));
    let mut spec = json!({
        "openapi": member("openapi")?,
        "info": member("info")?,
        "servers": member("servers")?,
        "paths": tagged_paths(document, &current[IGNORED], notes)?,
    });
    if let Some(security) = document.get("security") {
        spec["security"] = security.clone();
    }
    if operations(&mut spec).all(|operation| operation.value.get("security").is_some()) {
        spec.as_object_mut().into_iter().for_each(|spec| drop(spec.remove("security")));
    }
    let mut spec = structure(&spec, Kind::Object);
    spec["components"] = components(document, &mut spec)?;
    let mut spec = structure(&spec, Kind::Object);
    if let Some(ignored) = current.get(IGNORED) {
        spec[IGNORED] = ignored.clone();
    }
    Ok(spec)
}

/// Returns a part of a document without what has no part in what is generated.
pub fn structure(node: &Value, kind: Kind) -> Value {
    let has_names = [Kind::Objects, Kind::Schemas].contains(&kind);
    let is_structure =
        |key: &str| has_names || key == "x-sensitive" || !(key.starts_with("x-") || ANNOTATIONS.contains(&key));
    match node {
        _ if kind == Kind::Data => node.clone(),
        Value::Object(members) => {
            let kept = members.iter().filter(|(key, _)| is_structure(key));
            let kept = kept.map(|(key, value)| (key.clone(), structure(value, kind.member(key))));
            kept.collect::<BTreeMap<_, _>>().into_iter().collect()
        }
        Value::Array(items) => items.iter().map(|item| structure(item, kind.item())).collect(),
        other => other.clone(),
    }
}

/// Returns the paths with the operations that have the tag and are not ignored, and those only.
fn tagged_paths(document: &Value, ignored: &Value, notes: &mut Vec<String>) -> Result<Value, String> {
    let mut document = document.clone();
    let mut other_tags = BTreeSet::new();
    let mut taken = BTreeSet::new();
    let is_ignored =
        |operation: &Operation| ignored.as_array().is_some_and(|ids| ids.contains(&operation.value["operationId"]));
    for operation in operations(&mut document) {
        let tags: Vec<&str> = tags(operation.value).collect();
        if tags.contains(&TAG) && is_ignored(&operation) {
            notes.push(format!("{} is ignored, as `{IGNORED}` says", operation.request_line()));
        } else if tags.contains(&TAG) {
            taken.insert(operation.request_line());
        } else if operation.path.contains(PATH) {
            let tags = if tags.is_empty() { "no tag".to_string() } else { format!("the tag {}", tags.join(", ")) };
            notes.push(format!("{} has {tags}, so it is not taken", operation.request_line()));
            other_tags.insert(tags);
        }
    }
    if taken.is_empty() {
        let found = other_tags.into_iter().collect::<Vec<_>>().join("; ");
        let found = if found.is_empty() { "there are none".to_string() } else { format!("they have {found}") };
        return Err(format!("no operation has the tag `{TAG}`; look at those with {PATH} in their path: {found}"));
    }
    let Some(paths) = document["paths"].as_object_mut() else { return Err("it has no `paths`".to_string()) };
    paths.retain(|path, item| {
        let is_taken = |method: &str| taken.contains(&format!("{} {path}", method.to_uppercase()));
        let members = item.as_object_mut();
        members.is_some_and(|members| {
            members.retain(|key, _| !METHODS.contains(&key.as_str()) || is_taken(key));
            members.keys().any(|key| METHODS.contains(&key.as_str()))
        })
    });
    Ok(document["paths"].take())
}

fn tags(operation: &Value) -> impl Iterator<Item = &str> {
    operation.get("tags").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str)
}

/// Returns the components that the spec needs, by their sections.
fn components(document: &Value, spec: &mut Value) -> Result<Value, String> {
    let mut wanted = references(spec, Kind::Object);
    let of_document = spec.get("security").cloned().unwrap_or_default();
    for operation in operations(spec) {
        let choices = operation.value.get("security").unwrap_or(&of_document).as_array().into_iter().flatten();
        let schemes = choices.filter_map(Value::as_object).flat_map(Map::keys);
        wanted.extend(schemes.map(|scheme| format!("#/components/securitySchemes/{scheme}")));
    }
    let mut found = json!({});
    while let Some(reference) = wanted.pop() {
        let path = reference.strip_prefix("#/components/").and_then(|path| path.split_once('/'));
        let (section, name) = path.ok_or(format!("`{reference}` does not refer to a component"))?;
        let name = name.replace("~1", "/").replace("~0", "~");
        if found[section].get(&name).is_some() {
            continue;
        }
        let component = document["components"][section].get(&name);
        let component = component.ok_or(format!("`{reference}` does not exist"))?;
        let kind = Kind::Object.member(section).member(&name);
        let mut component = structure(component, kind);
        wanted.extend(references(&mut component, kind));
        found[section][name] = component;
    }
    Ok(found)
}

fn references(node: &mut Value, kind: Kind) -> Vec<String> {
    let mut found = Vec::new();
    visit(node, kind, "", &mut |object, _, _| {
        found.extend(object.get("$ref").and_then(Value::as_str).map(String::from));
    });
    found
}
