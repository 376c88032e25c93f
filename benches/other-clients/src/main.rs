//! Lists keys with reqwest::blocking, and prints the median time per call in microseconds.
//!
//! usage: other-clients BASE_URL API_TOKEN ACCOUNT_ID

use std::time::Instant;

use serde::Deserialize;

#[derive(Deserialize)]
struct Envelope {
    success: bool,
    result: Vec<Key>,
}

#[derive(Deserialize)]
#[allow(dead_code)]
struct Key {
    id: String,
    created: Option<String>,
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [base_url, api_token, account_id] = &arguments[..] else { return Err("three arguments are needed".into()) };
    let client = reqwest::blocking::Client::new();
    let url = format!("{base_url}/accounts/{account_id}/stream/keys");
    let mut times = Vec::new();
    for _ in 0..1000 {
        let start = Instant::now();
        let envelope: Envelope = client.get(&url).bearer_auth(api_token).send()?.json()?;
        times.push(start.elapsed());
        assert!(envelope.success && envelope.result.len() == 2);
    }
    times.sort();
    println!("{}", times[times.len() / 2].as_secs_f64() * 1e6);
    Ok(())
}
