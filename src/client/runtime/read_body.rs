use std::io::{self, ErrorKind, Read};

use flate2::read::MultiGzDecoder;
use zeroize::Zeroizing;

/// How many bytes are allocated at most before any arrive. A list of 1,000 keys has about 0.1 MiB.
const MAX_INITIAL_CAPACITY: u64 = 1024 * 1024;
const DEFAULT_INITIAL_CAPACITY: u64 = 8 * 1024;
/// How much of a body is read byte by byte at most. The response to a create has about 4 KiB.
const MAX_SINGLE_BYTES: usize = 64 * 1024;

/// How much to read at once.
#[derive(Clone, Copy, PartialEq)]
pub(super) enum Step {
    /// As much as there is room for.
    Buffer,
    /// Byte by byte at first. If a read meets a framing error, ureq drops what the same read had decoded before. Not
    /// for a body that ureq decompresses: after a single byte, ureq waits for more input before it returns the next
    /// byte.
    Byte,
}

/// Reads a body to its end, or to an error. Also returns what arrived before the error.
pub(super) fn read_body(
    mut reader: impl Read,
    content_length: Option<u64>,
    step: Step,
) -> (Zeroizing<Vec<u8>>, io::Result<()>) {
    let expected = content_length.map_or(DEFAULT_INITIAL_CAPACITY, |length| length.saturating_add(1));
    let mut body = Zeroizing::new(vec![0; usize::try_from(expected.min(MAX_INITIAL_CAPACITY)).unwrap_or(1)]);
    let mut length = 0;
    let mut result = Ok(());
    loop {
        if length == body.len() {
            body = grown(&body);
        }
        let end = if step == Step::Byte && length < MAX_SINGLE_BYTES { length + 1 } else { body.len() };
        match reader.read(&mut body[length..end]) {
            Ok(0) => break,
            Ok(n) => length += n,
            Err(e) if e.kind() == ErrorKind::Interrupted => {}
            // What ureq has decompressed, but not returned yet, comes after the error.
            Err(e) if result.is_ok() => result = Err(e),
            Err(_) => break,
        }
    }
    body.truncate(length);
    (body, result)
}

/// Returns a copy with room for as much again. The old one is wiped, which a vector that grows by itself does not do.
fn grown(body: &[u8]) -> Zeroizing<Vec<u8>> {
    let mut grown = Zeroizing::new(vec![0; body.len() * 2]);
    grown[..body.len()].copy_from_slice(body);
    grown
}

/// Decompresses a body that begins like gzip. ureq decompresses only if `Content-Encoding` is exactly `gzip`.
pub(super) fn decompress(body: Zeroizing<Vec<u8>>, limit: u64) -> (Zeroizing<Vec<u8>>, Result<(), ureq::Error>) {
    if !body.starts_with(&[0x1f, 0x8b]) {
        return (body, Ok(()));
    }
    let decoder = MultiGzDecoder::new(body.as_slice()).take(limit.saturating_add(1));
    let (mut decompressed, result) = read_body(decoder, None, Step::Buffer);
    if decompressed.len() as u64 > limit {
        decompressed.truncate(usize::try_from(limit).unwrap_or(usize::MAX));
        return (decompressed, Err(ureq::Error::BodyExceedsLimit(limit)));
    }
    (decompressed, result.map_err(|e| ureq::Error::Decompress("gzip", e)))
}
