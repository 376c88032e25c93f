//! Compares two specs, operation by operation.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::changes::Changes;
use crate::changes::Effect::{CanBreak, Harmless};
use crate::dependents::{BASE_URL, CREDENTIALS, of_operation};
use crate::operation::{Operation, operations};
use crate::resolve::{Document, Node};
use crate::scope::Scope;
use crate::words::{change, describe, list};
use crate::{parameters, request_body, responses};

/// Returns what changes from one spec to the other.
pub fn compare(before: &Value, after: &Value) -> Changes {
    let mut diff = Diff { before: Document(before), after: Document(after), changes: Changes::default() };
    diff.compare_heads();
    diff.compare_security_schemes();
    diff.compare_paths();
    diff.changes
}

struct Diff<'a> {
    before: Document<'a>,
    after: Document<'a>,
    changes: Changes,
}

impl<'a> Diff<'a> {
    fn compare_heads(&mut self) {
        for pointer in ["/openapi", "/info/title", "/info/version", "/info/license", "/info/contact"] {
            let (old, new) = (self.before.0.pointer(pointer), self.after.0.pointer(pointer));
            if old != new {
                let at = pointer.trim_start_matches('/').replace('/', " > ");
                self.changes.add(&at, change(old, new), Harmless, &[]);
            }
        }
    }

    /// Compares the schemes that both have; those that come and go show in the operations.
    fn compare_security_schemes(&mut self) {
        let old = self.before.0.pointer("/components/securitySchemes").and_then(Value::as_object);
        for (name, old) in old.into_iter().flatten() {
            let Some(new) = self.after.component("securitySchemes", name) else { continue };
            for key in ["type", "in", "name", "scheme", "flows", "openIdConnectUrl"] {
                let (old, new_value) = (old.get(key), new.value.get(key));
                if old != new_value {
                    self.changes.add(&format!("{} > {key}", new.at), change(old, new_value), CanBreak, CREDENTIALS);
                }
            }
        }
    }

    /// Pairs the operations by path and method, or else by their id.
    fn compare_paths(&mut self) {
        let mut new = operations(self.after);
        for before in operations(self.before) {
            let is_same = |after: &Operation| (after.path, after.method) == (before.path, before.method);
            let is_moved = |after: &Operation| after.id() == before.id();
            match new.iter().position(is_same).or_else(|| new.iter().position(is_moved)) {
                Some(found) => self.compare_operations(&before, &new.remove(found)),
                None => {
                    let what = format!("is gone (was the operation {})", before.id());
                    self.changes.add(&before.node.at, what, CanBreak, of_operation(before.id()));
                }
            }
        }
        for after in new {
            let what = format!("is new: the operation {}; add a method to SigningKeys", after.id());
            self.changes.add(&after.node.at, what, Harmless, &[]);
        }
    }

    fn compare_operations(&mut self, before: &Operation<'a>, after: &Operation<'a>) {
        let (at, look_at) = (&after.node.at, of_operation(before.id()));
        if before.request_line() != after.request_line() {
            let what = format!("was {}, is {}", before.request_line(), after.request_line());
            self.changes.add(at, what, CanBreak, look_at);
        }
        if before.id() != after.id() {
            let what = format!("was {}, is {}", before.id(), after.id());
            self.changes.add(&format!("{at} > operationId"), what, CanBreak, look_at);
        }
        self.compare_tags(before, after);
        self.compare_servers(before, after);
        self.compare_security(before, after);
        if before.node.is_true("deprecated") != after.node.is_true("deprecated") {
            let (old, new) = (before.node.value.get("deprecated"), after.node.value.get("deprecated"));
            self.changes.add(&format!("{at} > deprecated"), change(old, new), Harmless, look_at);
        }
        let scope = Scope { before: self.before, after: self.after, look_at };
        parameters::compare(scope, before, after, &mut self.changes);
        request_body::compare(scope, before, after, &mut self.changes);
        responses::compare(scope, before, after, &mut self.changes);
    }

