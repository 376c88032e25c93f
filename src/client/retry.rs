use std::time::Duration;

use http::StatusCode;

use super::runtime::LONGEST_TIMEOUT;

/// Decides whether a failed request is retried, and how long to wait first.
///
/// | what happened | `list`, `delete` | `create` |
/// | --- | --- | --- |
/// | no connection was made | retried | retried |
/// | the certificate is not trusted | not retried | not retried |
/// | 429 | retried | retried, unless the response contains a key |
/// | no response, an incomplete response, 408 or 5xx | retried | **not retried**: the key may exist |
/// | any other response | not retried | not retried |
///
/// `list` and `delete` are idempotent. `create` is not, because every create makes another key. A create is retried
/// only if the failed attempt certainly had no effect.
///
/// The backoff is exponential with full jitter: each wait is a random time between zero and a limit that doubles with
/// every retry. If the response has a `Retry-After` header, its value is used instead. If the value exceeds
/// [`max_backoff`](Self::max_backoff), the request is not retried, and
/// [`Error::retry_after`](crate::Error::retry_after) returns the value.
///
/// All attempts and waits share the deadline of the call, which
/// [`ClientBuilder::timeout`](crate::ClientBuilder::timeout) sets. A request is not retried if the wait would exceed
/// the deadline. An attempt that can be retried also has a timeout of its own, the
/// [`attempt_timeout`](Self::attempt_timeout).
///
/// ```
/// use std::time::Duration;
/// use cloudflare_stream_keys::RetryPolicy;
///
/// let patient = RetryPolicy::default()
///     .with_max_retries(5)
///     .with_max_backoff(Duration::from_secs(120));
/// let never = RetryPolicy::none();
/// # let _ = (patient, never);
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[must_use]
pub struct RetryPolicy {
    max_retries: u32,
    initial_backoff: Duration,
    max_backoff: Duration,
    attempt_timeout: Duration,
}

impl Default for RetryPolicy {
    /// Retries twice, after at most 0.5 s and 1 s. An attempt that can be retried times out after 20 s.
    fn default() -> Self {
        Self {
            // The default of Cloudflare's own SDKs.
            max_retries: 2,
            initial_backoff: Duration::from_millis(500),
            max_backoff: Duration::from_secs(30),
            attempt_timeout: Duration::from_secs(20),
        }
    }
}

/// The outcome of one attempt, as far as retries are concerned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum AttemptOutcome {
    /// The request was not sent.
    NotSent,
    /// The request was sent, but no complete response arrived.
    NoResponse,
    Response {
        status: StatusCode,
        retry_after: Option<Duration>,
    },
    /// The certificate is not trusted, or the response is too large or cannot be decompressed. A retry would fail in
    /// the same way.
    Permanent,
}

impl AttemptOutcome {
    /// Returns whether the request may have taken effect although it failed.
    pub(crate) fn may_have_taken_effect(self) -> bool {
        match self {
            Self::NoResponse => true,
            Self::Response { status, .. } => may_have_taken_effect(status),
            Self::NotSent | Self::Permanent => false,
        }
    }
}

/// Returns whether a status means that the request may have taken effect although it failed, and that another attempt
/// can succeed.
pub(super) fn may_have_taken_effect(status: StatusCode) -> bool {
    status.is_server_error() || status == StatusCode::REQUEST_TIMEOUT
}

impl RetryPolicy {
    /// Creates a policy that sends every request once.
    pub fn none() -> Self {
        Self::default().with_max_retries(0)
    }

    /// Sets the maximum number of retries. Defaults to 2.
    pub fn with_max_retries(mut self, retries: u32) -> Self {
        self.max_retries = retries;
        self
    }

    /// Sets the limit of the first wait. The limit doubles with every retry. Defaults to 0.5 s.
    pub fn with_initial_backoff(mut self, backoff: Duration) -> Self {
        self.initial_backoff = backoff;
        self
    }

    /// Sets the maximum wait between attempts. Defaults to 30 s.
    ///
    /// If `Retry-After` is longer, the request is not retried. See [`Error::retry_after`](crate::Error::retry_after).
    pub fn with_max_backoff(mut self, backoff: Duration) -> Self {
        self.max_backoff = backoff;
        self
    }

    /// Sets the timeout of an attempt that can be retried after a timeout. Defaults to 20 s.
    ///
    /// The last attempt, and every attempt of a create, may use all the time that is left until the call's deadline. If
    /// the deadline comes before the attempt timeout, a response that does not arrive leaves no time for a retry. With
    /// a short deadline, set a shorter attempt timeout too.
    pub fn with_attempt_timeout(mut self, timeout: Duration) -> Self {
        self.attempt_timeout = timeout;
        self
    }

    /// Returns the maximum number of retries.
    pub fn max_retries(&self) -> u32 {
        self.max_retries
    }

    /// Returns the limit of the first wait.
    pub fn initial_backoff(&self) -> Duration {
        self.initial_backoff
    }

    /// Returns the maximum wait between attempts.
    pub fn max_backoff(&self) -> Duration {
        self.max_backoff
    }

    /// Returns the timeout of an attempt that can be retried.
    pub fn attempt_timeout(&self) -> Duration {
        self.attempt_timeout
    }

