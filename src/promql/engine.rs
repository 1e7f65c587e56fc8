//! The door to query evaluation.

use std::time::Duration;

use super::{
    Cancel, Features, QueryAnswer, QueryError,
    ast::{Expr, ValueType},
    budget::Budget,
    exec::{Context, Notes, Settings, answer, grid::Grid},
    parse_with,
    plan::{QueryTimes, lower},
};
use crate::seams::select::Select;

/// What holds for every query.
#[derive(Debug, Clone)]
pub struct EngineOptions {
    /// How far back an instant selector looks for a sample, in ms.
    pub lookback: i64,
    /// Step of subqueries that name none, in ms.
    pub subquery_step: i64,
    /// A query may hold this many samples in memory.
    pub max_samples: u64,
    /// A query may take this long.
    pub timeout: Duration,
    /// A query uses at most this many threads.
    pub threads: usize,
    /// What Prometheus has only behind `--enable-feature`.
    pub features: Features,
}

impl Default for EngineOptions {
    fn default() -> Self {
        Self {
            lookback: 300_000,
            subquery_step: 60_000,
            max_samples: 50_000_000,
            timeout: Duration::from_secs(120),
            threads: std::thread::available_parallelism().map_or(1, usize::from),
            features: Features::default(),
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
}

/// Evaluates queries. Blocking: call it from a thread that may wait.
#[derive(Debug)]
pub struct Engine {
    options: EngineOptions,
}

impl Engine {
    /// An engine with these options.
    #[must_use]
    pub fn new(options: EngineOptions) -> Self {
        Self { options }
    }

    /// The options it was made with.
    #[must_use]
    pub fn options(&self) -> &EngineOptions {
        &self.options
    }

    /// Parses and checks a query, with the features that are on.
    ///
    /// # Errors
    /// With line and column of the first thing that is wrong.
    pub fn parse(&self, text: &str) -> Result<Expr, QueryError> {
        parse_with(text, self.options.features)
    }

    /// Evaluates `query` over `select`.
    ///
    /// # Errors
    /// When the text is wrong, the data doesn't fit the expression, a limit is passed or `cancel` is used.
    pub fn run(&self, select: &dyn Select, query: &Query<'_>, cancel: &Cancel) -> Result<QueryAnswer, QueryError> {
        let expr = self.parse(query.text)?;
        self.evaluate(select, &expr, query, cancel)
    }

    fn evaluate(
        &self,
        select: &dyn Select,
        expr: &Expr,
        query: &Query<'_>,
        cancel: &Cancel,
    ) -> Result<QueryAnswer, QueryError> {
        let instant = query.step == 0;
        let (grid, end) = if instant {
            (Grid::instant(query.start), query.start)
        } else {
            (Grid::range(query.start, query.end, query.step), query.end)
        };
        let times = QueryTimes {
            text: query.text,
            start: query.start,
            end,
            step: query.step,
            subquery_step: self.options.subquery_step,
        };
        let plan = lower(expr, &times)?;
        if !instant {
            let refused = match plan.value_type() {
                ValueType::Matrix => Some("range vector"),
                ValueType::String => Some("string"),
                ValueType::Scalar | ValueType::Vector => None,
            };
            if let Some(name) = refused {
                let text = "for range query, must be Scalar or instant Vector";
                return Err(QueryError::Type(format!("invalid expression type \"{name}\" {text}")));
            }
        }
        let timeout = query.timeout.map_or(self.options.timeout, |t| t.min(self.options.timeout));
        let budget = Budget::new(cancel, timeout, self.options.max_samples);
        budget.foresee(1, grid.steps)?;
        let settings = Settings {
            lookback: query.lookback.unwrap_or(self.options.lookback),
            threads: self.options.threads,
            delayed_name_removal: self.options.features.delayed_name_removal,
            type_labels: self.options.features.type_and_unit_labels,
        };
        let cx = Context { select, settings, budget, notes: Notes::default() };
        let value = answer(&cx, &plan, grid, instant)?;
        let stats = cx.budget.stats();
        Ok(QueryAnswer { value, annotations: cx.notes.finish(), stats })
    }
}
