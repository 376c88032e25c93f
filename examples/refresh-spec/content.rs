//! Compares the media types of a parameter, a request body or a response.

use serde_json::json;

use crate::changes::Changes;
use crate::changes::Effect::{CanBreak, Harmless};
use crate::dependents::GENERATOR;
use crate::matching::{Match, by_name};
use crate::resolve::Node;
use crate::rules::Direction;
use crate::schemas::SchemaDiff;
use crate::scope::Scope;
use crate::words::{change, describe};

/// Compares what stands under `content`.
pub fn compare<'a>(scope: Scope<'a>, direction: Direction, old: &Node<'a>, new: &Node<'a>, changes: &mut Changes) {
    let (old, new) = (old.children("content"), new.children("content"));
    for (_, found) in by_name(&old, &new) {
        match found {
            Match::Both(old, new) => compare_schemas(scope, direction, &old, &new, changes),
            Match::Gone(gone) => changes.add(&gone.at, change(Some(gone.value), None), CanBreak, scope.look_at),
            Match::New(added) => {
                let what = change(None, Some(added.value));
                match direction {
                    _ if old.is_empty() => changes.add(&added.at, what, CanBreak, scope.look_at),
                    Direction::Response => changes.add(&added.at, what, Harmless, scope.look_at),
                    Direction::Request => {
                        let what = format!("{what}; the build rejects several media types");
                        changes.add(&added.at, what, CanBreak, &[scope.look_at, GENERATOR].concat());
                    }
                }
            }
        }
    }
}

/// Compares what stands under `schema`: without one, anything goes.
pub fn compare_schemas<'a>(
    scope: Scope<'a>,
    direction: Direction,
    old: &Node<'a>,
    new: &Node<'a>,
    changes: &mut Changes,
) {
    let schema = |node: &Node<'a>| node.child("schema").filter(|schema| *schema.value != json!({}));
    match (schema(old), schema(new)) {
        (Some(old), Some(new)) => SchemaDiff::new(scope, direction, changes).compare(old, new),
        (None, None) => {}
        (gone, added) => {
            let at = format!("{} > schema", new.at);
            let value = |node: Option<Node<'a>>| node.map(|node| node.value);
            changes.add(&at, change(value(gone), value(added)), CanBreak, scope.look_at);
        }
    }
}

/// Describes the content of a body.
pub fn describe_content(body: &Node) -> String {
    body.value.get("content").map_or_else(|| "without content".to_string(), describe)
}
