use std::collections::BTreeSet;
use std::time::Duration;

use jiff::Timestamp;

use crate::client::SigningKeyInfo;
use crate::key_store::newest_first;
use crate::{Signer, SigningKey};

const HOUR: Duration = Duration::from_secs(60 * 60);
const DAY: Duration = HOUR.saturating_mul(24);

/// When to create and delete keys, so that keys are replaced regularly and no token is revoked before it expires.
///
/// [`SigningKeys::rotate`](crate::SigningKeys::rotate) follows the policy. [`plan`](Self::plan) only computes what is
/// due. The [module](super) describes a run and its assumptions.
///
/// ```
/// use std::time::Duration;
/// use cloudflare_stream_keys::RotationPolicy;
///
/// let weekly = RotationPolicy::default().with_rotate_after(Duration::from_secs(7 * 24 * 60 * 60));
/// # assert_eq!(weekly.overlap(), Duration::from_secs(25 * 60 * 60));
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[must_use]
pub struct RotationPolicy {
    rotate_after: Duration,
    overlap: Duration,
    max_lost: usize,
}

/// What is due according to a [`RotationPolicy`].
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
#[must_use]
pub struct RotationPlan {
    /// The ID of the key to sign with: the newest stored key that is listed and can sign, or else the newest stored key
    /// that can sign.
    pub current: Option<String>,
    /// The IDs of stored and listed keys that are newer than the key to sign with, and cannot sign.
    pub unusable: Vec<String>,
    /// Whether to create a key.
    pub create: bool,
    /// Whether a key is due but must not be created, because too many keys are lost. See
    /// [`max_lost`](RotationPolicy::with_max_lost).
    pub is_blocked: bool,
    /// The IDs of the keys to delete and to remove from the store: the last token of each has expired.
    pub delete: Vec<String>,
    /// The IDs of the keys to remove from the store: they are not listed, and the last token of each has expired.
    pub remove: Vec<String>,
    /// Keys that are in the account but not in the store. They are left alone, because another program may use them.
    pub unmanaged: Vec<SigningKeyInfo>,
    /// The IDs of stored keys that are not in the account, and are not yet due to be removed.
    pub unlisted: Vec<String>,
}

impl Default for RotationPolicy {
    /// Replaces a key after 30 days, with an overlap of 25 hours, and stops at 10 lost keys.
    fn default() -> Self {
        Self { rotate_after: DAY * 30, overlap: HOUR * 25, max_lost: 10 }
    }
}

impl RotationPolicy {
    /// Sets the age at which the newest key gets a successor. Defaults to 30 days.
    pub fn with_rotate_after(self, age: Duration) -> Self {
        Self { rotate_after: age, ..self }
    }

    /// Sets how old a key's successor must be before the key is deleted. Defaults to 25 hours.
    ///
    /// This must be at least the longest lifetime of your tokens, plus the time that your programs take to switch to a
    /// new key.
    pub fn with_overlap(self, age: Duration) -> Self {
        Self { overlap: age, ..self }
    }

    /// Sets how many keys can be lost before no more are created. Defaults to 10.
    ///
    /// A key counts as lost if it is newer than the newest usable key: a key that is listed and stored, has a `saved`
    /// date and can sign. The limit prevents a job whose creates, saves or lists keep failing from filling the account,
    /// which can have 1,000 keys.
    ///
    /// If there is no usable key, every key of the account and of the store counts, including other programs' keys. For
    /// the first run in an account with many keys, set a higher limit.
    pub fn with_max_lost(self, keys: usize) -> Self {
        Self { max_lost: keys, ..self }
    }

    /// Returns the age at which the newest key gets a successor.
    pub fn rotate_after(&self) -> Duration {
        self.rotate_after
    }

    /// Returns how old a key's successor must be before the key is deleted.
    pub fn overlap(&self) -> Duration {
        self.overlap
    }

    /// Returns how many keys can be lost before no more are created.
    pub fn max_lost(&self) -> usize {
        self.max_lost
    }

