//! `/api/v1/status/tsdb` and `/api/v1/status/churn`: what the series are made of, and which of them are new.

use std::{
    cmp::{Ordering, Reverse},
    collections::HashMap,
    hash::Hash,
    sync::Arc,
};

use serde_json::{Value, json};

use super::selectors::{invalid, selectors, time_range};
use crate::{
    model::{Labels, METRIC_NAME, TimeRange},
    seams::{
        interrupt::Interrupt,
        memory_budget::MemoryBudget,
        select::{Lookup, SelectError, SelectLabels},
        status::Cardinality,
    },
    server::{Response, ServerState, envelope::success_json, error::ApiError, params::Params},
};

/// How many names a list has when not told.
const DEFAULT_NAMES: usize = 10;
/// How many it has at most.
const MAX_NAMES: usize = 10_000;
/// What an entry of a count takes, in bytes; its text is that of a series.
const COUNT_BYTES: usize = 96;
/// The range of churn when not told, in ms.
const HOUR: i64 = 3_600_000;
/// At most this many new values of a label are shown.
const EXAMPLES: usize = 3;

/// Numbers of the store and its heaviest names; with `match[]`, `start` or `end`, those of the series that they select.
pub(crate) async fn tsdb(params: Params, state: &ServerState) -> Result<Response, ApiError> {
    let names = names(&params)?;
    let range = time_range(&params)?;
    let stores = state.stores()?.clone();
    let selected = ["match[]", "start", "end"].iter().any(|name| !params.get(name).is_empty());
    let room = state.engine.room();
    let look = move |interrupt: &Arc<dyn Interrupt>| {
        let status = stores.status.status();
        if !selected {
            return Ok((status.series, status, stores.status.cardinality(names, &**interrupt)?));
        }
        let series = series(&*stores.labels, &params, range, &room, interrupt)?;
        let cardinality = count(&series, names, &*room, &**interrupt)?;
        Ok((series.len() as u64, status, cardinality))
    };
    let (series, status, heaviest) = state.default_deadline().run(&state.lookups, look).await?;
    let list = |items: Vec<(String, u64)>| -> Vec<Value> {
        items.into_iter().map(|(name, value)| json!({"name": name, "value": value})).collect()
    };
    Ok(success_json(&json!({
        "headStats": {
            "numSeries": series,
            "numLabelPairs": status.label_pairs,
            // What comes closest to chunks here are tables: immutable pieces of stored data.
            "chunkCount": status.tables,
            // A store without samples has Prometheus' "not yet": the first time after the last.
            "minTime": status.times.map_or(i64::MAX, |times| times.start),
            "maxTime": status.times.map_or(i64::MIN, |times| times.end),
        },
        "seriesCountByMetricName": list(heaviest.series_by_metric),
        "labelValueCountByLabelName": list(heaviest.values_by_label),
        "memoryInBytesByLabelName": list(heaviest.bytes_by_label),
        "seriesCountByLabelValuePair": list(heaviest.series_by_pair),
    })))
}

/// Which series have samples from `start` to `end` (the last hour) and had none in as long a time before, and the other way
/// round: how many, of which metrics, and the labels whose values are new with how many of the new series have one of those.
pub(crate) async fn churn(params: Params, state: &ServerState) -> Result<Response, ApiError> {
    let names = names(&params)?;
    let end = params.time_or("end", state.clock.now())?;
    let start = params.time_or("start", end.saturating_sub(HOUR))?;
    if start >= end {
        return Err(ApiError::invalid("end", "end timestamp must be after start timestamp"));
    }
    let before = TimeRange::new(start.saturating_sub(end.saturating_sub(start)), start.saturating_sub(1));
    let (stores, room) = (state.stores()?.clone(), state.engine.room());
    let look = move |interrupt: &Arc<dyn Interrupt>| {
        let of = |range| series(&*stores.labels, &params, range, &room, interrupt);
        let (old, new) = (of(before)?, of(TimeRange::new(start, end))?);
        Churn::between(&old, &new, names, &*room, &**interrupt)
    };
    let churn = state.default_deadline().run(&state.lookups, look).await?;
    let seconds = |ms: i64| ms as f64 / 1_000.0;
    Ok(success_json(&json!({
        "start": seconds(start),
        "end": seconds(end),
        "series": churn.series,
        "appeared": churn.appeared,
        "disappeared": churn.disappeared,
        "byMetricName": churn.by_metric,
        "byLabelName": churn.by_label,
    })))
}

