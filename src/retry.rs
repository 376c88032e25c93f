use std::time::Duration;

/// When to send a request again, and after how long.
///
/// A policy only decides; it keeps no time and sends nothing. It goes by whether the request can have taken effect:
///
/// * Listing and deleting can be repeated: they are, when no answer came and when the service answered 5xx.
/// * Creating cannot: a second create is a second key. It is repeated only when the first certainly had no effect, that
///   is when no connection was made, or when the service said 429.
///
/// Waits grow exponentially, each drawn at random between nothing and its limit ("full jitter"), unless the service
/// names a time in `Retry-After`. All attempts and waits lie inside the call's one deadline.
///
/// ```
/// use std::time::Duration;
/// use cloudflare_stream_keys::RetryPolicy;
///
/// let patient = RetryPolicy::default().max_retries(5).max_backoff(Duration::from_secs(120));
/// let never = RetryPolicy::none();
/// # let _ = (patient, never);
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RetryPolicy {
    max_retries: u32,
    initial_backoff: Duration,
    max_backoff: Duration,
    attempt_timeout: Duration,
}

impl Default for RetryPolicy {
    /// 2 retries, as Cloudflare's own SDKs have; waits of up to 0.5 s and 1 s; 20 s for an attempt that can be repeated.
    fn default() -> Self {
        Self {
            max_retries: 2,
            initial_backoff: Duration::from_millis(500),
            max_backoff: Duration::from_secs(30),
            attempt_timeout: Duration::from_secs(20),
        }
    }
}

/// Beyond any deadline, and not so long that a calculation with it overflows.
const LONGEST_WAIT: Duration = Duration::from_secs(365 * 24 * 60 * 60);

/// What came of one attempt, as far as it matters here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum AttemptOutcome {
    /// Nothing was sent.
    NotSent,
    /// It was sent, and no answer arrived, or not all of it.
    NoResponse,
    /// The service answered.
    Response { status: u16, retry_after: Option<Duration> },
    /// The service answered, but so that nobody can read it; it would again.
    Unreadable,
}

impl AttemptOutcome {
    /// Whether the request may have been carried out although the answer does not say so.
    pub(crate) fn may_have_taken_effect(self) -> bool {
        matches!(self, Self::NoResponse | Self::Response { status: 500..=599, .. })
    }
}

impl RetryPolicy {
    /// Every request is sent once.
    pub fn none() -> Self {
        Self::default().max_retries(0)
    }

    /// How many times a request is sent again, at the most.
    pub fn max_retries(mut self, retries: u32) -> Self {
        self.max_retries = retries;
        self
    }

    /// The limit of the first wait; it doubles with every retry. 0.5 s unless set.
    pub fn initial_backoff(mut self, wait: Duration) -> Self {
        self.initial_backoff = wait;
        self
    }

    /// No wait is longer. A `Retry-After` beyond it ends the call at once: see [`crate::Error::retry_after`].
    /// 30 s unless set.
    pub fn max_backoff(mut self, wait: Duration) -> Self {
        self.max_backoff = wait;
        self
    }

    /// How long an attempt may take when another can follow it. The last attempt, and a create, may take all that is left
    /// of the call's time. 20 s unless set.
    pub fn attempt_timeout(mut self, timeout: Duration) -> Self {
        self.attempt_timeout = timeout;
        self
    }

    /// How long to wait before sending again; `None` to stop. `retries` have been made before; `chance` is a random
    /// number from 0 to 1.
    pub(crate) fn backoff(
        &self,
        idempotent: bool,
        retries: u32,
        outcome: AttemptOutcome,
        chance: f64,
    ) -> Option<Duration> {
        let allowed = match outcome {
            AttemptOutcome::NotSent | AttemptOutcome::Response { status: 429, .. } => true,
            AttemptOutcome::NoResponse | AttemptOutcome::Response { status: 500..=599, .. } => idempotent,
            AttemptOutcome::Response { .. } | AttemptOutcome::Unreadable => false,
        };
        if !allowed || retries >= self.max_retries {
            return None;
        }
        match outcome {
            AttemptOutcome::Response { retry_after: Some(asked), .. } => (asked <= self.max_backoff).then_some(asked),
            _ => {
                let limit = self.initial_backoff.saturating_mul(2u32.saturating_pow(retries)).min(self.max_backoff);
                Some(limit.min(LONGEST_WAIT).mul_f64(chance.clamp(0.0, 1.0)))
            }
        }
    }

