//! Replaces keys regularly, without revoking a token before it expires.
//!
//! Deleting a key revokes every token that it signed, and a token can be valid for 24 hours. So programs must have
//! switched to a successor before a key is deleted. [`SigningKeys::rotate`](crate::SigningKeys::rotate) creates and
//! deletes keys when they are due. Run it daily:
//!
//! ```
//! use cloudflare_stream_keys::{FileStore, RotateError, RotationPolicy, SigningKeys};
//!
//! fn daily_job(keys: &SigningKeys, store: &mut FileStore) -> Result<(), RotateError> {
//!     let rotation = keys.rotate(&RotationPolicy::default(), store)?;
//!     println!("signing with {}, deleted {:?}", rotation.current.id, rotation.report.deleted);
//!     Ok(())
//! }
//! # let folder = tempfile::tempdir().unwrap();
//! # let server = cloudflare_stream_keys::mock::FakeServer::start();
//! # daily_job(&server.signing_keys(), &mut FileStore::new(folder.path().join("keys"))).unwrap();
//! ```
//!
//! Programs that sign call [`Signer::from_store`](crate::Signer::from_store) at least once an hour, and replace their
//! signer.
//!
//! # What a run does
//!
//! 1. It loads the store and lists the account's keys.
//! 2. If the newest key is due for replacement and the store is writable, it creates a key, saves it, and loads the
//!    store again.
//! 3. It deletes keys whose last token has expired, and removes them from the store.
//!
//! [`RotationPolicy::plan`] decides what is due, without doing it. A run can be interrupted at any point, and two runs
//! can overlap.
//!
//! # If a step fails
//!
//! [`RotateError`] has every step that failed, and the key to sign with for now. If it has a
//! [`recovered_key`](RotateError::recovered_key), save that key. Then run `rotate` again later.
//!
//! # If a key leaks
//!
//! Call [`SigningKeys::revoke`](crate::SigningKeys::revoke), and then `rotate`, which creates a successor at once if
//! programs sign with the leaked key. Tokens of the leaked key stop working at once, including tokens that a program
//! signs with it later. So restart the programs that sign.
//!
//! If uninterrupted playback matters more than the leak, do not revoke the key. Call `rotate` once with a policy whose
//! [`rotate_after`](RotationPolicy::with_rotate_after) is zero. The daily job then deletes the leaked key after its last
//! token has expired. Until then, whoever has the key can sign tokens.
//!
//! # What is trusted
//!
//! A key is deleted only if its successor was saved longer ago than the [`overlap`](RotationPolicy::overlap), which is
//! the longest lifetime of a token plus a margin, an hour by default. This relies on three things that no program can
//! check:
//!
//! - **The machine's clock.** If it jumps ahead by more than the margin, keys are deleted too early.
//! - **The time that programs take to switch.** Every program that signs must load the store again within the margin.
//! - **The account and its store.** Use one store for each account. A run with the wrong account creates a key there,
//!   and programs sign with that key until the next run with the right account.
//!
//! A key in use is not deleted if two runs overlap, if a run stops halfway, if the store is restored from an older
//! backup, or if a list is empty by mistake.

mod policy;
mod rotate;

pub use policy::{RotationPlan, RotationPolicy};
pub use rotate::{RotateError, RotateFailure, Rotation, RotationReport};