/// How long the lists may be.
fn names(params: &Params) -> Result<usize, ApiError> {
    match params.get("limit") {
        "" => Ok(DEFAULT_NAMES),
        text => match text.parse::<usize>() {
            Ok(limit) if limit > 0 => Ok(limit.min(MAX_NAMES)),
            _ => Err(ApiError::BadData("limit must be a positive number".to_owned())),
        },
    }
}

/// The series that `match[]` selects, or all, with samples in `range`; sorted.
fn series(
    labels: &dyn SelectLabels,
    params: &Params,
    range: TimeRange,
    room: &Arc<dyn MemoryBudget>,
    interrupt: &Arc<dyn Interrupt>,
) -> Result<Vec<Labels>, ApiError> {
    let selectors = selectors(params, &**room, invalid, &**interrupt)?;
    if range.start > range.end {
        return Ok(Vec::new());
    }
    let (budget, interrupt) = (Arc::clone(room), Arc::clone(interrupt));
    Ok(labels.series(&Lookup { selectors, range, limit: 0, budget, interrupt })?.items)
}

/// Counts how often each key came, within a budget.
struct Counts<'b, K> {
    counts: HashMap<K, u64>,
    budget: &'b dyn MemoryBudget,
}

impl<'b, K: Eq + Hash + Ord + Clone> Counts<'b, K> {
    fn new(budget: &'b dyn MemoryBudget) -> Self {
        Self { counts: HashMap::new(), budget }
    }

    /// Adds `number` to the count of `key`; whether it is the first.
    fn add(&mut self, key: K, number: u64) -> Result<bool, SelectError> {
        if let Some(count) = self.counts.get_mut(&key) {
            *count += number;
            return Ok(false);
        }
        if !self.budget.take(COUNT_BYTES) {
            let why = "the counts of these series take more memory than queries may: select fewer series";
            return Err(SelectError::Limit(why.to_owned()));
        }
        self.counts.insert(key, number);
        Ok(true)
    }

    fn of(&self, key: &K) -> u64 {
        self.counts.get(key).copied().unwrap_or_default()
    }

    /// The largest, largest first.
    fn largest(&self, limit: usize) -> Vec<(K, u64)> {
        let mut all: Vec<(K, u64)> = self.counts.iter().map(|(key, count)| (key.clone(), *count)).collect();
        all.sort_by(|(a, m), (b, n)| n.cmp(m).then_with(|| a.cmp(b)));
        all.truncate(limit);
        all
    }
}

/// What `series` are made of.
fn count(
    series: &[Labels],
    limit: usize,
    budget: &dyn MemoryBudget,
    interrupt: &dyn Interrupt,
) -> Result<Cardinality, ApiError> {
    let (mut metrics, mut pairs) = (Counts::new(budget), Counts::new(budget));
    let (mut values, mut bytes) = (Counts::new(budget), Counts::new(budget));
    for labels in series {
        interrupt.check()?;
        for (name, value) in labels.iter() {
            if name == METRIC_NAME {
                metrics.add(value, 1)?;
            }
            if pairs.add((name, value), 1)? {
                values.add(name, 1)?;
                bytes.add(name, value.len() as u64)?;
            }
        }
    }
    let owned = |list: Vec<(&str, u64)>| list.into_iter().map(|(name, count)| (name.to_owned(), count)).collect();
    let pairs = pairs.largest(limit).into_iter().map(|((name, value), count)| (format!("{name}={value}"), count));
    Ok(Cardinality {
        series_by_metric: owned(metrics.largest(limit)),
        values_by_label: owned(values.largest(limit)),
        bytes_by_label: owned(bytes.largest(limit)),
        series_by_pair: pairs.collect(),
    })
}

