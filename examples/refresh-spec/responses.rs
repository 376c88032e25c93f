//! Compares the responses of an operation.

use std::collections::BTreeMap;

use crate::changes::Changes;
use crate::changes::Effect::{CanBreak, Harmless};
use crate::content::{self, describe_content};
use crate::dependents::{ERROR_ENVELOPE, GENERATOR};
use crate::matching::{Match, by_name};
use crate::operation::Operation;
use crate::resolve::{Document, Node};
use crate::rules::Direction::Response;
use crate::scope::Scope;

/// Responses by their status: `200`, `4XX` or `default`.
type Responses<'a> = BTreeMap<&'a str, Node<'a>>;

pub fn compare<'a>(scope: Scope<'a>, before: &Operation<'a>, after: &Operation<'a>, changes: &mut Changes) {
    let (old_successes, old_errors) = responses(scope.before, before);
    let (new_successes, new_errors) = responses(scope.after, after);
    compare_successes(scope, old_successes, new_successes, changes);
    let look_at = if scope.look_at.is_empty() { &[] } else { ERROR_ENVELOPE };
    compare_errors(Scope { look_at, ..scope }, &old_errors, &new_errors, changes);
}

/// Returns the successes, and the errors.
fn responses<'a>(document: Document<'a>, operation: &Operation<'a>) -> (Responses<'a>, Responses<'a>) {
    let responses = operation.node.children("responses").into_iter();
    let resolved = responses.map(|(status, response)| (status, document.resolve(response)));
    resolved.partition(|(status, _)| status.starts_with('2'))
}

/// Compares the successes. The generator takes any 2xx for one, so another status matters only if its body differs.
fn compare_successes<'a>(scope: Scope<'a>, mut old: Responses<'a>, mut new: Responses<'a>, changes: &mut Changes) {
    let in_both: Vec<&str> = old.keys().copied().filter(|status| new.contains_key(status)).collect();
    let mut pairs: Vec<_> =
        in_both.into_iter().filter_map(|status| old.remove(status).zip(new.remove(status))).collect();
    while let (Some(old_status), Some(new_status)) = (old.keys().next().copied(), new.keys().next().copied()) {
        pairs.extend(old.remove(old_status).zip(new.remove(new_status)));
    }
    for (old, new) in &pairs {
        content::compare(scope, Response, old, new, changes);
    }
    let look_at = [scope.look_at, GENERATOR].concat();
    let (before, after) = (scope.before, scope.after);
    for gone in old.values().filter(|gone| !pairs.iter().any(|(old, _)| equal((before, old), (before, gone)))) {
        changes.add(&gone.at, format!("is gone (was {})", describe_content(gone)), CanBreak, &look_at);
    }
    for added in new.values().filter(|added| !pairs.iter().any(|(_, new)| equal((after, new), (after, added)))) {
        let consequence = match added.child("content") {
            None => "the result becomes an Option in the raw layer",
            Some(_) => "the build rejects successes that differ",
        };
        let what = format!("is new: {}; {consequence}", describe_content(added));
        changes.add(&added.at, what, CanBreak, &look_at);
    }
}

/// Compares the errors. A status of its own matters only if it has a body that differs from that of the others.
fn compare_errors<'a>(scope: Scope<'a>, old: &Responses<'a>, new: &Responses<'a>, changes: &mut Changes) {
    let (before, after) = (scope.before, scope.after);
    for (status, found) in by_name(old, new) {
        match found {
            Match::Both(old, new) => content::compare(scope, Response, &old, &new, changes),
            Match::Gone(gone) => {
                let is_covered = covering(status).iter().any(|range| {
                    let (was, is) = (old.get(range.as_str()), new.get(range.as_str()));
                    let was_same = was.is_some_and(|was| equal((before, was), (before, &gone)));
                    is.is_some_and(|is| was_same || equal((before, &gone), (after, is)))
                });
                let effect = if is_covered { Harmless } else { CanBreak };
                changes.add(&gone.at, format!("is gone (was {})", describe_content(&gone)), effect, scope.look_at);
            }
            Match::New(added) => {
                let what = format!("is new: {}", describe_content(&added));
                let mut kept = new.iter().filter(|(other, _)| old.contains_key(*other));
                if added.child("content").is_none()
                    || old.values().any(|was| equal((before, was), (after, &added)))
                    || kept.any(|(_, is)| equal((after, is), (after, &added)))
                {
                    changes.add(&added.at, what, Harmless, scope.look_at);
                } else {
                    let what = format!("{what}; all errors of an operation share one type in the raw layer");
                    changes.add(&added.at, what, CanBreak, &[scope.look_at, GENERATOR].concat());
                }
            }
        }
    }
}

/// Returns what else stands for an error with this status.
fn covering(status: &str) -> [String; 2] {
    let class: String = status.chars().take(1).collect();
    [format!("{class}XX"), "default".to_string()]
}

/// Returns whether two responses have the same body, perhaps under other names.
fn equal<'a>((before, old): (Document<'a>, &Node<'a>), (after, new): (Document<'a>, &Node<'a>)) -> bool {
    let mut changes = Changes::default();
    content::compare(Scope { before, after, look_at: &[] }, Response, old, new, &mut changes);
    changes.count(Harmless) + changes.count(CanBreak) == 0
}
