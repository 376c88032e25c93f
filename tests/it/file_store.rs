//! Keys in a folder: `FileStore`, and signing from any store.

use std::fs;
use std::path::Path;

use cloudflare_stream_keys::jiff::Timestamp;
use cloudflare_stream_keys::mock::FakeServer;
use cloudflare_stream_keys::{ErrorKind, FileStore, FileStoreError, KeyStore, Signer, SigningKey};
use tempfile::TempDir;

/// An empty store in a folder that does not exist yet.
fn store() -> (TempDir, FileStore) {
    let folder = tempfile::tempdir().unwrap();
    let store = FileStore::new(folder.path().join("keys"));
    (folder, store)
}

fn ids(store: &mut FileStore) -> Vec<String> {
    let mut ids: Vec<_> = store.load().unwrap().into_iter().map(|key| key.id).collect();
    ids.sort();
    ids
}

fn names(folder: &Path) -> Vec<String> {
    let mut names: Vec<_> =
        fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

#[test]
fn saved_key_is_loaded_by_another_program_and_removed() {
    let (folder, mut store) = store();
    assert!(store.load().unwrap().is_empty());
    assert!(!folder.path().join("keys").exists(), "a load changes nothing");
    let key = FakeServer::start().signing_keys().create().unwrap();
    store.save(&key).unwrap();
    store.save(&SigningKey::new("key-2", "cGVt", "andr")).unwrap();

    let mut other = FileStore::new(folder.path().join("keys"));
    assert_eq!(names(&folder.path().join("keys")).len(), 2, "nothing is left beside the keys");
    let loaded = other.load().unwrap().into_iter().find(|loaded| loaded.id == key.id).unwrap();
    assert_eq!(loaded.jwk.expose_secret(), key.jwk.expose_secret());
    assert!(loaded.saved.is_some());

    store.remove(&key.id).unwrap();
    store.remove(&key.id).unwrap();
    assert_eq!(ids(&mut other), ["key-2"]);
}

#[cfg(unix)]
#[test]
fn only_the_owner_can_read_a_key() {
    use std::os::unix::fs::PermissionsExt;
    let (folder, mut store) = store();
    store.save(&SigningKey::new("key-1", "cGVt", "andr")).unwrap();
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    let keys = folder.path().join("keys");
    assert_eq!((mode(&keys), mode(&keys.join("key-key-1.json"))), (0o700, 0o600));
}

#[test]
fn key_is_never_replaced() {
    let (folder, mut store) = store();
    let key = SigningKey::new("key-1", "cGVt", "andr");
    store.save(&key).unwrap();
    let path = folder.path().join("keys/key-key-1.json");
    let text = fs::read_to_string(&path).unwrap();
    // The same key keeps its date.
    let mut again = key.clone();
    again.saved = Some(Timestamp::MAX);
    store.save(&again).unwrap();
    let error = store.save(&SigningKey::new("key-1", "b3RoZXI", "b3RoZXI")).unwrap_err();
    assert!(error.to_string().ends_with("file contains another key with this ID; nothing was changed"), "{error}");
    assert_eq!(fs::read_to_string(&path).unwrap(), text);
    fs::write(&path, "").unwrap();
    store.save(&key).unwrap_err();
    assert_eq!(names(&folder.path().join("keys")), ["key-key-1.json"]);
    assert_eq!(fs::read_to_string(&path).unwrap(), "", "a damaged file is not replaced either");
}

#[test]
fn key_that_could_not_be_loaded_is_not_saved() {
    let (folder, mut store) = store();
    let error = store.save(&SigningKey::new("key-1", "cGVt", "")).unwrap_err();
    assert!(error.to_string().contains("incomplete"), "{error}");
    assert!(!folder.path().join("keys").exists());
    // A key with one form is completed, and is the same when it is saved again.
    let server = FakeServer::start();
    let key = server.signing_keys().create().unwrap();
    let half = SigningKey::new(&key.id, key.pem.expose_secret(), "");
    store.save(&half).unwrap();
    store.save(&half).unwrap();
    store.save(&key).unwrap();
    assert_eq!(ids(&mut store), [key.id]);
}

#[test]
fn keys_of_many_threads_are_all_saved_and_none_is_replaced() {
    let (_folder, store) = store();
    std::thread::scope(|scope| {
        for thread in 0..8 {
            let mut store = store.clone();
            scope.spawn(move || {
                for n in 0..20 {
                    store.save(&SigningKey::new(format!("key-{thread}-{n}"), "cGVt", "andr")).unwrap();
                    let shared = SigningKey::new(format!("shared-{n}"), "cGVt", thread.to_string());
                    let saved = store.save(&shared);
                    let known = store.load().unwrap().into_iter().find(|key| key.id == shared.id).unwrap();
                    let is_ours =
                        known.pem.expose_secret() == "cGVt" && known.jwk.expose_secret() == thread.to_string();
                    assert!(saved.is_ok() || !is_ours);
                }
            });
        }
    });
    assert_eq!(store.clone().load().unwrap().len(), 8 * 20 + 20);
}

#[test]
fn no_id_names_a_file_outside_the_folder() {
    let (folder, mut store) = store();
    for id in ["", ".", "..", "../x", "a/b", "a\\b", "C:x", "a\0", "é", " ", "x\n"] {
        let error = store.save(&SigningKey::new(id, "cGVt", "andr")).unwrap_err();
        assert!(error.to_string().contains("key ID "), "{error}");
        store.remove(id).unwrap_err();
    }
    assert!(names(folder.path()).is_empty());
    for id in ["CON", "-rf", "~", ".hidden", "a.json", "A", "x.tmp"] {
        store.save(&SigningKey::new(id, "cGVt", id)).unwrap();
    }
    assert_eq!(ids(&mut store).len(), 7);
    assert_eq!(names(folder.path()), ["keys"]);
}

#[test]
fn damaged_or_misnamed_file_fails_the_whole_load_and_foreign_files_are_left_alone() {
    let (folder, mut store) = store();
    store.save(&SigningKey::new("key-1", "cGVt", "aHVudGVyMg")).unwrap();
    let keys = folder.path().join("keys");
    for foreign in ["README", "key-x.json.1-0.tmp", "notes.json", ".key-1.json"] {
        fs::write(keys.join(foreign), "{").unwrap();
    }
    assert_eq!(ids(&mut store), ["key-1"]);
    store.remove("key-1").unwrap();
    assert_eq!(names(&keys).len(), 4);
    store.save(&SigningKey::new("key-1", "cGVt", "aHVudGVyMg")).unwrap();

    let text = fs::read_to_string(keys.join("key-key-1.json")).unwrap();
    for (name, text, message) in [
        ("key-key-2.json", &text[..text.len() - 1], "stored key is truncated JSON"),
        ("key-key-2.json", "", "stored key is truncated JSON"),
        ("key-key-2.json", &text[..], "file contains key key-1; rename the file to key-key-1.json"),
    ] {
        fs::write(keys.join(name), text).unwrap();
        let error = store.load().unwrap_err();
        assert!(error.to_string().contains(name) && error.to_string().contains(message), "{error}");
        assert!(!format!("{error} {error:?} {error:#?}").contains("aHVudGVyMg"));
    }
    fs::remove_file(keys.join("key-key-2.json")).unwrap();
    #[cfg(unix)]
    {
        std::os::unix::fs::symlink("nowhere", keys.join("key-key-2.json")).unwrap();
        assert!(store.load().unwrap_err().to_string().contains("key-key-2.json"), "a link to nothing is not absent");
        fs::remove_file(keys.join("key-key-2.json")).unwrap();
    }
    fs::create_dir(keys.join("key-key-2.json")).unwrap();
    store.load().unwrap_err();
}

#[test]
fn prepared_store_is_an_empty_folder() {
    let (folder, mut store) = store();
    for _ in 0..2 {
        store.prepare().unwrap();
        assert!(names(&folder.path().join("keys")).is_empty() && store.load().unwrap().is_empty());
    }
}

#[test]
fn store_in_a_place_that_cannot_be_written_is_an_error() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("file"), "").unwrap();
    let server = FakeServer::start();
    for place in ["file", "missing/keys", "file/keys"] {
        let mut store = FileStore::new(folder.path().join(place));
        for error in [
            store.save(&SigningKey::new("key-1", "cGVt", "andr")).unwrap_err().to_string(),
            store.prepare().unwrap_err().to_string(),
            server.signing_keys().create_in(&mut store).unwrap_err().to_string(),
        ] {
            assert!(error.contains(place), "{error}");
        }
    }
    assert!(server.requests().is_empty(), "a key that cannot be saved is not created");
    for place in ["file", "missing/keys"] {
        assert!(
            FileStore::new(folder.path().join(place)).load().is_err(),
            "a store that cannot be created is not empty"
        );
    }
    assert!(FileStore::new("").load().is_err());
    assert!(FileStore::new("a-folder-that-does-not-exist").load().unwrap().is_empty());
}