    /// Returns what is due at the given time.
    ///
    /// `listed` are the keys that [`SigningKeys::list`](crate::SigningKeys::list) returned, and `stored` those that
    /// [`KeyStore::load`](crate::KeyStore::load) returned. A key's age counts from when it was
    /// [saved](SigningKey::saved).
    ///
    /// ```
    /// use cloudflare_stream_keys::{RotationPolicy, SigningKeyInfo};
    /// # let server = cloudflare_stream_keys::mock::FakeServer::start();
    /// # let mut key = server.signing_keys().create()?;
    /// # key.saved = Some("2026-01-01T00:00:00Z".parse()?);
    ///
    /// let listed = [SigningKeyInfo::new(&key.id), SigningKeyInfo::new("another-program")];
    /// let plan = RotationPolicy::default().plan(&listed, &[key.clone()], "2026-02-01T00:00:00Z".parse()?);
    /// assert!(plan.create);
    /// assert_eq!(plan.current, Some(key.id));
    /// assert_eq!(plan.unmanaged[0].id, "another-program");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn plan(&self, listed: &[SigningKeyInfo], stored: &[SigningKey], now: Timestamp) -> RotationPlan {
        let mut stored = stored.to_vec();
        newest_first(&mut stored);
        // A key that is stored twice must not become its own successor.
        let mut ids = BTreeSet::new();
        stored.retain(|key| ids.insert(key.id.clone()));
        let is_listed = |id: &str| listed.iter().any(|key| key.id == id);
        // A key saved in the future has no age: the clock was set back. A key without a date is older than any other.
        let is_as_old_as = |key: &SigningKey, age: Duration| {
            let age_of = |saved| Duration::try_from(now.duration_since(saved)).ok();
            key.saved.is_none_or(|saved| age_of(saved).is_some_and(|actual| actual >= age))
        };
        let managed: Vec<&SigningKey> = stored.iter().filter(|key| is_listed(&key.id)).collect();
        let signing = managed.iter().copied().find(|key| Signer::new(key).is_ok());
        // Testing a key takes as long as two signatures, so no key is tested twice.
        let can_sign =
            |key: &&SigningKey| signing.is_some_and(|signing| signing.id == key.id) || Signer::new(key).is_ok();
        let newest_stored = stored.iter().find(can_sign);

        // Programs would sign with a key that the account does not have.
        let is_gone = newest_stored.is_some_and(|newest| !is_listed(&newest.id));
        let is_due = is_gone
            || signing.is_none()
            || managed.first().is_some_and(|newest| is_as_old_as(newest, self.rotate_after));

        // Lost keys are newer than the newest key that is listed, has a date and can sign. All dates in the list are
        // from the service's clock.
        let unmanaged: Vec<_> =
            listed.iter().filter(|key| stored.iter().all(|known| known.id != key.id)).cloned().collect();
        let sound = managed.iter().copied().filter(|key| key.saved.is_some()).find(can_sign);
        let newer = stored.iter().take_while(|key| sound.is_none_or(|sound| key.id != sound.id)).count();
        let created = sound.and_then(|sound| listed.iter().find(|key| key.id == sound.id)?.created);
        let is_newer =
            |key: &&SigningKeyInfo| key.created.is_none_or(|date| created.is_none_or(|created| date >= created));
        let is_blocked = is_due && newer + unmanaged.iter().filter(is_newer).count() >= self.max_lost;
        let unusable = managed.iter().take_while(|key| signing.is_none_or(|signing| key.id != signing.id));

        // No token of a key that was saved before this key is still valid.
        let established = managed.iter().copied().filter(|key| is_as_old_as(key, self.overlap)).find(can_sign);
        let is_expired = |key: &&SigningKey| established.is_some_and(|established| key.saved < established.saved);
        let (expired, kept): (Vec<_>, Vec<_>) = stored.iter().partition(is_expired);
        let ids = |keys: &[&SigningKey], listed: bool| {
            keys.iter().filter(|key| is_listed(&key.id) == listed).map(|key| key.id.clone()).collect()
        };
        RotationPlan {
            current: signing.or(newest_stored).map(|key| key.id.clone()),
            unusable: unusable.map(|key| key.id.clone()).collect(),
            create: is_due && !is_blocked,
            is_blocked,
            delete: ids(&expired, true),
            remove: ids(&expired, false),
            unmanaged,
            unlisted: ids(&kept, false),
        }
    }
}
