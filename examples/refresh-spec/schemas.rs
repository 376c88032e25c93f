//! Compares schemas, keyword by keyword.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use serde_json::{Value, json};

use crate::changes::Changes;
use crate::changes::Effect::{self, CanBreak, Harmless, Rename};
use crate::combination::{Member, Pairing, members};
use crate::matching::{Match, by_name};
use crate::resolve::{COMBINATIONS, Node, Schema, component_name};
use crate::rules::Direction;
use crate::scope::Scope;
use crate::words::{change, describe, list};

/// Compares the schemas of one body or parameter.
pub struct SchemaDiff<'c, 'a> {
    scope: Scope<'a>,
    direction: Direction,
    /// The pairs that were compared, by where they stand: a schema may refer to itself.
    visited: HashSet<(String, String)>,
    changes: &'c mut Changes,
}

const RENAMED: &str = "its type may have another name in the raw layer";

impl<'c, 'a> SchemaDiff<'c, 'a> {
    pub fn new(scope: Scope<'a>, direction: Direction, changes: &'c mut Changes) -> Self {
        Self { scope, direction, visited: HashSet::new(), changes }
    }

    pub fn compare(&mut self, before: Node<'a>, after: Node<'a>) {
        if !self.visited.insert((before.at.clone(), after.at.clone())) {
            return;
        }
        let (before, after) = (self.scope.before.schema(before), self.scope.after.schema(after));
        self.compare_sensitivity(&before, &after);
        if before.kind() != after.kind() {
            let what = format!("was {}, is {}", kind(&before), kind(&after));
            return self.add(&self.place(&before, &after, "type"), what, CanBreak);
        }
        self.compare_names(&before, &after);
        for keyword in before.members.keys().chain(after.members.keys()).collect::<BTreeSet<_>>() {
            self.compare_keyword(keyword, &before, &after);
        }
    }

    fn compare_keyword(&mut self, keyword: &str, before: &Schema<'a>, after: &Schema<'a>) {
        match keyword {
            "type" | "x-sensitive" => {}
            "properties" => self.compare_properties(before, after),
            "required" => self.compare_required(before, after),
            "enum" => self.compare_enum(before, after),
            "title" => self.compare_titles(before, after),
            "items" | "additionalProperties" | "not" => self.compare_inner(keyword, before, after),
            _ if COMBINATIONS.contains(&keyword) => self.compare_combination(keyword, before, after),
            _ => self.compare_value(keyword, before, after),
        }
    }

    /// Notes that the generated type is named after another component, or is not named after one any more.
    fn compare_names(&mut self, before: &Schema<'a>, after: &Schema<'a>) {
        let (at, what) = match (before.component.as_deref(), after.component.as_deref()) {
            _ if before.is_own_string() || after.is_own_string() => return,
            (_, Some(new)) if self.is_redirected(before, after) => {
                (after.layers[0].as_str(), format!("is {} now", component_name(new)))
            }
            (Some(old), Some(new)) if old != new => (new, format!("was {}", component_name(old))),
            (None, Some(new)) => (new, "was inline".to_string()),
            (Some(old), None) => (old, "is inline now".to_string()),
            _ => return,
        };
        self.add(at, format!("{what}; {RENAMED}"), Rename);
    }

    /// Notes that the title of an inline object, after which its type is named, is another.
    fn compare_titles(&mut self, before: &Schema<'a>, after: &Schema<'a>) {
        let (old, new) = (before.get("title"), after.get("title"));
        if old != new && after.component.is_none() && after.kind() == Some("object") {
            self.add(&self.place(before, after, "title"), format!("{}; {RENAMED}", change(old, new)), Rename);
        }
    }

    fn compare_sensitivity(&mut self, before: &Schema<'a>, after: &Schema<'a>) {
        let what = match (before.is_sensitive(), after.is_sensitive()) {
            (true, false) => "is gone: a Secret becomes a plain value, which can be printed and logged",
            (false, true) => "is new: the value becomes a Secret",
            _ => return,
        };
        self.add(&self.place(before, after, "x-sensitive"), what, CanBreak);
    }

    fn compare_properties(&mut self, before: &Schema<'a>, after: &Schema<'a>) {
        for (name, found) in by_name(&self.fields(before), &self.fields(after)) {
            match found {
                Match::Both(old, new) => self.compare(old, new),
                Match::Gone(old) => {
                    let at = format!("{} > {name}", self.place(before, after, "properties"));
                    self.add(&at, change(Some(old.value), None), CanBreak);
                }
                Match::New(new) => self.add_new_property(&new, required(after).contains(name)),
            }
        }
    }

    /// Returns the properties that the generated type has: in a response, not those that can only be null.
    fn fields(&self, schema: &Schema<'a>) -> BTreeMap<&'a str, Node<'a>> {
        let mut fields = schema.children("properties");
        fields.retain(|_, node| self.direction == Direction::Request || node.value.get("enum") != Some(&json!([null])));
        fields
    }

    fn add_new_property(&mut self, property: &Node<'a>, is_required: bool) {
        let words = describe(property.value);
        match (self.direction, is_required) {
            (Direction::Response, _) => self.add(&property.at, format!("is new: {words}"), Harmless),
            (Direction::Request, true) => self.add(&property.at, format!("is new and required: {words}"), CanBreak),
            (Direction::Request, false) => {
                let what = format!("is new: {words}; struct literals of the raw layer need it");
                self.add(&property.at, what, CanBreak);
            }
        }
    }

