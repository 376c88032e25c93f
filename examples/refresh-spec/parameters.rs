//! Compares the parameters of an operation.

use serde_json::Value;

use crate::changes::Changes;
use crate::changes::Effect::{CanBreak, Harmless};
use crate::content;
use crate::matching::{Match, by_name};
use crate::operation::Operation;
use crate::resolve::Node;
use crate::rules::Direction::Request;
use crate::scope::Scope;
use crate::words::change;

pub fn compare<'a>(scope: Scope<'a>, before: &Operation<'a>, after: &Operation<'a>, changes: &mut Changes) {
    let (old, new) = (before.parameters(scope.before), after.parameters(scope.after));
    for (_, found) in by_name(&old, &new) {
        match found {
            Match::Both(old, new) => compare_parameter(scope, &old, &new, changes),
            Match::Gone(old) => changes.add(&old.at, "is gone", CanBreak, scope.look_at),
            Match::New(new) => {
                let required = if new.is_true("required") { " and required" } else { "" };
                let what = format!("is new{required}: another argument in the raw layer");
                changes.add(&new.at, what, CanBreak, scope.look_at);
            }
        }
    }
}

fn compare_parameter<'a>(scope: Scope<'a>, old: &Node<'a>, new: &Node<'a>, changes: &mut Changes) {
    let mut add = |key: &str, what: String, effect| {
        changes.add(&format!("{} > {key}", new.at), what, effect, scope.look_at);
    };
    match (old.is_true("required"), new.is_true("required")) {
        (false, true) => add("required", "is now required".to_string(), CanBreak),
        (true, false) => add("required", "is no longer required, and becomes an Option".to_string(), CanBreak),
        _ => {}
    }
    let (old_style, new_style) = (style(old), style(new));
    if old_style != new_style {
        add("style", format!("was {old_style}, is {new_style}"), CanBreak);
    }
    if old.is_true("deprecated") != new.is_true("deprecated") {
        add("deprecated", change(old.value.get("deprecated"), new.value.get("deprecated")), Harmless);
    }
    content::compare_schemas(scope, Request, old, new, changes);
    content::compare(scope, Request, old, new, changes);
}

/// Names the way that the value is written, with OpenAPI's defaults filled in.
fn style(parameter: &Node) -> String {
    let default = if ["query", "cookie"].contains(&parameter.text("in")) { "form" } else { "simple" };
    let style = parameter.value.get("style").and_then(Value::as_str).unwrap_or(default);
    let explodes = parameter.value.get("explode").and_then(Value::as_bool).unwrap_or(style == "form");
    let reserved = if parameter.is_true("allowReserved") { ", with reserved characters" } else { "" };
    format!("{style}{}{reserved}", if explodes { ", exploded" } else { "" })
}
