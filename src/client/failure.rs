//! Turns what the generated client returns into an [`Error`].

use std::borrow::Cow;
use std::error::Error as StdError;

use http::StatusCode;

use super::generated::{self, types};
use super::recovery;
use super::retry::may_have_taken_effect;
use super::runtime::{CallProgress, Response, TransportError};
use crate::decode_error::DecodeError;
use crate::error::{ApiMessage, Error, ErrorKind};
use crate::{RecoveredKey, SigningKey};

/// The operation that failed, with the ID of its key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Operation<'a> {
    Create,
    List,
    Delete(&'a str),
    Revoke(&'a str),
}

/// Creates the error for a failed call.
pub(super) fn from_generated(
    operation: Operation<'_>,
    error: generated::Error<types::StreamApiResponseCommonFailure>,
) -> Error {
    use generated::Error as Generated;
    match error {
        Generated::InvalidRequest(cause) => {
            let mut error = new(operation, ErrorKind::InvalidInput, "request could not be built");
            error.0.source = Some(Box::new(cause));
            error
        }
        Generated::CommunicationError(e) => from_transport(operation, e),
        Generated::ErrorResponse(response) => {
            let (failure, response) = response.into_parts();
            from_failure(operation, &response, failure)
        }
        Generated::InvalidResponsePayload(response, e) => unexpected_response(operation, &response, Some(e)),
        Generated::UnexpectedResponse(response) => unexpected_response(operation, &response, None),
    }
}

/// Creates the error for a response that says `success: true`, but lacks a required part.
pub(super) fn incomplete(
    operation: Operation<'_>,
    response: &Response,
    errors: Option<types::StreamMessages>,
    message: &'static str,
) -> Error {
    let mut error = new(operation, ErrorKind::Decode, message);
    error.0.errors = api_messages(errors);
    error.0.outcome_unknown = true;
    with_response(operation, error, response)
}

/// Creates the error for a key to revoke that the account does not have.
pub(super) fn not_listed(account_id: &str, id: &str) -> Error {
    let message =
        format!("account {account_id} does not have this key; it is already revoked, or one of the two IDs is wrong");
    let mut error = new(Operation::Revoke(id), ErrorKind::Api, message);
    error.0.is_unlisted = true;
    error
}

/// Creates the error for a key that is still listed although the service said that it is deleted or does not exist.
pub(super) fn still_listed(id: &str) -> Error {
    let mut error = new(Operation::Revoke(id), ErrorKind::Api, "key is still listed after the delete");
    error.0.outcome_unknown = true;
    error.0.hint = "revoke it again";
    error
}

/// Creates the error for a new key that a store did not save. It contains the key.
pub(super) fn not_saved(key: SigningKey, cause: impl StdError + Send + Sync + 'static) -> Error {
    let mut error = Error::store(&format!("key {} was created but not saved", key.id), cause);
    error.0.hint = "get the key with recovered_key()";
    error.0.outcome_unknown = true;
    let SigningKey { id, created, pem, jwk, .. } = key;
    error.0.recovered_key = Some(RecoveredKey { id: Some(id), created, pem: Some(pem), jwk: Some(jwk) });
    error
}

/// Completes the error of a list after a delete.
pub(super) fn not_confirmed(mut error: Error) -> Error {
    error.0.outcome_unknown = true;
    error.0.hint = "the key may already be deleted; revoke it again";
    error
}

fn new(operation: Operation<'_>, kind: ErrorKind, message: impl Into<Cow<'static, str>>) -> Error {
    let mut error = Error::new(kind, message);
    error.0.attempt = match operation {
        Operation::Create => "failed to create a signing key".into(),
        Operation::List => "failed to list the signing keys".into(),
        Operation::Delete(id) => format!("failed to delete signing key {id}").into(),
        Operation::Revoke(id) => format!("failed to revoke signing key {id}").into(),
    };
    error
}

fn from_transport(operation: Operation<'_>, e: TransportError) -> Error {
    // `Connect` says that nothing was sent, which is wrong if an earlier attempt was sent.
    let was_sent = e.sent || e.call.earlier_may_have_taken_effect;
    let kind = match () {
        _ if !was_sent => ErrorKind::Connect,
        _ if e.is_timeout() => ErrorKind::Timeout,
        _ if e.is_unreadable() => ErrorKind::Decode,
        _ => ErrorKind::Transport,
    };
    let mut error = new(operation, kind, e.to_string());
    error.0.is_timeout = e.is_timeout();
    error.0.outcome_unknown = e.sent;
    let (is_permanent, has_unknown_issuer) = (e.is_permanent(), e.has_unknown_issuer());
    let TransportError { cause, partial, call, .. } = e;
    error.0.source = Some(Box::new(cause));
    let mut error = match partial {
        Some(mut response) => {
            response.head.call = call;
            with_response(operation, error, &response)
        }
        None => finish(operation, error, call),
    };
    error.0.is_retryable &= !is_permanent;
    if has_unknown_issuer && error.0.hint.is_empty() {
        error.0.hint = "for a private certificate authority, set root_certificates";
    }
    error
}

/// Creates the error for a response that does not match its status code, such as `success: false` with a 200, or a
/// gateway's HTML page.
fn unexpected_response(operation: Operation<'_>, response: &Response, decode_error: Option<DecodeError>) -> Error {
    if let Ok(failure) = response.decode() {
        return from_failure(operation, response, failure);
    }
    let status = response.head.status;
    let mut error = match decode_error {
        Some(e) if status.is_success() => new(operation, ErrorKind::Decode, format!("response body is {e}")),
        _ => new(operation, ErrorKind::Api, status_message(status)),
    };
    error.0.outcome_unknown = !is_definite_error(status);
    with_response(operation, error, response)
}

/// Creates the error for a response with Cloudflare's error envelope.
fn from_failure(
    operation: Operation<'_>,
    response: &Response,
    failure: types::StreamApiResponseCommonFailure,
) -> Error {
    let status = response.head.status;
    let message = match status.is_success() {
        true => "response says success: false, with HTTP status",
        false => status_message(status),
    };
    let mut error = new(operation, ErrorKind::Api, message);
    error.0.errors = api_messages(failure.errors);
    error.0.messages = api_messages(failure.messages);
    error.0.outcome_unknown = !(is_definite_error(status) || status.is_success());
    with_response(operation, error, response)
}

/// Returns the message of an error response, which its status code follows.
fn status_message(status: StatusCode) -> &'static str {
    match status.is_redirection() && status != StatusCode::NOT_MODIFIED {
        true => "redirects are not followed (check the base URL): HTTP status",
        false => "HTTP status",
    }
}

