//! From the text of the spec to generated code. The spec has exactly the structure that Cloudflare publishes. The rules in
//! this folder adapt it to the live service and to progenitor.

mod all_of;
mod blocking;
mod directions;
mod generate;
mod names;
mod operations;
mod responses;
mod schemas;
mod spec;
mod success;
mod types;

use openapiv3::OpenAPI;
use serde_json::Value;

use schemas::Side;

/// Generates the blocking client from the text of a spec. An error lists what is wrong with the spec.
pub fn client(text: &str) -> Result<String, Vec<String>> {
    let mut spec = parse(text)?;
    let urls = generate::urls(&spec)?;
    schemas::normalize(&mut spec, Side::Client)?;
    let mut file = generate::client(&spec)?;
    blocking::make_blocking(&mut file)?;
    file.items.extend(urls);
    Ok(prettyplease::unparse(&file))
}

/// Generates typed helpers for httpmock, with types of their own: a server sends secrets, which the client's types refuse
/// to serialize.
pub fn mock(text: &str) -> Result<String, Vec<String>> {
    let mut spec = parse(text)?;
    responses::use_named_statuses(&mut spec);
    schemas::normalize(&mut spec, Side::MockServer)?;
    let mut file = generate::mock(&spec)?;
    blocking::fix_mock_helpers(&mut file)?;
    Ok(prettyplease::unparse(&file))
}

/// Parses the spec and normalizes its operations. Validates it as OpenAPI from the text, so that errors have a line and a
/// column.
fn parse(text: &str) -> Result<Value, Vec<String>> {
    let invalid = |problem| vec![problem];
    let mut spec = serde_json::from_str(text).map_err(|e| invalid(format!("not valid JSON: {e}; fix it there")))?;
    let document: OpenAPI =
        serde_json::from_str(text).map_err(|e| invalid(format!("not OpenAPI 3.0: {e}; fix it there")))?;
    if !document.openapi.starts_with("3.0.") {
        return Err(invalid(format!("OpenAPI {} is not supported, only 3.0; convert it", document.openapi)));
    }
    operations::normalize(&mut spec)?;
    Ok(spec)
}
