//! `/api/v1/query` and `/api/v1/query_range`.

use std::time::{Duration, Instant};

use serde_json::json;

use crate::{
    promql::{Cancel, Query, QueryAnswer, QueryError, Value, parse, prettify},
    server::{
        Response, State,
        envelope::{Remarks, success, success_json, success_raw},
        error::ApiError,
        limits::MAX_STEPS,
        metrics,
        params::{Params, parse_duration},
        tree::tree,
        value::Answer,
        watch::Watched,
        work::{CancelOnDrop, blocking},
    },
};

const NANOS_PER_MS: i64 = 1_000_000;

/// A question with everything that bounds it.
struct Question {
    text: String,
    start: i64,
    end: i64,
    /// In ms; 0 for an instant query.
    step: i64,
    /// The answer holds at most this many series; 0: any number.
    limit: usize,
    lookback: Option<i64>,
    timeout: Option<Duration>,
    with_stats: bool,
    /// Statistics by step are wanted too.
    per_step: bool,
}

/// Answers at one time.
pub(crate) async fn instant(params: Params, state: &State) -> Result<Response, ApiError> {
    let limit = params.limit()?;
    let time = params.time_or("time", state.clock.now())?;
    run(Question::new(&params, (time, time, 0), limit)?, state).await
}

/// Answers on a grid of steps.
pub(crate) async fn range(params: Params, state: &State) -> Result<Response, ApiError> {
    let limit = params.limit()?;
    let start = params.time("start")?;
    let end = params.time("end")?;
    if end < start {
        return Err(ApiError::invalid("end", "end timestamp must not be before start time"));
    }
    let step = parse_duration(params.get("step")).map_err(|why| ApiError::invalid("step", why))?;
    // Our grid is one of milliseconds, so a finer step is no step at all.
    if step < NANOS_PER_MS {
        let why = "zero or negative query resolution step widths are not accepted. Try a positive integer";
        return Err(ApiError::invalid("step", why));
    }
    // Judged in nanoseconds: truncating the step to ms first would let a few more steps through or refuse them.
    if (i128::from(end) - i128::from(start)) * i128::from(NANOS_PER_MS) / i128::from(step) > i128::from(MAX_STEPS) {
        let why = "exceeded maximum resolution of 11,000 points per timeseries. \
                   Try decreasing the query resolution (?step=XX)";
        return Err(ApiError::BadData(why.to_owned()));
    }
    run(Question::new(&params, (start, end, step / NANOS_PER_MS), limit)?, state).await
}

/// `/api/v1/format_query`: the expression in its canonical form, broken into lines where it is long.
pub(crate) fn format(params: &Params) -> Result<Response, ApiError> {
    let expr = parse(params.get("query")).map_err(|error| ApiError::query("query", error))?;
    Ok(success_json(&serde_json::Value::from(prettify(&expr))))
}

/// `/api/v1/parse_query`: its syntax tree.
pub(crate) fn parsed(params: &Params) -> Result<Response, ApiError> {
    let expr = parse(params.get("query")).map_err(|error| ApiError::query("query", error))?;
    Ok(success_raw(&tree(&expr)))
}

impl Question {
    fn new(params: &Params, (start, end, step): (i64, i64, i64), limit: usize) -> Result<Self, ApiError> {
        let timeout = match params.get("timeout") {
            "" => None,
            text => {
                let nanos = parse_duration(text).map_err(|why| ApiError::invalid("timeout", why))?;
                Some(Duration::from_nanos(u64::try_from(nanos).unwrap_or(0)))
            }
        };
        let lookback = match params.get("lookback_delta") {
            "" => None,
            text => {
                let nanos = parse_duration(text)
                    .map_err(|why| ApiError::BadData(format!("error parsing lookback delta duration: {why}")))?;
                // As in Prometheus, no lookback means the default one.
                Some(nanos / NANOS_PER_MS).filter(|ms| *ms > 0)
            }
        };
        let text = params.get("query").to_owned();
        let with_stats = !params.get("stats").is_empty();
        let per_step = params.get("stats") == "all";
        Ok(Self { text, start, end, step, limit, lookback, timeout, with_stats, per_step })
    }
}

/// Waits for a turn, evaluates and begins the answer.
async fn run(question: Question, state: &State) -> Result<Response, ApiError> {
    let stores = state.stores()?.clone();
    let allowed = state.engine.options().timeout;
    let allowed = question.timeout.map_or(allowed, |asked| asked.min(allowed));
    let pass = state.queries.enter(allowed).await?;
    let waited = pass.waited;
    let cancel = Cancel::default();
    let _stop_with_client = CancelOnDrop(cancel.clone());
    let engine = state.engine.clone();
    let (question, answer, lost, took) = blocking(pass, move || {
        let _querying = metrics::QUERYING.guard();
        let begun = Instant::now();
        let query = Query {
            text: &question.text,
            start: question.start,
            end: question.end,
            step: question.step,
            lookback: question.lookback,
            timeout: Some(allowed.saturating_sub(waited)),
            per_step: question.per_step,
        };
        let select = Watched::new(&*stores.select);
        let answer = engine.run(&select, &query, &cancel);
        let took = begun.elapsed();
        observe(&question, &answer, took);
        Ok((question, answer, select.warnings(), took))
    })
    .await?;
    respond(&question, answer.map_err(|error| ApiError::query("query", error))?, lost, waited, took)
}

fn respond(
    question: &Question,
    answer: QueryAnswer,
    lost: Vec<String>,
    waited: Duration,
    took: Duration,
) -> Result<Response, ApiError> {
    let QueryAnswer { mut value, annotations, stats, samples_by_step } = answer;
    let truncated = truncate(&mut value, question.limit);
    let remarks = Remarks::of_query(&annotations, &question.text).warned(lost).truncated(truncated);
    let stats = question.with_stats.then(|| {
        let stats = json!({
            "timings": {
                "evalTotalTime": took.as_secs_f64(),
                // Sorting and preparation are part of the evaluation here and not measured apart.
                "resultSortTime": 0.0,
                "queryPreparationTime": 0.0,
                "innerEvalTime": took.as_secs_f64(),
                "execQueueTime": waited.as_secs_f64(),
                "execTotalTime": (waited + took).as_secs_f64(),
            },
            "samples": {"totalQueryableSamples": stats.queryable_samples, "peakSamples": stats.peak_samples, "x": samples_by_step},
        });
        stats.to_string().into_bytes()
    });
    Ok(success(Answer::new(value, stats), &remarks))
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

fn observe(question: &Question, answer: &Result<QueryAnswer, QueryError>, took: Duration) {
    let kind = if question.step == 0 { "instant" } else { "range" };
    metrics::QUERY_SECONDS.with_label_values(&[kind]).observe(took.as_secs_f64());
    match answer {
        Ok(answer) => metrics::QUERY_SAMPLES.inc_by(answer.stats.samples),
        Err(error) => {
            let reason = match error {
                QueryError::Parse { .. } | QueryError::Type(_) => "parse",
                QueryError::Execution(_) => "execution",
                QueryError::Unsupported(_) => "unsupported",
                QueryError::Timeout(_) => "timeout",
                QueryError::Canceled(_) => "canceled",
                QueryError::Select(_) => "storage",
            };
            metrics::QUERY_FAILURES.with_label_values(&[reason]).inc();
        }
    }
}