/// Returns whether a status says that the request had no effect.
fn is_definite_error(status: StatusCode) -> bool {
    status.is_client_error() && !may_have_taken_effect(status)
}

/// Adds the response's status code and headers and, after a create, the key material in its body.
fn with_response(operation: Operation<'_>, mut error: Error, response: &Response) -> Error {
    let head = &response.head;
    error.0.status = Some(head.status);
    error.0.ray_id = head.ray_id().map(String::from);
    error.0.retry_after = head.retry_after();
    if operation == Operation::Create {
        let body = recovery::Body::search(response);
        error.0.recovered_key = body.key();
        // A new key shows that the request took effect, whatever the status code is.
        error.0.outcome_unknown |= body.has_key_material();
    }
    finish(operation, error, head.call)
}

/// Sets the fields that follow from the others.
fn finish(operation: Operation<'_>, mut error: Error, call: CallProgress) -> Error {
    let details = &mut error.0;
    details.attempts = call.attempts;
    details.elapsed = call.elapsed;
    // The last response says nothing about an earlier attempt that may have taken effect. A list changes nothing.
    details.outcome_unknown |= call.earlier_may_have_taken_effect;
    details.outcome_unknown &= operation != Operation::List;
    details.is_retryable =
        is_temporary(details.kind, details.status) && !(operation == Operation::Create && details.outcome_unknown);
    error.0.hint = hint(operation, &error);
    error
}

/// Returns whether the same call can succeed later.
fn is_temporary(kind: ErrorKind, status: Option<StatusCode>) -> bool {
    match kind {
        ErrorKind::Connect | ErrorKind::Timeout | ErrorKind::Transport => true,
        ErrorKind::Api => {
            status.is_some_and(|status| may_have_taken_effect(status) || status == StatusCode::TOO_MANY_REQUESTS)
        }
        ErrorKind::InvalidInput | ErrorKind::Decode | ErrorKind::Store => false,
    }
}

/// Returns what to do, or nothing if it is not known.
fn hint(operation: Operation<'_>, error: &Error) -> &'static str {
    match operation {
        _ if error.recovered_key().is_some() => "the response contained key material; get it with recovered_key()",
        Operation::Create if error.outcome_unknown() => "the key may exist; compare list() with your stored keys",
        Operation::Delete(_) if error.outcome_unknown() && error.is_not_found() => {
            "an earlier attempt of this call may have deleted the key; check with list()"
        }
        Operation::Delete(_) if error.outcome_unknown() => "the key may already be deleted; check with list()",
        Operation::Delete(_) if error.is_not_found() => "check the key ID and the account ID",
        _ if error.status() == Some(StatusCode::NOT_FOUND) => "check the base URL and the account ID",
        _ if error.is_unauthorized() => "check the credentials",
        Operation::List if error.is_forbidden() => {
            "the token needs the Stream Read or Stream Write permission on this account, and the account needs a \
             Stream subscription"
        }
        _ if error.is_forbidden() => {
            "the token needs the Stream Write permission on this account, and the account needs a Stream subscription"
        }
        _ => "",
    }
}

fn api_messages(messages: Option<types::StreamMessages>) -> Vec<ApiMessage> {
    let cause = |item: types::StreamMessagesItemErrorChainItem| ApiMessage {
        code: item.code.and_then(|code| code.0),
        message: item.message.unwrap_or_default(),
        documentation_url: None,
        pointer: None,
        error_chain: Vec::new(),
    };
    let message = |item: types::StreamMessagesItem| ApiMessage {
        code: item.code.and_then(|code| code.0),
        message: item.message.unwrap_or_default(),
        documentation_url: item.documentation_url,
        pointer: item.source.and_then(|source| source.pointer),
        error_chain: item.error_chain.unwrap_or_default().into_iter().map(cause).collect(),
    };
    messages.into_iter().flat_map(|messages| messages.0).map(message).collect()
}
