use std::collections::BTreeMap;
use std::ops::RangeInclusive;
use std::time::Duration;

use jiff::Timestamp;

use crate::SigningKeyInfo;

/// How far the local clock and the service's clock may differ.
const CLOCK_TOLERANCE: Duration = Duration::from_secs(60);

/// The key that a failed create left behind, as far as lists of the account's keys show it.
///
/// Its private key is lost, so it is of no use and can be deleted. See
/// [how to recover from a failed create](crate::Error#recovering-from-a-failed-create).
#[derive(Clone, Debug, PartialEq, Eq)]
#[must_use]
pub enum LostKey {
    /// No key is new. The create had no effect, or has none yet.
    None,
    /// Exactly one key is new, and it was created during the call.
    Found(SigningKeyInfo),
    /// These keys are new, but it is not clear which of them the call created, if any. Ask whoever else creates keys in
    /// this account before you delete one.
    Unclear(Vec<SigningKeyInfo>),
}

impl LostKey {
    /// Compares the keys before and after a create. `call` is when the create began and ended by the local clock, which
    /// may differ from the service's clock by up to a minute. `is_stored` returns whether your store has the private key
    /// with this ID, which is then not a lost one.
    ///
    /// A list does not show who created a key. A key that another program creates in the same account during the call, or
    /// in the minute before or after it, can look like the lost one. If there can be such a program, treat
    /// [`Found`](Self::Found) like [`Unclear`](Self::Unclear).
    ///
    /// ```
    /// use cloudflare_stream_keys::LostKey;
    /// use cloudflare_stream_keys::jiff::Timestamp;
    /// # let server = cloudflare_stream_keys::mock::FakeServer::start();
    /// # let keys = server.signing_keys();
    /// # server.seed("in-use");
    /// # let store = std::collections::BTreeSet::<String>::new();
    ///
    /// let before = keys.list()?;
    /// let start = Timestamp::now();
    /// # server.seed("lost");
    /// // … a create fails …
    /// let call = start..=Timestamp::now();
    /// let lost = LostKey::find(&before, &keys.list()?, call, |id| store.contains(id));
    /// # let LostKey::Found(key) = lost else { panic!("{lost:?}") };
    /// # assert_eq!(key.id, "lost");
    /// # Ok::<(), cloudflare_stream_keys::Error>(())
    /// ```
    pub fn find(
        before: &[SigningKeyInfo],
        after: &[SigningKeyInfo],
        call: RangeInclusive<Timestamp>,
        is_stored: impl Fn(&str) -> bool,
    ) -> Self {
        let is_new = |key: &&SigningKeyInfo| before.iter().all(|old| old.id != key.id) && !is_stored(&key.id);
        let new: BTreeMap<_, _> = after.iter().filter(is_new).map(|key| (&key.id, key)).collect();
        let new: Vec<_> = new.into_values().cloned().collect();

        let earliest = call.start().saturating_sub(CLOCK_TOLERANCE).unwrap_or(Timestamp::MIN);
        let latest = call.end().saturating_add(CLOCK_TOLERANCE).unwrap_or(Timestamp::MAX);
        let is_of_this_call =
            |key: &SigningKeyInfo| key.created.is_some_and(|created| (earliest..=latest).contains(&created));
        match &new[..] {
            [] => Self::None,
            [key] if is_of_this_call(key) => Self::Found(key.clone()),
            _ => Self::Unclear(new),
        }
    }
}
