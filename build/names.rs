//! The Rust names that progenitor chooses for names in the spec.

use heck::{ToPascalCase, ToSnakeCase};

/// Returns the name of a function, a parameter or a field.
pub fn snake_case(name: &str) -> String {
    let name = clean(name).to_snake_case();
    let name = if name.starts_with(|c: char| c.is_ascii_digit()) { format!("_{name}") } else { name };
    if syn::parse_str::<syn::Ident>(&name).is_ok() { name } else { format!("{name}_") }
}

/// Returns the name of a type or a variant.
pub fn pascal_case(name: &str) -> String {
    clean(name).to_pascal_case()
}

fn clean(name: &str) -> String {
    name.replace('\'', "").replace(|c: char| !c.is_alphanumeric() && c != '_', "-")
}
