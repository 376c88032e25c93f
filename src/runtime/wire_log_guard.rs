use std::sync::{Mutex, MutexGuard, PoisonError};

use log::{Level, LevelFilter};

/// Where ureq's protocol layer writes every byte of an exchange, token and private key included.
const BYTE_DUMP: &str = "ureq_proto::util";

/// While one of these lives, nothing in the process logs at trace level, if the logger would take the byte dump.
///
/// That is a heavy hand: the lines of others are lost for as long as a call takes. But the dump cannot be turned off in
/// ureq, and a private key that is in a log is a private key lost.
pub(super) struct WireLogGuard(());

struct Calls {
    under_way: usize,
    lowered: bool,
}

static CALLS: Mutex<Calls> = Mutex::new(Calls { under_way: 0, lowered: false });

fn calls() -> MutexGuard<'static, Calls> {
    CALLS.lock().unwrap_or_else(PoisonError::into_inner)
}

impl WireLogGuard {
    pub(super) fn new() -> Self {
        let mut calls = calls();
        calls.under_way += 1;
        if log::log_enabled!(target: BYTE_DUMP, Level::Trace) {
            log::set_max_level(LevelFilter::Debug);
            calls.lowered = true;
        }
        Self(())
    }
}

impl Drop for WireLogGuard {
    fn drop(&mut self) {
        let mut calls = calls();
        calls.under_way -= 1;
        // Unless somebody has set another level meanwhile.
        if calls.under_way == 0 && std::mem::take(&mut calls.lowered) && log::max_level() == LevelFilter::Debug {
            log::set_max_level(LevelFilter::Trace);
        }
    }
}
