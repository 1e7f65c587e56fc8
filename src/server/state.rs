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
    access::Access,
    admission::{Deadline, Gate},
    browser::{Browser, BrowserOptions},
    clock_skew::ClockSkew,
    error::ApiError,
    external_url::ExternalAddress,
    incoming_bodies::{BodyKind, IncomingBodies},
    limits::{Deadlines, MAX_LOOKUPS, MAX_REMOTE_READS, MAX_WHOLE_READS},
    metrics,
    queries::Queries,
    request_budget::{ExclusiveSlot, RequestBudget, Usage},
    routes::PushOrder,
    senders::Senders,
    tls::Tls,
    ui::WebUi,
};
use crate::{
    ingest::FieldNaming,
    model::Labels,
    promql::{Engine, ResultCache},
    remote::otlp::OtlpSettings,
    seams::{
        admin::Admin,
        append::Append,
        changes::Changes,
        env::Clock,
        replay_progress::ReplayProgress,
        select::{Select, SelectExemplars, SelectLabels, SelectMetadata},
        status::{MemoryPart, Status},
    },
};

/// The server's options.
#[derive(Debug, Clone)]
pub struct ServerOptions {
    /// `host:port` by which clients reach it; the `instance` label of our own metrics.
    pub instance: String,
    /// The URL and the route prefix under which clients reach it.
    pub external: ExternalAddress,
    /// Queries evaluated at once; further ones wait.
    pub max_queries: usize,
    /// All memory there is to plan with, in bytes.
    pub memory: u64,
    /// Memory for requests while they are read and decoded.
    pub requests: RequestMemory,
    /// Bytes that the cache of range queries' answers may take; 0 for no cache.
    pub result_cache: usize,
    /// A remote write may carry samples this far ahead of our clock.
    pub max_ahead: Duration,
    /// How names and attributes of OTLP become metrics and labels.
    pub otlp: Arc<OtlpSettings>,
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
    /// Who may do what; what is asked of it changes with the file that says so.
    pub access: Arc<Access>,
    /// TLS of the listener; `None` for plain HTTP.
    pub tls: Option<Arc<Tls>>,
    /// Which host names and web pages to trust.
    pub browser: BrowserOptions,
    /// Where the web interface comes from.
    pub ui: WebUi,
    /// How fields become metrics, and databases labels.
    pub field_naming: FieldNaming,
    /// How far the store being opened has replayed its log.
    pub replay_progress: ReplayProgress,
}

/// Memory for requests while they are read and decoded, in bytes.
///
/// Each kind has a budget of its own, so that none keeps another waiting; the largest requests go one by one.
#[derive(Debug, Clone, Copy)]
pub struct RequestMemory {
    /// Shared by queries: forms and remote reads.
    pub queries: u64,
    /// For the largest query.
    pub largest_query: u64,
    /// Shared by remote writes.
    pub writes: u64,
    /// Shared by imports.
    pub imports: u64,
    /// For the largest remote write, or part of an import.
    pub largest_write: u64,
}

/// The opened store, as each of the traits by which it is used.
#[derive(Clone)]
pub struct Stores {
    /// Reading samples.
    pub select: Arc<dyn Select>,
    /// Listing series and their labels.
    pub labels: Arc<dyn SelectLabels>,
    /// Reading exemplars.
    pub exemplars: Arc<dyn SelectExemplars>,
    /// Reading what metric families are.
    pub metadata: Arc<dyn SelectMetadata>,
    /// Writing.
    pub append: Arc<dyn Append>,
    /// The journal of changed times.
    pub changes: Arc<dyn Changes>,
    /// Its status.
    pub status: Arc<dyn Status>,
    /// Changing and copying the store.
    pub admin: Arc<dyn Admin>,
}

