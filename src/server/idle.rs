//! Connections that wait for a request, so that a full server can ask the longest idle one to make room.
//!
//! Without that, clients who connect and say nothing would hold every place until their time is up, and keep everybody
//! else outside for as long.

use std::{collections::BTreeMap, sync::Arc};

use parking_lot::Mutex;
use tokio::sync::Notify;

/// All idle connections, the longest idle first.
#[derive(Default)]
pub(crate) struct Idlers(Mutex<Waiting>);

#[derive(Default)]
struct Waiting {
    next: u64,
    by_age: BTreeMap<u64, Arc<Notify>>,
}

/// A connection's place among the idle ones, left when it is dropped.
pub(crate) struct Seat {
    all: Arc<Idlers>,
    leave: Arc<Notify>,
    state: Mutex<SeatState>,
}

#[derive(Default)]
struct SeatState {
    /// Its number while it is idle.
    number: Option<u64>,
    /// Whether a request ever came.
    used: bool,
}

impl Idlers {
    /// A seat for a connection that has just been accepted.
    pub(crate) fn enter(self: &Arc<Self>) -> Seat {
        let seat = Seat { all: self.clone(), leave: Arc::default(), state: Mutex::default() };
        seat.idle();
        seat
    }

    /// Asks the longest idle connection to leave; `false` when none is idle.
    pub(crate) fn evict(&self) -> bool {
        let oldest = self.0.lock().by_age.pop_first();
        oldest.map(|(_, leave)| leave.notify_one()).is_some()
    }
}

impl Seat {
    /// A request has begun.
    pub(crate) fn busy(&self) {
        let mut state = self.state.lock();
        state.used = true;
        if let Some(number) = state.number.take() {
            self.all.0.lock().by_age.remove(&number);
        }
    }

    /// It has been answered.
    pub(crate) fn idle(&self) {
        let mut waiting = self.all.0.lock();
        let number = waiting.next;
        waiting.next += 1;
        waiting.by_age.insert(number, self.leave.clone());
        drop(waiting);
        self.state.lock().number = Some(number);
    }

    /// Completes when the connection is to leave. Answers whether a request ever came: its answer may still be on the way.
    pub(crate) async fn evicted(&self) -> bool {
        self.leave.notified().await;
        self.state.lock().used
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        self.busy();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_longest_idle_leaves_first_and_the_busy_stay() {
        let all = Arc::new(Idlers::default());
        let (first, second, third) = (all.enter(), all.enter(), all.enter());
        first.busy();
        first.idle();
        third.busy();
        assert!(all.evict());
        assert!(!second.evicted().await, "it never had a request");
        assert!(all.evict());
        assert!(first.evicted().await);
        assert!(!all.evict(), "the third is busy");
        third.idle();
        drop(third);
        assert!(!all.evict(), "who has gone is not asked");
    }
}
