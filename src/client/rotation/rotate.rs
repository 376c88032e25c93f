use std::error::Error as StdError;
use std::fmt;

use jiff::Timestamp;
use serde::Serialize;

use super::policy::RotationPolicy;
use crate::client::{SigningKeyInfo, SigningKeys, failure};
use crate::{Error, ErrorKind, KeyStore, RecoveredKey, Signer, SigningKey, key_store};

/// The outcome of [`SigningKeys::rotate`].
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Rotation {
    /// The key to sign with. [`Signer::from_store`] uses it too.
    pub current: SigningKey,
    /// What was done.
    pub report: RotationReport,
}

/// What [`SigningKeys::rotate`] did, and what it left alone.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct RotationReport {
    /// The ID of the key that was created.
    pub created: Option<String>,
    /// The IDs of the keys that were deleted.
    pub deleted: Vec<String>,
    /// The IDs of the keys that were removed from the store.
    pub removed: Vec<String>,
    /// Keys that are in the account but not in the store. If no other program uses them, delete them by hand.
    pub unmanaged: Vec<SigningKeyInfo>,
    /// The IDs of stored keys that are not in the account, such as a revoked key until it is removed. If every stored
    /// key is here, check the account ID.
    pub unlisted: Vec<String>,
}

/// An error of [`SigningKeys::rotate`]: one or more steps failed. The other steps were done if that was safe.
///
/// Run `rotate` again later. If [`recovered_key`](Self::recovered_key) returns a key, save that key first.
pub struct RotateError(Box<Run>);

/// A step of [`SigningKeys::rotate`] that failed.
#[derive(Debug)]
#[non_exhaustive]
pub enum RotateFailure {
    /// The store could not be loaded. Nothing was deleted.
    Load(Error),
    /// The keys could not be listed. Nothing was created or deleted.
    List(Error),
    /// The create failed, or the new key was not saved. [`Error::recovered_key`] returns what arrived of the key.
    Create(Error),
    /// A stored key that is newer than the key to sign with cannot sign. Such a key does not count as a successor of
    /// older keys.
    Unusable {
        /// The ID of the key.
        id: String,
        /// Why it cannot sign.
        source: Error,
    },
    /// A new key is due, but too many keys are lost. See [`RotationPolicy::with_max_lost`].
    Blocked,
    /// A key could not be deleted.
    Delete {
        /// The ID of the key.
        id: String,
        /// Why it was not deleted.
        source: Error,
    },
    /// A key could not be removed from the store.
    Remove {
        /// The ID of the key.
        id: String,
        /// Why it was not removed.
        source: Error,
    },
}

impl SigningKeys {
    /// Creates and saves a key if one is due, and deletes keys whose last token has expired. Run it daily.
    ///
    /// A run can be interrupted at any point and repeated. Programs that sign load the store with
    /// [`Signer::from_store`].
    ///
    /// ```
    /// use cloudflare_stream_keys::{FileStore, RotationPolicy, Signer};
    /// # let folder = tempfile::tempdir()?;
    /// # let folder = folder.path().join("keys");
    /// # let server = cloudflare_stream_keys::mock::FakeServer::start();
    /// # let keys = server.signing_keys();
    ///
    /// let rotation = keys.rotate(&RotationPolicy::default(), &mut FileStore::new(folder))?;
    /// let signer = Signer::new(&rotation.current)?;
    /// # assert_eq!(Some(signer.key_id()), rotation.report.created.as_deref());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// Returns a [`RotateError`] with every step that failed, and the key to sign with for now.
    pub fn rotate<S: KeyStore + ?Sized>(
        &self,
        policy: &RotationPolicy,
        store: &mut S,
    ) -> Result<Rotation, RotateError> {
        self.rotate_with_clock(policy, store, &Timestamp::now)
    }

    /// Does the same as [`rotate`](Self::rotate), but at a given time, for tests. A new key counts as saved at that
    /// time. With a fake server, pass its `now()`.
    ///
    /// # Errors
    /// Returns the same error as [`rotate`](Self::rotate).
    pub fn rotate_at<S: KeyStore + ?Sized>(
        &self,
        policy: &RotationPolicy,
        store: &mut S,
        now: Timestamp,
    ) -> Result<Rotation, RotateError> {
        self.rotate_with_clock(policy, store, &|| now)
    }

    fn rotate_with_clock<S: KeyStore + ?Sized>(
        &self,
        policy: &RotationPolicy,
        store: &mut S,
        clock: &dyn Fn() -> Timestamp,
    ) -> Result<Rotation, RotateError> {
        let mut run = Run::default();
        run.execute(self, policy, store, clock);
        match run {
            Run { failures, current: Some(current), report } if failures.is_empty() => Ok(Rotation { current, report }),
            run => Err(RotateError(Box::new(run))),
        }
    }
}

/// A rotation that is under way, or failed.
#[derive(Debug, Default)]
struct Run {
    failures: Vec<RotateFailure>,
    current: Option<SigningKey>,
    report: RotationReport,
}

