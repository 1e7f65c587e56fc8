//! Function calls.

use super::{
    absent::absent,
    buckets::{self, Statistic},
    build::{build, build_within},
    context::Context,
    info::info,
    map::{self, Change, Histograms},
    materialized::Materialized,
    operator::{Op, Series},
    range_vector::RangeVector,
    relabel,
    scalar::numbers,
    select::{Give, Selector, seconds},
    sort::{Key, sort},
    window,
};
use crate::{
    model::{Labels, Span},
    promql::{
        QueryError,
        ast::ValueType,
        data::{
            annotations::AnnotationKind,
            grid::Grid,
            row::{Row, Sample},
        },
        functions::{math, native::FloatHistogram, window::WindowFunction},
        plan::{Call, Kind, Node},
        signature::Computation,
    },
};

/// The operator for a call that gives an instant vector.
pub(super) fn call<'c>(cx: &'c Context<'c>, call: &Call, span: Span, grid: Grid) -> Result<Op<'c>, QueryError> {
    let inner = |node: &Node| build_within(cx, node, grid, call.function.name);
    let whole = span;
    let span_of = |i: usize| call.spans.get(i).copied().unwrap_or(span);
    let args = call.args.as_slice();
    let stepwise = |vector: &Node, f: Box<dyn Fn(usize, f64) -> Option<f64> + Sync + 'c>| {
        map::apply(cx, inner(vector)?, Change::Stepwise(f), Histograms::Dropped, true)
    };
    match (call.function.computation, args) {
        (Computation::Window(function) | Computation::AbsentOverTime(function), _) => {
            over_window(cx, call, function, span, grid)
        }
        (Computation::Float(f) | Computation::Date(f), [vector]) => {
            map::apply(cx, inner(vector)?, Change::Pure(f), Histograms::Dropped, true)
        }
        (Computation::Date(f), []) => series_of(cx, grid, |step| f(seconds(grid.time(step)).floor())),
        (Computation::Vector, [scalar]) => vector(cx, scalar, grid),
        (Computation::Absent, [arg]) => absent(cx, &inner(arg)?, arg, grid),
        (Computation::StartTimestamp, [arg]) => start_timestamp(cx, call.function.name, arg, grid),
        (Computation::Timestamp, [arg]) => timestamp(cx, call.function.name, arg, grid),
        (Computation::Round, [arg]) => {
            map::apply(cx, inner(arg)?, Change::Pure(|v| math::round(v, 1.0)), Histograms::Dropped, true)
        }
        (Computation::Round, [arg, nearest]) => {
            let nearest = numbers(cx, nearest, grid)?;
            stepwise(arg, Box::new(move |step, v| Some(math::round(v, nearest.at(step)))))
        }
        (Computation::Clamp, [arg, low, high]) => {
            let (low, high) = (numbers(cx, low, grid)?, numbers(cx, high, grid)?);
            stepwise(
                arg,
                Box::new(move |step, v| {
                    let (low, high) = (low.at(step), high.at(step));
                    let crossed = high < low;
                    (!crossed).then(|| math::max(low, math::min(high, v)))
                }),
            )
        }
        (Computation::ClampOne(beyond), [arg, bound]) => {
            let bound = numbers(cx, bound, grid)?;
            stepwise(arg, Box::new(move |step, v| Some(beyond(bound.at(step), v))))
        }
        (Computation::Sort { by_labels: false, descending }, [arg, ..]) => {
            sorted(cx, inner(arg)?, span, grid, Key::Value, descending)
        }
        (Computation::Sort { by_labels: true, descending }, [arg, names @ ..]) => {
            sorted(cx, inner(arg)?, span, grid, Key::Labels(&texts(names)), descending)
        }
        (Computation::LabelReplace, [arg, target, replacement, source, pattern]) => {
            relabel::replace(cx, || inner(arg), [target, replacement, source, pattern].map(text))
        }
        (Computation::Info, [arg]) => info(cx, &inner(arg)?, arg, None, grid),
        (Computation::Info, [arg, labels]) => match &labels.kind {
            Kind::Select(select) => info(cx, &inner(arg)?, arg, Some(select), grid),
            _ => Err(QueryError::Execution("expected label selectors as second argument to info()".to_owned())),
        },
        (Computation::LabelJoin, [arg, target, separator, sources @ ..]) => {
            relabel::join(cx, || inner(arg), text(target), text(separator), &texts(sources))
        }
        (Computation::Histogram(f), [arg]) => of_histogram(cx, inner(arg)?, f),
        (Computation::HistogramQuantiles, [arg, label, qs @ ..]) => {
            let mut quantiles = Vec::with_capacity(qs.len());
            for (node, span) in qs.iter().zip(call.spans.iter().skip(2)) {
                let q = numbers(cx, node, grid)?;
                judge_quantile(cx, (*span, whole), q.iter(grid.steps));
                quantiles.push(q);
            }
            let statistic = Statistic::Quantiles(text(label).to_owned(), quantiles);
            buckets::apply(cx, inner(arg)?, statistic, grid, span_of(0))
        }
        (Computation::HistogramQuantile, [q, arg]) => {
            let q_numbers = numbers(cx, q, grid)?;
            judge_quantile(cx, (span_of(0), whole), q_numbers.iter(grid.steps));
            buckets::apply(cx, inner(arg)?, Statistic::Quantile(q_numbers), grid, span_of(1))
        }
        (Computation::HistogramFraction, [lower, upper, arg]) => {
            let statistic = Statistic::Fraction(numbers(cx, lower, grid)?, numbers(cx, upper, grid)?);
            buckets::apply(cx, inner(arg)?, statistic, grid, span_of(2))
        }
        _ => Err(QueryError::Unsupported(format!("{}()", call.function.name))),
    }
}