    /// Returns how long to wait before the next attempt, or `None` if the request must not be retried.
    ///
    /// `retries` is the number of retries so far. `jitter` is a random number from 0 to 1.
    pub(crate) fn backoff(
        &self,
        idempotent: bool,
        retries: u32,
        outcome: AttemptOutcome,
        jitter: f64,
    ) -> Option<Duration> {
        use AttemptOutcome::{NotSent, Response};
        let can_retry = match outcome {
            NotSent | Response { status: StatusCode::TOO_MANY_REQUESTS, .. } => true,
            _ => idempotent && outcome.may_have_taken_effect(),
        };
        if !can_retry || retries >= self.max_retries {
            return None;
        }
        if let Response { retry_after: Some(wait), .. } = outcome {
            return (wait <= self.max_backoff).then_some(wait);
        }
        let limit = self.initial_backoff.saturating_mul(2u32.saturating_pow(retries)).min(self.max_backoff);
        Some(limit.min(LONGEST_TIMEOUT).mul_f64(jitter.clamp(0.0, 1.0)))
    }

    /// Returns the timeout of the next attempt if `remaining` is left until the deadline.
    pub(crate) fn timeout_for_attempt(&self, idempotent: bool, retries: u32, remaining: Duration) -> Duration {
        // A short deadline is not divided among attempts: that would cut off slow responses that a single attempt would
        // have received.
        match idempotent && retries < self.max_retries {
            true => self.attempt_timeout.min(remaining),
            false => remaining,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::AttemptOutcome::{NoResponse, NotSent, Permanent, Response};
    use super::*;

    fn response(status: u16) -> AttemptOutcome {
        Response { status: StatusCode::from_u16(status).unwrap(), retry_after: None }
    }

    fn response_with_retry_after(status: u16, seconds: u64) -> AttemptOutcome {
        let status = StatusCode::from_u16(status).unwrap();
        Response { status, retry_after: Some(Duration::from_secs(seconds)) }
    }

    fn is_retried(idempotent: bool, outcome: AttemptOutcome) -> bool {
        RetryPolicy::default().backoff(idempotent, 0, outcome, 1.0).is_some()
    }

    #[test]
    fn non_idempotent_request_is_retried_only_if_it_had_no_effect() {
        assert!(is_retried(false, NotSent));
        assert!(is_retried(false, response(429)));
        for outcome in [NoResponse, Permanent].into_iter().chain((100..600).filter(|s| *s != 429).map(response)) {
            assert!(!is_retried(false, outcome), "{outcome:?}");
        }
        assert!(!is_retried(false, response_with_retry_after(503, 1)));
    }

    #[test]
    fn idempotent_request_is_retried_if_that_can_help() {
        for outcome in [NotSent, NoResponse, response(408), response(429)].into_iter().chain((500..600).map(response)) {
            assert!(is_retried(true, outcome), "{outcome:?}");
        }
        for outcome in [Permanent].into_iter().chain((100..500).filter(|s| ![408, 429].contains(s)).map(response)) {
            assert!(!is_retried(true, outcome), "{outcome:?}");
        }
    }

    #[test]
    fn number_of_retries_is_limited() {
        let retries =
            |policy: RetryPolicy| (0..10).take_while(|n| policy.backoff(true, *n, NoResponse, 0.0).is_some()).count();
        assert_eq!(retries(RetryPolicy::none()), 0);
        assert_eq!(retries(RetryPolicy::default()), 2);
        assert_eq!(retries(RetryPolicy::default().with_max_retries(7)), 7);
    }

    #[test]
    fn backoff_doubles_up_to_its_maximum_with_full_jitter() {
        let policy = RetryPolicy::default().with_max_retries(u32::MAX).with_max_backoff(Duration::from_secs(3));
        let backoff = |retries, jitter| policy.backoff(true, retries, NoResponse, jitter).unwrap().as_millis();
        assert_eq!([0, 1, 2, 3, 40, u32::MAX - 1].map(|n| backoff(n, 1.0)), [500, 1000, 2000, 3000, 3000, 3000]);
        assert_eq!([0.0, 0.25, 0.5].map(|jitter| backoff(1, jitter)), [0, 250, 500]);
    }

    #[test]
    fn extreme_backoff_does_not_overflow() {
        let policy = RetryPolicy::default().with_initial_backoff(Duration::MAX).with_max_backoff(Duration::MAX);
        assert_eq!(policy.backoff(true, 0, NoResponse, 1.0), Some(LONGEST_TIMEOUT));
    }

    #[test]
    fn retry_after_is_obeyed_up_to_max_backoff() {
        let policy = RetryPolicy::default();
        let backoff = |outcome| policy.backoff(true, 0, outcome, 0.0);
        assert_eq!(backoff(response_with_retry_after(429, 0)), Some(Duration::ZERO));
        assert_eq!(backoff(response_with_retry_after(429, 30)), Some(Duration::from_secs(30)));
        assert_eq!(backoff(response_with_retry_after(429, 31)), None);
        assert_eq!(backoff(response_with_retry_after(503, 7)), Some(Duration::from_secs(7)));
    }

    #[test]
    fn attempt_timeout_applies_only_if_a_retry_can_follow() {
        let policy = RetryPolicy::default();
        let timeout = |idempotent, retries, remaining| {
            policy.timeout_for_attempt(idempotent, retries, Duration::from_secs(remaining)).as_secs()
        };
        assert_eq!([timeout(true, 0, 60), timeout(true, 1, 41), timeout(true, 2, 35)], [20, 20, 35]);
        assert_eq!([timeout(true, 0, 6), timeout(false, 0, 60)], [6, 60]);
    }
}
