use std::sync::{Mutex, MutexGuard, PoisonError};

use log::{Level, LevelFilter};

/// The log target to which ureq-proto writes every byte that it sends and receives, API token and private key included.
const WIRE_LOG_TARGET: &str = "ureq_proto::util";

/// Lowers the process's log level to debug for as long as it lives, if the logger would record ureq-proto's wire log.
///
/// This also hides the trace lines of other crates while a call is in progress. But ureq-proto has no switch for its wire
/// log, and a private key that reached a log is compromised.
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
        // Left alone if somebody has set another level meanwhile.
        if state.guards == 0 && std::mem::take(&mut state.lowered) && log::max_level() == LevelFilter::Debug {
            log::set_max_level(LevelFilter::Trace);
        }
    }
}
