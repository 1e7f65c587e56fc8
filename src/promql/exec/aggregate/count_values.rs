//! `count_values`: how many series have which value.

use std::collections::HashMap;

use super::{Input, group::in_group};
use crate::{
    model::{Labels, decimal},
    promql::{
        QueryError,
        data::row::{Row, Sample},
        exec::{
            label_sets::LabelSets,
            materialized::Materialized,
            operator::{Operator, Series},
            parallel::for_each_row,
        },
        functions::native::FloatHistogram,
        plan::Aggregate,
    },
};

/// Bytes that a value takes that was met in a group: its entry in a hash table that may have just doubled.
const KNOWN_BYTES: usize = 48;

/// The results so far: their labels, and how many series have the value, by result and then by step.
struct Counts {
    labels: LabelSets,
    counts: Vec<u32>,
}

pub(super) fn run<'c>(input: &Input<'_, 'c>, a: &Aggregate, label: &str) -> Result<Box<dyn Operator + 'c>, QueryError> {
    let (cx, steps) = (input.cx, input.grid.steps);
    let leaves_label_out = a.without && a.grouping.iter().any(|g| g == label);
    let mut groups = LabelSets::default();
    let mut all = Counts { labels: LabelSets::default(), counts: Vec::new() };
    // Most rows repeat a few values: each is formatted once per group.
    let mut known: HashMap<(usize, u64), usize> = HashMap::new();
    let mut held = 0;
    let result = for_each_row(cx, input.inner, steps, &mut |i, row| {
        if !row.present.any() {
            return Ok(());
        }
        let labels = input.inner.series(i)?.labels;
        let (group, new) = groups.number(&labels, |name| in_group(name, a) && name != label.as_bytes());
        new.map_or(Ok(()), |labels| cx.budget.keep(labels))?;
        for step in row.present.ones() {
            let Some(sample) = row.sample(step) else { continue };
            let key = match &sample {
                Sample::Float(value) => Some((group, value.to_bits())),
                Sample::Histogram(_) => None,
            };
            let number = match key.and_then(|key| known.get(&key)) {
                Some(number) => *number,
                None => {
                    let base = groups.get(group).cloned().unwrap_or_default();
                    let labels = if leaves_label_out { base } else { with_value(&base, label, &sample)? };
                    let (number, is_new) = all.labels.number_of(&labels);
                    if is_new {
                        cx.budget.keep(&labels)?;
                        cx.budget.hold(steps)?;
                        held += steps;
                        all.counts.resize(all.counts.len() + steps, 0);
                    }
                    if let Some(key) = key {
                        cx.budget.keep_bytes(KNOWN_BYTES)?;
                        known.insert(key, number);
                    }
                    number
                }
            };
            if let Some(count) = all.counts.get_mut(number * steps + step) {
                *count += 1;
            }
        }
        Ok(())
    });
    let materialized = result.and_then(|()| {
        let mut materialized = Materialized::new(cx, steps);
        let mut row = Row::default();
        for (number, labels) in all.labels.into_sets().into_iter().enumerate() {
            row.reset(steps);
            let counts = all.counts.iter().skip(number * steps).take(steps);
            counts
                .enumerate()
                .filter(|(_, count)| **count > 0)
                .for_each(|(step, count)| row.set(step, (*count).into()));
            materialized.push(Series::new(labels), &row)?;
        }
        Ok(materialized)
    });
    cx.budget.release(held);
    Ok(Box::new(materialized?))
}

fn with_value(base: &Labels, label: &str, sample: &Sample) -> Result<Labels, QueryError> {
    base.with(label, &text(sample)).map_err(|limit| QueryError::Execution(format!("count_values(): {limit}")))
}

/// A value as a label: floats in plain decimals.
fn text(sample: &Sample) -> String {
    match sample {
        Sample::Float(v) if v.is_infinite() => if *v > 0.0 { "+Inf" } else { "-Inf" }.to_owned(),
        Sample::Float(v) if v.is_nan() => "NaN".to_owned(),
        Sample::Float(v) => decimal::plain(*v),
        Sample::Histogram(h) => FloatHistogram::from_model(h).to_string(),
    }
}
