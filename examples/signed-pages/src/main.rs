//! A web server whose pages show protected videos. Each request gets a token of its own.
//!
//! ```text
//! cargo run --manifest-path examples/signed-pages/Cargo.toml -- FOLDER CUSTOMER_CODE 127.0.0.1:8000
//! ```
//!
//! `FOLDER` is a `FileStore` with a key in it. Then open `http://127.0.0.1:8000/VIDEO_UID`. The server needs no credentials
//! and makes no requests. If another program rotates the keys in the folder, the server signs with the new key within a
//! minute.

use std::error::Error;
use std::net::SocketAddr;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use cloudflare_stream_keys::{CustomerCode, FileStore, PlaybackToken, Signer};
use oxhttp::Server;
use oxhttp::model::header::{CACHE_CONTROL, CONTENT_TYPE, HeaderValue};
use oxhttp::model::{Body, Method, Request, Response, StatusCode};

/// `Signer::from_store` must be called at least once an hour.
const RELOAD_INTERVAL: Duration = Duration::from_secs(60);
const LIFETIME: Duration = Duration::from_secs(4 * 60 * 60);

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [folder, customer, address] = &arguments[..] else {
        return Err("usage: signed-pages FOLDER CUSTOMER_CODE ADDRESS".into());
    };
    let pages = Pages::new(FileStore::new(folder), customer.parse()?, RELOAD_INTERVAL)?;
    let server = Server::new(move |request| pages.respond(request)).bind(address.parse::<SocketAddr>()?);
    let server = server.with_global_timeout(Duration::from_secs(10)).with_max_concurrent_connections(128).spawn()?;
    println!("Listening on http://{address}");
    Ok(server.join()?)
}

struct Pages {
    customer: CustomerCode,
    signer: Mutex<CurrentSigner>,
    reload_interval: Duration,
}

struct CurrentSigner {
    store: FileStore,
    signer: Signer,
    loaded: Instant,
}

impl Pages {
    fn new(mut store: FileStore, customer: CustomerCode, reload_interval: Duration) -> Result<Self, Box<dyn Error>> {
        let signer = Signer::from_store(&mut store)?;
        let signer = Mutex::new(CurrentSigner { store, signer, loaded: Instant::now() });
        Ok(Self { customer, signer, reload_interval })
    }

    /// Returns a signer with the key that was saved last. If the store cannot be loaded, the old key still works.
    fn signer(&self) -> Signer {
        let mut current = self.signer.lock().unwrap_or_else(PoisonError::into_inner);
        if current.loaded.elapsed() >= self.reload_interval {
            current.loaded = Instant::now();
            match Signer::from_store(&mut current.store) {
                Ok(signer) => current.signer = signer,
                Err(error) => eprintln!("signing with the old key: {error}"),
            }
        }
        current.signer.clone()
    }

    fn respond(&self, request: &Request<Body>) -> Response<Body> {
        if request.method() != Method::GET {
            return html(StatusCode::METHOD_NOT_ALLOWED, "Only GET is allowed".to_string());
        }
        // A real server checks here whether this visitor may watch this video.
        let video_uid = request.uri().path().trim_start_matches('/');
        match self.signer().token(video_uid).expires_in(LIFETIME).sign() {
            Ok(token) => html(StatusCode::OK, self.page(&token)),
            Err(_) => html(StatusCode::NOT_FOUND, "No such video".to_string()),
        }
    }

    fn page(&self, token: &PlaybackToken) -> String {
        let urls = token.urls(&self.customer);
        let player = urls.iframe().poster(urls.thumbnail().height(720));
        format!(
            r#"<!DOCTYPE html>
<html lang="en">
<title>A protected video</title>
<h1>A protected video</h1>
<iframe src="{player}" width="960" height="540" allow="autoplay; encrypted-media; picture-in-picture" allowfullscreen>
</iframe>
<p>This page works until {}.</p>
</html>
"#,
            token.expires_at()
        )
    }
}

/// Creates a response that nobody may cache, because the token in it is for one visitor.
fn html(status: StatusCode, body: String) -> Response<Body> {
    let mut response = Response::new(body.into());
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("text/html; charset=utf-8"));
    response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

#[cfg(test)]
mod tests {
    use std::fs;

    use cloudflare_stream_keys::RotationPolicy;
    use cloudflare_stream_keys::mock::FakeServer;

    use super::*;

    const VIDEO: &str = "/5d5bc37ffcf54c9b82e996823bffbb81";

    fn get(pages: &Pages, uri: &str) -> (u16, String) {
        let request = Request::builder().uri(uri).body(Body::empty()).unwrap();
        let response = pages.respond(&request);
        assert_eq!(response.headers()[CACHE_CONTROL], "no-store");
        (response.status().as_u16(), response.into_body().to_string().unwrap())
    }

    fn token(page: &str) -> &str {
        let url = page.split_once("src=\"https://customer-f33zs165nr7gyfy4.cloudflarestream.com/").unwrap().1;
        url.split_once("/iframe?poster=https%3A%2F%2F").unwrap().0
    }

    #[test]
    fn pages_have_valid_tokens_before_and_after_a_rotation() {
        let fake = FakeServer::start();
        let folder = tempfile::tempdir().unwrap();
        let mut store = FileStore::new(folder.path().join("keys"));
        let policy = RotationPolicy::default();
        let old = fake.signing_keys().rotate(&policy, &mut store).unwrap().current;

        let pages = Pages::new(store.clone(), "f33zs165nr7gyfy4".parse().unwrap(), Duration::ZERO).unwrap();
        let (status, page) = get(&pages, &format!("{VIDEO}?from=mail"));
        assert_eq!((status, fake.verify_token(token(&page))), (200, Ok(())));
        assert_eq!(get(&pages, "/a/b").0, 404);

        // Revoking the only key makes rotate create its successor.
        fake.signing_keys().revoke(&old.id).unwrap();
        assert!(fake.verify_token(token(&page)).is_err());
        fake.signing_keys().rotate(&policy, &mut store).unwrap();
        assert_eq!(fake.verify_token(token(&get(&pages, VIDEO).1)), Ok(()));

        fs::write(folder.path().join("keys/key-x.json"), "damaged").unwrap();
        assert_eq!(fake.verify_token(token(&get(&pages, VIDEO).1)), Ok(()), "the loaded key still works");
    }

    #[test]
    fn only_get_is_allowed() {
        let fake = FakeServer::start();
        let folder = tempfile::tempdir().unwrap();
        let mut store = FileStore::new(folder.path().join("keys"));
        fake.signing_keys().create_in(&mut store).unwrap();
        let pages = Pages::new(store, "f33zs165nr7gyfy4".parse().unwrap(), Duration::ZERO).unwrap();
        let request = Request::builder().method(Method::POST).uri(VIDEO).body(Body::empty()).unwrap();
        assert_eq!(pages.respond(&request).status(), StatusCode::METHOD_NOT_ALLOWED);
    }
}
