//! Makes sure that no failure is taken for a success.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::all_of::object;
use super::directions::KEPT;
use super::spec::{operations, reference, resolve, schemas, schemas_mut, target};

/// Makes the member `success` of every envelope a constant, so that a response with the other value is an error whatever
/// its status.
pub fn declare_success(spec: &mut Value) -> Result<(), Vec<String>> {
    let named = schemas(spec);
    let mut envelopes: BTreeMap<String, (bool, Value)> = BTreeMap::new();
    let mut problems = Vec::new();
    for operation in operations(spec) {
        let id = operation.name();
        for (status, response) in operation.value["responses"].as_object_mut().into_iter().flatten() {
            let Some(schema) = response.pointer_mut("/content/application~1json/schema") else { continue };
            let value = status.starts_with('2');
            match envelope(schema, value, &named) {
                Ok(None) => {}
                Ok(Some(envelope)) => match schema.get("allOf").and_then(|all| target(&all[0])).or(target(schema)) {
                    None => *schema = envelope,
                    Some(name) => {
                        let taken = envelopes.get(name).is_some_and(|(other, _)| *other != value);
                        let name = if taken {
                            format!("{name}_{}", if value { "success" } else { "failure" })
                        } else {
                            name.to_string()
                        };
                        if schema.get("allOf").is_some() {
                            schema["allOf"][0] = reference(&name);
                        } else {
                            *schema = reference(&name);
                        }
                        envelopes.insert(name, (value, envelope));
                    }
                },
                // The status of an error says enough.
                Err(_) if !value => {}
                Err(problem) => {
                    problems.push(format!("operation `{id}`: response {status}: {problem}; add a rule to build/"));
                }
            }
        }
    }
    if !problems.is_empty() {
        return Err(problems);
    }
    if let Some(named) = schemas_mut(spec) {
        named.extend(envelopes.into_iter().map(|(name, (_, envelope))| (name, envelope)));
    }
    Ok(())
}

/// Returns an envelope with a constant `success`, or `None` if the schema has no such member.
fn envelope(schema: &Value, value: bool, named: &Map<String, Value>) -> Result<Option<Value>, &'static str> {
    let nullable = schema.get("nullable") == Some(&json!(true));
    let inner = schema.get("allOf").filter(|_| nullable).map_or(schema, |all| &all[0]);
    let Some(mut object) = object(inner, named, 0) else {
        let has_alternatives = |schema: &Value| schema.get("oneOf").or(schema.get("allOf")).is_some();
        let resolved = resolve(inner, named).filter(|schema| has_alternatives(schema));
        let mentions_success = resolved.is_some_and(|schema| schema.to_string().contains("\"success\":"));
        return if mentions_success { Err("`success` is not a member of one object") } else { Ok(None) };
    };
    let Some(success) = object.pointer("/properties/success") else { return Ok(None) };
    let success = resolve(success, named).ok_or("`success` refers to nothing")?;
    let values = success.get("enum").and_then(Value::as_array);
    let is_boolean = success["type"] == "boolean"
        || success.get("type").is_none() && values.is_none_or(|values| values.iter().all(Value::is_boolean));
    if !is_boolean {
        return Err("`success` is not a boolean");
    }
    // The status of an error response is definite, whatever the spec says of its envelope.
    if value && values.is_some_and(|values| !values.contains(&json!(true))) {
        return Err("`success` is never true");
    }
    let mut success = success.clone();
    success["type"] = json!("boolean");
    success["enum"] = json!([value]);
    success[KEPT] = json!(true);
    object["properties"]["success"] = success;
    Ok(Some(object))
}
