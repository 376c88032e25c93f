//! Traits that users' programs rely on: to store, sort, compare and print values.

use std::collections::{BTreeSet, HashSet};
use std::time::Duration;

use cloudflare_stream_keys::mock::FakeServer;
use cloudflare_stream_keys::{CustomerCode, ErrorKind, RetryPolicy, RotationPolicy, Signer, SigningKeyInfo};
use serde_json::json;

use crate::example_key::*;

#[test]
fn list_can_be_kept_as_json_with_rfc_3339_dates() {
    let server = FakeServer::start();
    let mut dated = SigningKeyInfo::new("dated");
    dated.created = Some("2021-06-15T21:06:54.763937286Z".parse().unwrap());
    server.seed_in(FakeServer::ACCOUNT_ID, dated);
    server.seed_in(FakeServer::ACCOUNT_ID, SigningKeyInfo::new("undated"));
    let list = server.signing_keys().list().unwrap();
    let json = serde_json::to_value(&list).unwrap();
    let dated = json!({ "id": "dated", "created": "2021-06-15T21:06:54.763937286Z" });
    assert_eq!(json, json!([dated, { "id": "undated", "created": null }]));
    assert_eq!(serde_json::from_value::<Vec<SigningKeyInfo>>(json).unwrap(), list);
    let undated = serde_json::from_value::<SigningKeyInfo>(json!({ "id": "undated" })).unwrap();
    assert!(HashSet::from([list[1].clone()]).contains(&undated));
    assert!(serde_json::from_value::<SigningKeyInfo>(json!({ "id": "x", "created": "yesterday" })).is_err());
    assert!(BTreeSet::from_iter(list.iter().rev()).into_iter().eq(&list));
}

#[test]
fn customer_code_is_deserialized_as_it_is_parsed() {
    let customer: CustomerCode =
        serde_json::from_value(json!("https://customer-f33zs165nr7gyfy4.cloudflarestream.com")).unwrap();
    assert_eq!(customer.as_ref(), "f33zs165nr7gyfy4");
    assert_eq!(serde_json::to_value(&customer).unwrap(), "f33zs165nr7gyfy4");
    let error = serde_json::from_value::<CustomerCode>(json!("023e105f4ecef8ad9ca31a8372d0c353")).unwrap_err();
    assert!(error.to_string().contains("looks like an account ID"), "{error}");
    assert!("a".parse::<CustomerCode>().unwrap() < "b".parse().unwrap());
}

#[test]
fn token_is_serialized_as_text() {
    let token = example_signer().token(VIDEO).sign().unwrap();
    assert_eq!(serde_json::to_value(&token).unwrap(), token.as_ref());
}

#[test]
fn clone_of_a_signer_signs_the_same_tokens() {
    let signer: Signer = example_signer();
    let now = "2026-01-01T00:00:00Z".parse().unwrap();
    let sign = |signer: &Signer| signer.token(VIDEO).signing_time(now).sign().unwrap();
    assert_eq!(sign(&signer.clone()), sign(&signer));
}

#[test]
fn error_kinds_are_labels() {
    use ErrorKind::*;
    let kinds = [InvalidInput, Connect, Timeout, Transport, Api, Decode, Store].map(|kind| kind.to_string());
    assert_eq!(kinds, ["invalid_input", "connect", "timeout", "transport", "api", "decode", "store"]);
    assert_eq!(format!("{Api:>5}"), "  api");
}

#[test]
fn policies_return_their_settings() {
    let [one, two, three] = [1, 2, 3].map(Duration::from_secs);
    let retries = RetryPolicy::default().with_max_retries(7).with_initial_backoff(one);
    let retries = retries.with_max_backoff(two).with_attempt_timeout(three);
    assert_eq!(
        (retries.max_retries(), retries.initial_backoff(), retries.max_backoff(), retries.attempt_timeout()),
        (7, one, two, three)
    );
    let rotation = RotationPolicy::default().with_rotate_after(one).with_overlap(two).with_max_lost(7);
    assert_eq!((rotation.rotate_after(), rotation.overlap(), rotation.max_lost()), (one, two, 7));
}
