//! `/api/v1/query` and `/api/v1/query_range`.

use std::{
    ops::ControlFlow,
    sync::Arc,
    time::{Duration, Instant},
};

use hyper::HeaderMap;
use serde_json::json;

use crate::{
    promql::{
        Answered, Cancel, Engine, Prepared, Query, QueryAnswer, QueryError, QueryStats, ResultCache, Reuse, Value,
        ast::Expr, prettify,
    },
    server::{
        Response, ServerState,
        admission::{CancelOnDrop, run_blocking, run_inline, within_deadline},
        ast_json::ast_json,
        envelope::{ResponseAnnotations, success_json, success_raw},
        error::ApiError,
        formats::Format,
        limits::MAX_STEPS,
        metrics,
        params::{Params, parse_nanos},
        queries::QueryParams,
        request_context::RequestContext,
        state::Stores,
        warning_collector::WarningCollector,
    },
};

const NANOS_PER_MS: i64 = 1_000_000;

/// A query that waits for memory looks this soon whether there is some …
const LEAST_PAUSE: Duration = Duration::from_millis(5);
/// … and later less often.
const MOST_PAUSE: Duration = Duration::from_millis(100);

/// A longer text takes a while just to be read.
const MAX_INLINE_BYTES: usize = 1 << 10;

/// A query with everything that bounds it.
pub(super) struct QueryRequest {
    pub(super) params: QueryParams,
    /// The answer holds at most this many series; 0: any number.
    limit: usize,
    lookback: Option<i64>,
    timeout: Option<Duration>,
    with_stats: bool,
    /// Statistics by step are wanted too.
    per_step: bool,
    /// Whether kept answers may be used.
    cached: bool,
    /// Stops it: when its client leaves, or somebody asks for that.
    pub(super) cancel: Cancel,
}

/// The request's context, and the format its client accepts.
pub(crate) struct Client {
    context: RequestContext,
    format: Format,
}

impl Client {
    pub(super) fn new(context: RequestContext, headers: &HeaderMap) -> Self {
        Self { context, format: Format::accepted(headers) }
    }
}

/// Answers at one time.
pub(crate) async fn instant(params: Params, client: Client, state: &ServerState) -> Result<Response, ApiError> {
    run(QueryRequest::instant(&params, state)?, client, state).await
}

/// Answers on a grid of steps.
pub(crate) async fn range(params: Params, client: Client, state: &ServerState) -> Result<Response, ApiError> {
    run(QueryRequest::range(&params)?, client, state).await
}

/// `/api/v1/format_query`: the expression in its canonical form, broken into lines where it is long.
pub(crate) async fn format(params: Params, state: &ServerState) -> Result<Response, ApiError> {
    said_again(params, state, |expr| success_json(&serde_json::Value::from(prettify(expr)))).await
}

/// `/api/v1/parse_query`: its syntax tree.
pub(crate) async fn parsed(params: Params, state: &ServerState) -> Result<Response, ApiError> {
    said_again(params, state, |expr| success_raw(&ast_json(expr))).await
}

/// Answers what `say` makes of the expression.
async fn said_again(params: Params, state: &ServerState, say: fn(&Expr) -> Response) -> Result<Response, ApiError> {
    let (room, engine, length) = (state.engine.room(), Arc::clone(&state.engine), params.get("query").len());
    let read = move || {
        let expr = engine.parse(params.get("query"), &*room).map_err(|error| ApiError::query("query", error))?;
        Ok(say(&expr))
    };
    if length <= MAX_INLINE_BYTES {
        run_inline(read)
    } else {
        state.default_deadline().run(&state.lookups, move |_| read()).await
    }
}

impl QueryRequest {
    /// One at one time.
    pub(super) fn instant(params: &Params, state: &ServerState) -> Result<Self, ApiError> {
        let limit = params.limit()?;
        let time = params.time_or("time", state.clock.now())?;
        Self::new(params, (time, time, 0), limit)
    }

