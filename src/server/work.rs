//! Blocking work for a request: let in by a gate, done on a thread that may wait, stopped when nobody waits for it.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::{error::ApiError, limits::ROOM_TIMEOUT, metrics};
use crate::promql::Cancel;

/// Lets a number of jobs run at once; others wait in order of arrival.
pub(crate) struct Gate(Arc<Semaphore>);

/// A place inside a gate, until dropped.
pub(crate) struct Pass {
    /// How long it took to get in.
    pub(crate) waited: Duration,
    _permit: OwnedSemaphorePermit,
}

impl Gate {
    /// A gate for `places` jobs, at least one.
    pub(crate) fn new(places: usize) -> Self {
        Self(Arc::new(Semaphore::new(places.clamp(1, Semaphore::MAX_PERMITS))))
    }

    /// Waits for a place, for `patience` at most.
    pub(crate) async fn enter(&self, patience: Duration) -> Result<Pass, ApiError> {
        let begun = Instant::now();
        let _waiting = metrics::WAITING.guard();
        match tokio::time::timeout(patience, self.0.clone().acquire_owned()).await {
            Ok(Ok(permit)) => Ok(Pass { waited: begun.elapsed(), _permit: permit }),
            // The semaphore is never closed; were it, nobody would get in either.
            Ok(Err(_)) | Err(_) => Err(ApiError::Timeout("query timed out in query queue".to_owned())),
        }
    }
}

/// Memory that requests take their share of before they read what would fill it.
pub(crate) struct Room(Arc<Semaphore>);

/// Bytes of room that a permit of the semaphore stands for: it counts in `u32`.
const ROOM_UNIT: u64 = 1 << 10;

impl Room {
    /// Room for `bytes`.
    pub(crate) fn new(bytes: u64) -> Self {
        let units = usize::try_from(bytes / ROOM_UNIT).unwrap_or(Semaphore::MAX_PERMITS);
        Self(Arc::new(Semaphore::new(units.min(Semaphore::MAX_PERMITS))))
    }

    /// Takes `bytes`, waiting a while for others to leave; they are given back when the answer is dropped.
    pub(crate) async fn enter(&self, bytes: u64) -> Result<OwnedSemaphorePermit, ApiError> {
        let units = u32::try_from(bytes / ROOM_UNIT + 1).unwrap_or(u32::MAX);
        let entering = self.0.clone().acquire_many_owned(units);
        match tokio::time::timeout(ROOM_TIMEOUT, entering).await {
            Ok(Ok(permit)) => Ok(permit),
            Ok(Err(_)) | Err(_) => Err(ApiError::Busy),
        }
    }
}

/// Cancels a query when dropped: the future of a request is dropped when its client hangs up.
pub(crate) struct CancelOnDrop(pub(crate) Cancel);

impl Drop for CancelOnDrop {
    fn drop(&mut self) {
        self.0.cancel();
    }
}

/// Runs `job` on a thread that may wait. A panic in it is an error like others.
pub(crate) async fn blocking<T: Send + 'static>(
    pass: Pass,
    job: impl FnOnce() -> Result<T, ApiError> + Send + 'static,
) -> Result<T, ApiError> {
    let span = tracing::Span::current();
    let result = tokio::task::spawn_blocking(move || {
        let _request = span.enter();
        // The place is taken until the work is really over, not just until nobody waits for it.
        let _pass = pass;
        job()
    });
    match result.await {
        Ok(result) => result,
        Err(failure) => {
            tracing::error!(%failure, "a job for a request panicked");
            Err(ApiError::Internal("unexpected error: the server failed to answer; its log says more".to_owned()))
        }
    }
}
