//! The door to query evaluation.

use std::{
    cell::Cell,
    collections::HashMap,
    sync::Arc,
    time::{Duration, Instant},
};

use super::{
    Cancel, Explained, Features, QueryAnswer, QueryError, QueryStats,
    ast::{Expr, ValueType},
    brief,
    budget::{Budget, Pool, Share},
    data::{annotations::Notes, grid::Grid},
    exec::{Context, Found, Memo, Profile, Settings, answer, select_all},
    explain::{Analyzed, Known},
    parse::{MAX_CHAIN, MAX_DEPTH, parse_high},
    plan::{Node, NodeId, Optimise, Plan, QueryTimes, lower},
    stack,
    value::SAMPLE_BYTES,
};
use crate::{
    model::TimeRange,
    seams::{resident::Watermark, room::Room, select::Select},
};

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
    /// Evaluate it only if that takes next to no time; otherwise the answer is [`QueryError::NotBrief`].
    pub brief: bool,
}

/// Evaluates queries. Blocking: call it from a thread that may wait.
#[derive(Debug)]
pub struct Engine {
    options: EngineOptions,
    pool: Arc<Pool>,
}

impl Engine {
    /// An engine with these options.
    #[must_use]
    pub fn new(options: EngineOptions) -> Self {
        let watermark = options.process_memory.map(Watermark::new);
        let pool = Arc::new(Pool::new(options.max_samples_of_all, watermark));
        Self { options, pool }
    }

    /// Bytes of memory that all running queries together hold, about, and may hold.
    #[must_use]
    pub fn memory(&self) -> (u64, u64) {
        let (held, limit) = self.pool.usage();
        (held.saturating_mul(SAMPLE_BYTES), limit.saturating_mul(SAMPLE_BYTES))
    }