    /// How long the next attempt may take, when `left` is left for the whole call.
    pub(crate) fn next_timeout(&self, idempotent: bool, retries: u32, left: Duration) -> Duration {
        if idempotent && retries < self.max_retries { self.attempt_timeout.min(left) } else { left }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NO_ANSWER: AttemptOutcome = AttemptOutcome::NoResponse;
    const NOT_SENT: AttemptOutcome = AttemptOutcome::NotSent;

    fn answer(status: u16) -> AttemptOutcome {
        AttemptOutcome::Response { status, retry_after: None }
    }

    fn asking(status: u16, seconds: u64) -> AttemptOutcome {
        AttemptOutcome::Response { status, retry_after: Some(Duration::from_secs(seconds)) }
    }

    fn is_repeated(idempotent: bool, outcome: AttemptOutcome) -> bool {
        RetryPolicy::default().backoff(idempotent, 0, outcome, 1.0).is_some()
    }

    #[test]
    fn a_request_that_cannot_be_repeated_is_sent_again_only_where_it_had_no_effect() {
        assert!(is_repeated(false, NOT_SENT));
        assert!(is_repeated(false, answer(429)));
        for outcome in
            [NO_ANSWER, AttemptOutcome::Unreadable].into_iter().chain((100..600).filter(|s| *s != 429).map(answer))
        {
            assert!(!is_repeated(false, outcome), "{outcome:?}");
        }
        assert!(!is_repeated(false, asking(503, 1)));
    }

    #[test]
    fn a_request_that_can_be_repeated_is_sent_again_where_that_can_help() {
        for outcome in [NOT_SENT, NO_ANSWER, answer(429)].into_iter().chain((500..600).map(answer)) {
            assert!(is_repeated(true, outcome), "{outcome:?}");
        }
        for outcome in [AttemptOutcome::Unreadable].into_iter().chain((100..500).filter(|s| *s != 429).map(answer)) {
            assert!(!is_repeated(true, outcome), "{outcome:?}");
        }
    }

    #[test]
    fn retries_come_to_an_end() {
        let waits =
            |policy: RetryPolicy| (0..10).take_while(|n| policy.backoff(true, *n, NO_ANSWER, 0.0).is_some()).count();
        assert_eq!(waits(RetryPolicy::none()), 0);
        assert_eq!(waits(RetryPolicy::default()), 2);
        assert_eq!(waits(RetryPolicy::default().max_retries(7)), 7);
    }

    #[test]
    fn waits_double_up_to_their_limit_and_are_drawn_from_nothing_up() {
        let policy = RetryPolicy::default().max_retries(u32::MAX).max_backoff(Duration::from_secs(3));
        let wait = |retries, chance| policy.backoff(true, retries, NO_ANSWER, chance).unwrap().as_millis();
        assert_eq!([0, 1, 2, 3, 40, u32::MAX - 1].map(|n| wait(n, 1.0)), [500, 1000, 2000, 3000, 3000, 3000]);
        assert_eq!([0.0, 0.25, 0.5].map(|chance| wait(1, chance)), [0, 250, 500]);
    }

    #[test]
    fn extreme_waits_do_no_harm() {
        let policy = RetryPolicy::default().initial_backoff(Duration::MAX).max_backoff(Duration::MAX);
        assert_eq!(policy.backoff(true, 0, NO_ANSWER, 1.0), Some(LONGEST_WAIT));
    }

    #[test]
    fn a_wait_that_the_service_asks_for_is_obeyed_up_to_the_limit() {
        let policy = RetryPolicy::default();
        let wait = |outcome| policy.backoff(true, 0, outcome, 0.0);
        assert_eq!(wait(asking(429, 0)), Some(Duration::ZERO));
        assert_eq!(wait(asking(429, 30)), Some(Duration::from_secs(30)));
        assert_eq!(wait(asking(429, 31)), None);
        assert_eq!(wait(asking(503, 7)), Some(Duration::from_secs(7)));
    }

    #[test]
    fn an_attempt_is_cut_short_only_where_another_can_follow() {
        let policy = RetryPolicy::default();
        let timeout =
            |idempotent, retries, left| policy.next_timeout(idempotent, retries, Duration::from_secs(left)).as_secs();
        assert_eq!([timeout(true, 0, 60), timeout(true, 1, 40), timeout(true, 2, 35)], [20, 20, 35]);
        assert_eq!([timeout(true, 0, 5), timeout(false, 0, 60)], [5, 60]);
    }
}
