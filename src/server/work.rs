//! Blocking work for a request: let in by a gate, done on a thread that may wait, stopped when nobody waits for it.

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

/// What took less has freed little.
const LONG: Duration = Duration::from_millis(2);

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

/// What has to end by itself when its time is over gets this long for that.
const MOMENT: Duration = Duration::from_millis(100);

/// How long a request may take, counted from when it came, and whether somebody still waits for its answer.
#[derive(Debug, Clone)]
pub(crate) struct Patience {
    cancel: Cancel,
    until: Until,
}

impl Patience {
    /// From now on for `timeout`.
    pub(crate) fn new(timeout: Duration) -> Self {
        let cancel = Cancel::default();
        Self { until: Until::new(&cancel, timeout), cancel }
    }

    /// What is left of the time.
    pub(crate) fn left(&self) -> Duration {
        self.until.left()
    }

    /// For those who work on the request.
    pub(crate) fn interrupt(&self) -> Arc<dyn Interrupt> {
        Arc::new(self.until.clone())
    }

    /// Tells those who work on the request when this is dropped.
    pub(crate) fn stop_with_client(&self) -> CancelOnDrop {
        CancelOnDrop(self.cancel.clone())
    }

    /// Waits for a place in `gate`, does `job` on a thread that may wait, and answers when the time is over at the latest.
    /// The job is told when nobody waits for it any more.
    pub(crate) async fn run<T: Send + 'static>(
        &self,
        gate: &Gate,
        job: impl FnOnce(&Arc<dyn Interrupt>) -> Result<T, ApiError> + Send + 'static,
    ) -> Result<T, ApiError> {
        let pass = gate.enter(self.left()).await?;
        self.finish(pass, job).await
    }

    /// Likewise with a place already taken.
    pub(crate) async fn finish<T: Send + 'static>(
        &self,
        pass: Pass,
        job: impl FnOnce(&Arc<dyn Interrupt>) -> Result<T, ApiError> + Send + 'static,
    ) -> Result<T, ApiError> {
        let _stop_with_client = self.stop_with_client();
        let interrupt = self.interrupt();
        let done = blocking(pass, move || job(&interrupt));
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

/// Waits for an answer, but no longer than `left` and a moment in which it may come of itself.
pub(crate) async fn in_time<T>(
    left: Duration,
    answer: impl Future<Output = Result<T, ApiError>>,
) -> Result<T, ApiError> {
    let late = || ApiError::Timeout("query timed out in expression evaluation".to_owned());
    tokio::time::timeout(left.saturating_add(MOMENT), answer).await.unwrap_or_else(|_| Err(late()))
}

/// Runs `job` on a thread that may wait. A panic in it is an error like others.
pub(crate) async fn blocking<T: Send + 'static>(
    pass: Pass,
    job: impl FnOnce() -> Result<T, ApiError> + Send + 'static,
) -> Result<T, ApiError> {
    let span = tracing::Span::current();
    let (answer, answered) = oneshot::channel();
    let running = hand_over(move || {
        let _request = span.enter();
        // The place is taken until the work is really over, not just until nobody waits for it.
        let pass = pass;
        let begun = Instant::now();
        let done = job();
        drop(pass);
        // Nobody may be left to hear it. Those who are don't wait for what comes then.
        let _ = answer.send(done);
        if begun.elapsed() >= LONG {
            allocator::give_back();
        }
    })?;
    match answered.await {
        Ok(result) => result,
        // Without an answer the job has panicked.
        Err(_) => Err(panicked(&running.await.err().map_or_else(String::new, |failure| failure.to_string()))),
    }
}

/// Gives `job` to a thread that may wait. Where the system has none to give, as at a limit on processes, that is an error for
/// this one request.
pub(crate) fn hand_over<T: Send + 'static>(
    job: impl FnOnce() -> T + Send + 'static,
) -> Result<JoinHandle<T>, ApiError> {
    given(|| tokio::task::spawn_blocking(job))
}

/// The runtime panics where it gets no thread. What it was given stays with it and is done when it has one again.
fn given<T>(give: impl FnOnce() -> T) -> Result<T, ApiError> {
    catch_unwind(AssertUnwindSafe(give)).map_err(|_| {
        log_each_minute!(
            error,
            "the system has no more threads to give (see the limits on processes); a request was refused"
        );
        let text = "the system has no more threads to give, try again later";
        ApiError::Plain(StatusCode::SERVICE_UNAVAILABLE, text.to_owned())
    })
}

/// Runs `job` on this thread, which others wait for: it must take next to no time. A panic in it is an error like others.
pub(crate) fn at_once<T>(job: impl FnOnce() -> Result<T, ApiError>) -> Result<T, ApiError> {
    // What a job shares with others is made for threads that panic: on another thread it would be unwound just the same.
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
        let refused = given(|| std::panic::resume_unwind(Box::new("OS can't spawn worker thread"))).err();
        let answer = refused.map(ApiError::into_response).map(|answer| answer.status());
        assert_eq!(answer, Some(StatusCode::SERVICE_UNAVAILABLE));
    }
}
