//! Keeps secrets out of the log. ureq-proto logs every byte that it sends and receives at trace level, API token and
//! private key included, and has no switch for it. So while it encodes or decodes, the process's log level is lowered to
//! debug, if the logger would record those lines. This also hides the trace lines of other threads for that moment, but a
//! private key that reached a log is compromised.

use std::cell::Cell;
use std::sync::{Mutex, MutexGuard, PoisonError};

use log::{Level, LevelFilter};

/// The log target of ureq-proto's wire log.
const WIRE_LOG_TARGET: &str = "ureq_proto::util";

/// Lowers the log level until it is dropped, except during [`pause`].
pub(super) struct WireLogGuard(());

impl WireLogGuard {
    pub(super) fn new() -> Self {
        THREAD.set(ThreadState::Watching);
        renew();
        Self(())
    }
}

impl Drop for WireLogGuard {
    fn drop(&mut self) {
        release();
        THREAD.set(ThreadState::Idle);
    }
}

#[derive(Clone, Copy, PartialEq)]
enum ThreadState {
    /// No exchange is in progress on this thread.
    Idle,
    /// The wire log is off without our doing.
    Watching,
    /// This thread holds the level down.
    Holding,
}

thread_local! {
    static THREAD: Cell<ThreadState> = const { Cell::new(ThreadState::Idle) };
}

/// The number of threads that hold the level down, and the level to restore.
static HOLD: Mutex<(usize, LevelFilter)> = Mutex::new((0, LevelFilter::Trace));

fn hold() -> MutexGuard<'static, (usize, LevelFilter)> {
    HOLD.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Lowers the level if the wire log is on: another thread may have raised it.
pub(super) fn renew() {
    let state = THREAD.get();
    if state == ThreadState::Idle || log::max_level() < LevelFilter::Debug {
        return;
    }
    // Before the level is read: another thread may be about to restore it.
    let mut hold = hold();
    let is_on = log::log_enabled!(target: WIRE_LOG_TARGET, Level::Trace);
    // Held by others: they must not restore the level before this thread is done.
    if state == ThreadState::Watching && (is_on || hold.0 > 0) {
        hold.0 += 1;
        THREAD.set(ThreadState::Holding);
    }
    if is_on {
        hold.1 = log::max_level();
        log::set_max_level(LevelFilter::Debug);
    }
}

/// Restores the level that the last thread to hold it down found.
fn release() {
    if THREAD.get() == ThreadState::Holding {
        THREAD.set(ThreadState::Watching);
        let mut hold = hold();
        hold.0 -= 1;
        if hold.0 == 0 && log::max_level() == LevelFilter::Debug {
            log::set_max_level(hold.1);
        }
    }
}

/// Restores the level while `wait` runs, so that the program finds, and can change, its own.
pub(super) fn pause<T>(wait: impl FnOnce() -> T) -> T {
    let is_guarded = THREAD.get() != ThreadState::Idle;
    release();
    let result = wait();
    if is_guarded {
        renew();
    }
    result
}