    /// One on a grid of steps.
    pub(super) fn range(params: &Params) -> Result<Self, ApiError> {
        let limit = params.limit()?;
        let start = params.time("start")?;
        let end = params.time("end")?;
        if end < start {
            return Err(ApiError::invalid("end", "end timestamp must not be before start time"));
        }
        let step = parse_nanos(params.get("step")).map_err(|why| ApiError::invalid("step", why))?;
        let none = "zero or negative query resolution step widths are not accepted. Try a positive integer";
        if step <= 0 {
            return Err(ApiError::invalid("step", none));
        }
        // Judged in nanoseconds: truncating the step to ms first would let a few more steps through or refuse them.
        if (i128::from(end) - i128::from(start)) * i128::from(NANOS_PER_MS) / i128::from(step) > i128::from(MAX_STEPS) {
            let why = "exceeded maximum resolution of 11,000 points per timeseries. \
                       Try decreasing the query resolution (?step=XX)";
            return Err(ApiError::BadData(why.to_owned()));
        }
        // Our grid is one of milliseconds, so a finer step is no step at all.
        if step < NANOS_PER_MS {
            return Err(ApiError::invalid("step", none));
        }
        Self::new(params, (start, end, step / NANOS_PER_MS), limit)
    }

    fn new(params: &Params, (start, end, step): (i64, i64, i64), limit: usize) -> Result<Self, ApiError> {
        let timeout = match params.get("timeout") {
            "" => None,
            text => {
                let nanos = parse_nanos(text).map_err(|why| ApiError::invalid("timeout", why))?;
                Some(Duration::from_nanos(u64::try_from(nanos).unwrap_or(0)))
            }
        };
        let lookback = match params.get("lookback_delta") {
            "" => None,
            text => {
                let nanos = parse_nanos(text)
                    .map_err(|why| ApiError::BadData(format!("error parsing lookback delta duration: {why}")))?;
                // As in Prometheus, no lookback means the default one.
                Some(nanos / NANOS_PER_MS).filter(|ms| *ms > 0)
            }
        };
        let shown = QueryParams { query: params.get("query").to_owned(), start, end, step };
        let with_stats = !params.get("stats").is_empty();
        let per_step = params.get("stats") == "all";
        // Statistics speak of a whole evaluation.
        let cached = !with_stats && matches!(params.get("nocache"), "" | "0" | "false");
        let cancel = Cancel::default();
        Ok(Self { params: shown, limit, lookback, timeout, with_stats, per_step, cached, cancel })
    }

    /// What the engine is asked, with `timeout` left.
    pub(super) fn query(&self, timeout: Duration) -> Query<'_> {
        Query {
            text: &self.params.query,
            start: self.params.start,
            end: self.params.end,
            step: self.params.step,
            lookback: self.lookback,
            timeout: Some(timeout),
            per_step: self.per_step,
        }
    }

    /// How long it may take.
    pub(super) fn allowed(&self, state: &ServerState) -> Duration {
        self.allowed_by(&state.engine)
    }

    fn allowed_by(&self, engine: &Engine) -> Duration {
        let allowed = engine.options().timeout;
        self.timeout.map_or(allowed, |asked| asked.min(allowed))
    }
}

/// What evaluating gave.
struct Outcome {
    answer: Result<QueryAnswer, QueryError>,
    /// What was lost to damage.
    lost: Vec<String>,
    waited: Duration,
    took: Duration,
}

/// Waits for a turn, evaluates and begins the answer.
async fn run(mut request: QueryRequest, client: Client, state: &ServerState) -> Result<Response, ApiError> {
    request.per_step &= state.engine.options().features.per_step_stats;
    let running = state.asked.begin(&client.context, &request.params, state.clock.now(), &request.cancel);
    let _stop_with_client = CancelOnDrop(request.cancel.clone());
    let request = Arc::new(request);
    let evaluated = evaluate(Arc::clone(&request), state).await;
    let end = |outcome: Result<&dyn Fn() -> serde_json::Value, String>| {
        running.end(&client.context, &request.params, state.clock.now(), outcome);
    };
    match evaluated {
        Err(error) => {
            end(Err(error.to_string()));
            Err(error)
        }
        Ok(Outcome { answer: Err(error), .. }) => {
            end(Err(error.to_string()));
            Err(ApiError::query("query", error))
        }
        Ok(Outcome { answer: Ok(answer), lost, waited, took }) => {
            let cost = answer.stats;
            let stats = || stats(cost, waited, took);
            // The query is over and holds nothing any more, but its answer is there until the client has it.
            let room = state.engine.room();
            let _ = room.take(answer.value.memory());
            let response = respond(&request, client.format, answer, lost, stats);
            end(Ok(&stats));
            Ok(response.map(|body| body.keeping(room)))
        }
    }
}

