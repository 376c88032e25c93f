//! Judges what a changed keyword of a schema means for callers, by what the build script makes of it: it is strict in
//! what is sent, lenient in what is received.

use serde_json::Value;

use crate::changes::Effect::{self, CanBreak, Harmless};

/// Which way the JSON goes.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Direction {
    Request,
    Response,
}

const LIMITS: [&str; 12] = [
    "exclusiveMaximum",
    "exclusiveMinimum",
    "maxItems",
    "maxLength",
    "maxProperties",
    "maximum",
    "minItems",
    "minLength",
    "minProperties",
    "minimum",
    "multipleOf",
    "pattern",
];
/// What the generator does not look at.
const UNUSED: [&str; 4] = ["default", "deprecated", "writeOnly", "xml"];

impl Direction {
    /// Judges what matters in a request only.
    pub fn in_request(self, effect: Effect) -> Effect {
        if self == Self::Request { effect } else { Harmless }
    }

    /// Judges a keyword that is new, gone or has another value.
    pub fn effect_of(self, keyword: &str, old: Option<&Value>, new: Option<&Value>) -> Effect {
        match keyword {
            "format" if [old, new].contains(&Some(&Value::from("date-time"))) => CanBreak,
            "format" | "uniqueItems" => self.in_request(CanBreak),
            "additionalProperties" => self.effect_of_additional_properties(old, new),
            // Members that only responses have are not in requests, and the other way round.
            "readOnly" => self.in_request(CanBreak),
            "writeOnly" if self == Self::Response => CanBreak,
            _ if LIMITS.contains(&keyword) => self.in_request(effect_of_limit(keyword, old, new)),
            _ if UNUSED.contains(&keyword) => Harmless,
            _ => CanBreak,
        }
    }

    /// Judges what is said of further members. A schema for them is a field. Without one, a response's are dropped, but
    /// `false` forbids them in a request.
    fn effect_of_additional_properties(self, old: Option<&Value>, new: Option<&Value>) -> Effect {
        match new {
            _ if [old, new].into_iter().flatten().any(Value::is_object) => CanBreak,
            Some(Value::Bool(false)) => self.in_request(CanBreak),
            _ => Harmless,
        }
    }

    /// Judges that a value may be null. In a response any property may, but a component or an item becomes another type.
    pub fn effect_of_nullable(self, at: &str) -> Effect {
        let is_property = at.rsplit(" > ").nth(2) == Some("properties");
        if is_property { self.in_request(CanBreak) } else { CanBreak }
    }
}

/// Judges a limit, which breaks requests if it is narrower than before.
fn effect_of_limit(keyword: &str, old: Option<&Value>, new: Option<&Value>) -> Effect {
    let number = |value: Option<&Value>| value.and_then(Value::as_f64);
    let is_wider = match (number(old), number(new)) {
        _ if new.is_none() => true,
        (Some(old), Some(new)) if keyword.starts_with("max") => new > old,
        (Some(old), Some(new)) if keyword.starts_with("min") => new < old,
        _ => false,
    };
    if is_wider { Harmless } else { CanBreak }
}
