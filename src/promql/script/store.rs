//! What a script has loaded so far.

use std::{collections::BTreeMap, sync::Arc};

use super::{command::Load, histogram::ScriptHistogram, nhcb, series::Point};
use crate::{
    model::{Labels, ResetHint, SeriesBuf, is_stale},
    seams::select::MemorySelect,
};

/// Samples as loaded, and as the engine sees them.
#[derive(Default)]
pub(super) struct Store {
    series: BTreeMap<Labels, BTreeMap<i64, (Point, i64)>>,
    select: MemorySelect,
}

impl Store {
    pub(super) fn clear(&mut self) {
        *self = Self::default();
    }

    pub(super) fn load(&mut self, load: &Load) -> Result<(), String> {
        let native = if load.with_nhcb { nhcb::convert(&load.series)? } else { vec![] };
        for (number, (labels, points)) in load.series.iter().chain(&native).enumerate() {
            let samples = self.series.entry(labels.clone()).or_default();
            let starts = load.starts.get(&number);
            let present = points.iter().enumerate().filter(|p| *p.1 != Point::Omitted);
            samples.extend(present.map(|(i, point)| {
                let time = load.step.saturating_mul(i as i64);
                let offset = starts.and_then(|starts| starts.get(i).copied().flatten());
                (time, (point.clone(), offset.map_or(0, |offset| time.saturating_add(offset))))
            }));
        }
        self.select.series = self.series.iter().map(|(labels, samples)| (labels.clone(), columns(samples))).collect();
        Ok(())
    }

    pub(super) fn select(&self) -> &MemorySelect {
        &self.select
    }
}

fn columns(samples: &BTreeMap<i64, (Point, i64)>) -> SeriesBuf {
    let mut buf = SeriesBuf::default();
    let mut before: Option<&ScriptHistogram> = None;
    for (time, (point, start)) in samples {
        match point {
            Point::Omitted => {}
            Point::Float(value) => {
                buf.push_float_from(*time, *value, *start);
                before = None;
            }
            Point::Histogram(histogram, _) => {
                let hint = stored_hint(before, histogram);
                let stored = ScriptHistogram { hint, ..(**histogram).clone() };
                buf.push_histogram(*time, Arc::new(stored.to_model()), *start);
                before = Some(histogram);
            }
        }
    }
    buf
}

/// The reset hint that Prometheus' storage answers with: whatever was given, it is "no reset" where the storage itself
/// compared a histogram with the one before, and unknown where it had to begin a new chunk, after a reset as well.
fn stored_hint(before: Option<&ScriptHistogram>, now: &ScriptHistogram) -> ResetHint {
    if now.hint == ResetHint::Gauge {
        return ResetHint::Gauge;
    }
    match before.filter(|b| b.hint != ResetHint::Gauge && now.hint != ResetHint::Reset) {
        Some(before) if continues(before, now) => ResetHint::NotReset,
        _ => ResetHint::Unknown,
    }
}

/// Whether `now` can go on in the chunk that ends with `before`.
fn continues(before: &ScriptHistogram, now: &ScriptHistogram) -> bool {
    let grown = |old: &BTreeMap<i32, f64>, new: &BTreeMap<i32, f64>| {
        old.iter().all(|(i, count)| new.get(i).copied().unwrap_or(0.0) >= *count)
    };
    is_stale(now.sum)
        || (!is_stale(before.sum)
            && now.count >= before.count
            && now.schema == before.schema
            && now.zero_threshold == before.zero_threshold
            && now.custom_values == before.custom_values
            && now.zero >= before.zero
            && grown(&before.positive, &now.positive)
            && grown(&before.negative, &now.negative))
}
