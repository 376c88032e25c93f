//! Compares two specs, place by place.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use crate::build::spec::join;
use crate::descriptions::identity;

/// Limits, which the service checks.
const LIMITS: [&str; 6] = ["exclusiveMaximum", "exclusiveMinimum", "format", "maximum", "minimum", "pattern"];
const SIZES: [&str; 6] = ["maxItems", "maxLength", "maxProperties", "minItems", "minLength", "minProperties"];
/// What else no generated type shows.
const OTHERS: [&str; 6] = ["deprecated", "info", "multipleOf", "security", "securitySchemes", "servers"];

/// A place of a spec, and what changed there.
pub struct Change {
    pub text: String,
    /// Whether the generated code cannot show it.
    pub is_unseen: bool,
}

pub fn compare(old: &Value, new: &Value) -> Vec<Change> {
    let mut changes = Vec::new();
    compare_nodes("", Some(old), Some(new), &mut changes);
    changes
}

fn compare_nodes(at: &str, old: Option<&Value>, new: Option<&Value>, changes: &mut Vec<Change>) {
    if let (Some(old), Some(new)) = (old.and_then(members), new.and_then(members)) {
        for key in old.keys().chain(new.keys()).collect::<BTreeSet<_>>() {
            compare_nodes(&join(at, key), old.get(key).copied(), new.get(key).copied(), changes);
        }
        return;
    }
    let what = match (old, new) {
        (Some(old), Some(new)) if old == new => return,
        (Some(old), Some(new)) => format!("was {}, is {}", describe(old), describe(new)),
        (Some(old), None) => format!("is gone (was {})", describe(old)),
        (None, Some(new)) => format!("is new: {}", describe(new)),
        (None, None) => return,
    };
    let text = format!("{at}: {what}");
    let is_unseen = [LIMITS, SIZES, OTHERS]
        .as_flattened()
        .iter()
        .any(|key| at.split(" > ").any(|part| part == *key) || what.contains(&format!("\"{key}\":")));
    changes.push(Change { text, is_unseen });
}

/// Returns the members of an object or a list. The order of a list does not matter here.
fn members(value: &Value) -> Option<BTreeMap<String, &Value>> {
    match value {
        Value::Object(members) => Some(members.iter().map(|(key, value)| (key.clone(), value)).collect()),
        Value::Array(items) => {
            let name = |i: usize, item: &Value| {
                let text = item.as_str().map(String::from);
                text.or_else(|| identity(item)).or_else(|| schemes(item)).unwrap_or_else(|| i.to_string())
            };
            Some(items.iter().enumerate().map(|(i, item)| (name(i, item), item)).collect())
        }
        _ => None,
    }
}

/// Names a choice of credentials, such as `{ "api_email": [], "api_key": [] }`.
fn schemes(item: &Value) -> Option<String> {
    let schemes = item.as_object().filter(|schemes| schemes.values().all(Value::is_array))?;
    Some(if schemes.is_empty() {
        "no credentials".to_string()
    } else {
        schemes.keys().cloned().collect::<Vec<_>>().join(" with ")
    })
}

fn describe(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), String::from)
}