/// Evaluates the request. One for which there is no memory, because others have it, waits in order of arrival until there is
/// or its time is up.
async fn evaluate(request: Arc<QueryRequest>, state: &ServerState) -> Result<Outcome, ApiError> {
    let (begun, allowed) = (Instant::now(), request.allowed(state));
    let lacks_room = |outcome: &Outcome| matches!(outcome.answer, Err(QueryError::NoRoom(_)));
    let mut outcome = attempt(&request, state, begun).await?;
    if !lacks_room(&outcome) {
        return Ok(outcome);
    }
    let left = || allowed.saturating_sub(begun.elapsed());
    let Ok(_turn) = tokio::time::timeout(left(), state.memory_queue.lock()).await else { return Ok(outcome) };
    let mut pause = LEAST_PAUSE;
    while lacks_room(&outcome) && left() > pause {
        tokio::time::sleep(pause).await;
        // It lacked some of what was taken then; half of all is a guess that costs a vain attempt at worst.
        let (used, limit) = state.engine.memory();
        if used <= limit / 2 || pause >= MOST_PAUSE {
            outcome = attempt(&request, state, begun).await?;
        }
        pause = (2 * pause).min(MOST_PAUSE);
    }
    Ok(outcome)
}

/// Waits for a turn and evaluates the request, which came at `begun`, once.
async fn attempt(request: &Arc<QueryRequest>, state: &ServerState, begun: Instant) -> Result<Outcome, ApiError> {
    let allowed = request.allowed(state);
    let stores = state.stores()?.clone();
    let permit = state.queries.enter(allowed.saturating_sub(begun.elapsed())).await?;
    let waited = begun.elapsed();
    let job = Job::new(request, state, &stores, waited);
    let ready = if request.params.query.len() <= MAX_INLINE_BYTES {
        // Handing a cheap query over to another thread takes longer than evaluating it.
        match run_inline(|| Ok(job.run_if_cheap()))? {
            ControlFlow::Break(outcome) => return Ok(outcome),
            ControlFlow::Continue(ready) => Some(ready),
        }
    } else {
        None
    };
    within_deadline(allowed.saturating_sub(waited), run_blocking(permit, move || Ok(job.run(ready)))).await
}

/// What it takes to evaluate a request.
struct Job {
    request: Arc<QueryRequest>,
    stores: Stores,
    engine: Arc<Engine>,
    results: Arc<ResultCache>,
    waited: Duration,
}

impl Job {
    fn new(request: &Arc<QueryRequest>, state: &ServerState, stores: &Stores, waited: Duration) -> Self {
        let (engine, results) = (state.engine.clone(), state.results.clone());
        Self { request: request.clone(), stores: stores.clone(), engine, results, waited }
    }

    /// Parses and plans the request, and looks for a kept answer.
    fn prepare(&self) -> Result<Ready, QueryError> {
        let begun = Instant::now();
        let left = self.request.allowed_by(&self.engine).saturating_sub(self.waited);
        let query = self.engine.prepare(&self.request.query(left))?;
        let reuse = match self.request.cached {
            true => self.results.look_up(&query, &*self.stores.changes),
            false => Reuse::nothing(&query),
        };
        Ok(Ready { query, reuse, took: begun.elapsed() })
    }

    /// Evaluates the query if that takes next to no time. Otherwise what is prepared of it is left for [`Job::run`].
    fn run_if_cheap(&self) -> ControlFlow<Outcome, Ready> {
        let _querying = metrics::QUERYING.guard();
        let select = WarningCollector::new(&*self.stores.select);
        match self.prepare() {
            Ok(ready) if !ready.reuse.is_cheap(&ready.query, &select) => ControlFlow::Continue(ready),
            ready => ControlFlow::Break(self.evaluate(ready, select)),
        }
    }

    /// Evaluates the request, of which something may be prepared.
    fn run(&self, ready: Option<Ready>) -> Outcome {
        let _querying = metrics::QUERYING.guard();
        let ready = ready.map_or_else(|| self.prepare(), Ok);
        self.evaluate(ready, WarningCollector::new(&*self.stores.select))
    }

    fn evaluate(&self, ready: Result<Ready, QueryError>, select: WarningCollector<'_>) -> Outcome {
        let begun = Instant::now();
        let prepared_in = ready.as_ref().map_or(Duration::ZERO, |ready| ready.took);
        let answer = ready.and_then(|Ready { query, reuse, .. }| reuse.run(&query, &select, &self.request.cancel));
        let took = prepared_in + begun.elapsed();
        let lost = select.warnings();
        let answer = answer.map(|Answered { answer, fresh, reused }| {
            metrics::QUERY_STEPS_REUSED.inc_by(reused as u64);
            // An answer over damaged data is for this reader only: the damage may be mended.
            if let Some(fresh) = fresh.filter(|_| lost.is_empty()) {
                self.results.keep(fresh, &answer.value);
            }
            answer
        });
        observe(&self.request, &answer, took);
        Outcome { answer, lost, waited: self.waited, took }
    }
}

