//! One call of the generated client: credentials, attempts within a deadline, and a line each in the log.

use std::thread;
use std::time::{Duration, Instant};

use crate::generated::Client;
use crate::retry::AttemptOutcome;
use crate::runtime::{ClientHooks, Error, OperationInfo, Request, Response, SendOptions, Settings, TransportError};

impl ClientHooks<Settings> for Client {
    fn pre<E>(&self, request: &mut Request, _: &OperationInfo) -> Result<(), Error<E>> {
        for (name, value) in &self.inner.headers {
            request.headers.insert(name.clone(), value.clone());
        }
        self.inner.credentials.apply(&mut request.headers);
        Ok(())
    }

    fn exec(&self, request: Request, info: &OperationInfo) -> Result<Response, TransportError> {
        let Settings { timeout, connect_timeout, max_response_size, ref retry, .. } = self.inner;
        let idempotent = request.method.is_idempotent();
        let start = Instant::now();
        let left = || timeout.saturating_sub(start.elapsed());
        let mut repeated = false;
        let mut retries = 0;
        loop {
            let sent_at = Instant::now();
            let timeout = retry.next_timeout(idempotent, retries, left());
            let mut result = self.client.send(&request, SendOptions { timeout, connect_timeout, max_response_size });
            log_attempt(info, &request, retries + 1, &result, sent_at.elapsed());
            if let Ok(response) = &mut result {
                response.head.repeated = repeated;
            }

            let outcome = outcome(&result);
            match retry.backoff(idempotent, retries, outcome, fastrand::f64()) {
                Some(wait) if wait < left() => thread::sleep(wait),
                _ => return result,
            }
            repeated |= outcome.may_have_taken_effect();
            retries += 1;
        }
    }
}

fn outcome(result: &Result<Response, TransportError>) -> AttemptOutcome {
    match result {
        Ok(Response { head, .. }) => {
            AttemptOutcome::Response { status: head.status.as_u16(), retry_after: head.retry_after() }
        }
        Err(e) if e.is_unreadable() => AttemptOutcome::Unreadable,
        Err(e) if e.sent => AttemptOutcome::NoResponse,
        Err(_) => AttemptOutcome::NotSent,
    }
}

fn log_attempt(
    info: &OperationInfo,
    request: &Request,
    attempt: u32,
    result: &Result<Response, TransportError>,
    time: Duration,
) {
    let what = format_args!("{}: {} {}", info.operation_id, request.method, request.uri.path());
    match result {
        Ok(Response { head, .. }) => log::debug!(
            "{what}: {}, attempt {attempt}, {time:.1?}, cf-ray {}",
            head.status.as_u16(),
            head.ray_id().unwrap_or("-")
        ),
        Err(e) => log::debug!("{what}: {e}, attempt {attempt}, {time:.1?}"),
    }
}
