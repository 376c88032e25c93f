//! Signing a token, compared with the RSA signature alone and with jsonwebtoken.
//!
//! ```text
//! cargo bench --manifest-path benches/Cargo.toml --bench sign
//! ```
//!
//! Prints ratios of median times. The functions take turns, so that other load on the machine affects all of them.

mod support;

use std::hint::black_box;
use std::thread;
use std::time::{Duration, Instant};

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::KeyPair;
use aws_lc_rs::signature::RSA_PKCS1_SHA256;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use cloudflare_stream_keys::{AccessRule, Signer};
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use serde_json::Value;
use support::medians;

const ROUNDS: usize = 400;

fn main() {
    let vectors: Value = serde_json::from_str(include_str!("../tests/vectors/tokens.json")).expect("JSON");
    let vector = |pointer| vectors.pointer(pointer).and_then(Value::as_str).expect("a string");
    let pem = String::from_utf8(STANDARD.decode(vector("/key/pem")).expect("base64")).expect("PEM");
    let body: String = pem.lines().filter(|line| !line.starts_with("-----")).collect();
    let der = STANDARD.decode(body).expect("base64");

    let signer = Signer::from_jwk(vector("/key/jwk")).expect("the example key");
    let ours = || {
        let token = signer
            .token("5d5bc37ffcf54c9b82e996823bffbb81")
            .downloadable(true)
            .access_rule(AccessRule::allow_countries(["US", "MX"]).expect("countries"))
            .access_rule(AccessRule::block_any());
        black_box(token.sign().expect("a token"));
    };

    let key = KeyPair::from_der(&der).expect("the example key");
    let (message, _) = vector("/tokens/full/token").rsplit_once('.').expect("a token");
    let signature_only = || {
        let mut signature = vec![0; key.public_modulus_len()];
        key.sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), message.as_bytes(), &mut signature).expect("a signature");
        black_box(signature);
    };

    let (header, encoding_key) = (Header::new(Algorithm::RS256), EncodingKey::from_rsa_der(&der));
    let claims = vectors.pointer("/tokens/full/claims").expect("claims");
    let jsonwebtoken = || {
        black_box(jsonwebtoken::encode(&header, claims, &encoding_key).expect("a token"));
    };

    let [ours_us, signature_us, jsonwebtoken_us] = medians(ROUNDS, [&ours, &signature_only, &jsonwebtoken]);
    println!(
        "token / RSA signature alone         {:.3}   ({ours_us:.0} / {signature_us:.0} us)",
        ours_us / signature_us
    );
    println!(
        "token / jsonwebtoken's token        {:.3}   ({ours_us:.0} / {jsonwebtoken_us:.0} us)",
        ours_us / jsonwebtoken_us
    );

    let (one_thread, two_threads) = (calls_per_second(1, &ours), calls_per_second(2, &ours));
    println!(
        "tokens per second, 2 threads / 1    {:.2}    ({two_threads:.0} / {one_thread:.0})",
        two_threads / one_thread
    );
}

fn calls_per_second(threads: usize, call: &(dyn Fn() + Sync)) -> f64 {
    let duration = Duration::from_secs(2);
    let start = Instant::now();
    let count: usize = thread::scope(|scope| {
        let worker = || {
            let mut count = 0;
            while start.elapsed() < duration {
                call();
                count += 1;
            }
            count
        };
        let workers: Vec<_> = (0..threads).map(|_| scope.spawn(worker)).collect();
        workers.into_iter().map(|worker| worker.join().expect("no panic")).sum()
    });
    count as f64 / start.elapsed().as_secs_f64()
}
