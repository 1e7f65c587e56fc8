//! Threads that help queries, and stay for the next one.
//!
//! A thread that starts takes 0.1 ms to be of use and one that ends leaves its memory to be given back to the system, which
//! is more than many questions take. There is no queue: a query takes threads that are idle, or new ones, and so never
//! waits for what another query does.

use std::{
    any::Any,
    panic::{AssertUnwindSafe, catch_unwind, resume_unwind},
    sync::{
        Arc,
        mpsc::{Receiver, RecvTimeoutError, Sender, channel},
    },
    thread,
    time::Duration,
};

use parking_lot::{Condvar, Mutex, MutexGuard};

use crate::seams::allocator;

/// Stack of a thread (bytes); rows nest as deep as expressions do.
const STACK: usize = 4 << 20;
/// Idle for so long, a thread gives back what it has freed …
const BREATH: Duration = Duration::from_millis(50);
/// … and for so long, ends: what others free of its memory comes back only then.
const PATIENCE: Duration = Duration::from_millis(500);

type Work<'w> = dyn Fn() + Sync + 'w;

/// Where the work of a call is. It is a pointer and no reference, as one that a function is given has to stay valid until that
/// function returns, and a thread's returns long after the call.
struct WorkPointer(*const Work<'static>);

#[expect(unsafe_code, reason = "a pointer says nothing of threads")]
// SAFETY: what it points to may be shared by threads, `Work` says so.
unsafe impl Send for WorkPointer {}

impl WorkPointer {
    /// Points to `work`, which has to be there as long as anybody calls it.
    fn new(work: &Work<'_>) -> Self {
        #[expect(unsafe_code, reason = "threads that outlive the call can't borrow from it")]
        // SAFETY: only the lifetime changes, of a pointer, which promises none.
        Self(unsafe { std::mem::transmute::<*const Work<'_>, *const Work<'static>>(work) })
    }

    fn call(&self) {
        #[expect(unsafe_code, reason = "threads that outlive the call can't borrow from it")]
        // SAFETY: a helper calls this between its count in `running`, which `run_on` makes before it hands the job over, and
        // `finished`; and `run_on` isn't left, by a panic too, until all helpers have.
        let work = unsafe { &*self.0 };
        work();
    }
}

/// What an idle thread is handed.
struct Job {
    work: WorkPointer,
    running: Arc<Running>,
}

/// The helpers of one call that are not through yet, and what one of them panicked with.
#[derive(Default)]
struct Running {
    state: Mutex<(usize, Option<Box<dyn Any + Send>>)>,
    changed: Condvar,
}

impl Running {
    fn finished(&self, outcome: thread::Result<()>) {
        let mut state = self.state.lock();
        state.0 -= 1;
        state.1 = outcome.err().or(state.1.take());
        self.changed.notify_all();
    }

    /// Waits until no helper runs, and answers with a panic of one.
    fn wait(&self) -> Option<Box<dyn Any + Send>> {
        let mut state = self.state.lock();
        while state.0 > 0 {
            self.changed.wait(&mut state);
        }
        state.1.take()
    }
}

/// An idle thread, by a number of its own.
struct Idle {
    number: usize,
    jobs: Sender<Job>,
}

/// The idle threads of the process, those idle longest first, and the number of the next one.
static IDLE: Mutex<(Vec<Idle>, usize)> = Mutex::new((Vec::new(), 0));

fn idle() -> MutexGuard<'static, (Vec<Idle>, usize)> {
    IDLE.lock()
}

/// Runs `work` on this thread and at the same time on up to `helpers` others, and returns when all are through. On a
/// machine that has no thread to give it runs on those there are.
///
/// # Panics
/// With the panic of one of them, after all are through.
pub(super) fn run_on(helpers: usize, work: &Work<'_>) {
    let running = Arc::<Running>::default();
    /// Waits also when `work` panics on this thread.
    struct Wait<'r>(&'r Running);
    impl Drop for Wait<'_> {
        fn drop(&mut self) {
            self.0.wait();
        }
    }
    let wait = Wait(&running);
    for _ in 0..helpers {
        running.state.lock().0 += 1;
        let job = Job { work: WorkPointer::new(work), running: Arc::clone(&running) };
        if hand_over(job).is_err() {
            running.finished(Ok(()));
            break;
        }
    }
    work();
    std::mem::forget(wait);
    if let Some(panic) = running.wait() {
        resume_unwind(panic);
    }
}