/// A query that can be evaluated.
struct Ready {
    query: Prepared,
    reuse: Reuse,
    /// How long it took to get here.
    took: Duration,
}

fn respond(
    request: &QueryRequest,
    format: Format,
    answer: QueryAnswer,
    lost: Vec<String>,
    stats: impl Fn() -> serde_json::Value,
) -> Response {
    let QueryAnswer { mut value, annotations, samples_by_step, .. } = answer;
    let truncated = truncate(&mut value, request.limit);
    let annotations =
        ResponseAnnotations::of_query(&annotations, &request.params.query).warned(lost).truncated(truncated);
    let stats = request.with_stats.then(|| {
        let mut stats = stats();
        if request.per_step {
            add_steps(&mut stats, &request.params, &samples_by_step);
        }
        stats.to_string().into_bytes()
    });
    format.answer(value, stats, &annotations)
}

/// Adds the samples of each step to what [`stats`] gave.
fn add_steps(stats: &mut serde_json::Value, params: &QueryParams, samples_by_step: &[[u64; 2]]) {
    // Whole seconds are written as such.
    let seconds = |i: usize| match params.start.saturating_add(params.step.saturating_mul(i as i64)) {
        ms if ms % 1000 == 0 => json!(ms / 1000),
        ms => json!(ms as f64 / 1000.0),
    };
    let Some(samples) = stats.get_mut("samples").and_then(serde_json::Value::as_object_mut) else { return };
    let by_step = samples_by_step.iter().enumerate();
    let (looked_at, read): (Vec<_>, Vec<_>) =
        by_step.map(|(i, [looked_at, read])| (json!([seconds(i), looked_at]), json!([seconds(i), read]))).unzip();
    samples.insert("totalQueryableSamplesPerStep".to_owned(), looked_at.into());
    samples.insert("samplesReadPerStep".to_owned(), read.into());
}

/// What a query cost, as answers and the query log show it.
pub(super) fn stats(cost: QueryStats, waited: Duration, took: Duration) -> serde_json::Value {
    json!({
        "timings": {
            "evalTotalTime": took.as_secs_f64(),
            // Sorting and preparation are part of the evaluation here and not measured apart.
            "resultSortTime": 0.0,
            "queryPreparationTime": 0.0,
            "innerEvalTime": took.as_secs_f64(),
            "execQueueTime": waited.as_secs_f64(),
            "execTotalTime": (waited + took).as_secs_f64(),
        },
        "samples": {
            "totalQueryableSamples": cost.queryable_samples,
            "samplesRead": cost.fresh_samples,
            "peakSamples": cost.peak_samples,
        },
    })
}

/// Cuts series beyond `limit`; whether there were any.
fn truncate(value: &mut Value, limit: usize) -> bool {
    let len = match value {
        Value::Vector(samples) => samples.len(),
        Value::Matrix(series) => series.len(),
        Value::Scalar { .. } | Value::String { .. } => return false,
    };
    if limit == 0 || len <= limit {
        return false;
    }
    match value {
        Value::Vector(samples) => samples.truncate(limit),
        Value::Matrix(series) => series.truncate(limit),
        Value::Scalar { .. } | Value::String { .. } => {}
    }
    true
}

fn observe(request: &QueryRequest, answer: &Result<QueryAnswer, QueryError>, took: Duration) {
    let kind = if request.params.step == 0 { "instant" } else { "range" };
    metrics::QUERY_SECONDS.with_label_values(&[kind]).observe(took.as_secs_f64());
    match answer {
        Ok(answer) => metrics::QUERY_SAMPLES.inc_by(answer.stats.samples),
        Err(error) => {
            let reason = match error {
                QueryError::Parse { .. } | QueryError::Type(_) => "parse",
                QueryError::Execution(_) => "execution",
                QueryError::NoRoom(_) => "memory",
                QueryError::Unsupported(_) => "unsupported",
                QueryError::Timeout(_) => "timeout",
                QueryError::Canceled(_) => "canceled",
                QueryError::Select(_) => "storage",
            };
            metrics::QUERY_FAILURES.with_label_values(&[reason]).inc();
        }
    }
}