impl Run {
    fn execute<S: KeyStore + ?Sized>(
        &mut self,
        keys: &SigningKeys,
        policy: &RotationPolicy,
        store: &mut S,
        clock: &dyn Fn() -> Timestamp,
    ) {
        let now = clock();
        let mut stored = match key_store::load(store) {
            Ok(stored) => stored,
            Err(e) => return self.failures.push(RotateFailure::Load(e)),
        };
        let mut listed = match keys.list() {
            Ok(listed) => listed,
            Err(e) => {
                self.failures.push(RotateFailure::List(e));
                self.current = find(&stored, policy.plan(&[], &stored, now).current);
                return;
            }
        };
        let mut plan = policy.plan(&listed, &stored, now);
        self.current = find(&stored, plan.current.clone());
        if plan.is_blocked {
            self.failures.push(RotateFailure::Blocked);
        }
        if plan.create
            && let Some(key) = self.create(keys, store, &stored, clock)
        {
            // What counts is what the store returns.
            stored = match key_store::load(store) {
                Ok(stored) => stored,
                Err(e) => return self.failures.push(RotateFailure::Load(e)),
            };
            let is_saved = |known: &SigningKey| known.has_same_private_key(&key) && known.saved.is_some();
            listed.push(SigningKeyInfo { created: key.created, ..SigningKeyInfo::new(&key.id) });
            if !stored.iter().any(is_saved) {
                let cause = Error::new(ErrorKind::Store, "key store does not return the saved key or its date");
                self.failures.push(RotateFailure::Create(failure::not_saved(key, cause)));
            }
            plan = policy.plan(&listed, &stored, now);
            self.current = find(&stored, plan.current.clone());
        }
        self.report.unmanaged = plan.unmanaged;
        self.report.unlisted = plan.unlisted;
        for id in plan.unusable {
            if let Some(Err(source)) = find(&stored, Some(id.clone())).map(|key| Signer::new(&key)) {
                self.failures.push(RotateFailure::Unusable { id, source });
            }
        }
        for id in plan.delete {
            match keys.delete(&id) {
                Ok(_) => {
                    self.report.deleted.push(id.clone());
                    self.remove(store, id);
                }
                // Another program has just deleted the key. Once it is no longer listed, a run removes it from the store.
                Err(e) if e.is_not_found() => {}
                Err(source) => self.failures.push(RotateFailure::Delete { id, source }),
            }
        }
        for id in plan.remove {
            self.remove(store, id);
        }
    }

    fn create<S: KeyStore + ?Sized>(
        &mut self,
        keys: &SigningKeys,
        store: &mut S,
        stored: &[SigningKey],
        clock: &dyn Fn() -> Timestamp,
    ) -> Option<SigningKey> {
        match keys.create_and_save(store, stored, clock) {
            Ok(key) => {
                self.report.created = Some(key.id.clone());
                Some(key)
            }
            Err(e) => {
                self.report.created = e.recovered_key().and_then(|key| key.id.clone());
                self.failures.push(RotateFailure::Create(e));
                None
            }
        }
    }

    fn remove<S: KeyStore + ?Sized>(&mut self, store: &mut S, id: String) {
        match store.remove(&id) {
            Ok(()) => self.report.removed.push(id),
            Err(e) => {
                let source = Error::store("key could not be removed", e);
                self.failures.push(RotateFailure::Remove { id, source });
            }
        }
    }
}

fn find(stored: &[SigningKey], id: Option<String>) -> Option<SigningKey> {
    stored.iter().find(|key| Some(&key.id) == id.as_ref()).cloned()
}

impl RotateError {
    /// Returns the steps that failed, at least one, in order.
    pub fn failures(&self) -> &[RotateFailure] {
        &self.0.failures
    }

    /// Returns the key to sign with for now, if the store could be loaded and has such a key.
    pub fn current(&self) -> Option<&SigningKey> {
        self.0.current.as_ref()
    }

    /// Returns what was done.
    pub fn report(&self) -> &RotationReport {
        &self.0.report
    }

    /// Returns the key that was created but not saved, or what arrived of it. Save it, or it is lost.
    pub fn recovered_key(&self) -> Option<&RecoveredKey> {
        self.0.failures.iter().find_map(|failure| failure.error()?.recovered_key())
    }
}

impl fmt::Display for RotateError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("rotation is incomplete: ")?;
        for (i, failure) in self.0.failures.iter().enumerate() {
            write!(f, "{}{failure}", if i == 0 { "" } else { "; " })?;
        }
        Ok(())
    }
}

impl fmt::Debug for RotateError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if f.alternate() { f.debug_tuple("RotateError").field(&self.0).finish() } else { fmt::Display::fmt(self, f) }
    }
}

impl StdError for RotateError {}

impl RotateFailure {
    /// Returns why the step failed. `None` if it is [`Blocked`](Self::Blocked).
    pub fn error(&self) -> Option<&Error> {
        match self {
            Self::Load(error) | Self::List(error) | Self::Create(error) => Some(error),
            Self::Unusable { source, .. } | Self::Delete { source, .. } | Self::Remove { source, .. } => Some(source),
            Self::Blocked => None,
        }
    }
}

impl fmt::Display for RotateFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Load(_) | Self::List(_) | Self::Create(_) | Self::Delete { .. } => {}
            Self::Unusable { id, .. } => write!(f, "key {id} cannot sign: ")?,
            Self::Remove { id, .. } => write!(f, "key {id}: ")?,
            Self::Blocked => f.write_str(
                "no key was created, because too many keys are not stored or not usable; check the store, delete \
                 keys that no program uses, or raise max_lost",
            )?,
        }
        self.error().map_or(Ok(()), |error| error.fmt(f))
    }
}
