//! `/api/v1/explain`: how a query is going to be evaluated, and with `analyze=true` how it was.
//!
//! Parameters are those of `/api/v1/query`, or with a `start` those of `/api/v1/query_range`. With `quiet=1` a plan is neither among
//! the running and slowest queries nor in the query log. With `positions=1` a step says which bytes of the query it comes from.

use std::time::{Duration, Instant};

use serde_json::{Map, Value, json};

use super::query::{QueryRequest, stats};
use crate::{
    promql::{Analyzed, Explained, Selected, Step},
    server::{
        Response, ServerState,
        admission::{CancelOnDrop, run_blocking, within_deadline},
        envelope::success_json,
        error::ApiError,
        metrics,
        params::Params,
        request_context::RequestContext,
    },
};

/// Bytes that a held sample is taken to be: a time and a value.
const BYTES_PER_SAMPLE: u64 = 16;

/// Answers the plan.
pub(crate) async fn explain(
    params: Params,
    context: &RequestContext,
    state: &ServerState,
) -> Result<Response, ApiError> {
    let request = if params.get("start").is_empty() {
        QueryRequest::instant(&params, state)?
    } else {
        QueryRequest::range(&params)?
    };
    let (analyze, positions) = (params.flag("analyze")?, params.flag("positions")?);
    if params.flag("quiet")? && !analyze {
        // The price that an editor shows is asked for with every word that is typed: it would hide the queries that count.
        let (explained, ..) = evaluate(request, analyze, state).await?;
        return Ok(success_json(&to_json(&explained, positions, state.engine.options().max_samples)));
    }
    // It is a query like others for those who watch them: planning looks series up, and analysing evaluates.
    let shown = request.params.clone();
    let running = state.asked.begin(context, &shown, state.clock.now(), &request.cancel);
    let explained = evaluate(request, analyze, state).await;
    let end = |outcome: Result<&dyn Fn() -> Value, String>| running.end(context, &shown, state.clock.now(), outcome);
    let (explained, waited, took) = match explained {
        Ok(explained) => explained,
        Err(error) => {
            end(Err(error.to_string()));
            return Err(error);
        }
    };
    let cost = explained.analyzed.as_ref().map(|analyzed| analyzed.stats).unwrap_or_default();
    end(Ok(&|| stats(cost, waited, took)));
    Ok(success_json(&to_json(&explained, positions, state.engine.options().max_samples)))
}

/// The plan, how long it waited for its turn, and how long it took.
async fn evaluate(
    request: QueryRequest,
    analyze: bool,
    state: &ServerState,
) -> Result<(Explained, Duration, Duration), ApiError> {
    let stores = state.stores()?.clone();
    let allowed = request.allowed(state);
    // A plan alone looks series up and doesn't wait behind evaluations.
    let gate = if analyze { &state.queries } else { &state.lookups };
    let permit = gate.enter(allowed).await?;
    let waited = permit.waited;
    let left = allowed.saturating_sub(waited);
    let _stop_with_client = CancelOnDrop(request.cancel.clone());
    let engine = state.engine.clone();
    let explain = move || {
        let _querying = metrics::QUERYING.guard();
        let begun = Instant::now();
        let explained = engine.explain(&*stores.select, &request.query(left), analyze, &request.cancel);
        let explained = explained.map_err(|error| ApiError::query("query", error))?;
        Ok((explained, waited, begun.elapsed()))
    };
    within_deadline(left, run_blocking(permit, explain)).await
}

fn to_json(explained: &Explained, positions: bool, max_samples: u64) -> Value {
    let Explained { plan, estimated_peak, analyzed } = explained;
    let mut out = json!({
        "plan": step(plan, positions),
        "estimate": {
            "series": plan.estimate.series,
            "samplesRead": plan.estimate.read,
            "peakSamples": estimated_peak,
            "peakBytes": estimated_peak.saturating_mul(BYTES_PER_SAMPLE),
            "limitSamples": max_samples,
        },
    });
    if let (Some(Analyzed { stats, time }), Some(out)) = (analyzed, out.as_object_mut()) {
        let actual = json!({
            "series": stats.series,
            "samplesRead": stats.samples,
            "peakSamples": stats.peak_samples,
            "seconds": time.as_secs_f64(),
        });
        out.insert("actual".to_owned(), actual);
    }
    out
}

fn step(of: &Step, positions: bool) -> Value {
    let mut out = Map::new();
    let mut set = |name: &str, value: Value| out.insert(name.to_owned(), value);
    set("operator", of.operator.as_str().into());
    set("expr", of.text.as_str().into());
    if positions {
        set("position", json!({"start": of.span.start, "end": of.span.end}));
    }
    set("steps", of.steps.into());
    let estimate = of.estimate;
    set("estimate", json!({"series": estimate.series, "samples": estimate.samples, "samplesRead": estimate.read}));
    if let Some(selected) = &of.selected {
        set("selector", selector(selected));
    }
    if of.actual.is_some() || of.read.is_some() {
        let mut actual = Map::new();
        if let Some(cost) = &of.actual {
            actual.insert("series".to_owned(), cost.series.into());
            actual.insert("rows".to_owned(), cost.rows.into());
            actual.insert("samples".to_owned(), cost.samples.into());
            actual.insert("seconds".to_owned(), cost.time.as_secs_f64().into());
        }
        if let Some(read) = of.read {
            actual.insert("samplesRead".to_owned(), read.into());
        }
        set("actual", actual.into());
    }
    if !of.inputs.is_empty() {
        set("inputs", of.inputs.iter().map(|input| step(input, positions)).collect());
    }
    out.into()
}

fn selector(of: &Selected) -> Value {
    let index: Vec<Value> =
        of.index.iter().map(|s| json!({"matcher": s.matcher, "path": s.path, "series": s.series})).collect();
    json!({
        "index": index,
        "start": of.range.start as f64 / 1000.0,
        "end": of.range.end as f64 / 1000.0,
        "series": of.series,
        "ofSeries": of.of,
        "selectivity": if of.of == 0 { 0.0 } else { of.series as f64 / of.of as f64 },
        "samples": of.samples,
    })
}
