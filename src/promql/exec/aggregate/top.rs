//! Aggregations that pick some of the series of each group and leave them as they are.

use std::collections::BTreeMap;

use xxhash_rust::xxh64::xxh64;

use super::{Groups, Input};
use crate::{
    model::{Labels, Span, decimal},
    promql::{
        QueryError,
        ast::AggregateOp,
        data::{
            annotations::AnnotationKind,
            row::{Row, Sample},
        },
        exec::{
            materialized::Materialized,
            operator::{Operator, RowError, Scratch, Series},
            parallel::for_each_row,
            scalar::Numbers,
        },
    },
};

/// An empty list of picks takes as much room as this many samples.
const LIST_CELLS: usize = size_of::<Picks>() / size_of::<f64>();
/// A pick takes as much room as this many samples.
const PICK_CELLS: usize = size_of::<Pick>() / size_of::<f64>();

/// Where reading may stop, so many rows are read first, then twice as many, and so on.
const FIRST_PART: usize = 64;

/// A series picked at one step.
#[derive(Debug, Clone)]
struct Pick {
    value: f64,
    series: u32,
    sample: Option<Sample>,
}

/// What one group has picked at one step. It is a binary heap with the one to lose next in front, so that of equal values
/// those stay that Prometheus keeps; `limitk` and `limit_ratio`, which lose none, so have Prometheus' order.
type Picks = Vec<Pick>;

/// Whether `a` loses against `b`.
type Loses = fn(f64, f64) -> bool;

pub(super) fn run<'c>(
    input: &Input<'_, 'c>,
    op: AggregateOp,
    groups: &Groups,
    param: &Numbers,
    param_span: Span,
) -> Result<Box<dyn Operator + 'c>, QueryError> {
    let (cx, steps) = (input.cx, input.grid.steps);
    let judged = is_wanted(input, op, param, param_span);
    if !matches!(judged, Ok(true)) {
        if !stops_early(input) {
            // For the annotations and errors that it brings, which come before those of the parameter.
            for_each_row(cx, input.inner, steps, &mut |_, _| Ok(()))?;
        }
        judged?;
        return Ok(Box::new(Materialized::new(cx, steps)));
    }
    let lists = groups.len().saturating_mul(steps).saturating_mul(LIST_CELLS);
    cx.budget.foresee(lists, 1)?;
    cx.budget.hold(lists)?;
    let mut picked: Vec<Picks> = vec![Picks::new(); groups.len() * steps];
    let loses: Loses = match op {
        AggregateOp::Bottomk => |a, b| a.is_nan() || a > b,
        _ => |a, b| a.is_nan() || a < b,
    };
    let ranked = matches!(op, AggregateOp::Topk | AggregateOp::Bottomk);
    // A group stands where its first series that has samples does.
    let mut first_member = vec![usize::MAX; groups.len()];
    let mut held = lists;
    let stops = op == AggregateOp::Limitk && stops_early(input);
    let rows = input.inner.len();
    // Without a reason to stop all rows are one part.
    let (mut from, mut part) = (0, if stops { FIRST_PART } else { rows });
    while from < rows && !(stops && from > 0 && is_full(&picked, param, steps)) {
        let end = from.saturating_add(part).min(rows);
        for_each_row(cx, &Consecutive { inner: input.inner, from, end }, steps, &mut |i, row| {
            let i = from + i;
            if ranked && row.has_histograms() && row.drop_histograms() {
                cx.annotations.add(AnnotationKind::HistogramIgnoredInAggregation(op.as_str()), input.whole);
            }
            if !row.present.any() {
                return Ok(());
            }
            let offset = match op {
                AggregateOp::LimitRatio => sampling_offset(&input.inner.series(i)?.labels),
                _ => 0.0,
            };
            let group = groups.of(i);
            if let Some(first) = first_member.get_mut(group) {
                *first = i.min(*first);
            }
            let cells = picked.get_mut(group * steps..(group + 1) * steps).unwrap_or_default();
            let before = held;
            for step in row.present.ones() {
                let (Some(picks), Some(value)) = (cells.get_mut(step), row.values.get(step)) else { continue };
                let pick = || {
                    let sample = row.sample(step);
                    let value = if matches!(sample, Some(Sample::Histogram(_))) { 0.0 } else { *value };
                    Pick { value, series: i as u32, sample }
                };
                let wanted = param.at(step);
                let k = if wanted < 1.0 { 0 } else { wanted as usize };
                match op {
                    AggregateOp::LimitRatio if is_sampled(wanted, offset) => push(picks, pick(), loses),
                    AggregateOp::LimitRatio => continue,
                    _ if picks.len() < k => push(picks, pick(), loses),
                    _ => {
                        if ranked && k > 0 {
                            replace(picks, pick, loses);
                        }
                        continue;
                    }
                }
                held += PICK_CELLS;
            }
            cx.budget.hold(held - before)
        })?;
        (from, part) = (end, part.saturating_mul(2));
    }
    if ranked {
        // Best first; NaN is worst whichever way.
        let order = |a: &Pick, b: &Pick| match (a.value.is_nan(), b.value.is_nan()) {
            (false, false) if loses(b.value, a.value) => std::cmp::Ordering::Less,
            (false, false) if loses(a.value, b.value) => std::cmp::Ordering::Greater,
            (a, b) => a.cmp(&b),
        };
        picked.iter_mut().for_each(|picks| picks.sort_by(order));
    }
    let materialized = collect(input, &picked, &first_member);
    cx.budget.release(held);
    materialized
}

