//! Stopping work that nobody waits for any more, or that has taken its time.

use std::{cell::Cell, fmt::Debug};

/// Why work ends before it is done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Interrupted {
    /// Its time is over.
    #[error("query timed out while series were looked up")]
    TimedOut,
    /// Nobody waits for it.
    #[error("query was canceled while series were looked up")]
    Canceled,
}

/// Tells whether to go on. Asked often, so it must cost next to nothing.
pub trait Interrupt: Debug + Send + Sync {
    /// Fails when the work should end.
    ///
    /// # Errors
    /// Why.
    fn check(&self) -> Result<(), Interrupted>;
}

/// Work that is always to be done.
#[derive(Debug, Clone, Copy, Default)]
pub struct Never;

impl Interrupt for Never {
    fn check(&self) -> Result<(), Interrupted> {
        Ok(())
    }
}

/// Steps so small that asking before each would take longer than the steps.
#[derive(Debug)]
pub struct Ticks<'i> {
    interrupt: &'i dyn Interrupt,
    count: Cell<u32>,
}

/// Steps between two questions: some tens of µs where they are quick.
const STEPS: u32 = 64;

impl<'i> Ticks<'i> {
    /// Steps of work that `interrupt` may end.
    #[must_use]
    pub fn of(interrupt: &'i dyn Interrupt) -> Self {
        Self { interrupt, count: Cell::new(0) }
    }

    /// Notes a step.
    ///
    /// # Errors
    /// When the work should end.
    #[inline]
    pub fn tick(&self) -> Result<(), Interrupted> {
        let count = self.count.get().wrapping_add(1);
        self.count.set(count);
        if count.is_multiple_of(STEPS) { self.interrupt.check() } else { Ok(()) }
    }

    /// Asks whatever the number of steps.
    ///
    /// # Errors
    /// When the work should end.
    pub fn check(&self) -> Result<(), Interrupted> {
        self.interrupt.check()
    }
}

pub mod fake {
    //! An interrupt for tests of those who are to heed it.

    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::{Interrupt, Interrupted};

    /// Says yes so many times, and then that time is over.
    #[derive(Debug)]
    pub struct After(pub AtomicUsize);

    impl Interrupt for After {
        fn check(&self) -> Result<(), Interrupted> {
            let left = self.0.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(1));
            left.map(drop).map_err(|_| Interrupted::TimedOut)
        }
    }
}
