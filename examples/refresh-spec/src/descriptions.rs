//! Keeps our own descriptions while the structure comes from Cloudflare's document.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use crate::build::spec::{Kind, join};
use crate::extract::{ANNOTATIONS, structure};

/// Takes over the descriptions of everything that is still there. Returns the places of what has none yet.
pub fn merge(old: &Value, new: &mut Value) -> Vec<String> {
    let mut merge = Merge { old, moved: BTreeMap::new(), undescribed: Vec::new() };
    let mut components = new["components"].take();
    merge.node(Some(old), new, Kind::Object, "");
    merge.node(old.get("components"), &mut components, Kind::Object, "components");
    new["components"] = components;
    sort(new);
    merge.undescribed
}

struct Merge<'a> {
    old: &'a Value,
    /// What stood in place and is a component now, by its reference.
    moved: BTreeMap<String, &'a Value>,
    undescribed: Vec<String>,
}

impl<'a> Merge<'a> {
    fn node(&mut self, old: Option<&'a Value>, new: &mut Value, kind: Kind, at: &str) {
        let old = old.and_then(|old| self.follow_move(old, new));
        match new {
            Value::Object(members) => {
                let has_names = [Kind::Objects, Kind::Schemas].contains(&kind);
                for (key, value) in members.iter_mut().filter(|(key, _)| kind.member(key) != Kind::Data) {
                    let at = join(at, key);
                    let moved = self.moved.get(&at).copied();
                    let old = old.and_then(|old| old.get(key).or_else(|| only_success(old, key))).or(moved);
                    self.node(old, value, kind.member(key), &at);
                }
                if !has_names {
                    let is_response = at.rsplit(" > ").nth(1) == Some("responses");
                    if is_response && !members.contains_key("$ref") {
                        // OpenAPI demands a description of a response.
                        members.insert("description".to_string(), json!(""));
                    }
                    if !take_annotations(old, members) && can_be_described(members) {
                        self.undescribed.push(at.to_string());
                    }
                }
                sort(new);
            }
            Value::Array(items) => {
                let all = Value::Array(items.clone());
                for (i, item) in items.iter_mut().enumerate() {
                    let name = identity(item).unwrap_or_else(|| i.to_string());
                    let old = old.and_then(|old| counterpart(old, &all, item, kind.item()));
                    self.node(old, item, kind.item(), &join(at, &name));
                }
            }
            _ => {}
        }
    }

    /// Finds the descriptions of what was moved into a component, or out of one.
    fn follow_move(&mut self, old: &'a Value, new: &Value) -> Option<&'a Value> {
        let path = |node: &'_ Value| node.get("$ref").and_then(Value::as_str).map(|path| path[1..].to_string());
        match (path(old), path(new)) {
            (None, Some(path)) => {
                self.moved.insert(path[1..].replace('/', " > "), old);
                None
            }
            (Some(path), None) => self.old.pointer(&path),
            _ => Some(old),
        }
    }
}

/// Returns the old success if it is the only one, and goes by another status now.
fn only_success<'a>(old: &'a Value, status: &str) -> Option<&'a Value> {
    let is_success = |status: &str| status.len() == 3 && status.starts_with('2');
    let mut successes = old.as_object()?.iter().filter(|(old_status, _)| is_success(old_status));
    let (_, success) = successes.next().filter(|_| is_success(status))?;
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
fn counterpart<'a>(old: &'a Value, new_items: &Value, new: &Value, kind: Kind) -> Option<&'a Value> {
    let old_items = old.as_array()?;
    if let Some(name) = identity(new) {
        return old_items.iter().find(|old| identity(old).as_ref() == Some(&name));
    }
    let same = old_items.iter().find(|old| structure(old, kind) == *new);
    same.or_else(|| {
        let old = only_nameless(old_items)?;
        (only_nameless(new_items.as_array()?).is_some() && old.get("type") == new.get("type")).then_some(old)
    })
}

fn only_nameless(items: &[Value]) -> Option<&Value> {
    let mut nameless = items.iter().filter(|item| identity(item).is_none());
    nameless.next().filter(|_| nameless.next().is_none())
}

/// Returns what tells an item from the others of its list.
pub fn identity(item: &Value) -> Option<String> {
    let text = |key: &str| item.get(key).and_then(Value::as_str).map(String::from);
    let parameter = || Some(format!("{} {}", text("in")?, text("name")?));
    text("$ref").or_else(parameter).or_else(|| text("title")).or_else(|| text("url"))
}
