use std::cmp::Reverse;

use crate::{Error, SigningKey};

/// Where a program keeps its private keys. [`FileStore`](crate::FileStore) is the store for a single machine.
///
/// [`rotate`](crate::SigningKeys::rotate) and [`Signer::from_store`](crate::Signer::from_store) use it. Use one store
/// for each account. A store keeps the text of [`SigningKey::to_json`] under the key's ID, so a store of your own is
/// short:
///
/// ```
/// use cloudflare_stream_keys::{Error, KeyStore, Secret, SigningKey};
/// # use std::collections::BTreeMap;
/// # struct Database(BTreeMap<String, Secret>);
/// impl KeyStore for Database { // a table of IDs and texts
///     type Error = Error;
///     fn load(&mut self) -> Result<Vec<SigningKey>, Error> {
///         self.0.values().map(|text| SigningKey::from_json(text.expose_secret())).collect()
///     }
///     fn save(&mut self, key: &SigningKey) -> Result<(), Error> {
///         self.0.entry(key.id.clone()).or_insert_with(|| key.to_json());
///         Ok(())
///     }
///     fn remove(&mut self, id: &str) -> Result<(), Error> {
///         self.0.remove(id);
///         Ok(())
///     }
/// }
/// # let mut store = Database(BTreeMap::new());
/// # let server = cloudflare_stream_keys::mock::FakeServer::start();
/// # server.signing_keys().rotate(&Default::default(), &mut store).unwrap();
/// # assert_eq!(store.load()?.len(), 1);
/// # Ok::<(), Error>(())
/// ```
pub trait KeyStore {
    /// The error of this store. It must not contain a private key.
    type Error: std::error::Error + Send + Sync + 'static;

    /// Returns all keys, in any order.
    ///
    /// If a key cannot be read, the load must fail: a skipped key would look as if it did not exist.
    ///
    /// # Errors
    /// Returns an error if the keys cannot all be read.
    fn load(&mut self) -> Result<Vec<SigningKey>, Self::Error>;

    /// Checks that a key can be saved. Called before a key is created. Does nothing by default.
    ///
    /// # Errors
    /// Returns an error if a key could not be saved.
    fn prepare(&mut self) -> Result<(), Self::Error> {
        Ok(())
    }

    /// Saves a key. Once this returns, the key must survive a crash.
    ///
    /// If the store already has a key with this ID, that key must not change: the service never reuses an ID. A store
    /// that can tell the two keys apart returns an error if they differ.
    ///
    /// # Errors
    /// Returns an error if the key is not saved.
    fn save(&mut self, key: &SigningKey) -> Result<(), Self::Error>;

    /// Removes a key. A key that does not exist counts as removed.
    ///
    /// # Errors
    /// Returns an error if the key may still exist.
    fn remove(&mut self, id: &str) -> Result<(), Self::Error>;
}

pub(crate) fn load<S: KeyStore + ?Sized>(store: &mut S) -> Result<Vec<SigningKey>, Error> {
    store.load().map_err(|e| Error::store("key store could not be loaded", e))
}

/// Sorts keys by when they were saved, newest first. The result does not depend on the order in which they were loaded.
pub(crate) fn newest_first(keys: &mut [SigningKey]) {
    keys.sort_by(|a, b| Reverse((a.saved, a.created, &a.id)).cmp(&Reverse((b.saved, b.created, &b.id))));
}
