//! Staying awake for the next request.
//!
//! A thread that waits for its socket sleeps, and a machine at rest takes longer to wake it than a small question takes to
//! be answered. Some clients ask the next question as soon as they have an answer, a dashboard's panels share a few
//! connections: a connection whose last request came like that is looked at for a moment after an answer instead of waited
//! for, if nobody else has work for the threads.

use std::{
    convert::Infallible,
    future::{Future, poll_fn},
    pin::pin,
    task::Poll,
    time::{Duration, Instant},
};

use parking_lot::Mutex;

use super::metrics;

/// How long. A client on the same machine takes half of it to be woken and to ask again.
const MOMENT: Duration = Duration::from_micros(100);

/// The moments after a connection's answers.
#[derive(Debug, Default)]
pub(super) struct Linger(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    answered: Option<Instant>,
    /// Whether the last request came soon after an answer.
    quick: bool,
    lingers: bool,
}

impl Linger {
    /// A request has come.
    pub(super) fn asked(&self) {
        let mut state = self.0.lock();
        // Being woken is part of what a request took that was waited for.
        state.quick = state.answered.is_some_and(|answered| answered.elapsed() < 2 * MOMENT);
        state.lingers = false;
    }

    /// An answer is about to be sent.
    pub(super) fn answered(&self) {
        let mut state = self.0.lock();
        state.answered = Some(Instant::now());
        state.lingers = state.quick;
    }

    fn lasts(&self) -> bool {
        let mut state = self.0.lock();
        state.lingers &= state.answered.is_some_and(|answered| answered.elapsed() < MOMENT);
        state.lingers
    }

    /// Keeps the task awake that polls it while a moment lasts. Never completes.
    pub(super) async fn keep_awake(&self) -> Infallible {
        poll_fn(|cx| {
            if self.lasts() && metrics::IN_FLIGHT.get() == 0 {
                // Wakes the task after the runtime has run others and asked the system for news.
                let _ = pin!(tokio::task::yield_now()).poll(cx);
            }
            Poll::Pending
        })
        .await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_client_that_was_quick_is_waited_for_awake_and_not_for_long() {
        let linger = Linger::default();
        linger.asked();
        linger.answered();
        assert!(!linger.lasts(), "nobody knows the client yet");
        let answered = |ago| linger.0.lock().answered = Instant::now().checked_sub(ago);
        answered(Duration::ZERO);
        linger.asked();
        assert!(!linger.lasts(), "there is work to do");
        linger.answered();
        answered(MOMENT / 100);
        assert!(linger.lasts());
        answered(MOMENT);
        assert!(!linger.lasts());
        answered(3 * MOMENT);
        linger.asked();
        linger.answered();
        assert!(!linger.lasts(), "it took its time");
    }
}
