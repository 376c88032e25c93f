//! The private key formats that a signer accepts and rejects. Accepted keys must produce the token from OpenSSL.

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD, URL_SAFE, URL_SAFE_NO_PAD};
use cloudflare_stream_keys::Signer;
use cloudflare_stream_keys::mock::FakeServer;
use serde_json::{Value, json};

use crate::example_key::*;

#[test]
fn every_key_format_gives_the_same_token() {
    let key = &vectors()["key"];
    let id = str_of(&key["id"]);
    let expected = full_token(&example_signer()).sign().unwrap();
    for signer in [
        Signer::from_pem(id, str_of(&key["pem"])),
        Signer::from_pem(id, &example_pem()),
        Signer::from_pem(id, include_str!("../vectors/example-pkcs8.pem")),
        Signer::from_pem(id, &STANDARD.encode(include_str!("../vectors/example-pkcs8.pem"))),
        Signer::from_pem(id, &format!("\n {}\n", str_of(&key["pem"]))),
        Signer::from_jwk(&example_jwk().to_string()),
        Signer::from_jwk(&serde_json::to_string_pretty(&example_jwk()).unwrap()),
    ] {
        let signer = signer.unwrap();
        assert_eq!(signer.key_id(), id);
        assert_eq!(full_token(&signer).sign().unwrap(), expected);
    }
}

/// Returns base64 in the forms that files, databases and other encoders produce.
fn base64_forms(bytes: impl AsRef<[u8]>) -> Vec<String> {
    let base64 = STANDARD.encode(&bytes);
    // Only such a text shows a difference between the alphabets, with and without padding.
    assert!(base64.contains('+') && base64.contains('/') && base64.ends_with('='));
    let lines: Vec<&str> = base64.as_bytes().chunks(64).map(|line| std::str::from_utf8(line).unwrap()).collect();
    vec![
        lines.join("\n"),
        lines.join("\r\n"),
        lines.join("\n    "),
        lines.join(" "),
        lines.join(r"\n"),
        format!("{}\n\n", lines.join("\n")),
        format!("\"{base64}\""),
        format!("'{base64}'\n"),
        format!("\u{feff}{base64}"),
        STANDARD_NO_PAD.encode(&bytes),
        URL_SAFE.encode(&bytes),
        URL_SAFE_NO_PAD.encode(&bytes),
    ]
}

#[test]
fn pem_survives_what_storage_does_to_it() {
    let pem = example_pem();
    let certificate = "-----BEGIN CERTIFICATE-----\nMA==\n-----END CERTIFICATE-----\n";
    let mut forms = base64_forms(format!("Subject: >>>??? \n{pem}"));
    forms.extend(base64_forms(format!("Subject: >>>???\n{}", include_str!("../vectors/example-pkcs8.pem"))));
    forms.extend([
        pem.replace('\n', r"\n"),
        pem.replace('\n', r"\r\n"),
        pem.replace('\n', "\\n\n"),
        pem.replace('\n', "\r\n"),
        pem.replace('\n', "\r"),
        pem.replace('\n', "\n\n"),
        pem.replace('\n', "\n    "),
        pem.trim_end().to_string(),
        format!("Subject: a key\n\n{pem}"),
        format!("STREAM_PEM={pem}"),
        format!("{certificate}{pem}"),
        format!("{pem}{certificate}"),
        format!("{pem}The end.\n"),
        format!("\"{}\"", pem.replace('\n', r"\n")),
        format!("'{pem}'"),
        format!("\u{feff}{pem}"),
        STANDARD.encode(format!("Subject: a key\n{}", pem.replace('\n', "\r\n"))),
    ]);
    let expected = full_token(&example_signer()).sign().unwrap();
    for form in forms {
        let signer = Signer::from_pem(example_signer().key_id(), &form).unwrap_or_else(|e| panic!("{form}: {e}"));
        assert_eq!(full_token(&signer).sign().unwrap(), expected, "{form}");
    }
}