    /// Room for what isn't a query but takes its memory from the same part: lists of series and labels.
    #[must_use]
    pub fn room(&self) -> Arc<dyn Room> {
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
    pub fn parse(&self, text: &str, room: &dyn Room) -> Result<Expr, QueryError> {
        self.parse_high(text, room, MAX_DEPTH)
    }

    /// Parses a query whose tree may be so high. What others hold only for now is [`QueryError::NoRoom`].
    fn parse_high(&self, text: &str, room: &dyn Room, highest: usize) -> Result<Expr, QueryError> {
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

    /// Evaluates `query` over `select`.
    ///
    /// # Errors
    /// When the text is wrong, the data doesn't fit the expression, a limit is passed or `cancel` is used.
    pub fn run(&self, select: &dyn Select, query: &Query<'_>, cancel: &Cancel) -> Result<QueryAnswer, QueryError> {
        self.run_piece(select, query, TimeRange::new(query.start, query.end), cancel)
    }

    /// Evaluates the steps of `query` from the first to the last time of `piece`, which are two of its steps. They are steps
    /// of the whole query, to which its text may refer.
    ///
    /// # Errors
    /// As [`Engine::run`].
    pub(super) fn run_piece(
        &self,
        select: &dyn Select,
        query: &Query<'_>,
        piece: TimeRange,
        cancel: &Cancel,
    ) -> Result<QueryAnswer, QueryError> {
        stack::sufficient(query.text, || self.evaluate_piece(select, query, piece, cancel))
    }

    fn evaluate_piece(
        &self,
        select: &dyn Select,
        query: &Query<'_>,
        piece: TimeRange,
        cancel: &Cancel,
    ) -> Result<QueryAnswer, QueryError> {
        let Checked { plan, grid, room: _room } = self.checked(query, MAX_CHAIN)?;
        let grid = if query.step == 0 { grid } else { grid.piece(piece) };
        let profile = if query.per_step { Profile::default().by_step(grid.steps) } else { Profile::default() };
        if query.brief && !brief::may_be(&plan.root, &grid, select) {
            return Err(QueryError::NotBrief);
        }
        let cx = self.context(select, query, cancel, profile);
        let found = self.known(&cx, &plan.root, grid)?;
        if query.brief && !brief::is(&found, &grid) {
            return Err(QueryError::NotBrief);
        }
        evaluate(cx, &plan.root, grid, query).map(|(answer, _)| answer)
    }

    /// Tells how `query` would be evaluated, and with `analyze` evaluates it and tells what that took.
    ///
    /// # Errors
    /// As [`Engine::run`]; without `analyze`, a query that is going to be refused for its size is still explained.
    pub fn explain(
        &self,
        select: &dyn Select,
        query: &Query<'_>,
        analyze: bool,
        cancel: &Cancel,
    ) -> Result<Explained, QueryError> {
        let begun = Instant::now();
        let Checked { plan, grid, room: _room } = self.checked(query, MAX_DEPTH)?;
        let cx = self.context(select, query, cancel, Profile::default().by_operator());
        let (lookback, interrupt) = (cx.settings.lookback, cx.budget.interrupt());
        let found = if analyze { self.known(&cx, &plan.root, grid)? } else { select_all(&cx, &plan.root, grid)? };
        let known = Known { found: &found, lookback };
        let (profile, analyzed) = if analyze {
            let (answer, profile) = evaluate(cx, &plan.root, grid, query)?;
            (profile, Some(Analyzed { stats: answer.stats, time: begun.elapsed() }))
        } else {
            (Profile::default(), None)
        };
        Ok(Explained {
            plan: known.steps(&plan.root, grid, query.text, (select, &*interrupt), &profile)?,
            estimated_peak: known.peak(&plan.root, &grid),
            analyzed,
        })
    }

    /// What `work` makes of the plan of `query`, on a stack that suffices for it.
    pub(super) fn with_plan<T: Send>(
        &self,
        query: &Query<'_>,
        work: impl FnOnce(&Plan) -> T + Send,
    ) -> Result<T, QueryError> {
        stack::sufficient(query.text, || {
            let room = self.room();
            Ok(work(&self.plan(query, &*room, MAX_CHAIN)?))
        })
    }

    /// Parses and plans `query`, whose tree may be so high; the memory for it is taken of `room`.
    fn plan(&self, query: &Query<'_>, room: &dyn Room, highest: usize) -> Result<Plan, QueryError> {
        let times = QueryTimes {
            text: query.text,
            start: query.start,
            end: if query.step == 0 { query.start } else { query.end },
            step: query.step,
            subquery_step: self.options.subquery_step,
        };
        lower(&self.parse_high(query.text, room, highest)?, &times, self.options.optimise)
    }

    /// The plan, which may be so high, if it can be evaluated like that.
    fn checked(&self, query: &Query<'_>, highest: usize) -> Result<Checked, QueryError> {
        let room = self.room();
        let plan = self.plan(query, &*room, highest)?;
        let instant = query.step == 0;
        let grid = if instant { Grid::instant(query.start) } else { Grid::range(query.start, query.end, query.step) };
        if !instant {
            let refused = match plan.root.value_type() {
                ValueType::Matrix => Some("range vector"),
                ValueType::String => Some("string"),
                ValueType::Scalar | ValueType::Vector => None,
            };
            if let Some(name) = refused {
                let text = "for range query, must be Scalar or instant Vector";
                return Err(QueryError::Type(format!("invalid expression type \"{name}\" {text}")));
            }
        }
        Ok(Checked { plan, grid, room })
    }

    fn context<'q>(
        &'q self,
        select: &'q dyn Select,
        query: &Query<'_>,
        cancel: &'q Cancel,
        profile: Profile,
    ) -> Context<'q> {
        let timeout = query.timeout.map_or(self.options.timeout, |t| t.min(self.options.timeout));
        // Only this thread has the stack for a long chain.
        let threads = if stack::deep(query.text).is_some() { 1 } else { self.options.threads };
        let budget = Budget::new(cancel, &self.pool, timeout, self.options.max_samples, threads);
        let settings = Settings {
            lookback: query.lookback.unwrap_or(self.options.lookback),
            threads,
            delayed_name_removal: self.options.features.delayed_name_removal,
            type_labels: self.options.features.type_and_unit_labels,
            start_times: self.options.features.use_start_timestamps,
            optimise: self.options.optimise,
        };
        Context { select, settings, budget, notes: Notes::default(), profile, memo: Memo::default() }
    }

    /// Looks up what the plan selects, and refuses what can't fit.
    fn known(&self, cx: &Context<'_>, plan: &Node, grid: Grid) -> Result<HashMap<NodeId, Found>, QueryError> {
        cx.budget.foresee(1, grid.steps)?;
        let found = select_all(cx, plan, grid)?;
        Known { found: &found, lookback: cx.settings.lookback }.judge(plan, &grid, self.options.max_samples)?;
        Ok(found)
    }
}

/// A query that can be evaluated.
struct Checked {
    plan: Plan,
    /// The steps to evaluate it at.
    grid: Grid,
    /// What the plan takes its memory from, as long as it is kept.
    room: Arc<dyn Room>,
}

fn evaluate(cx: Context<'_>, plan: &Node, grid: Grid, query: &Query<'_>) -> Result<(QueryAnswer, Profile), QueryError> {
    let value = answer(&cx, plan, grid, query.step == 0)?;
    let (queryable_samples, fresh_samples, samples_by_step) = cx.profile.samples();
    let stats = QueryStats { queryable_samples, fresh_samples, ..cx.budget.stats() };
    Ok((QueryAnswer { value, annotations: cx.notes.finish(), stats, samples_by_step }, cx.profile))
}
