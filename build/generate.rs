//! Runs progenitor on the normalized spec.

use std::panic;

use openapiv3::OpenAPI;
use progenitor::{GenerationSettings, Generator, HooksMode};
use quote::quote;
use serde_json::Value;

use super::{blocking, normalize};

/// What to do if code cannot be generated from the spec.
const REMEDY: &str = "undo the last change of the spec, or adapt the rules in build/";

/// Generates the blocking client.
pub fn client(spec: Value) -> Result<String, String> {
    let spec = normalize::for_client(spec)?;
    let mut settings = GenerationSettings::new();
    settings.with_inner_type(quote!(crate::settings::Settings)).with_hooks(HooksMode::Expected);
    for (name, path) in normalize::SUBSTITUTES {
        settings.with_replacement(name, path, std::iter::empty());
    }
    let code = run_progenitor(&settings, &spec, |generator, spec| generator.generate_tokens(spec))?;
    let mut file = syn::parse2(code).map_err(|e| format!("progenitor generated invalid Rust: {e}; {REMEDY}"))?;
    blocking::make_blocking(&mut file)?;
    Ok(prettyplease::unparse(&file))
}

/// Generates typed helpers for httpmock. They have their own types, because a server sends secrets, which the client's
/// types do not serialize.
pub fn mock(spec: Value) -> Result<String, String> {
    let spec = normalize::for_mock(spec);
    let settings = GenerationSettings::new();
    let code = run_progenitor(&settings, &spec, |generator, spec| {
        let helpers = generator.httpmock(spec, "crate::mock::generated")?;
        let types = generator.get_type_space().to_stream();
        Ok(quote! {
            /// The types that the service sends, with secrets as plain strings.
            #[allow(clippy::all)]
            pub mod types { #types }
            #helpers
        })
    })?;
    let mut file = syn::parse2(code).map_err(|e| format!("progenitor generated invalid Rust: {e}; {REMEDY}"))?;
    blocking::escape_path_patterns(&mut file)?;
    Ok(prettyplease::unparse(&file))
}

/// Runs progenitor, which reports some problems as errors and panics on others.
fn run_progenitor<T>(
    settings: &GenerationSettings,
    spec: &Value,
    generate: impl FnOnce(&mut Generator, &OpenAPI) -> Result<T, progenitor::Error> + panic::UnwindSafe,
) -> Result<T, String> {
    let spec = serde_json::from_value(spec.clone())
        .map_err(|e| format!("not OpenAPI 3.0 after normalization: {e}; {REMEDY}"))?;
    let mut generator = panic::AssertUnwindSafe(Generator::new(settings));
    panic::set_hook(Box::new(|_| {}));
    let outcome = panic::catch_unwind(move || generate(&mut generator, &spec));
    let _ = panic::take_hook();
    match outcome {
        Ok(result) => result.map_err(|e| format!("progenitor rejects it: {e}; {REMEDY}")),
        Err(panic) => {
            let message = panic.downcast_ref::<String>().map(String::as_str).or(panic.downcast_ref().copied());
            Err(format!("progenitor panics on it: {}; {REMEDY}", message.unwrap_or("no message")))
        }
    }
}
