//! Queries as they come and go: those running, the slowest ones, and the query log.
//!
//! [`Queries::begin`] notes a query and [`Running::end`] what came of it; one that is dropped before, because its client
//! hung up, has ended as well. The running ones are kept in a file too ([`active`]), so that after a crash the log names
//! them. The query log is a file of JSON lines with the fields of Prometheus' own, one line a query, written whole.

mod active;

use std::{
    fs::{File, OpenOptions},
    io::{self, Write},
    path::{Path, PathBuf},
    sync::Arc,
    time::{Duration, Instant},
};

use hyper::header::HeaderValue;
use parking_lot::Mutex;
use serde_json::{Value, json};

use super::{json::rfc_3339, request_context::RequestContext};
use crate::{promql::Cancel, telemetry::log_each_minute};
use active::{Active, Slot};

/// How many of the slowest queries are remembered: of those that people asked, and of those in the background.
const SLOWEST: usize = 20;
/// Characters of a query that `/api/v1/status/queries` shows; the log has all of it.
const SHOWN: usize = 2_000;

/// The parameters of a query as the logs show them.
#[derive(Debug, Clone)]
pub(crate) struct QueryParams {
    pub(crate) query: String,
    /// In ms.
    pub(crate) start: i64,
    pub(crate) end: i64,
    /// In ms; 0 for an instant query.
    pub(crate) step: i64,
}

/// All queries of this server.
#[derive(Default)]
pub(crate) struct Queries {
    shared: Arc<Shared>,
}

#[derive(Default)]
struct Shared {
    seen: Mutex<Seen>,
    log: Mutex<Option<Log>>,
    active: Mutex<Option<Arc<Active>>>,
}

/// The queries that run, and the slowest of those that ran.
#[derive(Default)]
struct Seen {
    next: u64,
    running: Vec<(u64, Noted)>,
    /// Slowest first.
    slowest: Vec<(Duration, Noted)>,
}

/// What is remembered of a query.
struct Noted {
    request: HeaderValue,
    background: bool,
    /// The query cut to what is shown of it.
    params: QueryParams,
    /// In ms.
    now: i64,
    begun: Instant,
    error: Option<String>,
    cancel: Cancel,
}

/// The query log: opened anew when it is to go on in another file of its name.
struct Log {
    path: PathBuf,
    file: File,
}

impl Log {
    fn open(path: PathBuf) -> io::Result<Self> {
        let file = OpenOptions::new().append(true).create(true).open(&path)?;
        Ok(Self { path, file })
    }
}

/// A query that runs until it is dropped.
pub(crate) struct Running {
    shared: Arc<Shared>,
    number: u64,
    _slot: Option<Slot>,
}

impl Queries {
    /// From now on ended queries are appended to the file at `path`.
    pub(crate) fn log_to(&self, path: &Path) -> io::Result<()> {
        *self.shared.log.lock() = Some(Log::open(path.to_owned())?);
        Ok(())
    }

    /// Opens the log's file by its name again, which makes a new one where that was moved away. Where that fails, it
    /// goes on in the old one.
    pub(crate) fn reopen_log(&self) -> io::Result<()> {
        let mut log = self.shared.log.lock();
        let Some(open) = &*log else { return Ok(()) };
        *log = Some(Log::open(open.path.clone())?);
        Ok(())
    }

    /// From now on running queries are noted in the file at `path`, at most `slots` at once; those that a former process
    /// left there are logged.
    pub(crate) fn note_in(&self, path: &Path, slots: usize) -> io::Result<()> {
        let (active, left) = Active::open(path, slots)?;
        for query in left {
            tracing::warn!(%query, "this query was running when the last process died");
        }
        *self.shared.active.lock() = Some(Arc::new(active));
        Ok(())
    }

    /// Notes a query that begins at `now`, in ms, and that `cancel` stops.
    pub(crate) fn begin(&self, context: &RequestContext, params: &QueryParams, now: i64, cancel: &Cancel) -> Running {
        let active = self.shared.active.lock().clone();
        let slot = active.and_then(|active| active.begin(&params.query, context.id(), now.div_euclid(1000)));
        let shown = params.query.char_indices().nth(SHOWN).and_then(|(end, _)| params.query.get(..end));
        let params = QueryParams { query: shown.unwrap_or(&params.query).to_owned(), ..*params };
        let noted = Noted {
            request: context.id.clone(),
            background: context.background,
            params,
            now,
            begun: Instant::now(),
            error: None,
            cancel: cancel.clone(),
        };
        let mut seen = self.shared.seen.lock();
        let number = seen.next;
        seen.next += 1;
        seen.running.push((number, noted));
        drop(seen);
        Running { shared: Arc::clone(&self.shared), number, _slot: slot }
    }

