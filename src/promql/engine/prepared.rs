//! A query between its text and its answer.

use std::{
    collections::HashMap,
    fmt,
    sync::Arc,
    time::{Duration, Instant},
};

use parking_lot::Mutex;

use super::{Engine, Query, cheap};
use crate::{
    model::TimeRange,
    promql::{
        Cancel, Explained, QueryAnswer, QueryError, QueryStats,
        ast::ValueType,
        budget::Budget,
        data::{annotations::AnnotationCollector, grid::Grid},
        exec::{Context, Found, Memo, Profile, Sets, Settings, Subqueries, answer, select_all, subquery_steps},
        explain::{Analyzed, Known},
        plan::{KeepableSubquery, NodeId, Plan, TimeDependency, keepable_subqueries},
        stack,
    },
    seams::{memory_budget::MemoryBudget, select::Select},
};

/// A query that is parsed, checked and planned. It can be asked what it depends on and whether it is cheap, and be
/// evaluated, in whole or in part.
pub struct Prepared {
    engine: Engine,
    text: String,
    lookback: i64,
    timeout: Duration,
    per_step: bool,
    plan: Plan,
    /// The steps to evaluate it at.
    grid: Grid,
    /// Nothing when its value at a step depends on more than the samples around it.
    dependency: Option<TimeDependency>,
    /// Subqueries whose rows may be kept for the next question.
    keepable: Vec<KeepableSubquery>,
    /// Whether it is asked for one time only.
    is_instant: bool,
    /// How high it may be, where only a stack of its own has room for it.
    levels: Option<usize>,
    /// Series that were looked up to tell whether it is cheap.
    looked_up: Mutex<Sets>,
    /// What the plan takes its memory from, as long as it is kept.
    _room: Arc<dyn MemoryBudget>,
}

impl fmt::Debug for Prepared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Prepared").field("text", &self.text).field("grid", &self.grid).finish_non_exhaustive()
    }
}

impl Prepared {
    /// Parses and plans `query`, whose tree may be so high.
    pub(super) fn new(engine: &Engine, query: &Query<'_>, highest: usize) -> Result<Self, QueryError> {
        let levels = stack::deep(query.text);
        let is_instant = query.step == 0;
        let room = engine.room();
        let lookback = query.lookback.unwrap_or(engine.options().lookback);
        let (plan, dependency, keepable) = stack::sufficient(levels, || {
            let plan = engine.plan(query, &*room, highest)?;
            if !is_instant {
                refuse_type(plan.root.value_type())?;
            }
            let dependency = if is_instant { None } else { TimeDependency::of(&plan, lookback) };
            // Those of a plan as high as this one would have to be looked for on a stack of its own, each time.
            let keepable = if levels.is_some() { Vec::new() } else { keepable_subqueries(&plan, lookback) };
            Ok((plan, dependency, keepable))
        })?;
        let grid = match is_instant {
            true => Grid::instant(query.start),
            false => Grid::range(query.start, query.end, query.step),
        };
        let allowed = engine.options().timeout;
        Ok(Self {
            engine: engine.clone(),
            text: query.text.to_owned(),
            lookback,
            timeout: query.timeout.map_or(allowed, |asked| asked.min(allowed)),
            per_step: query.per_step,
            plan,
            grid,
            dependency,
            keepable,
            is_instant,
            levels,
            looked_up: Mutex::default(),
            _room: room,
        })
    }

    /// Its text.
    pub(in super::super) fn text(&self) -> &str {
        &self.text
    }

    /// In ms.
    pub(in super::super) fn lookback(&self) -> i64 {
        self.lookback
    }

    pub(in super::super) fn grid(&self) -> Grid {
        self.grid
    }

    pub(in super::super) fn time_dependency(&self) -> Option<&TimeDependency> {
        self.dependency.as_ref()
    }

    /// Its step in ms; 0 when it is asked for one time only.
    pub(in super::super) fn step(&self) -> i64 {
        if self.is_instant { 0 } else { self.grid.step }
    }

    /// The subqueries whose rows may be kept, and the first and last of the steps that each evaluates its expression at.
    pub(in super::super) fn keepable_subqueries(&self) -> Vec<(KeepableSubquery, TimeRange)> {
        let mut found = Vec::new();
        if self.keepable.is_empty() {
            return found;
        }
        subquery_steps(&self.plan.root, self.grid, &mut |node, grid| {
            let keepable = self.keepable.iter().find(|subquery| subquery.node == node && grid.steps > 1);
            found.extend(keepable.map(|subquery| (*subquery, TimeRange::new(grid.start, grid.last()))));
        });
        found
    }

    /// All its steps, from the first to the last.
    #[must_use]
    pub fn steps(&self) -> TimeRange {
        TimeRange::new(self.grid.start, self.grid.last())
    }

    /// Whether evaluating its steps in `pieces` takes next to no time; what isn't certain isn't cheap. The series that it
    /// had to look up for that are used by [`Prepared::run`], which is to be asked at once then and with the same `select`.
    pub fn is_cheap(&self, select: &dyn Select, pieces: &[TimeRange]) -> bool {
        self.is_cheap_with(select, pieces, &Arc::default())
    }

