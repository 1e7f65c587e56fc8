//! From a plan to the value it has.

use std::sync::Arc;

use super::{
    build::build,
    context::Context,
    dedup::{Overlap, distinct, same_labelset},
    operator::{Op, Scratch, Series, without_metadata},
    parallel::for_each_row,
    range_vector::RangeVector,
    sample_count::{SampleCount, size},
    scalar::numbers,
};
use crate::{
    model::{Labels, SeriesBuf, sort_by_labels},
    promql::{
        MatrixSeries, QueryError, SAMPLE_BYTES, Value, VectorSample,
        ast::{Edges, ValueType},
        data::{grid::Grid, row::Row},
        functions::window::{self, View},
        plan::{Kind, Node},
    },
};

/// Evaluates `node` on `grid`; `instant` asks for a value at its one time instead of a matrix.
pub(crate) fn answer<'c>(cx: &'c Context<'c>, node: &Node, grid: Grid, instant: bool) -> Result<Value, QueryError> {
    match node.value_type() {
        ValueType::String => Ok(Value::String { time: grid.start, value: text(node).to_owned() }),
        ValueType::Scalar => {
            cx.budget.foresee(1, grid.steps)?;
            let numbers = numbers(cx, node, grid)?;
            if instant {
                return Ok(Value::Scalar { time: grid.start, value: numbers.at(0) });
            }
            let mut samples = SeriesBuf::default();
            numbers.iter(grid.steps).enumerate().for_each(|(step, v)| samples.push_float(grid.time(step), v));
            Ok(Value::Matrix(vec![MatrixSeries { labels: Labels::empty(), samples }]))
        }
        ValueType::Matrix => Ok(Value::Matrix(windows(cx, node, grid)?)),
        ValueType::Vector if instant => {
            let vector = vector(cx, build(cx, node, grid)?, grid)?;
            if node.is_ordered() {
                let by_labels = sort_by_labels(vector.iter().map(|sample| &sample.labels).collect(), |labels| labels);
                refuse_equal(by_labels.into_iter())?;
                return Ok(Value::Vector(vector));
            }
            let vector = sort_by_labels(vector, |sample| &sample.labels);
            refuse_equal(vector.iter().map(|sample| &sample.labels))?;
            Ok(Value::Vector(vector))
        }
        ValueType::Vector => Ok(Value::Matrix(matrix(cx, build(cx, node, grid)?, grid)?)),
    }
}

fn text(node: &Node) -> &str {
    match &node.kind {
        Kind::Text(text) => text,
        Kind::Invariant(inner) => text(inner),
        _ => "",
    }
}

/// The series as it leaves the engine.
fn cleaned(series: Series) -> Series {
    if series.drop_name { Series::new(without_metadata(&series.labels)) } else { series }
}

fn vector<'c>(cx: &'c Context<'c>, op: Op<'c>, grid: Grid) -> Result<Vec<VectorSample>, QueryError> {
    let mut out: Vec<VectorSample> = Vec::new();
    for_each_row(cx, &*op, grid.steps, &mut |i, row| {
        if row.present.any() {
            cx.budget.hold(1 + row.histogram_samples())?;
            let labels = cleaned(op.series(i)?).labels;
            cx.budget.keep(&labels)?;
            let value = row.values.first().copied().unwrap_or_default();
            out.push(VectorSample { labels, time: grid.start, value, histogram: row.histogram(0).cloned() });
        }
        Ok(())
    })?;
    Ok(out)
}

/// Operators keep labels distinct, but names that go only at the end may make some equal. `sorted` are by labels.
fn refuse_equal<'l>(sorted: impl Iterator<Item = &'l Labels> + Clone) -> Result<(), QueryError> {
    if sorted.clone().zip(sorted.skip(1)).any(|(a, b)| a == b) { Err(same_labelset()) } else { Ok(()) }
}

pub(super) fn matrix<'c>(cx: &'c Context<'c>, op: Op<'c>, grid: Grid) -> Result<Vec<MatrixSeries>, QueryError> {
    let op = if cx.settings.delayed_name_removal {
        distinct(cx, op, Overlap::Refuse, |series| Ok(cleaned(series)))?
    } else {
        op
    };
    let mut out: Vec<MatrixSeries> = Vec::new();
    for_each_row(cx, &*op, grid.steps, &mut |i, row| {
        if row.present.any() {
            cx.budget.hold(row.present.count() + row.histogram_samples())?;
            let labels = op.series(i)?.labels;
            cx.budget.keep(&labels)?;
            cx.budget.keep_bytes(size_of::<MatrixSeries>())?;
            out.push(MatrixSeries { labels, samples: samples(row, grid) });
        }
        Ok(())
    })?;
    let out = sort_by_labels(out, |series| &series.labels);
    refuse_equal(out.iter().map(|series| &series.labels))?;
    Ok(out)
}

fn samples(row: &Row, grid: Grid) -> SeriesBuf {
    let mut samples = SeriesBuf::default();
    if !row.has_histograms() {
        let count = row.present.count();
        samples.times.reserve_exact(count);
        samples.values.reserve_exact(count);
    }
    for step in row.present.ones() {
        let time = grid.time(step);
        match (row.histogram(step), row.values.get(step)) {
            (Some(h), _) => samples.histograms.push((time, Arc::clone(h))),
            (None, Some(value)) => samples.push_float(time, *value),
            (None, None) => {}
        }
    }
    samples
}

/// The samples of an anchored or smoothed window, values at its edges included.
fn with_edges(source: &RangeVector<'_>, samples: &SeriesBuf, grid: Grid) -> Result<SeriesBuf, QueryError> {
    let smoothed = source.edges == Edges::Smoothed;
    if !samples.histograms.is_empty() {
        let modifier = if smoothed { "smoothed" } else { "anchored" };
        return Err(QueryError::Execution(format!("{modifier} modifier is not supported with histograms")));
    }
    let end = source.shift.apply(grid.start);
    let view = View {
        times: &samples.times,
        values: &samples.values,
        start: end.saturating_sub(source.range),
        end,
        now: grid.start,
        ..View::default()
    };
    let mut out = SeriesBuf::default();
    window::with_edges(&view, smoothed).unwrap_or_default().into_iter().for_each(|(t, v)| out.push_float(t, v));
    Ok(out)
}

/// A range vector as it is: all samples in the window.
fn windows<'c>(cx: &'c Context<'c>, node: &Node, grid: Grid) -> Result<Vec<MatrixSeries>, QueryError> {
    let source = RangeVector::new(cx, node, grid, "")?;
    let (mut scratch, mut out) = (Scratch::default(), Vec::new());
    for i in 0..source.len() {
        cx.budget.check()?;
        let mut samples = SeriesBuf::default();
        source.read(i, &mut scratch, &mut samples).map_err(|failed| failed.error)?;
        if source.edges != Edges::Plain {
            samples = with_edges(&source, &samples, grid)?;
        }
        if source.is_stored() {
            let all = samples.times.len() + samples.histograms.iter().map(|(_, h)| size(h)).sum::<usize>();
            SampleCount::new(&cx.profile, &grid).step(0, all, all);
        }
        if !samples.is_empty() {
            let histograms: usize = samples.histograms.iter().map(|(_, h)| h.memory()).sum();
            cx.budget.hold(samples.len() + histograms / SAMPLE_BYTES as usize)?;
            let labels = cleaned(source.series(i)?).labels;
            cx.budget.keep(&labels)?;
            out.push(MatrixSeries { labels, samples });
        }
    }
    Ok(sort_by_labels(out, |series| &series.labels))
}
