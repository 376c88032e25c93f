use std::time::Duration;

/// An operation of the service.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Operation {
    /// Creates a key.
    Create,
    /// Lists the keys of an account.
    List,
    /// Deletes a key.
    Delete,
}

/// A failure to inject with [`FakeServer::inject`](super::FakeServer::inject).
///
/// "Takes effect" means that the key is created or deleted. A request that would fail anyway, because its credentials are
/// rejected or the key to delete does not exist, has no effect.
/// [`FakeServer::requests`](super::FakeServer::requests) includes every request that a fault affects.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Fault {
    /// The request takes effect at once, and the response is sent after this time. Other requests are not delayed.
    Delay(Duration),
    /// The request has no effect, and no response is sent. The connection stays open until the client closes it or the
    /// server is dropped.
    Hang,
    /// The request takes effect, but no response is sent. The connection stays open until the client closes it or the
    /// server is dropped.
    HangAfterEffect,
    /// The request has no effect, and the connection is reset.
    ResetBeforeEffect,
    /// The request takes effect, but the connection is reset before the response.
    ResetAfterEffect,
    /// The request takes effect, but the connection is reset after the headers and three quarters of the body. In the
    /// response to a create, either the PEM or the JWK is complete. When the reset arrives, some systems discard what
    /// the client has not read yet. Then the create fails, so accept both outcomes.
    ResetWithinResponse,
    /// The request takes effect, but the response is a gateway's HTML page with status code 502.
    BadGatewayAfterEffect,
    /// The request takes effect, but its response has this status code, from 200 to 599. With an error status, a create fails
    /// with the key in its [`recovered_key`](crate::Error::recovered_key).
    StatusAfterEffect(u16),
    /// The request takes effect, but the last quarter of the response body is missing. The response is valid HTTP, so a
    /// list is not retried. In the response to a create, either the PEM or the JWK is complete.
    TruncateResponse,
    /// The request takes effect, but `result` in the response is null: a list shows no keys, and the private key of a
    /// created key is lost. An error response is sent unchanged.
    NullResult,
    /// The request takes effect, but the private key in the response to a create has a format that this crate cannot
    /// read. `create` succeeds, and [`Signer::new`](crate::Signer::new) fails.
    UnreadableKey,
    /// The request has no effect, and the response is an HTML page with this status code, from 200 to 599. A 204, 205
    /// or 304 has no body.
    Status(u16),
    /// The request has no effect, and the response is a JSON error like Cloudflare's.
    Error {
        /// The status code, from 200 to 599.
        status: u16,
        /// Cloudflare's error code, such as 10000.
        code: i64,
        /// The message of the error.
        message: String,
    },
    /// The request has no effect, and the response is a 429.
    RateLimit {
        /// The value of the `Retry-After` header, in whole seconds.
        retry_after: Duration,
    },
}
