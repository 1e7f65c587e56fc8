//! `count_values`: how many series have which value.

use std::collections::HashMap;

use super::{Input, group::in_group};
use crate::{
    model::{Labels, decimal},
    promql::{
        QueryError,
        exec::{
            Block, Operator, Series, for_each_row,
            row::{Row, Sample},
        },
        functions::native::Native,
        plan::Aggregate,
    },
};

pub(super) fn run<'c>(input: &Input<'_, 'c>, a: &Aggregate, label: &str) -> Result<Box<dyn Operator + 'c>, QueryError> {
    let (cx, steps) = (input.cx, input.grid.steps);
    let leaves_label_out = a.without && a.grouping.iter().any(|g| g == label);
    let mut index: HashMap<Labels, usize> = HashMap::new();
    let mut counts: Vec<(Labels, Row)> = Vec::new();
    // Most rows repeat a few values: each is formatted once per group.
    let mut known: HashMap<(Labels, u64), usize> = HashMap::new();
    let mut held = 0;
    for_each_row(cx, input.inner, steps, &mut |i, row| {
        if !row.present.any() {
            return Ok(());
        }
        let base = input.inner.series(i)?.labels.filtered(|name| in_group(name, a) && name != label.as_bytes());
        for step in row.present.ones() {
            let Some(sample) = row.sample(step) else { continue };
            let key = match &sample {
                Sample::Float(value) => Some((base.clone(), value.to_bits())),
                Sample::Histogram(_) => None,
            };
            let number = match key.as_ref().and_then(|key| known.get(key)) {
                Some(number) => *number,
                None => {
                    let mut labels = base.builder();
                    if !leaves_label_out {
                        labels.set(label, &text(&sample));
                    }
                    let labels = labels.build();
                    let next = counts.len();
                    let number = *index.entry(labels.clone()).or_insert(next);
                    if number == next {
                        cx.budget.hold(steps)?;
                        held += steps;
                        counts.push((labels, Row::new(steps)));
                    }
                    known.extend(key.map(|key| (key, number)));
                    number
                }
            };
            if let Some((_, counted)) = counts.get_mut(number) {
                let before = counted.float(step).unwrap_or(0.0);
                counted.set(step, before + 1.0);
            }
        }
        Ok(())
    })?;
    cx.budget.release(held);
    let mut block = Block::new(cx, steps);
    for (labels, row) in &counts {
        block.push(Series::new(labels.clone()), row)?;
    }
    Ok(Box::new(block))
}

/// A value as a label: floats in plain decimals.
fn text(sample: &Sample) -> String {
    match sample {
        Sample::Float(v) if v.is_infinite() => if *v > 0.0 { "+Inf" } else { "-Inf" }.to_owned(),
        Sample::Float(v) if v.is_nan() => "NaN".to_owned(),
        Sample::Float(v) => decimal::plain(*v),
        Sample::Histogram(h) => Native::from_model(h).to_string(),
    }
}