/// What all requests share.
pub struct ServerState {
    /// Evaluates queries.
    pub(crate) engine: Arc<Engine>,
    /// The cache of range queries' answers.
    pub(crate) results: Arc<ResultCache>,
    /// Tells the time.
    pub(crate) clock: Arc<dyn Clock>,
    /// Flags and limits.
    pub(crate) options: ServerOptions,
    /// Judges requests of web pages.
    pub(crate) browser: Browser,
    /// When the process began, in ms.
    pub(crate) started: i64,
    /// Admits queries.
    pub(crate) queries: Gate,
    /// Held by the first of the queries that wait for memory: they are tried again one after the other, in order of arrival.
    pub(crate) memory_queue: tokio::sync::Mutex<()>,
    /// Admits lookups of series and labels. They have a gate of their own, as a dashboard's variables shouldn't wait for its
    /// panels.
    pub(crate) lookups: Gate,
    /// Admits remote reads.
    pub(crate) remote_reads: Gate,
    /// Admits remote reads whose answer has to be held whole.
    pub(crate) whole_reads: Gate,
    /// Memory for forms and for the bodies of remote reads.
    pub(crate) query_budget: Arc<RequestBudget>,
    /// Memory for remote writes.
    pub(crate) write_budget: Arc<RequestBudget>,
    /// Memory for imports.
    pub(crate) import_budget: Arc<RequestBudget>,
    /// For the largest query, and for the largest write or import.
    exclusive_slots: [Arc<ExclusiveSlot>; 2],
    /// All request bodies being received.
    pub(crate) incoming_bodies: Arc<IncomingBodies>,
    /// Whether our clock can be trusted.
    pub(crate) clock_skew: ClockSkew,
    /// Who writes.
    pub(crate) senders: Senders,
    /// Whose turn it is to push to a group.
    pub(crate) pushes: PushOrder,
    /// The running and the slowest queries, and the query log.
    pub(crate) asked: Queries,
    /// Empty until the store is open.
    stores: OnceLock<Stores>,
    /// Whether the server is stopping; never cleared.
    stopping: AtomicBool,
}

impl ServerState {
    /// A server without a store yet.
    pub fn new(engine: Arc<Engine>, clock: Arc<dyn Clock>, options: ServerOptions) -> Self {
        let started = clock.now();
        metrics::prepare();
        let incoming_bodies = Arc::default();
        let RequestMemory { queries, largest_query, writes, imports, largest_write } = options.requests;
        let exclusive_slots = [ExclusiveSlot::new(largest_query), ExclusiveSlot::new(largest_write)];
        let [query_slot, write_slot] = &exclusive_slots;
        Self {
            queries: Gate::new(options.max_queries),
            memory_queue: tokio::sync::Mutex::default(),
            lookups: Gate::new(MAX_LOOKUPS),
            remote_reads: Gate::new(MAX_REMOTE_READS),
            whole_reads: Gate::new(MAX_WHOLE_READS),
            query_budget: RequestBudget::new(queries, query_slot, BodyKind::Query, &incoming_bodies),
            write_budget: RequestBudget::new(writes, write_slot, BodyKind::Write, &incoming_bodies),
            import_budget: RequestBudget::new(imports, write_slot, BodyKind::Write, &incoming_bodies),
            exclusive_slots,
            incoming_bodies,
            clock_skew: ClockSkew::default(),
            senders: Senders::default(),
            pushes: PushOrder::default(),
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
        let shared = [&self.query_budget, &self.write_budget, &self.import_budget].map(|budget| budget.usage());
        let slots = self.exclusive_slots.each_ref().map(|slot| slot.usage());
        let requests = shared.into_iter().chain(slots).sum();
        let (used, limit) = self.engine.memory();
        let queries = Usage { used, limit };
        let answers = Usage { used: self.results.bytes() as u64, limit: self.results.limit() as u64 };
        for (name, Usage { used, limit }) in [("requests", requests), ("queries", queries), ("kept answers", answers)] {
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

    /// The deadline of a request that comes now and names no timeout of its own.
    pub(crate) fn default_deadline(&self) -> Deadline {
        Deadline::new(self.engine.options().timeout)
    }

    /// From now on requests are refused, as the server is stopping.
    pub fn stop(&self) {
        self.stopping.store(true, Ordering::Relaxed);
    }

    /// The store, unless it isn't open yet or is about to close.
    pub(crate) fn stores(&self) -> Result<&Stores, ApiError> {
        let stopping = self.stopping.load(Ordering::Relaxed);
        self.stores.get().filter(|_| !stopping).ok_or(ApiError::NotReady { stopping })
    }

    /// The store even while the server is stopping, for its own last metrics.
    pub(crate) fn any_stores(&self) -> Option<&Stores> {
        self.stores.get()
    }
}
