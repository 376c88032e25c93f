use std::sync::{Mutex, MutexGuard, PoisonError};

use log::{Level, LevelFilter};

/// The log target to which ureq-proto writes every byte of a connection, including API tokens and private keys.
const WIRE_LOG_TARGET: &str = "ureq_proto::util";

/// Lowers the process's log level to debug until it is dropped, if ureq-proto's wire log is enabled.
///
/// This also hides the trace lines of other crates while a call is in progress. There is no better way: ureq-proto
/// cannot disable its wire log, and a private key in a log is compromised.
pub(super) struct WireLogGuard(());

struct State {
    guards: usize,
    lowered: bool,
}

static STATE: Mutex<State> = Mutex::new(State { guards: 0, lowered: false });

fn state() -> MutexGuard<'static, State> {
    STATE.lock().unwrap_or_else(PoisonError::into_inner)
}

impl WireLogGuard {
    pub(super) fn new() -> Self {
        let mut state = state();
        state.guards += 1;
        if log::log_enabled!(target: WIRE_LOG_TARGET, Level::Trace) {
            log::set_max_level(LevelFilter::Debug);
            state.lowered = true;
        }
        Self(())
    }
}

impl Drop for WireLogGuard {
    fn drop(&mut self) {
        let mut state = state();
        state.guards -= 1;
        // If the level has been changed in the meantime, it is kept.
        if state.guards == 0 && std::mem::take(&mut state.lowered) && log::max_level() == LevelFilter::Debug {
            log::set_max_level(LevelFilter::Trace);
        }
    }
}