/// Rows that come to nothing need not be computed: they bring no annotation.
fn stops_early(input: &Input<'_, '_>) -> bool {
    input.quiet && input.cx.settings.optimise.stop_early
}

/// Whether every group has its `k` at every step.
fn is_full(picked: &[Picks], param: &Numbers, steps: usize) -> bool {
    picked.iter().enumerate().all(|(cell, picks)| picks.len() as f64 >= param.at(cell % steps).floor())
}

/// Some consecutive rows of an operator.
struct Consecutive<'a> {
    inner: &'a dyn Operator,
    from: usize,
    end: usize,
}

impl Operator for Consecutive<'_> {
    fn len(&self) -> usize {
        self.end - self.from
    }

    fn series(&self, i: usize) -> Result<Series, QueryError> {
        self.inner.series(self.from + i)
    }

    fn row(&self, i: usize, scratch: &mut Scratch, out: &mut Row) -> Result<(), RowError> {
        self.inner.row(self.from + i, scratch, out)
    }
}

/// Turns picks into rows: in an instant query in the order they were picked, otherwise by series.
fn collect<'c>(
    input: &Input<'_, 'c>,
    picked: &[Picks],
    first_member: &[usize],
) -> Result<Box<dyn Operator + 'c>, QueryError> {
    let (cx, steps) = (input.cx, input.grid.steps);
    let mut materialized = Materialized::new(cx, steps);
    let mut row = Row::default();
    if steps == 1 {
        let mut order = Vec::new();
        for (pick, first) in
            picked.iter().zip(first_member).flat_map(|(picks, first)| picks.iter().map(|p| (p, *first)))
        {
            order.push(first);
            row.reset(1);
            if let Some(sample) = pick.sample.clone() {
                row.put(0, sample);
            }
            materialized.push(input.inner.series(pick.series as usize)?, &row)?;
        }
        materialized.arrange(&order);
        return Ok(Box::new(materialized));
    }
    let mut by_series: BTreeMap<u32, Vec<(usize, &Pick)>> = BTreeMap::new();
    for (cell, picks) in picked.iter().enumerate() {
        for pick in picks {
            by_series.entry(pick.series).or_default().push((cell % steps, pick));
        }
    }
    for (series, picks) in by_series {
        row.reset(steps);
        for (step, pick) in picks {
            if let Some(sample) = pick.sample.clone() {
                row.put(step, sample);
            }
        }
        materialized.push(input.inner.series(series as usize)?, &row)?;
    }
    Ok(Box::new(materialized))
}

