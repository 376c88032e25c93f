use super::{Client, Error, Request, Response, TransportError};

/// The operation that a call is for.
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

/// The steps of a generated call that the crate implements.
pub trait ClientHooks<Inner>: ClientInfo<Inner> {
    /// Completes a request before it is sent.
    fn pre<E>(&self, request: &mut Request, info: &OperationInfo) -> Result<(), Error<E>>;

    /// Sends a request, and retries it if that makes sense.
    fn exec(&self, request: Request, info: &OperationInfo) -> Result<Response, TransportError>;

    /// Inspects the result. Generated code calls this; there is nothing to do.
    fn post<E>(&self, _: &Result<Response, TransportError>, _: &OperationInfo) -> Result<(), Error<E>> {
        Ok(())
    }
}
