//! Keeps secrets out of the log. ureq-proto logs every byte that it sends and receives at trace level, API token and
//! private key included, and has no setting to prevent it. So while it encodes or decodes, the process's log level is
//! lowered to debug, if the logger would record those lines. This also hides the trace lines of other threads for that
//! moment, but a private key that reached a log is compromised.

use std::cell::Cell;
use std::mem::take;
use std::sync::{Mutex, MutexGuard, PoisonError};

use log::{Level, LevelFilter};

/// The log target of ureq-proto's wire log.
const WIRE_LOG_TARGET: &str = "ureq_proto::util";

/// Keeps the wire log off until it is dropped, except during [`pause`].
pub(super) struct WireLogGuard(());

impl WireLogGuard {
    pub(super) fn new() -> Self {
        hold();
        Self(())
    }
}

impl Drop for WireLogGuard {
    fn drop(&mut self) {
        release();
    }
}

/// The threads that encode or decode.
struct Holders {
    count: usize,
    /// Whether they have lowered the level from trace.
    is_lowered: bool,
}

static HOLDERS: Mutex<Holders> = Mutex::new(Holders { count: 0, is_lowered: false });

thread_local! {
    static IS_HOLDER: Cell<bool> = const { Cell::new(false) };
}

fn holders() -> MutexGuard<'static, Holders> {
    HOLDERS.lock().unwrap_or_else(PoisonError::into_inner)
}

fn hold() {
    IS_HOLDER.set(true);
    holders().count += 1;
    renew();
}

/// Lowers the level if the wire log is on: another thread may have raised it.
pub(super) fn renew() {
    if IS_HOLDER.get() && log::log_enabled!(target: WIRE_LOG_TARGET, Level::Trace) {
        holders().is_lowered = true;
        log::set_max_level(LevelFilter::Debug);
    }
}

fn release() {
    if IS_HOLDER.replace(false) {
        let mut holders = holders();
        holders.count -= 1;
        if holders.count == 0 && take(&mut holders.is_lowered) && log::max_level() == LevelFilter::Debug {
            log::set_max_level(LevelFilter::Trace);
        }
    }
}

/// Restores the level while `wait` runs, so that the program sees its own level and can change it.
pub(super) fn pause<T>(wait: impl FnOnce() -> T) -> T {
    let was_holder = IS_HOLDER.get();
    release();
    let result = wait();
    if was_holder {
        hold();
    }
    result
}