fn over_window<'c>(
    cx: &'c Context<'c>,
    call: &Call,
    function: &'static WindowFunction,
    whole: Span,
    grid: Grid,
) -> Result<Op<'c>, QueryError> {
    let is_window = |node: &&Node| node.value_type() == ValueType::Matrix;
    let range = call.args.iter().find(is_window);
    let range = range.ok_or_else(|| QueryError::Execution("expected a range vector".to_owned()))?;
    let source = RangeVector::new(cx, range, grid, call.function.name)?;
    let scalars = call.args.iter().filter(|a| !is_window(a)).map(|a| numbers(cx, a, grid));
    let scalars = scalars.collect::<Result<Vec<_>, _>>().map_err(|error| source.settle(error))?;
    let span = match call.args.first().map(|a| &a.kind) {
        // Prometheus replaces a subquery by its samples, which stand nowhere in the text.
        Some(Kind::Subquery(_)) => Span::new(0, 0),
        _ => call.spans.first().copied().unwrap_or(range.span),
    };
    if matches!(call.function.computation, Computation::AbsentOverTime(_)) {
        // It asks for presence anywhere, so equal labels are no concern.
        let presence = window::unchecked(cx, function, source, scalars, grid, (span, whole));
        return absent(cx, &presence, range, grid);
    }
    window::apply(cx, (call.function.name, function), source, scalars, grid, (span, whole))
}

/// A number told by native histograms; floats tell none.
fn of_histogram<'c>(cx: &'c Context<'c>, inner: Op<'c>, f: fn(&FloatHistogram) -> f64) -> Result<Op<'c>, QueryError> {
    let change = move |_: usize, h: &FloatHistogram| Some(Sample::Float(f(h)));
    map::apply(cx, inner, Change::Stepwise(Box::new(|_, _| None)), Histograms::Changed(Box::new(change)), true)
}

/// One series without labels that has a value at every step.
pub(super) fn series_of<'c>(
    cx: &'c Context<'c>,
    grid: Grid,
    value: impl Fn(usize) -> f64,
) -> Result<Op<'c>, QueryError> {
    cx.budget.foresee(1, grid.steps)?;
    let mut row = Row::new(grid.steps);
    row.values.iter_mut().enumerate().for_each(|(step, v)| *v = value(step));
    row.present.fill();
    let mut materialized = Materialized::new(cx, grid.steps);
    materialized.push(Series::new(Labels::empty()), &row)?;
    Ok(Box::new(materialized))
}

/// A scalar as a vector.
pub(super) fn vector<'c>(cx: &'c Context<'c>, scalar: &Node, grid: Grid) -> Result<Op<'c>, QueryError> {
    let numbers = numbers(cx, scalar, grid)?;
    series_of(cx, grid, |step| numbers.at(step))
}

/// Times of samples where a selector stands right inside, evaluation times otherwise.
fn timestamp<'c>(cx: &'c Context<'c>, function: &str, arg: &Node, grid: Grid) -> Result<Op<'c>, QueryError> {
    match &arg.kind {
        Kind::Select(select) => {
            let times: Op<'c> = Box::new(Selector::new(cx, select, grid, function, Give::Times)?);
            map::apply(cx, times, Change::Stepwise(Box::new(|_, v| Some(v))), Histograms::Kept, true)
        }
        _ => {
            let change = Change::Replaced(Box::new(move |step| seconds(grid.time(step))));
            map::apply(cx, build(cx, arg, grid)?, change, Histograms::Kept, true)
        }
    }
}

/// Start times of samples where a selector stands right inside and they are heeded; nothing otherwise.
fn start_timestamp<'c>(cx: &'c Context<'c>, function: &str, arg: &Node, grid: Grid) -> Result<Op<'c>, QueryError> {
    match &arg.kind {
        Kind::Select(select) if cx.settings.start_times => {
            let starts: Op<'c> = Box::new(Selector::new(cx, select, grid, function, Give::Starts)?);
            map::apply(cx, starts, Change::Stepwise(Box::new(|_, v| Some(v))), Histograms::Kept, true)
        }
        _ => {
            let nothing = Change::Stepwise(Box::new(|_, _| None));
            map::apply(cx, build_within(cx, arg, grid, function)?, nothing, Histograms::Dropped, true)
        }
    }
}

fn sorted<'c>(
    cx: &'c Context<'c>,
    inner: Op<'c>,
    span: Span,
    grid: Grid,
    key: Key<'_>,
    descending: bool,
) -> Result<Op<'c>, QueryError> {
    if !grid.instant {
        cx.annotations.add(AnnotationKind::SortInRangeQuery, span);
    }
    sort(cx, inner, grid, key, descending)
}

fn judge_quantile(cx: &Context<'_>, (span, whole): (Span, Span), values: impl Iterator<Item = f64>) {
    for q in values.filter(|q| !(0.0..=1.0).contains(q)) {
        cx.annotations.add_of(AnnotationKind::InvalidQuantile(q), span, whole);
    }
}

fn text(node: &Node) -> &str {
    match &node.kind {
        Kind::Text(text) => text,
        _ => "",
    }
}

fn texts(nodes: &[Node]) -> Vec<&str> {
    nodes.iter().map(text).collect()
}
