//! A web server whose pages show protected videos. Each request gets its own token.
//!
//! ```text
//! cargo run --manifest-path examples/signed-pages/Cargo.toml -- FOLDER CUSTOMER_CODE 127.0.0.1:8000
//! ```
//!
//! `FOLDER` is a `FileStore` with a key in it. Then open `http://127.0.0.1:8000/VIDEO_UID`. The server needs no
//! credentials and makes no requests. If another program rotates the keys in the folder, the server signs with the new
//! key within a minute.

use std::error::Error;
use std::io::{self, Cursor};
use std::time::{Duration, Instant};

use cloudflare_stream_keys::{CustomerCode, FileStore, PlaybackToken, Signer};
use tiny_http::{Header, Request, Response, Server};

/// `Signer::from_store` must be called at least once an hour.
const RELOAD_INTERVAL: Duration = Duration::from_secs(60);
const LIFETIME: Duration = Duration::from_secs(4 * 60 * 60);

type AnyError = Box<dyn Error + Send + Sync>;

fn main() -> Result<(), AnyError> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [folder, customer, address] = &arguments[..] else {
        return Err("usage: signed-pages FOLDER CUSTOMER_CODE ADDRESS".into());
    };
    let server = Server::http(address)?;
    println!("Listening on http://{}", server.server_addr());
    serve(&server, FileStore::new(folder), &customer.parse()?, RELOAD_INTERVAL)
}

fn serve(server: &Server, mut store: FileStore, customer: &CustomerCode, reload: Duration) -> Result<(), AnyError> {
    let mut signer = Signer::from_store(&mut store)?;
    let mut loaded = Instant::now();
    for request in server.incoming_requests() {
        if loaded.elapsed() >= reload {
            // If the store cannot be loaded now, the old key still works.
            signer = Signer::from_store(&mut store).unwrap_or(signer);
            loaded = Instant::now();
        }
        // Fails if the visitor has left.
        let _ = respond(request, &signer, customer);
    }
    Ok(())
}

fn respond(request: Request, signer: &Signer, customer: &CustomerCode) -> io::Result<()> {
    // A real server checks here whether this visitor may watch this video.
    let video_uid = request.url().trim_start_matches('/');
    match signer.token(video_uid).expires_in(LIFETIME).sign() {
        Ok(token) => request.respond(html(200, page(&token, customer))),
        Err(_) => request.respond(html(404, "No such video".to_string())),
    }
}

fn page(token: &PlaybackToken, customer: &CustomerCode) -> String {
    let urls = token.urls(customer);
    let player = urls.iframe().poster(urls.thumbnail().height(720));
    format!(
        r#"<!DOCTYPE html>
<html lang="en">
<title>A protected video</title>
<h1>A protected video</h1>
<iframe src="{player}" width="960" height="540" allow="autoplay; encrypted-media; picture-in-picture" allowfullscreen></iframe>
<p>This page works until {}.</p>
</html>
"#,
        token.expires_at()
    )
}

/// Creates a response that must not be cached, because the token in it is for one visitor.
fn html(status: u16, body: String) -> Response<Cursor<Vec<u8>>> {
    let headers = [("content-type", "text/html; charset=utf-8"), ("cache-control", "no-store")];
    let headers = headers.into_iter().filter_map(|(name, value)| Header::from_bytes(name, value).ok());
    headers.fold(Response::from_string(body).with_status_code(status), Response::with_header)
}

#[cfg(test)]
mod tests {
    use std::io::{Read, Write};
    use std::net::TcpStream;
    use std::thread;

    use cloudflare_stream_keys::RotationPolicy;
    use cloudflare_stream_keys::mock::FakeServer;

    use super::*;

    fn get(server: &Server, path: &str) -> String {
        let mut stream = TcpStream::connect(server.server_addr().to_ip().unwrap()).unwrap();
        write!(stream, "GET {path} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n").unwrap();
        let mut response = String::new();
        stream.read_to_string(&mut response).unwrap();
        assert!(response.to_lowercase().contains("\r\ncache-control: no-store\r\n"), "{response}");
        response
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

        let server = Server::http("127.0.0.1:0").unwrap();
        thread::scope(|scope| {
            let serving = scope.spawn(|| {
                serve(&server, store.clone(), &"f33zs165nr7gyfy4".parse().unwrap(), Duration::ZERO).unwrap();
            });
            let page = get(&server, "/5d5bc37ffcf54c9b82e996823bffbb81");
            assert!(page.starts_with("HTTP/1.1 200 "), "{page}");
            fake.verify_token(token(&page)).unwrap();
            assert!(get(&server, "/a/b").starts_with("HTTP/1.1 404 "));

            // Revoking the only key makes rotate create its successor.
            fake.signing_keys().revoke(&old.id).unwrap();
            assert!(fake.verify_token(token(&page)).is_err());
            fake.signing_keys().rotate(&policy, &mut store.clone()).unwrap();
            fake.verify_token(token(&get(&server, "/5d5bc37ffcf54c9b82e996823bffbb81"))).unwrap();

            server.unblock();
            serving.join().unwrap();
        });
    }
}
