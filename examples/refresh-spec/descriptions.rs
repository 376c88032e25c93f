//! Keeps our own descriptions while the structure comes from Cloudflare's document.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use crate::extract::{ANNOTATIONS, NAMED, VERBATIM, structure};
use crate::resolve::{Document, Node};

/// Takes over the descriptions of everything that is still there. Returns the paths of what has none yet.
pub fn merge(old: &Value, new: &mut Value) -> Vec<String> {
    let mut merge = Merge { old: Document(old), moved: BTreeMap::new(), undescribed: Vec::new() };
    let mut components = new.as_object_mut().and_then(|members| members.remove("components")).unwrap_or_default();
    merge.node(Some(old), new, "");
    merge.node(old.get("components"), &mut components, "components");
    new["components"] = components;
    sort(new);
    merge.undescribed
}

struct Merge<'a> {
    old: Document<'a>,
    /// What stood in place and is a component now, by its reference.
    moved: BTreeMap<String, &'a Value>,
    undescribed: Vec<String>,
}

impl<'a> Merge<'a> {
    fn node(&mut self, old: Option<&'a Value>, new: &mut Value, at: &str) {
        let old = self.follow_move(old, new);
        match new {
            Value::Object(members) => {
                for (key, value) in members.iter_mut().filter(|(key, _)| !VERBATIM.contains(&key.as_str())) {
                    let (old, at) = (old.and_then(|old| old.get(key)), join(at, key));
                    match value {
                        Value::Object(named) if NAMED.contains(&key.as_str()) => self.named(key, old, named, &at),
                        _ => self.node(old, value, &at),
                    }
                }
                if !take_annotations(old, members) && can_be_described(members) {
                    self.undescribed.push(at.to_string());
                }
                sort(new);
            }
            Value::Array(items) => {
                let names: Vec<_> = items.iter().map(identity).collect();
                let old: Vec<_> = items.iter().map(|item| counterpart(old, items, item)).collect();
                for (i, ((item, old), name)) in items.iter_mut().zip(old).zip(names).enumerate() {
                    let name = name.unwrap_or_else(|| i.to_string());
                    self.node(old, item, &join(at, &name));
                }
            }
            _ => {}
        }
    }

    /// Merges the members of an object whose names are the document's own.
    fn named(&mut self, container: &str, old: Option<&'a Value>, members: &mut Map<String, Value>, at: &str) {
        for (name, value) in members {
            let mut counterpart = old.and_then(|old| old.get(name));
            if container == "responses" {
                counterpart = counterpart.or_else(|| only_success(old?, name));
                if let Value::Object(response) = value
                    && !response.contains_key("$ref")
                {
                    // OpenAPI demands one of a response.
                    response.insert("description".to_string(), Value::from(""));
                }
            }
            let moved = || self.moved.get(&format!("#/{at}/{name}")).copied();
            self.node(counterpart.or_else(moved), value, &join(at, name));
        }
    }

    /// Finds the descriptions of what was moved into a component, or out of one.
    fn follow_move(&mut self, old: Option<&'a Value>, new: &Value) -> Option<&'a Value> {
        let old = old?;
        match (old.get("$ref"), new.get("$ref").and_then(Value::as_str)) {
            (None, Some(reference)) => {
                self.moved.insert(reference.to_string(), old);
                None
            }
            (Some(_), None) => Some(self.old.resolve(Node::new(old, "")).value),
            _ => Some(old),
        }
    }
}

/// Returns the old success that goes by another status now.
fn only_success<'a>(old: &'a Value, status: &str) -> Option<&'a Value> {
    let mut successes = old.as_object()?.iter().filter(|(old_status, _)| old_status.starts_with('2'));
    let (_, success) = successes.next().filter(|_| status.starts_with('2'))?;
    successes.next().is_none().then_some(success)
}

fn sort(node: &mut Value) {
    if let Value::Object(members) = node {
        *members = std::mem::take(members).into_iter().collect::<BTreeMap<_, _>>().into_iter().collect();
    }
}

/// Copies the old node's annotations, if there is such a node.
fn take_annotations(old: Option<&Value>, members: &mut Map<String, Value>) -> bool {
    let Some(Value::Object(old)) = old else { return false };
    let annotations = old.iter().filter(|(key, _)| ANNOTATIONS.contains(&key.as_str()));
    members.extend(annotations.map(|(key, value)| (key.clone(), value.clone())));
    true
}

/// Returns whether it is a schema, an operation, a parameter, a response or a security scheme.
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
