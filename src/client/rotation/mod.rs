//! Replaces keys regularly, and revokes no token before it expires.
//!
//! Deleting a key revokes every token that it signed, and a token can be valid for 24 hours. So a key needs a successor that
//! programs have switched to before it is deleted. [`SigningKeys::rotate`](crate::SigningKeys::rotate) does what is due. Run
//! it daily:
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
//! Programs that sign call [`Signer::from_store`](crate::Signer::from_store) at least once an hour, and replace their signer.
//!
//! # What a run does
//!
//! 1. It loads the store and lists the account's keys.
//! 2. If the newest key is due, and the store can be written, it creates a key and saves it. It then loads the store again.
//! 3. It deletes keys whose last token has expired, and removes them from the store.
//!
//! [`RotationPolicy::plan`] decides what is due, and does nothing. A run can be stopped at any point, and two can run at once.
//!
//! # If a step fails
//!
//! [`RotateError`] has every step that failed, and the key to sign with regardless. If it has a
//! [`recovered_key`](RotateError::recovered_key), save it. Then run it again later.
//!
//! # If a key leaks
//!
//! Call [`SigningKeys::revoke`](crate::SigningKeys::revoke), and then `rotate`, which creates a successor at once if it was
//! the key to sign with. Tokens of the leaked key stop working at once, and so do those that a program signs before it loads
//! the store again, so restart the programs that sign.
//!
//! If viewers matter more than the leak, create the successor first: call `rotate` with a policy whose
//! [`rotate_after`](RotationPolicy::with_rotate_after) is zero, let all programs load the store again, and then call `revoke`.
//!
//! # What is trusted
//!
//! A key is deleted only when its successor was saved longer ago than the [`overlap`](RotationPolicy::overlap). This relies on
//! three things that no program can check:
//!
//! - **The machine's clock.** If it jumps ahead by more than the margin in the overlap, keys are deleted too early.
//! - **The time that programs take to switch.** Every program that signs must load the store again within that margin, which
//!   is an hour by default.
//! - **The account and its store.** Use one store for each account. A run with a wrong account creates a key there, and
//!   programs sign with it until the next run with the right one.
//!
//! A key in use is safe from a job that runs twice at once or stops halfway, from a store that is restored from an older
//! backup, and from a list that is empty by mistake.

mod policy;
mod rotate;

pub use policy::{RotationPlan, RotationPolicy};
pub use rotate::{RotateError, RotateFailure, Rotation, RotationReport};