    /// As [`Self::is_cheap`], with rows of `subqueries` that are kept.
    pub(in super::super) fn is_cheap_with(
        &self,
        select: &dyn Select,
        pieces: &[TimeRange],
        subqueries: &Arc<Subqueries>,
    ) -> bool {
        let grids: Vec<Grid> = pieces.iter().map(|piece| self.grid_of(*piece)).collect();
        // Its stack is another thread's.
        if self.levels.is_some() || !grids.iter().all(|grid| cheap::may_be(&self.plan.root, grid, select, subqueries)) {
            return false;
        }
        let cancel = Cancel::default();
        let cx = self.context(select, &cancel, Profile::default());
        let cx = Context { subqueries: Arc::clone(subqueries), ..cx };
        let is_cheap = grids.iter().all(|grid| {
            // What can't be looked up tells so when it is evaluated.
            select_all(&cx, &self.plan.root, *grid).is_ok_and(|found| cheap::is(&found, grid))
        });
        if is_cheap {
            *self.looked_up.lock() = cx.memo.into_sets();
        }
        is_cheap
    }

    /// Evaluates it over `select`.
    ///
    /// # Errors
    /// When the data doesn't fit the expression, a limit is passed or `cancel` is used.
    pub fn run(&self, select: &dyn Select, cancel: &Cancel) -> Result<QueryAnswer, QueryError> {
        self.run_piece(select, self.steps(), &Arc::default(), cancel)
    }

    /// Evaluates its steps from the first to the last time of `piece`, which are two of its steps. They are steps of the
    /// whole query, to which its text may refer. Of `subqueries` rows are kept.
    ///
    /// # Errors
    /// As [`Prepared::run`].
    pub(in super::super) fn run_piece(
        &self,
        select: &dyn Select,
        piece: TimeRange,
        subqueries: &Arc<Subqueries>,
        cancel: &Cancel,
    ) -> Result<QueryAnswer, QueryError> {
        let grid = self.grid_of(piece);
        stack::sufficient(self.levels, || {
            let profile = if self.per_step { Profile::default().by_step(grid.steps) } else { Profile::default() };
            let cx = Context { subqueries: Arc::clone(subqueries), ..self.context(select, cancel, profile) };
            self.known(&cx, grid)?;
            self.evaluate(cx, grid).map(|(answer, _)| answer)
        })
    }

    /// Tells how it would be evaluated, and with `analyze` evaluates it and tells what that took.
    ///
    /// # Errors
    /// As [`Prepared::run`]; without `analyze`, a query that is going to be refused for its size is still explained.
    pub fn explain(&self, select: &dyn Select, analyze: bool, cancel: &Cancel) -> Result<Explained, QueryError> {
        let (begun, root, grid) = (Instant::now(), &self.plan.root, self.grid);
        let cx = self.context(select, cancel, Profile::default().by_operator());
        let interrupt = cx.budget.interrupt();
        let found = if analyze { self.known(&cx, grid)? } else { select_all(&cx, root, grid)? };
        let known = Known { found: &found, lookback: self.lookback };
        let (profile, analyzed) = if analyze {
            let (answer, profile) = self.evaluate(cx, grid)?;
            (profile, Some(Analyzed { stats: answer.stats, time: begun.elapsed() }))
        } else {
            (Profile::default(), None)
        };
        Ok(Explained {
            plan: known.steps(root, grid, &self.text, (select, &*interrupt), &profile)?,
            estimated_peak: known.peak(root, &grid),
            analyzed,
        })
    }

    fn grid_of(&self, piece: TimeRange) -> Grid {
        if piece == self.steps() { self.grid } else { self.grid.piece(piece) }
    }

    fn context<'q>(&'q self, select: &'q dyn Select, cancel: &'q Cancel, profile: Profile) -> Context<'q> {
        let options = self.engine.options();
        // Only one thread has the stack for a long chain.
        let threads = if self.levels.is_some() { 1 } else { options.threads };
        let budget = Budget::new(cancel, &self.engine.pool, self.timeout, options.max_samples, threads);
        let settings = Settings {
            lookback: self.lookback,
            threads,
            delayed_name_removal: options.features.delayed_name_removal,
            type_labels: options.features.type_and_unit_labels,
            start_times: options.features.use_start_timestamps,
            optimise: options.optimise,
        };
        let memo = Memo::new(self.looked_up.lock().clone());
        let (annotations, subqueries) = (AnnotationCollector::default(), Arc::default());
        Context { select, settings, budget, annotations, profile, memo, subqueries }
    }

    /// Looks up what the plan selects, and refuses what can't fit.
    fn known(&self, cx: &Context<'_>, grid: Grid) -> Result<HashMap<NodeId, Found>, QueryError> {
        cx.budget.foresee(1, grid.steps)?;
        let found = select_all(cx, &self.plan.root, grid)?;
        let known = Known { found: &found, lookback: self.lookback };
        known.judge(&self.plan.root, &grid, self.engine.options().max_samples)?;
        Ok(found)
    }

    fn evaluate(&self, cx: Context<'_>, grid: Grid) -> Result<(QueryAnswer, Profile), QueryError> {
        let value = answer(&cx, &self.plan.root, grid, self.is_instant)?;
        let (queryable_samples, fresh_samples, samples_by_step) = cx.profile.samples();
        let stats = QueryStats { queryable_samples, fresh_samples, ..cx.budget.stats() };
        Ok((QueryAnswer { value, annotations: cx.annotations.finish(), stats, samples_by_step }, cx.profile))
    }
}

/// Refuses a type that the answers of a range query can't have.
fn refuse_type(of: ValueType) -> Result<(), QueryError> {
    let name = match of {
        ValueType::Matrix => "range vector",
        ValueType::String => "string",
        ValueType::Scalar | ValueType::Vector => return Ok(()),
    };
    let text = "for range query, must be Scalar or instant Vector";
    Err(QueryError::Type(format!("invalid expression type \"{name}\" {text}")))
}
