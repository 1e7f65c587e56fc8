//! The door to query evaluation: a [`Query`] is [prepared](Prepared) once, and then asked whatever is to be known of it.

mod cheap;
mod prepared;

use std::{cell::Cell, sync::Arc, time::Duration};

pub use prepared::Prepared;

use super::{
    Cancel, Explained, Features, Optimise, QueryAnswer, QueryError,
    ast::Expr,
    budget::{Pool, Share},
    parse::{MAX_CHAIN, MAX_DEPTH, parse_high},
    plan::{Plan, QueryTimes, lower},
    value::SAMPLE_BYTES,
};
use crate::seams::{memory_budget::MemoryBudget, resident::Watermark, select::Select};

/// What holds for every query.
#[derive(Debug, Clone)]
pub struct EngineOptions {
    /// How far back an instant selector looks for a sample, in ms.
    pub lookback: i64,
    /// Step of subqueries that name none, in ms.
    pub subquery_step: i64,
    /// A query may hold this many samples in memory.
    pub max_samples: u64,
    /// All queries together may hold this many samples in memory.
    pub max_samples_of_all: u64,
    /// All of the process may have this much memory, in bytes, if that is limited.
    pub process_memory: Option<u64>,
    /// A query may take this long.
    pub timeout: Duration,
    /// A query uses at most this many threads.
    pub threads: usize,
    /// What Prometheus has only behind `--enable-feature`.
    pub features: Features,
    /// What may be done to make queries cheaper.
    pub optimise: Optimise,
}

impl Default for EngineOptions {
    fn default() -> Self {
        Self {
            lookback: 300_000,
            subquery_step: 60_000,
            max_samples: 50_000_000,
            max_samples_of_all: 50_000_000,
            process_memory: None,
            timeout: Duration::from_secs(120),
            threads: std::thread::available_parallelism().map_or(1, usize::from),
            features: Features::default(),
            optimise: Optimise::default(),
        }
    }
}

/// One question.
#[derive(Debug, Clone)]
pub struct Query<'a> {
    /// The PromQL text.
    pub text: &'a str,
    /// First (or only) evaluation time in ms.
    pub start: i64,
    /// Last evaluation time in ms; equals `start` for an instant query.
    pub end: i64,
    /// Step in ms; 0 makes it an instant query.
    pub step: i64,
    /// Overrides the engine's lookback, in ms.
    pub lookback: Option<i64>,
    /// Shortens the engine's timeout.
    pub timeout: Option<Duration>,
    /// Whether to count the samples looked at by step.
    pub per_step: bool,
}

/// Evaluates queries. Blocking: call it from a thread that may wait. Clones share memory and options.
#[derive(Debug, Clone)]
pub struct Engine {
    options: Arc<EngineOptions>,
    pool: Arc<Pool>,
}

impl Engine {
    /// An engine with these options.
    #[must_use]
    pub fn new(options: EngineOptions) -> Self {
        let watermark = options.process_memory.map(Watermark::new);
        let pool = Arc::new(Pool::new(options.max_samples_of_all, watermark));
        Self { options: Arc::new(options), pool }
    }

    /// Bytes of memory that all running queries together hold, about, and may hold.
    #[must_use]
    pub fn memory(&self) -> (u64, u64) {
        let (held, limit) = self.pool.usage();
        (held.saturating_mul(SAMPLE_BYTES), limit.saturating_mul(SAMPLE_BYTES))
    }

    /// Room for what isn't a query but takes its memory from the same part: lists of series and labels.
    #[must_use]
    pub fn room(&self) -> Arc<dyn MemoryBudget> {
        Arc::new(Share::new(&self.pool))
    }

    /// The options it was made with.
    #[must_use]
    pub fn options(&self) -> &EngineOptions {
        &self.options
    }

    /// Parses and checks a query, with the features that are on; the memory for it is taken of `room`.
    ///
    /// # Errors
    /// With line and column of the first thing that is wrong, or when there is no room.
    pub fn parse(&self, text: &str, room: &dyn MemoryBudget) -> Result<Expr, QueryError> {
        self.parse_high(text, room, MAX_DEPTH)
    }

    /// Parses a query whose tree may be so high. What others hold only for now is [`QueryError::NoRoom`].
    fn parse_high(&self, text: &str, room: &dyn MemoryBudget, highest: usize) -> Result<Expr, QueryError> {
        let (_, limit) = self.memory();
        let (wanted, lacks) = (Cell::new(0u64), Cell::new(false));
        let take = |bytes| {
            wanted.set(wanted.get().saturating_add(bytes as u64));
            let taken = room.take(bytes);
            lacks.set(!taken);
            taken
        };
        parse_high(text, self.options.features, &take, highest).map_err(|error| match error {
            // By itself it would fit.
            QueryError::Execution(why) if lacks.get() && wanted.get() <= limit => QueryError::NoRoom(why),
            error => error,
        })
    }

    /// Parses and plans `query`.
    ///
    /// # Errors
    /// When the text is wrong, its value is of a type that can't be answered, or there is no memory for it.
    pub fn prepare(&self, query: &Query<'_>) -> Result<Prepared, QueryError> {
        Prepared::new(self, query, MAX_CHAIN)
    }

    /// Evaluates `query` over `select`.
    ///
    /// # Errors
    /// As [`Engine::prepare`] and [`Prepared::run`].
    pub fn run(&self, select: &dyn Select, query: &Query<'_>, cancel: &Cancel) -> Result<QueryAnswer, QueryError> {
        self.prepare(query)?.run(select, cancel)
    }

    /// Tells how `query` would be evaluated, and with `analyze` evaluates it and tells what that took. What is shown as a
    /// tree may be no higher than a stack is deep.
    ///
    /// # Errors
    /// As [`Engine::prepare`] and [`Prepared::explain`].
    pub fn explain(
        &self,
        select: &dyn Select,
        query: &Query<'_>,
        analyze: bool,
        cancel: &Cancel,
    ) -> Result<Explained, QueryError> {
        Prepared::new(self, query, MAX_DEPTH)?.explain(select, analyze, cancel)
    }

    /// Parses and plans `query`, whose tree may be so high; the memory for it is taken of `room`.
    fn plan(&self, query: &Query<'_>, room: &dyn MemoryBudget, highest: usize) -> Result<Plan, QueryError> {
        let times = QueryTimes {
            text: query.text,
            start: query.start,
            end: if query.step == 0 { query.start } else { query.end },
            step: query.step,
            subquery_step: self.options.subquery_step,
        };
        lower(&self.parse_high(query.text, room, highest)?, &times, self.options.optimise)
    }
}
