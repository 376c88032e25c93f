//! Executes the calls of the generated client: adds credentials and headers, retries within the deadline, and logs
//! every attempt.

use std::thread;
use std::time::{Duration, Instant};

use super::generated::Client;
use super::recovery;
use super::retry::AttemptOutcome;
use super::runtime::{CallProgress, ClientHooks, Error, OperationInfo, Request, Response, SendOptions, TransportError};
use super::settings::Settings;

impl ClientHooks<Settings> for Client {
    fn pre<E>(&self, request: &mut Request, _: &OperationInfo) -> Result<(), Error<E>> {
        let Settings { headers, credentials, query, .. } = &self.inner;
        request.headers.extend(headers.iter().map(|(name, value)| (name.clone(), value.clone())));
        credentials.apply(&mut request.headers);
        request.append_query(query)?;
        Ok(())
    }

    fn exec(&self, request: Request, info: &OperationInfo) -> Result<Response, TransportError> {
        let Settings { timeout, connect_timeout, max_response_size, ref retry_policy, .. } = self.inner;
        let idempotent = request.method.is_idempotent();
        let start = Instant::now();
        let remaining = || timeout.saturating_sub(start.elapsed());
        let mut may_have_taken_effect = false;
        let mut earlier = None;
        let mut retries = 0;
        loop {
            let attempt_start = Instant::now();
            let timeout = retry_policy.timeout_for_attempt(idempotent, retries, remaining());
            let mut result = self.client.send(&request, SendOptions { timeout, connect_timeout, max_response_size });
            log_attempt(info, &request, retries + 1, &result, attempt_start.elapsed());
            let call = CallProgress {
                attempts: retries + 1,
                elapsed: start.elapsed(),
                earlier_may_have_taken_effect: may_have_taken_effect,
            };
            match &mut result {
                Ok(response) => response.head.call = call,
                Err(e) => {
                    e.call = call;
                    // A timeout says little if another attempt failed for another reason. A failed connection says
                    // nothing about an earlier request that was sent.
                    e.earlier = earlier.clone().filter(|_| e.is_timeout() || (may_have_taken_effect && !e.sent));
                }
            }

            let outcome = outcome(&result);
            let is_harmless = || idempotent || !has_key_material(&result);
            match retry_policy.backoff(idempotent, retries, outcome, fastrand::f64()) {
                Some(backoff) if backoff < remaining() && is_harmless() => thread::sleep(backoff),
                _ => return result,
            }
            if outcome.may_have_taken_effect() || earlier.is_none() {
                earlier = describe(&result).or(earlier);
            }
            may_have_taken_effect |= outcome.may_have_taken_effect();
            retries += 1;
        }
    }
}

/// Returns whether a response contains a new key, whatever its status: another attempt would create another key.
fn has_key_material(result: &Result<Response, TransportError>) -> bool {
    let response = match result {
        Ok(response) => Some(response),
        Err(e) => e.partial.as_ref(),
    };
    response.is_some_and(|response| recovery::Body::search(response).has_key_material())
}

/// Describes why an attempt failed, unless it timed out.
fn describe(result: &Result<Response, TransportError>) -> Option<String> {
    match result {
        Ok(response) => Some(format!("HTTP status {}", response.head.status)),
        Err(e) => (!e.is_timeout()).then(|| e.to_string()),
    }
}

fn outcome(result: &Result<Response, TransportError>) -> AttemptOutcome {
    match result {
        Ok(Response { head, .. }) => AttemptOutcome::Response { status: head.status, retry_after: head.retry_after() },
        Err(e) if e.is_permanent() => AttemptOutcome::Permanent,
        Err(e) if e.sent => AttemptOutcome::NoResponse,
        Err(_) => AttemptOutcome::NotSent,
    }
}

fn log_attempt(
    info: &OperationInfo,
    request: &Request,
    attempt: u32,
    result: &Result<Response, TransportError>,
    elapsed: Duration,
) {
    // Without the query, in which callers may put secrets.
    let host = request.uri.authority().map_or("", |authority| authority.as_str());
    let (operation, method, path) = (info.operation_id, &request.method, request.uri.path());
    match result {
        Ok(Response { head, .. }) => log::debug!(
            "{operation}: {method} {host}{path}: {}, attempt {attempt}, {elapsed:.1?}, cf-ray {}",
            head.status.as_u16(),
            head.ray_id().unwrap_or("-")
        ),
        Err(e) => log::debug!("{operation}: {method} {host}{path}: {e}, attempt {attempt}, {elapsed:.1?}"),
    }
}