#[test]
fn jwk_survives_what_storage_does_to_it() {
    let jwk = example_jwk().to_string();
    let pretty = serde_json::to_string_pretty(&example_jwk()).unwrap();
    let escaped_string = |text: &str| serde_json::to_string(text).unwrap();
    let escaped_characters = jwk.replace("AQAB", r"\u0041Q\u0041B").replace("RSA", r"R\u0053A");
    assert!(escaped_characters != jwk && escaped_string(&jwk).contains(r#"{\""#));
    let annotated = |jwk: &str| jwk.replacen('{', r#"{"note":">>>>>>??????","#, 1);
    let mut forms = base64_forms(format!("{} ", annotated(&jwk)));
    forms.extend(base64_forms(annotated(&pretty)));
    forms.extend([
        escaped_characters.clone(),
        // The JWK as a JSON string, with and without its quotes.
        escaped_string(&jwk),
        escaped_string(&pretty),
        escaped_string(&escaped_characters),
        escaped_string(&jwk).trim_matches('"').to_string(),
        STANDARD.encode(escaped_string(&jwk).trim_matches('"')),
        format!("'{jwk}'"),
        format!("\u{feff}{jwk}\r\n"),
        // Members in the standard alphabet with padding.
        jwk.replace('-', "+").replace('_', r"\/").replace("4kw\"", "4kw==\""),
    ]);
    let expected = full_token(&example_signer()).sign().unwrap();
    for form in forms {
        let signer = Signer::from_jwk(&form).unwrap_or_else(|e| panic!("{form}: {e}"));
        assert_eq!(full_token(&signer).sign().unwrap(), expected, "{form}");
    }
}

#[test]
fn key_id_must_be_one() {
    for id in ["", " ", "a b", "\"abc\"", "abc\r", "../x", "a/b", "\0"] {
        assert_rejected(Signer::from_pem(id, &example_pem()), "key ID", "");
        let mut jwk = example_jwk();
        jwk["kid"] = json!(id);
        assert_rejected(Signer::from_jwk(&jwk.to_string()), "JWK", "");
    }
}

#[test]
fn unusable_pem_keys_are_rejected_with_the_reason() {
    let weak = include_str!("../vectors/weak.pem");
    let corrupted = example_pem().replace("n+Mh", "n+MA");
    let truncated = &example_pem()[..800];
    for (pem, reason) in [
        ("", "empty"),
        ("  \n", "empty"),
        ("not base64!", "nor valid base64"),
        (&STANDARD.encode("no pem"), "has no private key"),
        (&example_jwk().to_string(), "is a JSON Web Key; use Signer::from_jwk"),
        (str_of(&vectors()["key"]["jwk"]), "is a JSON Web Key; use Signer::from_jwk"),
        (&STANDARD.encode([0xff, 0xfe, 0]), "has no private key"),
        (include_str!("../vectors/public.pem"), "only a public key"),
        (&STANDARD.encode(include_str!("../vectors/public.pem")), "only a public key"),
        (include_str!("../vectors/encrypted.pem"), "encrypted"),
        (include_str!("../vectors/ec-sec1.pem"), "not an RSA key"),
        (include_str!("../vectors/ec-pkcs8.pem"), "not an RSA key"),
        (weak, "not an RSA key that can sign: TooSmall"),
        (truncated, "malformed"),
        (&corrupted, "not an RSA key that can sign"),
    ] {
        assert_rejected(Signer::from_pem("id", pem), "PEM", reason);
    }
    assert_rejected(Signer::from_pem("", &example_pem()), "key ID", "empty");
}

#[test]
fn unusable_jwks_are_rejected_with_the_reason() {
    let with = |name: &str, value: Value| {
        let mut jwk = example_jwk();
        jwk[name] = value;
        jwk.to_string()
    };
    let with_bit_flipped = |name: &str| {
        let mut value = URL_SAFE_NO_PAD.decode(str_of(&example_jwk()[name])).unwrap();
        value[50] ^= 1;
        with(name, json!(URL_SAFE_NO_PAD.encode(value)))
    };
    let short_modulus = URL_SAFE_NO_PAD.encode([0xc3; 128]);
    for (jwk, reason) in [
        (String::new(), "empty"),
        ("?".to_string(), "nor valid base64"),
        (STANDARD.encode("no json"), "not a JSON Web Key"),
        (example_pem(), "is a PEM; use Signer::from_pem"),
        (str_of(&vectors()["key"]["pem"]).to_string(), "is a PEM; use Signer::from_pem"),
        ("{".to_string(), "not a JSON Web Key"),
        ("{}".to_string(), "not a JSON Web Key"),
        (with("kty", json!("EC")), "not an RSA key"),
        (with("kid", Value::Null), "no kid"),
        (with("kid", json!("")), "no kid"),
        (with("d", Value::Null), "only a public key"),
        (with("p", Value::Null), "no p"),
        (with("dq", Value::Null), "no dq"),
        (with("qi", Value::Null), "no qi"),
        (format!("[{}]", example_jwk()), "nor valid base64"),
        (with("n", json!("***")), "member n is not valid base64url"),
        (with("n", json!(short_modulus)), "not an RSA key that can sign"),
        (with_bit_flipped("n"), "not an RSA key that can sign"),
        (with_bit_flipped("p"), "not an RSA key that can sign"),
        (with_bit_flipped("q"), "not an RSA key that can sign"),
        (with_bit_flipped("dp"), "not an RSA key that can sign"),
        (with_bit_flipped("dq"), "not an RSA key that can sign"),
        (with_bit_flipped("qi"), "not an RSA key that can sign"),
    ] {
        assert_rejected(Signer::from_jwk(&jwk), "JWK", reason);
    }
    // ring does not use this member.
    if cfg!(feature = "aws-lc-rs") {
        assert_rejected(Signer::from_jwk(&with_bit_flipped("d")), "JWK", "not an RSA key that can sign");
    }
}

#[test]
fn key_id_that_differs_from_the_jwks_kid_is_rejected() {
    let fake = FakeServer::start();
    let mut key = fake.signing_keys().create().unwrap();
    key.id = "another".to_string();
    assert_rejected(Signer::new(&key), "JWK", "kid differs from the key's ID");
}

#[test]
fn signers_and_key_errors_do_not_show_the_key() {
    let key = vectors()["key"].clone();
    let secrets = [
        str_of(&key["pem"]).to_string(),
        example_pem(),
        example_jwk()["d"].to_string(),
        example_jwk()["p"].to_string(),
    ];
    let signer = example_signer();
    assert!(format!("{signer:?}").contains(signer.key_id()));
    let mut outputs = vec![format!("{signer:?} {signer:#?}"), format!("{:?}", full_token(&signer))];
    for pem in
        [example_pem().replace("n+Mh", "n+MA"), example_pem()[..800].to_string(), example_pem().replace('A', "?")]
    {
        let error = Signer::from_pem("id", &pem).unwrap_err();
        outputs.push(format!("{error} {error:?}"));
    }
    for jwk in [example_jwk().to_string().replace(',', "?"), example_jwk().to_string().replace("\"d\":\"", "\"d\":\"?")]
    {
        let error = Signer::from_jwk(&jwk).unwrap_err();
        outputs.push(format!("{error} {error:?}"));
    }
    for (output, secret) in outputs.iter().flat_map(|output| secrets.iter().map(move |secret| (output, secret))) {
        let parts: Vec<_> = secret.as_bytes().windows(16).filter(|part| part.is_ascii()).collect();
        for part in
            parts.iter().map(|part| std::str::from_utf8(part).unwrap()).filter(|part| !part.contains("RSA PRIVATE"))
        {
            assert!(!output.contains(part), "{output}");
        }
    }
}
