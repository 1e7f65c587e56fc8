//! Background work that doesn't get in the way.

use std::time::{Duration, Instant};

use crate::storage::{error::StorageError, options::Threads, state::Shared};

/// Work at a stretch.
const STRETCH: Duration = Duration::from_millis(10);
/// After a stretch the merge rests for the time it took times this: it takes half of one core and of the disk.
const REST: u32 = 1;

/// Makes a merge rest, and end when the store closes.
pub(super) struct Pace<'a> {
    shared: &'a Shared,
    began: Instant,
}

impl<'a> Pace<'a> {
    pub(super) fn new(shared: &'a Shared) -> Self {
        Self { shared, began: Instant::now() }
    }

    /// To be called after every bit of work.
    ///
    /// There is no rest while so many tables wait that writes may soon be refused, nor without background threads.
    pub(super) fn step(&mut self) -> Result<(), StorageError> {
        if self.shared.wakeup.stopped() {
            return Err(StorageError::Stopped);
        }
        if self.shared.options.threads == Threads::Manual {
            return Ok(());
        }
        let worked = self.began.elapsed();
        if worked >= STRETCH {
            if self.shared.view().backlog() < self.shared.options.backlog_limit / 2 {
                std::thread::sleep(worked * REST);
            }
            self.began = Instant::now();
        }
        Ok(())
    }
}
