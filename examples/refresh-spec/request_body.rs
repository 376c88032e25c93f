//! Compares the request bodies of an operation.

use crate::changes::Changes;
use crate::changes::Effect::{CanBreak, Harmless};
use crate::content;
use crate::operation::Operation;
use crate::rules::Direction::Request;
use crate::scope::Scope;

pub fn compare<'a>(scope: Scope<'a>, before: &Operation<'a>, after: &Operation<'a>, changes: &mut Changes) {
    let old = before.node.child("requestBody").map(|body| scope.before.resolve(body));
    let new = after.node.child("requestBody").map(|body| scope.after.resolve(body));
    match (old, new) {
        (Some(old), Some(new)) => {
            if old.is_true("required") != new.is_true("required") {
                let now = if new.is_true("required") { "now" } else { "no longer" };
                let what = format!("is {now} required; the raw layer always sends one");
                changes.add(&new.at, what, Harmless, scope.look_at);
            }
            content::compare(scope, Request, &old, &new, changes);
        }
        (Some(old), None) => changes.add(&old.at, "is gone", CanBreak, scope.look_at),
        (None, Some(new)) => {
            let required = if new.is_true("required") { " and required" } else { "" };
            let what = format!("is new{required}: {}", content::describe_content(&new));
            changes.add(&new.at, what, CanBreak, scope.look_at);
        }
        (None, None) => {}
    }
}
