//! Normalizes the spec, runs progenitor on it, and rewrites the generated code.

use std::collections::BTreeSet;
use std::panic;

use openapiv3::OpenAPI;
use proc_macro2::TokenStream;
use progenitor::{GenerationSettings, Generator, HooksMode};
use quote::{format_ident, quote};
use serde_json::Value;
use syn::{Item, parse_quote};

use super::names::{pascal_case, snake_case};
use super::schemas::{self, Side};
use super::{blocking, mock_helpers, operations, responses, spec};

pub fn client(mut spec: Value) -> Result<syn::File, String> {
    operations::normalize(&mut spec)?;
    let urls = urls(&mut spec);
    schemas::normalize(&mut spec, Side::Client)?;
    let mut settings = GenerationSettings::new();
    settings.with_inner_type(quote!(crate::client::settings::Settings)).with_hooks(HooksMode::Expected);
    schemas::convert(&mut settings)?;
    let code = run_progenitor(&settings, &spec, |generator, spec| generator.generate_tokens(spec))?;
    let mut file = parse(blocking::make_blocking(code)?, &spec)?;
    blocking::tidy(&mut file)?;
    file.items.extend(urls);
    Ok(file)
}

pub fn mock(mut spec: Value) -> Result<syn::File, String> {
    operations::normalize(&mut spec)?;
    let has_ids = spec::operations(&mut spec).any(|operation| operation.path.contains('{'));
    responses::use_named_statuses(&mut spec);
    schemas::normalize(&mut spec, Side::MockServer)?;
    let code = run_progenitor(&GenerationSettings::new(), &spec, |generator, spec| {
        let helpers = generator.httpmock(spec, "crate::mock::httpmock_helpers::generated")?;
        let types = generator.get_type_space().to_stream();
        Ok(quote! {
            /// The types that the service sends, with secrets as plain strings.
            #[allow(clippy::all)]
            pub mod types { #types }
            #helpers
        })
    })?;
    let mut file = parse(mock_helpers::pass_references(code)?, &spec)?;
    mock_helpers::improve(&mut file, has_ids)?;
    blocking::remove_unused_error(&mut file)?;
    Ok(file)
}

/// Runs progenitor, which reports some problems as errors and panics on others.
fn run_progenitor(
    settings: &GenerationSettings,
    spec: &Value,
    generate: fn(&mut Generator, &OpenAPI) -> Result<TokenStream, progenitor::Error>,
) -> Result<TokenStream, String> {
    let spec: OpenAPI = serde_json::from_value(spec.clone()).map_err(|e| format!("not OpenAPI 3.0: {e}"))?;
    let mut generator = Generator::new(settings);
    let outcome = panic::catch_unwind(panic::AssertUnwindSafe(|| generate(&mut generator, &spec)));
    let problem = match outcome {
        Ok(Ok(code)) => return Ok(code),
        Ok(Err(e)) => e.to_string(),
        Err(panic) => panic.downcast_ref::<String>().map_or("it panics".to_string(), String::clone),
    };
    // Some messages continue with a dump of the schema.
    let problem: String = problem.lines().next().unwrap_or_default().chars().take(160).collect();
    Err(format!("progenitor cannot generate it: {problem}"))
}

/// Parses generated code. Checks that no two schemas became the same type, which rustc would report far from the spec.
fn parse(code: TokenStream, spec: &Value) -> Result<syn::File, String> {
    let mut file = syn::parse2(code).map_err(|e| format!("progenitor generates invalid code: {e}"))?;
    let mut names = BTreeSet::new();
    let mut types = blocking::types(&mut file).into_iter().flatten().filter_map(blocking::parts);
    let Some((name, _)) = types.find(|(name, _)| !names.insert(name.clone())) else { return Ok(file) };
    let schemas = spec::schemas(spec).into_iter().map(|(schema, _)| schema);
    let schemas: Vec<String> = schemas.filter(|schema| name.starts_with(&pascal_case(schema))).collect();
    Err(format!("several schemas become the type `{name}`: look at {}, and rename one of them", schemas.join(" and ")))
}

/// Generates the base URL of the spec, and a function for the path of each operation.
fn urls(spec: &mut Value) -> Vec<Item> {
    let base_url = spec.pointer("/servers/0/url").and_then(Value::as_str).unwrap_or_default();
    let base_url = base_url.trim_end_matches('/').to_string();
    let functions = spec::operations(spec).map(|operation| {
        let function = format_ident!("{}", snake_case(operation.value["operationId"].as_str().unwrap_or_default()));
        let mut format = operation.path.trim_start_matches('/').to_string();
        let mut names = Vec::new();
        for name in operation.path_parameters() {
            let argument = snake_case(name);
            format = format.replace(&format!("{{{name}}}"), &format!("{{{argument}}}"));
            names.push(format_ident!("{argument}"));
        }
        quote! {
            pub fn #function(#(#names: &str),*) -> String {
                #(let #names = encode_path(#names);)*
                format!(#format)
            }
        }
    });
    let functions: Vec<_> = functions.collect();
    vec![
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
    ]
}
