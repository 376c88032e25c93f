//! Collects what has changed, each change once, with its effect on callers and the code that depends on it.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

/// What a change means for code that calls the crate.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Effect {
    /// Only a type of the raw layer has another name. Not counted as a difference.
    Rename,
    /// It compiles and works as before.
    Harmless,
    /// It can stop compiling, or stop working.
    CanBreak,
}

/// The changes, in the order of their places.
#[derive(Default)]
pub struct Changes {
    found: BTreeMap<Place, Consequence>,
}

/// Where something changed, and what: `components > schemas > stream_pem > type`, `was string, is integer`.
type Place = (String, String);

struct Consequence {
    effect: Effect,
    look_at: BTreeSet<&'static str>,
}

impl Changes {
    /// Adds a change. One that is found again, by way of another operation, keeps the worse of its effects.
    pub fn add(&mut self, at: &str, what: impl Into<String>, effect: Effect, look_at: &[&'static str]) {
        let place = (at.to_string(), what.into());
        let new = || Consequence { effect, look_at: BTreeSet::new() };
        let consequence = self.found.entry(place).or_insert_with(new);
        consequence.effect = consequence.effect.max(effect);
        consequence.look_at.extend(look_at);
    }

    /// Counts the changes with this effect.
    pub fn count(&self, effect: Effect) -> usize {
        self.found.values().filter(|consequence| consequence.effect == effect).count()
    }
}

impl fmt::Display for Changes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for ((at, what), Consequence { effect, look_at }) in &self.found {
            match effect {
                Effect::Rename => write!(f, "note: {at}: {what}")?,
                Effect::Harmless => write!(f, "{at}: {what} [does not affect callers]")?,
                Effect::CanBreak => write!(f, "{at}: {what} [can break callers]")?,
            }
            if !look_at.is_empty() {
                write!(f, ", look at {}", look_at.iter().copied().collect::<Vec<_>>().join(", "))?;
            }
            writeln!(f)?;
        }
        Ok(())
    }
}
