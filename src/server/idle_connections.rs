//! Idle connections, of which a full server closes the one that has been idle longest.
//!
//! Without that, clients that connect and send nothing would hold every connection slot until their deadline, and keep all
//! others out for as long.

use std::{collections::BTreeMap, sync::Arc};

use parking_lot::Mutex;
use tokio::sync::Notify;

/// All idle connections, ordered by the time since when they are idle.
#[derive(Default)]
pub(crate) struct IdleConnections(Mutex<Waiting>);

#[derive(Default)]
struct Waiting {
    next: u64,
    by_age: BTreeMap<u64, Arc<Notify>>,
}

/// A connection's entry among the idle ones, removed when this is dropped.
pub(crate) struct ConnectionHandle {
    all: Arc<IdleConnections>,
    close: Arc<Notify>,
    state: Mutex<HandleState>,
}

#[derive(Default)]
struct HandleState {
    /// Its key in `by_age` while it is idle.
    number: Option<u64>,
    /// Whether a request ever came.
    used: bool,
}

impl IdleConnections {
    /// A handle for a connection that has just been accepted.
    pub(crate) fn register(self: &Arc<Self>) -> ConnectionHandle {
        let handle = ConnectionHandle { all: self.clone(), close: Arc::default(), state: Mutex::default() };
        handle.mark_idle();
        handle
    }

    /// Asks the connection that has been idle longest to close; `false` when none is idle.
    pub(crate) fn evict(&self) -> bool {
        let oldest = self.0.lock().by_age.pop_first();
        oldest.map(|(_, close)| close.notify_one()).is_some()
    }
}

impl ConnectionHandle {
    /// To be called when a request has begun.
    pub(crate) fn mark_busy(&self) {
        let mut state = self.state.lock();
        state.used = true;
        if let Some(number) = state.number.take() {
            self.all.0.lock().by_age.remove(&number);
        }
    }

    /// To be called when the request has been answered.
    pub(crate) fn mark_idle(&self) {
        let mut waiting = self.all.0.lock();
        let number = waiting.next;
        waiting.next += 1;
        waiting.by_age.insert(number, self.close.clone());
        drop(waiting);
        self.state.lock().number = Some(number);
    }

    /// Completes when the connection is to be closed, with whether it ever had a request, whose answer may still be on the way.
    pub(crate) async fn evicted(&self) -> bool {
        self.close.notified().await;
        self.state.lock().used
    }
}

impl Drop for ConnectionHandle {
    fn drop(&mut self) {
        self.mark_busy();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_longest_idle_leaves_first_and_the_busy_stay() {
        let all = Arc::new(IdleConnections::default());
        let (first, second, third) = (all.register(), all.register(), all.register());
        first.mark_busy();
        first.mark_idle();
        third.mark_busy();
        assert!(all.evict());
        assert!(!second.evicted().await, "it never had a request");
        assert!(all.evict());
        assert!(first.evicted().await);
        assert!(!all.evict(), "the third is busy");
        third.mark_idle();
        drop(third);
        assert!(!all.evict(), "who has gone is not asked");
    }
}
