//! What all requests share.

use std::{
    path::{Path, PathBuf},
    sync::{
        Arc, OnceLock,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use super::{
    admission::{Deadline, Gate},
    arrivals::{Arrivals, Pool},
    browser::{Browser, BrowserOptions},
    clock_watch::ClockWatch,
    error::ApiError,
    limits::{Deadlines, MAX_LOOKUPS, MAX_REMOTE_READS, MAX_WHOLE_READS},
    metrics,
    outside::Outside,
    queries::Queries,
    room::{Lane, Room},
};
use crate::{
    model::Labels,
    promql::{Engine, ResultCache},
    seams::{
        admin::Admin,
        append::Append,
        changes::Changes,
        env::Clock,
        select::Select,
        status::{MemoryPart, Status},
    },
};

/// What the server is told about itself.
#[derive(Debug, Clone)]
pub struct ServerOptions {
    /// `host:port` as others reach it; the `instance` label of our own metrics.
    pub instance: String,
    /// Under which URL and prefix of paths others reach it.
    pub outside: Outside,
    /// Queries evaluated at once; further ones wait.
    pub max_queries: usize,
    /// All memory there is to plan with, in bytes.
    pub memory: u64,
    /// Memory for requests while they are read and taken apart.
    pub requests: RequestMemory,
    /// Bytes for answers of range queries that are kept for the next refresh; 0: none are kept.
    pub result_cache: usize,
    /// A remote write may carry samples this far ahead of our clock.
    pub max_ahead: Duration,
    /// Whether `/api/v1/admin/…` may be used.
    pub admin_api: bool,
    /// How long to wait for clients.
    pub deadlines: Deadlines,
    /// Labels that name this server to those who read from several: added to series in remote reads and federation.
    pub external_labels: Labels,
    /// Flags and their values, for `/api/v1/status/flags`.
    pub flags: Vec<(String, String)>,
    /// Where ended queries are logged, one JSON object a line.
    pub query_log: Option<PathBuf>,
    /// Which names and pages to trust.
    pub browser: BrowserOptions,
}

/// Memory for requests while they are read and taken apart, in bytes.
///
/// Each kind has commons of its own, so that none keeps another waiting; the largest requests go one by one.
#[derive(Debug, Clone, Copy)]
pub struct RequestMemory {
    /// Commons of questions: forms and remote reads.
    pub questions: u64,
    /// What the largest question may have.
    pub question: u64,
    /// Commons of remote writes.
    pub writes: u64,
    /// Commons of imports.
    pub imports: u64,
    /// What the largest remote write, or a part of an import, may have.
    pub write: u64,
}

/// The opened store, by what it can do.
#[derive(Clone)]
pub struct Stores {
    /// Reading.
    pub select: Arc<dyn Select>,
    /// Writing.
    pub append: Arc<dyn Append>,
    /// Telling which times have changed.
    pub changes: Arc<dyn Changes>,
    /// Telling how it is.
    pub status: Arc<dyn Status>,
    /// Changing and copying what there is.
    pub admin: Arc<dyn Admin>,
}

/// What all requests share.
pub struct ServerState {
    /// Evaluates queries.
    pub(crate) engine: Arc<Engine>,
    /// Keeps answers of range queries.
    pub(crate) results: Arc<ResultCache>,
    /// Tells the time.
    pub(crate) clock: Arc<dyn Clock>,
    /// Flags and limits.
    pub(crate) options: ServerOptions,
    /// What pages may do.
    pub(crate) browser: Browser,
    /// When the process began, in ms.
    pub(crate) started: i64,
    /// Lets queries in.
    pub(crate) queries: Gate,
    /// Held by the query that goes on next of those that found no memory: they go on one after the other, in order of arrival.
    pub(crate) lacking_room: tokio::sync::Mutex<()>,
    /// Lets lookups of series and labels in. They have a gate of their own: a dashboard's variables shouldn't wait for
    /// its panels.
    pub(crate) lookups: Gate,
    /// Lets remote reads in.
    pub(crate) remote_reads: Gate,
    /// Lets those in whose answer has to be held whole.
    pub(crate) whole_reads: Gate,
    /// Room for forms and for the bodies of remote reads.
    pub(crate) questions: Arc<Room>,
    /// Room for remote writes.
    pub(crate) writes: Arc<Room>,
    /// Room for imports.
    pub(crate) imports: Arc<Room>,
    /// The largest of them go one by one: questions, and writes and imports.
    lanes: [Arc<Lane>; 2],
    /// All bodies being received.
    pub(crate) arrivals: Arc<Arrivals>,
    /// What is known of the clock.
    pub(crate) clock_watch: ClockWatch,
    /// Queries as they come and go.
    pub(crate) asked: Queries,
    /// Empty until the store is open.
    stores: OnceLock<Stores>,
    /// Set once and never cleared.
    stopping: AtomicBool,
}

impl ServerState {
    /// A server without a store yet.
    pub fn new(engine: Arc<Engine>, clock: Arc<dyn Clock>, options: ServerOptions) -> Self {
        let started = clock.now();
        metrics::prepare();
        let arrivals = Arc::default();
        let RequestMemory { questions, question, writes, imports, write } = options.requests;
        let lanes = [Lane::new(question), Lane::new(write)];
        let [asked, written] = &lanes;
        Self {
            queries: Gate::new(options.max_queries),
            lacking_room: tokio::sync::Mutex::default(),
            lookups: Gate::new(MAX_LOOKUPS),
            remote_reads: Gate::new(MAX_REMOTE_READS),
            whole_reads: Gate::new(MAX_WHOLE_READS),
            questions: Room::new(questions, asked, Pool::Asked, &arrivals),
            writes: Room::new(writes, written, Pool::Written, &arrivals),
            imports: Room::new(imports, written, Pool::Written, &arrivals),
            lanes,
            arrivals,
            clock_watch: ClockWatch::default(),
            asked: Queries::default(),
            results: Arc::new(ResultCache::new(options.result_cache)),
            browser: Browser::new(&options.browser),
            engine,
            clock,
            options,
            started,
            stores: OnceLock::new(),
            stopping: AtomicBool::new(false),
        }
    }

    /// Hands over the opened store: from now on everything is served. A second store is ignored.
    pub fn ready(&self, stores: Stores) {
        // A server has one store for life, so there is nothing to do about another.
        let _ = self.stores.set(stores);
    }

    /// All parts of the memory budget: the store's, given here, and the server's own.
    pub(crate) fn memory(&self, mut parts: Vec<MemoryPart>) -> Vec<MemoryPart> {
        let rooms = [&self.questions, &self.writes, &self.imports].map(|room| room.usage());
        let lanes = self.lanes.each_ref().map(|lane| lane.usage());
        let requests = rooms.into_iter().chain(lanes).fold((0, 0), |sum, part| (sum.0 + part.0, sum.1 + part.1));
        let queries = self.engine.memory();
        let answers = (self.results.bytes() as u64, self.results.limit() as u64);
        for (name, (used, limit)) in [("requests", requests), ("queries", queries), ("kept answers", answers)] {
            parts.push(MemoryPart { name, used, limit });
        }
        parts
    }

    /// Lets the query log go on in a new file where its file was moved away.
    ///
    /// # Errors
    /// When the file can't be opened; the log goes on in the old one.
    pub fn reopen_query_log(&self) -> std::io::Result<()> {
        self.asked.reopen_log()
    }

    /// Opens the query log, if there is to be one, and notes running queries in the file at `active`, if there is to be one:
    /// those that a former process left there are named in our log.
    ///
    /// # Errors
    /// When a file can't be opened; the error names it.
    pub fn log_queries(&self, active: Option<&Path>) -> std::io::Result<()> {
        let named = |path: &Path, error: std::io::Error| {
            std::io::Error::new(error.kind(), format!("{}: {error}", path.display()))
        };
        if let Some(path) = &self.options.query_log {
            self.asked.log_to(path).map_err(|error| named(path, error))?;
        }
        let Some(active) = active else { return Ok(()) };
        self.asked.note_in(active, self.options.max_queries).map_err(|error| named(active, error))
    }

    /// For a request that comes now and says nothing of how long it may take.
    pub(crate) fn default_deadline(&self) -> Deadline {
        Deadline::new(self.engine.options().timeout)
    }

    /// From now on new requests are told that the server is stopping.
    pub fn stop(&self) {
        self.stopping.store(true, Ordering::Relaxed);
    }

    /// The store, unless it isn't open yet or is about to close.
    pub(crate) fn stores(&self) -> Result<&Stores, ApiError> {
        let stopping = self.stopping.load(Ordering::Relaxed);
        self.stores.get().filter(|_| !stopping).ok_or(ApiError::NotReady { stopping })
    }

    /// The store even while stopping, for our own last words.
    pub(crate) fn any_stores(&self) -> Option<&Stores> {
        self.stores.get()
    }
}
