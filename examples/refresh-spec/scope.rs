//! Holds what the parts of a comparison have in common.

use crate::resolve::Document;

/// The two specs, and the code that depends on the operation that is compared.
#[derive(Clone, Copy)]
pub struct Scope<'a> {
    pub before: Document<'a>,
    pub after: Document<'a>,
    pub look_at: &'static [&'static str],
}