/// Gives the job to the thread that has been idle the shortest, or to a new one.
fn hand_over(job: Job) -> std::io::Result<()> {
    let mut job = job;
    let number = loop {
        let mut idle = idle();
        let Some(latest) = idle.0.pop() else {
            idle.1 += 1;
            break idle.1;
        };
        match latest.jobs.send(job) {
            Ok(()) => return Ok(()),
            Err(refused) => job = refused.0,
        }
    };
    let named = thread::Builder::new().name("query".to_owned()).stack_size(STACK);
    named.spawn(move || serve(number, job)).map(drop)
}

/// The life of a thread.
fn serve(number: usize, first: Job) {
    let (sender, jobs) = channel();
    let mut next = Some(first);
    while let Some(Job { work, running }) = next {
        let outcome = catch_unwind(AssertUnwindSafe(|| work.call()));
        // Idle before the query goes on, which may need a thread at once.
        idle().0.push(Idle { number, jobs: sender.clone() });
        running.finished(outcome);
        next = wait_for(number, &jobs);
    }
}

/// The next job of a thread that is listed as idle; `None` when none came for long and it is listed no more.
fn wait_for(number: usize, jobs: &Receiver<Job>) -> Option<Job> {
    if let Ok(job) = jobs.recv_timeout(BREATH) {
        return Some(job);
    }
    allocator::give_back();
    match jobs.recv_timeout(PATIENCE) {
        Ok(job) => Some(job),
        Err(RecvTimeoutError::Disconnected) => None,
        Err(RecvTimeoutError::Timeout) => {
            let mut idle = idle();
            let listed = idle.0.iter().position(|idle| idle.number == number);
            let left = listed.map(|at| idle.0.remove(at));
            drop(idle);
            // Not listed any more: somebody has sent a job.
            if left.is_some() { None } else { jobs.recv().ok() }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::{
        collections::HashSet,
        sync::atomic::{AtomicUsize, Ordering},
    };

    use super::*;

    #[test]
    fn every_helper_runs_once_and_all_are_through_when_the_call_returns() {
        let calls = |helpers: usize| {
            let (done, local) = (AtomicUsize::new(0), vec![1; 100]);
            run_on(helpers, &|| {
                thread::sleep(Duration::from_millis(2));
                done.fetch_add(local.len(), Ordering::Relaxed);
            });
            assert_eq!(done.into_inner(), (helpers + 1) * 100);
        };
        calls(0);
        thread::scope(|scope| {
            for helpers in [1, 2, 3, 7] {
                scope.spawn(move || (0..20).for_each(|_| calls(helpers)));
            }
        });
    }

    #[test]
    fn threads_stay_for_the_next_call() {
        let seen = Mutex::new(HashSet::new());
        for _ in 0..200 {
            run_on(1, &|| {
                seen.lock().insert(thread::current().id());
            });
        }
        // Other tests take some away meanwhile.
        assert!(seen.into_inner().len() < 100);
    }

    #[test]
    fn a_panic_is_passed_on_when_all_are_through() {
        let main = thread::current().id();
        for in_helper in [true, false] {
            let done = AtomicUsize::new(0);
            let outcome = catch_unwind(AssertUnwindSafe(|| {
                run_on(3, &|| {
                    thread::sleep(Duration::from_millis(2));
                    done.fetch_add(1, Ordering::Relaxed);
                    assert!((thread::current().id() == main) == in_helper, "as told");
                });
            }));
            assert!(outcome.unwrap_err().downcast_ref::<&str>().is_some_and(|text| *text == "as told"));
            assert_eq!(done.into_inner(), 4);
        }
        let ran = AtomicUsize::new(0);
        run_on(3, &|| {
            ran.fetch_add(1, Ordering::Relaxed);
        });
        assert_eq!(ran.into_inner(), 4);
    }
}
