//! Makes sure that no failure is taken for a success.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::all_of::object;
use super::directions::KEPT;
use super::operations::unsupported;
use super::spec::{is_true, operations, reference, resolve, schemas, schemas_mut, target};

/// Makes the member `success` of every envelope a constant, so that a response with the other value is an error whatever
/// its status. An envelope with `errors` and without `success` gets one: a failure must not look like a success because
/// the spec has lost a member.
pub fn declare_success(spec: &mut Value) -> Result<(), Vec<String>> {
    let named = schemas(spec);
    let mut envelopes: BTreeMap<String, (bool, Value)> = BTreeMap::new();
    let mut problems = Vec::new();
    for operation in operations(spec) {
        let mut responses = operation.value["responses"].take();
        for (status, response) in responses.as_object_mut().into_iter().flatten() {
            let Some(schema) = response.pointer_mut("/content/application~1json/schema") else { continue };
            let value = status.starts_with('2');
            match envelope(schema, value, &named) {
                Ok(None) => {}
                Ok(Some(envelope)) => match schema.get("allOf").and_then(|all| target(&all[0])).or(target(schema)) {
                    None => *schema = envelope,
                    Some(name) => {
                        let taken = envelopes.get(name).is_some_and(|(other, _)| *other != value);
                        let suffix = if !taken {
                            ""
                        } else if value {
                            "_success"
                        } else {
                            "_failure"
                        };
                        let name = format!("{name}{suffix}");
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
                Err(problem) => problems.push(unsupported(&operation, &format!("response {status}: {problem}"))),
            }
        }
        operation.value["responses"] = responses;
    }
    if !problems.is_empty() {
        return Err(problems);
    }
    if let Some(named) = schemas_mut(spec) {
        named.extend(envelopes.into_iter().map(|(name, (_, envelope))| (name, envelope)));
    }
    Ok(())
}

/// Returns an envelope with a constant `success`, or `None` if the schema is not an envelope.
fn envelope(schema: &Value, value: bool, named: &Map<String, Value>) -> Result<Option<Value>, String> {
    let nullable = is_true(schema, "nullable");
    let inner = schema.get("allOf").filter(|_| nullable).map_or(schema, |all| &all[0]);
    let name = target(inner).map(|name| format!("{name}: ")).unwrap_or_default();
    let Some(mut object) = object(inner, named) else {
        let resolved = resolve(inner, named).map(Value::to_string).unwrap_or_default();
        let is_envelope = ["\"success\":", "\"errors\":"].iter().any(|member| resolved.contains(member));
        return if is_envelope { Err(format!("{name}`success` is not a member of one object")) } else { Ok(None) };
    };
    let Some(success) = object.pointer("/properties/success") else {
        if object.pointer("/properties/errors").is_none() {
            return Ok(None);
        }
        object["properties"]["success"] = constant(value, "Whether the request succeeded.");
        return Ok(Some(object));
    };
    let success = resolve(success, named).ok_or_else(|| format!("{name}`success` refers to nothing"))?;
    let values = success.get("enum").and_then(Value::as_array);
    let is_boolean = success["type"] == "boolean"
        || success.get("type").is_none() && values.is_none_or(|values| values.iter().all(Value::is_boolean));
    if !is_boolean {
        return Err(format!("{name}`success` is not a boolean"));
    }
    // The status of an error response is definite, whatever the spec says of its envelope.
    if value && values.is_some_and(|values| !values.contains(&json!(true))) {
        return Err(format!("{name}`success` is never true"));
    }
    let description = success["description"].as_str().unwrap_or_default().to_string();
    object["properties"]["success"] = constant(value, &description);
    Ok(Some(object))
}

fn constant(value: bool, description: &str) -> Value {
    json!({ "type": "boolean", "enum": [value], "description": description, KEPT: true })
}
