use std::io::{self, BufRead, ErrorKind, Read};

use http::Uri;
use httparse::Status;

/// A request that a [`FakeServer`](super::FakeServer) received.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct RecordedRequest {
    /// The method, such as `POST`.
    pub method: String,
    /// The path, such as `/accounts/023e105f4ecef8ad9ca31a8372d0c353/stream/keys`.
    pub path: String,
    /// The query without the question mark, still encoded. Empty if the request has none.
    pub query: String,
    /// The headers, with names in lower case.
    pub headers: Vec<(String, String)>,
    /// The body. Empty if the request has none.
    pub body: String,
}

/// The maximum length of a request's head, in bytes. Higher than ureq's limit.
const MAX_HEAD: u64 = 1024 * 1024;
const MAX_HEADERS: usize = 256;

impl RecordedRequest {
    /// Returns the value of a header. Names are not case-sensitive.
    ///
    /// ```
    /// # let server = cloudflare_stream_keys::mock::FakeServer::start();
    /// server.signing_keys().list()?;
    /// assert_eq!(server.requests()[0].header("Authorization"), Some("Bearer fake-api-token"));
    /// # Ok::<(), cloudflare_stream_keys::Error>(())
    /// ```
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
    }

    /// Reads a request up to its body. Returns `None` if the client has closed the connection.
    pub(super) fn read_head(reader: &mut impl BufRead) -> io::Result<Option<Self>> {
        let mut head = Vec::new();
        let mut limited = reader.take(MAX_HEAD);
        while limited.read_until(b'\n', &mut head)? > 0 {
            let mut headers = [httparse::EMPTY_HEADER; MAX_HEADERS];
            let mut parsed = httparse::Request::new(&mut headers);
            if parsed.parse(&head).map_err(invalid)?.is_partial() {
                continue;
            }
            let uri: Uri = parsed.path.unwrap_or_default().parse().map_err(invalid)?;
            let text = |bytes| String::from_utf8_lossy(bytes).into_owned();
            return Ok(Some(Self {
                method: parsed.method.unwrap_or_default().to_string(),
                path: uri.path().to_string(),
                query: uri.query().unwrap_or_default().to_string(),
                headers: parsed.headers.iter().map(|header| (header.name.to_lowercase(), text(header.value))).collect(),
                body: String::new(),
            }));
        }
        if head.is_empty() { Ok(None) } else { Err(ErrorKind::UnexpectedEof.into()) }
    }

    /// Reads the body that follows the head.
    pub(super) fn read_body(&mut self, reader: &mut impl BufRead) -> io::Result<()> {
        let mut body = Vec::new();
        if self.header("transfer-encoding").is_some_and(|coding| coding.eq_ignore_ascii_case("chunked")) {
            while read_chunk(reader, &mut body)? {}
            // The trailers end with an empty line.
            while !read_line(reader)?.trim_ascii().is_empty() {}
        } else if let Some(length) = self.header("content-length") {
            read_exactly(reader, length.parse().map_err(invalid)?, &mut body)?;
        }
        self.body = String::from_utf8_lossy(&body).into_owned();
        Ok(())
    }
}

/// Reads a chunk. Returns `false` after the last chunk, which is empty.
fn read_chunk(reader: &mut impl BufRead, body: &mut Vec<u8>) -> io::Result<bool> {
    let Ok(Status::Complete((_, length))) = httparse::parse_chunk_size(&read_line(reader)?) else {
        return Err(ErrorKind::InvalidData.into());
    };
    read_exactly(reader, length, body)?;
    Ok(length > 0 && !read_line(reader)?.is_empty())
}

fn read_exactly(reader: &mut impl BufRead, length: u64, body: &mut Vec<u8>) -> io::Result<()> {
    match reader.take(length).read_to_end(body)? as u64 == length {
        true => Ok(()),
        false => Err(ErrorKind::UnexpectedEof.into()),
    }
}

/// Returns a line with its line break, or nothing at the end of the stream.
fn read_line(reader: &mut impl BufRead) -> io::Result<Vec<u8>> {
    let mut line = Vec::new();
    reader.read_until(b'\n', &mut line)?;
    Ok(line)
}

fn invalid(e: impl std::error::Error + Send + Sync + 'static) -> io::Error {
    io::Error::new(ErrorKind::InvalidData, e)
}
