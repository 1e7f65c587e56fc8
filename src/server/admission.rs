//! Admission of jobs: how many at once, for how long, and on which thread.
//!
//! A [`Gate`] lets a number of jobs run at once and hands each a [`Permit`]. A [`Deadline`] is how long a request may take, from
//! the moment it came, and stops the job when its client has hung up. [`run_blocking`] does the job on a thread that may wait.

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    sync::Arc,
    time::{Duration, Instant},
};

use hyper::StatusCode;
use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore, oneshot},
    task::JoinHandle,
};

use super::{error::ApiError, metrics};
use crate::{
    promql::{Cancel, Until},
    seams::{
        allocator,
        interrupt::{Interrupt, Interrupted},
    },
    telemetry::log_each_minute,
};

/// A job that took at least this long has freed enough for the allocator to be asked to give memory back.
const LONG_JOB: Duration = Duration::from_millis(2);

/// Lets a number of jobs run at once; others wait in order of arrival.
pub(crate) struct Gate(Arc<Semaphore>);

/// A place inside a gate, until dropped.
pub(crate) struct Permit {
    /// How long it took to get in.
    pub(crate) waited: Duration,
    _permit: OwnedSemaphorePermit,
}

impl Gate {
    /// A gate for `places` jobs, at least one.
    pub(crate) fn new(places: usize) -> Self {
        Self(Arc::new(Semaphore::new(places.clamp(1, Semaphore::MAX_PERMITS))))
    }

    /// Waits for a permit, for `timeout` at most.
    pub(crate) async fn enter(&self, timeout: Duration) -> Result<Permit, ApiError> {
        let begun = Instant::now();
        let _waiting = metrics::WAITING.guard();
        match tokio::time::timeout(timeout, self.0.clone().acquire_owned()).await {
            Ok(Ok(permit)) => Ok(Permit { waited: begun.elapsed(), _permit: permit }),
            // The semaphore is never closed; a closed one would admit nothing either.
            Ok(Err(_)) | Err(_) => Err(ApiError::Timeout("query timed out in query queue")),
        }
    }
}

/// Beyond its deadline an evaluation gets this long to notice that it is over and to say where it was.
const GRACE: Duration = Duration::from_millis(100);

/// How long a request may take, counted from when it came, and whether its client still waits for the answer.
#[derive(Debug, Clone)]
pub(crate) struct Deadline {
    cancel: Cancel,
    until: Until,
}

impl Deadline {
    /// From now on for `timeout`.
    pub(crate) fn new(timeout: Duration) -> Self {
        let cancel = Cancel::default();
        Self { until: Until::new(&cancel, timeout), cancel }
    }

    /// The time left.
    pub(crate) fn left(&self) -> Duration {
        self.until.left()
    }

    /// What a job asks, now and then, whether it should go on.
    pub(crate) fn interrupt(&self) -> Arc<dyn Interrupt> {
        Arc::new(self.until.clone())
    }

    /// A guard that stops the job when it is dropped, as the future of a request is when its client hangs up.
    pub(crate) fn cancel_on_drop(&self) -> CancelOnDrop {
        CancelOnDrop(self.cancel.clone())
    }