/// Judges the parameter; `false` when it asks for nothing at any step.
fn is_wanted(input: &Input<'_, '_>, op: AggregateOp, param: &Numbers, span: Span) -> Result<bool, QueryError> {
    let steps = input.grid.steps;
    let failed = |text: String| Err(QueryError::Execution(text));
    let has_nan = param.iter(steps).any(f64::is_nan);
    let max = param.iter(steps).fold(f64::NEG_INFINITY, f64::max);
    let min = param.iter(steps).fold(f64::INFINITY, f64::min);
    if op == AggregateOp::LimitRatio {
        if !has_nan && max == 0.0 && min == 0.0 {
            return Ok(false);
        }
        if has_nan {
            return failed("Ratio value is NaN".to_owned());
        }
        if max > 1.0 {
            input.cx.annotations.add_of(AnnotationKind::InvalidRatio(max, 1.0), span, input.whole);
        }
        if min < -1.0 {
            input.cx.annotations.add_of(AnnotationKind::InvalidRatio(min, -1.0), span, input.whole);
        }
        return Ok(true);
    }
    if !has_nan && max < 1.0 {
        return Ok(false);
    }
    if has_nan {
        return failed("Parameter value is NaN".to_owned());
    }
    if min <= i64::MIN as f64 {
        return failed(format!("Scalar value {} underflows int64", decimal::general(min)));
    }
    if max >= i64::MAX as f64 {
        return failed(format!("Scalar value {} overflows int64", decimal::general(max)));
    }
    Ok(true)
}

/// Where a series stands between 0 and 1, whatever other series there are: its hash in Prometheus' byte form.
fn sampling_offset(labels: &Labels) -> f64 {
    let mut bytes = Vec::with_capacity(labels.as_bytes().len());
    for text in labels.iter().flat_map(|(name, value)| [name, value]) {
        // Lengths below 255 are one byte; longer ones 255 and three bytes, lowest first.
        match u8::try_from(text.len()) {
            Ok(len) if len < 255 => bytes.push(len),
            _ => {
                bytes.push(255);
                bytes.extend(text.len().to_le_bytes().iter().take(3));
            }
        }
        bytes.extend_from_slice(text.as_bytes());
    }
    xxh64(&bytes, 0) as f64 / u64::MAX as f64
}

/// A negative ratio takes what the complementary positive one leaves.
fn is_sampled(ratio: f64, offset: f64) -> bool {
    let ratio = ratio.clamp(-1.0, 1.0);
    if ratio >= 0.0 { offset < ratio } else { offset >= 1.0 + ratio }
}

fn value(picks: &Picks, i: usize) -> f64 {
    picks.get(i).map_or(f64::NAN, |p| p.value)
}

fn push(picks: &mut Picks, pick: Pick, loses: Loses) {
    picks.push(pick);
    let mut child = picks.len() - 1;
    while child > 0 {
        let parent = (child - 1) / 2;
        if !loses(value(picks, child), value(picks, parent)) {
            break;
        }
        picks.swap(child, parent);
        child = parent;
    }
}

/// Puts a better pick in the place of the worst.
fn replace(picks: &mut Picks, pick: impl FnOnce() -> Pick, loses: Loses) {
    let Some(worst) = picks.first_mut() else { return };
    let pick = pick();
    let better = loses(worst.value, pick.value) && !(worst.value.is_nan() && pick.value.is_nan());
    if !better {
        return;
    }
    *worst = pick;
    let mut parent = 0;
    loop {
        let left = 2 * parent + 1;
        if left >= picks.len() {
            break;
        }
        let right = left + 1;
        let child = if right < picks.len() && loses(value(picks, right), value(picks, left)) { right } else { left };
        if !loses(value(picks, child), value(picks, parent)) {
            break;
        }
        picks.swap(parent, child);
        parent = child;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_heap_keeps_the_best_and_the_first_of_equals() {
        let loses: Loses = |a, b| a.is_nan() || a < b;
        let mut picks = Picks::new();
        for (series, value) in [f64::NAN, 3.0, 1.0, 3.0, 2.0, 3.0].into_iter().enumerate() {
            let pick = || Pick { value, series: series as u32, sample: None };
            if picks.len() < 3 { push(&mut picks, pick(), loses) } else { replace(&mut picks, pick, loses) }
        }
        let mut kept: Vec<u32> = picks.iter().map(|p| p.series).collect();
        kept.sort_unstable();
        assert_eq!(kept, [1, 3, 5]);
    }

    #[test]
    fn complementary_ratios_share_all_series() {
        for i in 0..100 {
            let labels = Labels::from_pairs([("i", i.to_string())]).unwrap();
            let offset = sampling_offset(&labels);
            assert!((0.0..1.0).contains(&offset));
            assert_ne!(is_sampled(0.3, offset), is_sampled(-0.7, offset));
        }
    }
}
