//! Runs progenitor on the normalized spec.

use std::collections::BTreeSet;
use std::panic;

use openapiv3::OpenAPI;
use progenitor::{GenerationSettings, Generator, HooksMode};
use quote::{format_ident, quote};
use serde_json::{Map, Value};
use syn::{Item, parse_quote};

use super::names::{pascal_case, snake_case};
use super::spec::{operations, schemas};
use super::types::convert;

/// What to do about a spec that cannot be generated from.
const REMEDY: &str = "remove it from the spec, or add a rule to build/";

pub fn client(spec: &Value) -> Result<syn::File, Vec<String>> {
    let mut settings = GenerationSettings::new();
    settings.with_inner_type(quote!(crate::client::settings::Settings)).with_hooks(HooksMode::Expected);
    convert(&mut settings).map_err(|problem| vec![problem])?;
    generate(&settings, spec, &|generator, spec| generator.generate_tokens(spec))
}

pub fn mock(spec: &Value) -> Result<syn::File, Vec<String>> {
    generate(&GenerationSettings::new(), spec, &|generator, spec| {
        let helpers = generator.httpmock(spec, "crate::mock::httpmock_helpers::generated")?;
        let types = generator.get_type_space().to_stream();
        Ok(quote! {
            /// The types that the service sends, with secrets as plain strings.
            #[allow(clippy::all)]
            pub mod types { #types }
            #helpers
        })
    })
}

type Generate<'a> = &'a dyn Fn(&mut Generator, &OpenAPI) -> Result<proc_macro2::TokenStream, progenitor::Error>;

fn generate(settings: &GenerationSettings, spec: &Value, generate: Generate) -> Result<syn::File, Vec<String>> {
    let code = run_progenitor(settings, spec, generate).map_err(|problem| {
        let culprit = culprit(settings, spec, generate).unwrap_or_else(|| "the spec".to_string());
        vec![format!("progenitor cannot generate {culprit}: {problem}; {REMEDY}")]
    })?;
    let file = syn::parse2(code).map_err(|e| vec![format!("progenitor generated invalid Rust: {e}; {REMEDY}")])?;
    check_names(&file, &schemas(spec))?;
    Ok(file)
}

/// Runs progenitor, which reports some problems as errors and panics on others.
fn run_progenitor(
    settings: &GenerationSettings,
    spec: &Value,
    generate: Generate,
) -> Result<proc_macro2::TokenStream, String> {
    let spec: OpenAPI = serde_json::from_value(spec.clone()).map_err(|e| format!("not OpenAPI 3.0: {e}"))?;
    let mut generator = Generator::new(settings);
    let outcome = panic::catch_unwind(panic::AssertUnwindSafe(|| generate(&mut generator, &spec)));
    let problem = match outcome {
        Ok(Ok(code)) => return Ok(code),
        Ok(Err(e)) => e.to_string(),
        Err(panic) => match (panic.downcast_ref::<String>(), panic.downcast_ref::<&str>()) {
            (Some(message), _) => message.clone(),
            (None, Some(message)) => message.to_string(),
            (None, None) => "it panics".to_string(),
        },
    };
    // Some messages go on with a dump of the schema.
    Err(problem.lines().next().unwrap_or_default().chars().take(160).collect())
}

/// Returns the first operation, or else the first schema, that progenitor cannot generate on its own.
fn culprit(settings: &GenerationSettings, spec: &Value, generate: Generate) -> Option<String> {
    let mut without_operations = spec.clone();
    without_operations["paths"] = serde_json::json!({});
    let fails = |spec: &Value| run_progenitor(settings, spec, generate).is_err();
    let mut all = spec.clone();
    for operation in operations(&mut all) {
        let mut single = without_operations.clone();
        single["paths"][operation.path][operation.method] = operation.value.clone();
        super::directions::remove_unreachable(&mut single);
        if fails(&single) {
            return Some(format!("operation `{}`", operation.name()));
        }
    }
    None
}

/// Checks that no two schemas became the same type, which rustc would report far from the spec.
fn check_names(file: &syn::File, named: &Map<String, Value>) -> Result<(), Vec<String>> {
    let types = file.items.iter().find_map(|item| match item {
        Item::Mod(module) if module.ident == "types" => module.content.as_ref(),
        _ => None,
    });
    let names = types.into_iter().flat_map(|(_, items)| items).filter_map(|item| match item {
        Item::Struct(item) => Some(item.ident.to_string()),
        Item::Enum(item) => Some(item.ident.to_string()),
        _ => None,
    });
    let mut seen = BTreeSet::new();
    let problem = |name: String| {
        let schemas: Vec<&str> =
            named.keys().map(String::as_str).filter(|schema| name.starts_with(&pascal_case(schema))).collect();
        format!("several schemas become the type `{name}`, look at {}; rename one of them", schemas.join(" and "))
    };
    let problems: Vec<String> = names.filter(|name| !seen.insert(name.clone())).map(problem).collect();
    if problems.is_empty() { Ok(()) } else { Err(problems) }
}

/// Generates the base URL of the spec, and a function for the path of each operation.
pub fn urls(spec: &Value) -> Result<Vec<Item>, Vec<String>> {
    let base_url = match spec.pointer("/servers/0/url").and_then(Value::as_str) {
        Some(url) if url.starts_with("https://") && !url.contains('{') => url.trim_end_matches('/'),
        _ => {
            return Err(vec!["`servers` does not begin with an https URL without variables; fix it there".to_string()]);
        }
    };
    let mut spec = spec.clone();
    let functions: Vec<Item> =
        operations(&mut spec).map(|operation| path_function(&operation.value["operationId"], operation.path)).collect();
    Ok(vec![
        parse_quote! {
            /// The URL of the spec's first server.
            pub(crate) const BASE_URL: &str = #base_url;
        },
        parse_quote! {
            /// The paths of the operations, relative to the base URL.
            #[allow(dead_code)]
            pub(crate) mod paths {
                use crate::client::runtime::encode_path;
                #(#functions)*
            }
        },
    ])
}

fn path_function(id: &Value, path: &str) -> Item {
    let function = format_ident!("{}", snake_case(id.as_str().unwrap_or_default()));
    let path = path.trim_start_matches('/');
    let names: Vec<_> = path.split('{').skip(1).filter_map(|part| part.split('}').next()).collect();
    let format = names.iter().fold(path.to_string(), |path, name| path.replace(&format!("{{{name}}}"), "{}"));
    let arguments: Vec<_> = names.iter().map(|name| format_ident!("{}", snake_case(name))).collect();
    // A name can stand in a path more than once.
    let mut parameters = arguments.clone();
    let mut seen = BTreeSet::new();
    parameters.retain(|parameter| seen.insert(parameter.clone()));
    parse_quote! {
        pub fn #function(#(#parameters: &str),*) -> String {
            format!(#format #(, encode_path(#arguments))*)
        }
    }
}