/// What changed between two times.
#[derive(Debug, Default)]
struct Churn {
    series: usize,
    appeared: usize,
    disappeared: usize,
    by_metric: Vec<Value>,
    by_label: Vec<Value>,
}

impl Churn {
    /// The change from the series `old` to `new`, both sorted.
    fn between(
        old: &[Labels],
        new: &[Labels],
        limit: usize,
        budget: &dyn MemoryBudget,
        interrupt: &dyn Interrupt,
    ) -> Result<Self, ApiError> {
        let (mut appeared, mut gone) = (Counts::new(budget), Counts::new(budget));
        let (mut before, mut now) = (old.iter().peekable(), new.iter().peekable());
        let (mut fresh, mut disappeared) = (Vec::new(), 0);
        loop {
            interrupt.check()?;
            let order = match (before.peek(), now.peek()) {
                (None, None) => break,
                (Some(_), None) => Ordering::Less,
                (None, Some(_)) => Ordering::Greater,
                (Some(old), Some(new)) => old.cmp(new),
            };
            let left = if order.is_le() { before.next() } else { None };
            let came = if order.is_ge() { now.next() } else { None };
            match (left, came) {
                (Some(labels), None) => {
                    disappeared += 1;
                    gone.add(labels.get(METRIC_NAME).unwrap_or_default(), 1)?;
                }
                (None, Some(labels)) => {
                    fresh.push(labels);
                    appeared.add(labels.get(METRIC_NAME).unwrap_or_default(), 1)?;
                }
                _ => {}
            }
        }
        let mut changed = Counts::new(budget);
        for (name, count) in appeared.counts.iter().chain(&gone.counts) {
            changed.add(*name, *count)?;
        }
        let by_metric = changed
            .largest(limit)
            .into_iter()
            .map(|(name, _)| json!({"name": name, "appeared": appeared.of(&name), "disappeared": gone.of(&name)}));
        Ok(Self {
            series: new.len(),
            appeared: fresh.len(),
            disappeared,
            by_metric: by_metric.collect(),
            by_label: new_values(old, &fresh, limit, budget, interrupt)?,
        })
    }
}

/// New values of a label, and how many of the new series have one of them.
#[derive(Default)]
struct NewValues<'a> {
    values: Vec<&'a str>,
    series: u64,
}

/// The labels of `fresh` series with the most values that no series of `old` has.
fn new_values(
    old: &[Labels],
    fresh: &[&Labels],
    limit: usize,
    budget: &dyn MemoryBudget,
    interrupt: &dyn Interrupt,
) -> Result<Vec<Value>, ApiError> {
    let mut known = Counts::new(budget);
    for labels in old {
        interrupt.check()?;
        for pair in labels.iter() {
            known.add(pair, 1)?;
        }
    }
    let mut values = Counts::new(budget);
    for labels in fresh {
        interrupt.check()?;
        for pair in labels.iter().filter(|pair| known.of(pair) == 0) {
            values.add(pair, 1)?;
        }
    }
    let mut by_label: HashMap<&str, NewValues<'_>> = HashMap::new();
    for ((name, value), series) in &values.counts {
        let label = by_label.entry(name).or_default();
        label.values.push(value);
        label.series += series;
    }
    let mut by_label: Vec<(&str, NewValues<'_>)> = by_label.into_iter().collect();
    by_label.sort_by_key(|(name, new)| (Reverse(new.values.len()), *name));
    by_label.truncate(limit);
    let shown = by_label.into_iter().map(|(name, mut new)| {
        new.values.sort_unstable();
        let examples: Vec<&str> = new.values.iter().copied().take(EXAMPLES).collect();
        json!({"name": name, "newValues": new.values.len(), "examples": examples, "appeared": new.series})
    });
    Ok(shown.collect())
}
