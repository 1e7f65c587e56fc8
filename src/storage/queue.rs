//! Batches waiting for the log.

use std::{collections::VecDeque, time::Duration};

use parking_lot::{Condvar, Mutex};
use tokio::sync::oneshot;

use crate::{
    seams::append::{AppendError, Batch},
    wal,
};

/// When senders should try again after a refusal.
const RETRY_AFTER: Duration = Duration::from_secs(5);

/// A refusal that passes.
pub(super) fn unavailable(reason: impl Into<String>) -> AppendError {
    AppendError::Unavailable { reason: reason.into(), retry_after: RETRY_AFTER }
}

/// A batch on its way to the log.
pub(super) struct Pending {
    pub(super) record: Vec<u8>,
    pub(super) batch: Batch,
    pub(super) answer: oneshot::Sender<Result<(), AppendError>>,
}

#[derive(Default)]
struct Waiting {
    pending: VecDeque<Pending>,
    bytes: usize,
    closed: bool,
}

/// Batches waiting for the committer.
#[derive(Default)]
pub(super) struct Queue {
    waiting: Mutex<Waiting>,
    filled: Condvar,
}

impl Queue {
    /// Takes a batch in; the answer comes when it is on disk.
    pub(super) fn submit(
        &self,
        batch: Batch,
        limit: usize,
    ) -> Result<oneshot::Receiver<Result<(), AppendError>>, AppendError> {
        let mut record = Vec::with_capacity(wal::record::FLOAT_BYTES * batch.floats.len());
        wal::record::encode(&batch, &mut record);
        let (answer, receiver) = oneshot::channel();
        let mut waiting = self.waiting.lock();
        if waiting.closed {
            return Err(unavailable("the server is shutting down"));
        }
        // A single batch is always let in: its size has been limited by the protocol.
        let bytes = record.len() + batch.memory();
        if !waiting.pending.is_empty() && waiting.bytes + bytes > limit {
            return Err(unavailable("the disk can't keep up with the writes that are waiting already"));
        }
        waiting.bytes += bytes;
        waiting.pending.push_back(Pending { record, batch, answer });
        drop(waiting);
        self.filled.notify_one();
        Ok(receiver)
    }

    /// Lets the committer look whether there is something to do besides.
    pub(super) fn wake(&self) {
        self.filled.notify_one();
    }

    /// All waiting batches, oldest first; may be none.
    pub(super) fn take(&self) -> Vec<Pending> {
        let mut waiting = self.waiting.lock();
        waiting.bytes = 0;
        waiting.pending.drain(..).collect()
    }

    /// Waits for batches, `pause` at most. Answers whether the queue is closed and empty.
    pub(super) fn wait(&self, pause: Duration) -> bool {
        let mut waiting = self.waiting.lock();
        if waiting.pending.is_empty() && !waiting.closed {
            self.filled.wait_for(&mut waiting, pause);
        }
        waiting.closed && waiting.pending.is_empty()
    }

    /// Refuses batches from now on; those inside are still written.
    pub(super) fn close(&self) {
        self.waiting.lock().closed = true;
        self.filled.notify_all();
    }
}