    /// Compares what is required, apart from properties that are new or gone.
    fn compare_required(&mut self, before: &Schema<'a>, after: &Schema<'a>) {
        let names = |schema: &Schema<'a>| schema.children("properties").into_keys().collect::<BTreeSet<_>>();
        let in_one = &names(before) ^ &names(after);
        let (old, new) = (required(before), required(after));
        let (at, effect) = (self.place(before, after, "required"), self.direction.in_request(CanBreak));
        for (names, what) in [(&new - &old, "now required"), (&old - &new, "no longer required")] {
            let names = &names - &in_one;
            if !names.is_empty() {
                self.add(&at, format!("{what}: {}", list(names.into_iter().map(String::from))), effect);
            }
        }
    }

    /// Compares enums. One of a request is a type. One of a response is ignored, except the one value of a boolean that
    /// tells a success from a failure.
    fn compare_enum(&mut self, before: &Schema<'a>, after: &Schema<'a>) {
        let tells_success = before.kind() == Some("boolean");
        let effect = if tells_success { CanBreak } else { self.direction.in_request(CanBreak) };
        let at = self.place(before, after, "enum");
        let (Some(Value::Array(old)), Some(Value::Array(new))) = (before.get("enum"), after.get("enum")) else {
            return self.add(&at, change(before.get("enum"), after.get("enum")), effect);
        };
        let without = |one: &[Value], other: &[Value]| list(one.iter().filter(|v| !other.contains(v)).map(describe));
        let (gone, added) = (without(old, new), without(new, old));
        if !gone.is_empty() {
            self.add(&at, format!("no longer there: {gone}"), effect);
        }
        if !added.is_empty() {
            self.add(&at, format!("now there as well: {added}"), if tells_success { CanBreak } else { Harmless });
        }
    }

    fn compare_inner(&mut self, keyword: &str, before: &Schema<'a>, after: &Schema<'a>) {
        match (before.child(keyword), after.child(keyword)) {
            (Some(old), Some(new)) if old.value.is_object() && new.value.is_object() => self.compare(old, new),
            _ => self.compare_value(keyword, before, after),
        }
    }

    fn compare_combination(&mut self, keyword: &str, before: &Schema<'a>, after: &Schema<'a>) {
        let (Some(old), Some(new)) = (before.child(keyword), after.child(keyword)) else {
            return self.compare_value(keyword, before, after);
        };
        let (old, new) = (members(self.scope.before, &old), members(self.scope.after, &new));
        let (at, pairing) = (self.place(before, after, keyword), Pairing::of(&old, &new));
        for &(i, k) in &pairing.pairs {
            self.compare(old[i].node.clone(), new[k].node.clone());
        }
        for &i in &pairing.gone {
            self.add(&at, format!("no longer there: {}", old[i].name), CanBreak);
        }
        for &k in &pairing.new {
            self.add(&at, format!("now there as well: {}", new[k].name), CanBreak);
        }
        if !pairing.keeps_order() {
            // Of the others, the first member that fits is taken.
            let effect = if keyword == "allOf" { Harmless } else { CanBreak };
            let order = |members: &[Member]| list(members.iter().map(|member| member.name.clone()));
            self.add(&at, format!("order was {}, is {}", order(&old), order(&new)), effect);
        }
    }

    fn compare_value(&mut self, keyword: &str, before: &Schema<'a>, after: &Schema<'a>) {
        let (old, new) = (before.get(keyword), after.get(keyword));
        if old == new {
            return;
        }
        let at = self.place(before, after, keyword);
        let effect = match keyword {
            "nullable" if after.is_own_string() => self.direction.in_request(CanBreak),
            "nullable" => self.direction.effect_of_nullable(&at),
            _ => self.direction.effect_of(keyword, old, new),
        };
        self.add(&at, change(old, new), effect);
    }

    /// Returns where the keyword stands now; if it is gone, where it stood, or else the schema that has lost it.
    fn place(&self, before: &Schema, after: &Schema, keyword: &str) -> String {
        let is_redirected = self.is_redirected(before, after);
        let old = before.members.get(keyword).map(|member| &member.at).filter(|at| after.layers.contains(at));
        let new = after.members.get(keyword).map(|member| &member.at);
        let new = new.filter(|at| before.layers.contains(at) || !is_redirected);
        let at = new.or(old).or(after.layers.first()).map_or("", String::as_str);
        format!("{at} > {keyword}")
    }

    /// Returns whether the schema now refers to a component that was there before, under the same name.
    fn is_redirected(&self, before: &Schema, after: &Schema) -> bool {
        let component = after.component.as_deref().filter(|component| before.component.as_deref() != Some(component));
        component.is_some_and(|at| self.scope.before.component("schemas", component_name(at)).is_some())
    }

    fn add(&mut self, at: &str, what: impl Into<String>, effect: Effect) {
        self.changes.add(at, what, effect, self.scope.look_at);
    }
}

fn required<'a>(schema: &Schema<'a>) -> BTreeSet<&'a str> {
    let names = schema.get("required").and_then(Value::as_array);
    names.into_iter().flatten().filter_map(Value::as_str).collect()
}

/// Names the type, or what stands in its place.
fn kind(schema: &Schema) -> String {
    let combination = || COMBINATIONS.into_iter().find(|keyword| schema.get(keyword).is_some());
    schema.kind().or_else(combination).unwrap_or("anything").to_string()
}