    /// Stops the running queries of the request `id`; how many there are.
    pub(crate) fn cancel(&self, id: &str) -> usize {
        let seen = self.shared.seen.lock();
        let running = seen.running.iter().filter(|(_, noted)| noted.request == id);
        running.map(|(_, noted)| noted.cancel.cancel()).count()
    }

    /// Stops the running query with this number, if there is one.
    pub(crate) fn cancel_numbered(&self, number: u64) {
        let seen = self.shared.seen.lock();
        let running = seen.running.iter().filter(|(own, _)| *own == number);
        running.for_each(|(_, noted)| noted.cancel.cancel());
    }

    /// The running queries, oldest first: their numbers, texts, and for how long they run.
    pub(crate) fn running(&self) -> Vec<(u64, String, Duration)> {
        let seen = self.shared.seen.lock();
        let one = |(number, noted): &(u64, Noted)| (*number, noted.params.query.clone(), noted.begun.elapsed());
        seen.running.iter().map(one).collect()
    }

    /// The running queries, oldest first, and the slowest so far.
    pub(crate) fn to_json(&self) -> Value {
        let seen = self.shared.seen.lock();
        let running: Vec<Value> = seen.running.iter().map(|(_, noted)| noted.to_json(noted.begun.elapsed())).collect();
        let slowest: Vec<Value> = seen.slowest.iter().map(|(took, noted)| noted.to_json(*took)).collect();
        json!({"running": running, "slowest": slowest})
    }
}

impl Running {
    /// Notes how the query ended: with statistics, for a log that wants them, or with an error.
    pub(crate) fn end(
        self,
        context: &RequestContext,
        params: &QueryParams,
        now: i64,
        outcome: Result<&dyn Fn() -> Value, String>,
    ) {
        self.remember(outcome.as_ref().err());
        let mut log = self.shared.log.lock();
        let Some(Log { file, .. }) = &mut *log else { return };
        let mut line = json!({
            "ts": rfc_3339(now),
            "requestId": context.id(),
            "httpRequest": {
                "clientIP": context.address.map(|address| address.to_string()).unwrap_or_default(),
                "method": context.method,
                "path": context.path,
            },
            "params": {
                "query": params.query,
                "start": rfc_3339(params.start),
                "end": rfc_3339(params.end),
                "step": params.step as f64 / 1000.0,
            },
        });
        let (name, value) = match outcome {
            Ok(stats) => ("stats", stats()),
            Err(error) => ("error", Value::from(error)),
        };
        if let Some(line) = line.as_object_mut() {
            line.insert(name.to_owned(), value);
        }
        if let Err(error) = file.write_all(format!("{line}\n").as_bytes()) {
            log_each_minute!(warn, %error, "the query log can't be written");
        }
    }

    fn remember(&self, error: Option<&String>) {
        let mut seen = self.shared.seen.lock();
        let Some(at) = seen.running.iter().position(|(number, _)| *number == self.number) else { return };
        let (_, mut noted) = seen.running.remove(at);
        let took = noted.begun.elapsed();
        let place = seen.slowest.partition_point(|(other, _)| *other >= took);
        noted.error = error.cloned();
        let background = noted.background;
        seen.slowest.insert(place, (took, noted));
        // A page that stands open asks more often than people do, and must not crowd out what they asked.
        let mut left = SLOWEST;
        seen.slowest.retain(|(_, noted)| {
            let stays = noted.background != background || left > 0;
            left = left.saturating_sub(usize::from(noted.background == background));
            stays
        });
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.remember(Some(&"nobody waited for the answer".to_owned()));
    }
}

impl Noted {
    /// As `/api/v1/status/queries` shows it.
    fn to_json(&self, time: Duration) -> Value {
        let mut out = json!({
            "requestId": self.request.to_str().unwrap_or_default(),
            "query": self.params.query,
            "start": rfc_3339(self.params.start),
            "end": rfc_3339(self.params.end),
            "step": self.params.step as f64 / 1000.0,
            "begun": rfc_3339(self.now),
            "seconds": time.as_secs_f64(),
            "background": self.background,
        });
        if let (Some(error), Some(out)) = (&self.error, out.as_object_mut()) {
            out.insert("error".to_owned(), Value::from(error.as_str()));
        }
        out
    }
}
