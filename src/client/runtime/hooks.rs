use super::{Client, Error, Request, Response, TransportError};

/// The operation of a call.
#[derive(Clone, Copy, Debug)]
pub struct OperationInfo {
    pub operation_id: &'static str,
}

/// Access to a client's parts, implemented by the generated client.
#[allow(dead_code)] // Generated code implements all of it.
pub trait ClientInfo<Inner> {
    fn api_version() -> &'static str;
    fn baseurl(&self) -> &str;
    fn client(&self) -> &Client;
    fn inner(&self) -> &Inner;
}

/// The hooks that generated methods call.
pub trait ClientHooks<Inner>: ClientInfo<Inner> {
    /// Completes a request before it is sent.
    fn pre<E>(&self, request: &mut Request, info: &OperationInfo) -> Result<(), Error<E>>;

    /// Sends a request, and retries it if the retry policy allows it.
    fn exec(&self, request: Request, info: &OperationInfo) -> Result<Response, TransportError>;

    /// Does nothing. Generated code calls this with the result.
    fn post<E>(&self, _: &Result<Response, TransportError>, _: &OperationInfo) -> Result<(), Error<E>> {
        Ok(())
    }
}