#[test]
fn signer_uses_the_key_that_was_saved_last_and_can_sign() {
    let (_folder, mut store) = store();
    let error = Signer::from_store(&mut store).unwrap_err();
    assert_eq!(
        (error.kind(), error.to_string()),
        (ErrorKind::Store, "key store has no keys; create one, or check that it is the right store".into())
    );

    let server = FakeServer::start();
    let keys = server.signing_keys();
    let mut save = |saved: Option<&str>| {
        let mut key = keys.create().unwrap();
        key.saved = saved.map(|saved| saved.parse().unwrap());
        store.save(&key).unwrap();
        key.id
    };
    save(Some("2026-01-02T00:00:00Z"));
    let newest = save(Some("2026-01-03T00:00:00Z"));
    save(Some("2026-01-01T00:00:00Z"));
    assert_eq!(Signer::from_store(&mut store).unwrap().key_id(), newest);
    let mut unreadable = SigningKey::new("new-format", "bmV3", "bmV3");
    unreadable.saved = Some("2026-01-04T00:00:00Z".parse().unwrap());
    store.save(&unreadable).unwrap();
    assert_eq!(Signer::from_store(&mut store).unwrap().key_id(), newest);
    let store: &mut dyn KeyStore<Error = FileStoreError> = &mut store;
    assert_eq!(Signer::from_store(store).unwrap().key_id(), newest);

    let folder = tempfile::tempdir().unwrap();
    let mut only_unreadable = FileStore::new(folder.path());
    only_unreadable.save(&unreadable).unwrap();
    assert!(Signer::from_store(&mut only_unreadable).unwrap_err().to_string().starts_with("JWK "));
    fs::write(folder.path().join("key-x.json"), "").unwrap();
    let error = Signer::from_store(&mut only_unreadable).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Store);
    assert!(error.to_string().starts_with("key store could not be loaded: "), "{error}");
    assert!(error.to_string().contains("key-x.json"), "{error}");
    assert!(std::error::Error::source(&error).unwrap().is::<FileStoreError>());
}