    /// Compares the tags. The first one is cut off the operation's id, which makes the method's name in the raw layer.
    fn compare_tags(&mut self, before: &Operation, after: &Operation) {
        let (old, new) = (before.node.value.get("tags"), after.node.value.get("tags"));
        if old != new {
            let first = |tags: Option<&Value>| tags.and_then(|tags| tags.get(0)).cloned();
            let effect = if first(old) == first(new) { Harmless } else { CanBreak };
            let at = format!("{} > tags", after.node.at);
            self.changes.add(&at, change(old, new), effect, of_operation(before.id()));
        }
    }

    /// Compares the servers, of which the first is the base URL.
    fn compare_servers(&mut self, before: &Operation<'a>, after: &Operation<'a>) {
        let servers = |document, operation: &Operation<'a>| operation.inherited(document, "servers");
        let (old, new) = (servers(self.before, before), servers(self.after, after));
        let list_of = |node: &Option<Node<'a>>| node.as_ref().and_then(|node| node.value.as_array()).cloned();
        let (old_list, new_list) = (list_of(&old).unwrap_or_default(), list_of(&new).unwrap_or_default());
        if old_list != new_list {
            let words = |servers: &[Value]| list(servers.iter().map(describe_server));
            let what = format!("was {}, is {}", words(&old_list), words(&new_list));
            let effect = if old_list.first() == new_list.first() { Harmless } else { CanBreak };
            self.changes.add(&place(old.as_ref(), new.as_ref()), what, effect, BASE_URL);
        }
    }

    fn compare_security(&mut self, before: &Operation<'a>, after: &Operation<'a>) {
        let security = |document, operation: &Operation<'a>| operation.inherited(document, "security");
        let (old, new) = (security(self.before, before), security(self.after, after));
        let (old_choices, new_choices) = (credentials(old.as_ref()), credentials(new.as_ref()));
        let at = place(old.as_ref(), new.as_ref());
        let words = |choice: &String| if choice.is_empty() { "no credentials".to_string() } else { choice.clone() };
        for gone in old_choices.difference(&new_choices) {
            let effect = if new_choices.contains("") { Harmless } else { CanBreak };
            self.changes.add(&at, format!("no longer accepted: {}", words(gone)), effect, CREDENTIALS);
        }
        for added in new_choices.difference(&old_choices) {
            self.changes.add(&at, format!("now accepted: {}", words(added)), Harmless, CREDENTIALS);
        }
    }
}

/// Names the credentials that an operation accepts: each choice may need several at once, or none.
fn credentials(security: Option<&Node>) -> BTreeSet<String> {
    let choices = security.and_then(|node| node.value.as_array()).into_iter().flatten();
    let words = |(scheme, scopes): (&String, &Value)| match scopes.as_array().map(Vec::as_slice) {
        None | Some([]) => scheme.clone(),
        Some(scopes) => {
            let sorted: BTreeSet<String> = scopes.iter().map(describe).collect();
            format!("{scheme} ({})", list(sorted))
        }
    };
    let choice = |choice: &Value| {
        let schemes: BTreeSet<String> = choice.as_object().into_iter().flatten().map(words).collect();
        schemes.into_iter().collect::<Vec<_>>().join(" with ")
    };
    let accepted: BTreeSet<String> = choices.map(choice).collect();
    if accepted.is_empty() { BTreeSet::from([String::new()]) } else { accepted }
}

/// Describes a server by its URL, and by the variables in it.
fn describe_server(server: &Value) -> String {
    let url = server.get("url").and_then(Value::as_str).unwrap_or_default();
    server.get("variables").map_or_else(|| url.to_string(), |variables| format!("{url} with {variables}"))
}

/// Returns where it stands now, or where it stood.
fn place(before: Option<&Node>, after: Option<&Node>) -> String {
    after.or(before).map(|node| node.at.clone()).unwrap_or_default()
}
