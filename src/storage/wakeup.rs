//! How the background threads are told that there is something to do, or that they are to end.

use std::time::Duration;

use parking_lot::{Condvar, Mutex};

/// Wakes the background threads.
#[derive(Default)]
pub(super) struct Wakeup {
    state: Mutex<Told>,
    changed: Condvar,
}

#[derive(Default)]
struct Told {
    /// How often there was something new to do.
    round: u64,
    stopped: bool,
}

impl Wakeup {
    /// There is something to flush or merge.
    pub(super) fn notify(&self) {
        self.state.lock().round += 1;
        self.changed.notify_all();
    }

    /// Ends the background threads after what they are doing.
    pub(super) fn stop(&self) {
        self.state.lock().stopped = true;
        self.changed.notify_all();
    }

    pub(super) fn stopped(&self) -> bool {
        self.state.lock().stopped
    }

    /// Waits until there is more to do than at `seen`, at most `pause` if that is given.
    pub(super) fn wait(&self, seen: &mut u64, pause: Option<Duration>) {
        let mut state = self.state.lock();
        if state.stopped {
            return;
        }
        match pause {
            Some(pause) => {
                self.changed.wait_for(&mut state, pause);
            }
            None if state.round == *seen => self.changed.wait(&mut state),
            None => {}
        }
        *seen = state.round;
    }
}
