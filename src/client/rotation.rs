use std::time::Duration;

use jiff::Timestamp;

use super::SigningKeyInfo;

const HOUR: Duration = Duration::from_secs(60 * 60);
const DAY: Duration = HOUR.saturating_mul(24);

/// When to create and delete keys, so that keys are replaced regularly and no token is revoked before it expires.
///
/// [`plan`](Self::plan) says what is due. It only compares dates, and makes no requests.
///
/// Deleting a key revokes every token that it signed, and a token can be valid for 24 hours. So a key is deleted only when
/// its successor is older than that, plus a margin in which all programs start to sign with the successor. The newest key
/// that is both listed and stored is the one to sign with.
///
/// ```
/// use cloudflare_stream_keys::jiff::Timestamp;
/// use cloudflare_stream_keys::{Error, RotationPolicy, Secret, SigningKeys};
/// use std::collections::BTreeMap;
///
/// /// Does what is due. Run it daily. `store` stands in for a secret store.
/// fn rotate(keys: &SigningKeys, store: &mut BTreeMap<String, Secret>) -> Result<(), Error> {
///     let plan =
///         RotationPolicy::default().plan(&keys.list()?, |id| store.contains_key(id), Timestamp::now());
///     for id in plan.delete {
///         keys.delete(&id)?;
///         store.remove(&id);
///     }
///     if plan.create {
///         let key = keys.create()?;
///         store.insert(key.id.clone(), key.to_json());
///     }
///     Ok(())
/// }
/// # let server = cloudflare_stream_keys::mock::FakeServer::start();
/// # let mut store = BTreeMap::new();
/// # rotate(&server.signing_keys(), &mut store)?;
/// # assert_eq!(store.len(), 1);
/// # Ok::<(), Error>(())
/// ```
///
/// `examples/rotate.rs` shows it with a clock that is moved forward by days.
#[derive(Clone, Debug, PartialEq, Eq)]
#[must_use]
pub struct RotationPolicy {
    rotate_after: Duration,
    overlap: Duration,
}

/// What is due according to a [`RotationPolicy`].
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
#[must_use]
pub struct RotationPlan {
    /// The IDs of the keys to delete, oldest first: the last token of each has expired.
    pub delete: Vec<String>,
    /// Whether to create a key.
    pub create: bool,
    /// Keys that the plan leaves alone, because they are not in the store or have no clear creation date. They may be in use
    /// by another program, or lost. Check them by hand.
    pub unmanaged: Vec<SigningKeyInfo>,
}

impl Default for RotationPolicy {
    /// Replaces a key after 30 days, with an overlap of 25 hours.
    fn default() -> Self {
        Self { rotate_after: DAY * 30, overlap: HOUR * 25 }
    }
}

impl RotationPolicy {
    /// Sets the age at which the newest key gets a successor. The default is 30 days.
    pub fn rotate_after(self, age: Duration) -> Self {
        Self { rotate_after: age, ..self }
    }

    /// Sets the age of its successor at which a key can be deleted. The default is 25 hours.
    ///
    /// It must be at least the longest lifetime of your tokens, plus the time that your programs need to switch to a new
    /// key.
    pub fn overlap(self, age: Duration) -> Self {
        Self { overlap: age, ..self }
    }

    /// Returns what is due at the given time.
    ///
    /// `listed` are the keys that [`SigningKeys::list`](crate::SigningKeys::list) returned. `is_stored` returns whether
    /// your store has the private key with this ID. A key that it does not have is never deleted: it may belong to
    /// another program, and a store can be empty by mistake.
    ///
    /// A key must be in the store soon after its creation, because its age counts from there. If you store a key later,
    /// such as one whose PEM you recovered by hand, do not act on [`delete`](RotationPlan::delete) until all programs
    /// have signed with it for the time of [`overlap`](Self::overlap).
    ///
    /// ```
    /// use cloudflare_stream_keys::{RotationPolicy, SigningKeyInfo};
    /// # let key = |id: &str, created: &str| -> SigningKeyInfo {
    /// #     let mut key = SigningKeyInfo::new(id);
    /// #     key.created = created.parse().ok();
    /// #     key
    /// # };
    ///
    /// let listed = [
    ///     key("a", "2026-01-01T00:00:00Z"),
    ///     key("b", "2026-01-31T00:00:00Z"),
    ///     key("c", "2026-02-20T00:00:00Z"),
    /// ];
    /// // "c" is not ours, so "b" is the successor of "a", and the key that signs.
    /// let is_stored = |id: &str| id != "c";
    /// let plan = RotationPolicy::default().plan(&listed, is_stored, "2026-02-01T02:00:00Z".parse()?);
    /// assert_eq!((plan.delete, plan.create), (vec!["a".to_string()], false));
    /// assert_eq!(plan.unmanaged[0].id, "c");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn plan(&self, listed: &[SigningKeyInfo], is_stored: impl Fn(&str) -> bool, now: Timestamp) -> RotationPlan {
        let mut managed = Vec::new();
        let mut unmanaged = Vec::new();
        for key in listed {
            let is_clear = listed.iter().all(|other| other.id != key.id || other.created == key.created);
            match key.created {
                Some(created) if is_clear && is_stored(&key.id) => managed.push((created, &key.id)),
                _ => unmanaged.push(key.clone()),
            }
        }
        managed.sort();
        managed.dedup();

        // A key of the future has no age: the clocks differ.
        let is_as_old_as = |created: Timestamp, age: Duration| {
            Duration::try_from(now.duration_since(created)).is_ok_and(|actual| actual >= age)
        };
        let create = match managed.last() {
            Some((created, _)) => is_as_old_as(*created, self.rotate_after),
            // The age of a stored key without a date is unknown: keys must not pile up because of it.
            None => !unmanaged.iter().any(|key| is_stored(&key.id)),
        };
        // No token of a key that is older than this one is still valid.
        let dates = managed.iter().map(|(created, _)| *created);
        let established = dates.rev().find(|created| is_as_old_as(*created, self.overlap));
        let is_expired = |created: &Timestamp| established.is_some_and(|established| *created < established);
        let delete = managed.iter().filter(|(created, _)| is_expired(created)).map(|(_, id)| id.to_string()).collect();
        RotationPlan { delete, create, unmanaged }
    }
}
