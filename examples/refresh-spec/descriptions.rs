//! Keeps our own descriptions while the structure comes from Cloudflare's document.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use crate::extract::{ANNOTATIONS, NAMED, VERBATIM, structure};

/// Takes over the descriptions of everything that is still there. Returns the paths of what has none yet.
pub fn merge(old: &Value, new: &mut Value) -> Vec<String> {
    let mut undescribed = Vec::new();
    merge_node(Some(old), new, "", &mut undescribed);
    undescribed
}

fn merge_node(old: Option<&Value>, new: &mut Value, at: &str, undescribed: &mut Vec<String>) {
    match new {
        Value::Object(members) => {
            for (key, value) in members.iter_mut().filter(|(key, _)| !VERBATIM.contains(&key.as_str())) {
                let (old, at) = (old.and_then(|old| old.get(key)), join(at, key));
                match value {
                    Value::Object(named) if NAMED.contains(&key.as_str()) => {
                        merge_named(key, old, named, &at, undescribed);
                    }
                    _ => merge_node(old, value, &at, undescribed),
                }
            }
            if !take_annotations(old, members) && can_be_described(members) {
                undescribed.push(at.to_string());
            }
            *new = std::mem::take(members).into_iter().collect::<BTreeMap<_, _>>().into_iter().collect();
        }
        Value::Array(items) => {
            let names: Vec<_> = items.iter().map(identity).collect();
            let old: Vec<_> = items.iter().map(|item| counterpart(old, items, item).cloned()).collect();
            for (i, ((item, old), name)) in items.iter_mut().zip(old).zip(names).enumerate() {
                let name = name.unwrap_or_else(|| i.to_string());
                merge_node(old.as_ref(), item, &join(at, &name), undescribed);
            }
        }
        _ => {}
    }
}

fn merge_named(
    container: &str,
    old: Option<&Value>,
    members: &mut Map<String, Value>,
    at: &str,
    undescribed: &mut Vec<String>,
) {
    for (name, value) in members {
        // OpenAPI demands one of a response.
        if let Value::Object(response) = value
            && container == "responses"
            && !response.contains_key("$ref")
        {
            response.insert("description".to_string(), Value::from(""));
        }
        merge_node(old.and_then(|old| old.get(name)), value, &join(at, name), undescribed);
    }
}

/// Copies the old node's annotations, if there is such a node.
fn take_annotations(old: Option<&Value>, members: &mut Map<String, Value>) -> bool {
    let Some(Value::Object(old)) = old else { return false };
    let annotations = old.iter().filter(|(key, _)| ANNOTATIONS.contains(&key.as_str()));
    members.extend(annotations.map(|(key, value)| (key.clone(), value.clone())));
    true
}

/// Whether it is a schema, an operation, a parameter, a response or a security scheme.
fn can_be_described(node: &Map<String, Value>) -> bool {
    ["type", "properties", "operationId", "in", "content", "allOf", "anyOf", "oneOf"]
        .iter()
        .any(|key| node.contains_key(*key))
}

/// Finds the old list's item that the new one continues: by name, else the same structure, else the only one without a
/// name if it has the same type. Never by its index, which may be another item's now.
fn counterpart<'a>(old: Option<&'a Value>, new_items: &[Value], new: &Value) -> Option<&'a Value> {
    let old_items = old?.as_array()?;
    if let Some(name) = identity(new) {
        return old_items.iter().find(|old| identity(old).as_ref() == Some(&name));
    }
    let same = old_items.iter().find(|old| structure(old) == *new);
    same.or_else(|| {
        let old = only_nameless(old_items)?;
        (only_nameless(new_items).is_some() && old.get("type") == new.get("type")).then_some(old)
    })
}

fn only_nameless(items: &[Value]) -> Option<&Value> {
    let mut nameless = items.iter().filter(|item| identity(item).is_none());
    nameless.next().filter(|_| nameless.next().is_none())
}

/// Returns what tells an item from the others of its list.
fn identity(item: &Value) -> Option<String> {
    let text = |key: &str| item.get(key).and_then(Value::as_str).map(String::from);
    let parameter = || Some(format!("{} {}", text("in")?, text("name")?));
    text("$ref").or_else(parameter).or_else(|| text("title")).or_else(|| text("url"))
}

fn join(at: &str, key: &str) -> String {
    if at.is_empty() { key.to_string() } else { format!("{at}/{key}") }
}