    /// Waits for a place in `gate`, does `job` on a thread that may wait, and answers when the time is over at the latest.
    /// The job is interrupted when its client has hung up.
    pub(crate) async fn run<T: Send + 'static>(
        &self,
        gate: &Gate,
        job: impl FnOnce(&Arc<dyn Interrupt>) -> Result<T, ApiError> + Send + 'static,
    ) -> Result<T, ApiError> {
        let permit = gate.enter(self.left()).await?;
        self.run_admitted(permit, job).await
    }

    /// Does `job` on a thread that may wait, with a place already taken, and answers when the time is over at the latest.
    pub(crate) async fn run_admitted<T: Send + 'static>(
        &self,
        permit: Permit,
        job: impl FnOnce(&Arc<dyn Interrupt>) -> Result<T, ApiError> + Send + 'static,
    ) -> Result<T, ApiError> {
        let _stop_with_client = self.cancel_on_drop();
        let interrupt = self.interrupt();
        let done = run_blocking(permit, move || job(&interrupt));
        match tokio::time::timeout(self.left(), done).await {
            Ok(answer) => answer,
            Err(_) => Err(ApiError::from(Interrupted::TimedOut)),
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

/// Waits for an answer, but no longer than `left` and [`GRACE`].
pub(crate) async fn within_deadline<T>(
    left: Duration,
    answer: impl Future<Output = Result<T, ApiError>>,
) -> Result<T, ApiError> {
    let late = || ApiError::Timeout("query timed out in expression evaluation");
    tokio::time::timeout(left.saturating_add(GRACE), answer).await.unwrap_or_else(|_| Err(late()))
}

/// Runs `job` on a thread that may wait. A panic in it becomes an error of this request.
pub(crate) async fn run_blocking<T: Send + 'static>(
    permit: Permit,
    job: impl FnOnce() -> Result<T, ApiError> + Send + 'static,
) -> Result<T, ApiError> {
    let span = tracing::Span::current();
    let (answer, answered) = oneshot::channel();
    let running = spawn_blocking(move || {
        let _request = span.enter();
        // The permit is held until the job is over, also when its client no longer waits for it.
        let permit = permit;
        let begun = Instant::now();
        let done = job();
        drop(permit);
        // The client may have hung up. One that hasn't doesn't wait for what follows.
        let _ = answer.send(done);
        if begun.elapsed() >= LONG_JOB {
            allocator::give_back();
        }
    })?;
    match answered.await {
        Ok(result) => result,
        // Without an answer the job has panicked.
        Err(_) => Err(panicked(&running.await.err().map_or_else(String::new, |failure| failure.to_string()))),
    }
}

/// Runs `job` on a thread that may wait, without a permit. Where the system has no thread to give, as at a limit on processes,
/// that is an error of this one request.
pub(crate) fn spawn_blocking<T: Send + 'static>(
    job: impl FnOnce() -> T + Send + 'static,
) -> Result<JoinHandle<T>, ApiError> {
    caught(|| tokio::task::spawn_blocking(job))
}

/// Turns a panic of the runtime, which is how it says that it got no thread, into an error. The job stays in its queue and is
/// done when it has a thread again.
fn caught<T>(spawn: impl FnOnce() -> T) -> Result<T, ApiError> {
    catch_unwind(AssertUnwindSafe(spawn)).map_err(|_| {
        log_each_minute!(
            error,
            "the system has no more threads to give (see the limits on processes); a request was refused"
        );
        let text = "the system has no more threads to give, try again later";
        ApiError::Plain(StatusCode::SERVICE_UNAVAILABLE, text.to_owned())
    })
}

/// Runs `job` on the runtime's own thread, for which other requests wait: the job must take well under a millisecond. A panic in
/// it becomes an error of this request.
pub(crate) fn run_inline<T>(job: impl FnOnce() -> Result<T, ApiError>) -> Result<T, ApiError> {
    // What jobs share is safe to unwind through: on a blocking thread a panic would unwind it just the same.
    match catch_unwind(AssertUnwindSafe(job)) {
        Ok(result) => result,
        Err(_) => Err(panicked("on the thread that read the request")),
    }
}

fn panicked(failure: &str) -> ApiError {
    log_each_minute!(error, failure, "a job for a request panicked");
    ApiError::Internal("unexpected error: the server failed to answer; its log says more".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_runtime_that_gets_no_thread_is_a_503() {
        let refused = caught(|| std::panic::resume_unwind(Box::new("OS can't spawn worker thread"))).err();
        let answer = refused.map(ApiError::into_response).map(|answer| answer.status());
        assert_eq!(answer, Some(StatusCode::SERVICE_UNAVAILABLE));
    }
}
