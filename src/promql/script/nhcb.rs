//! Classic histograms as native ones with custom buckets, for `load_with_nhcb`.

use std::collections::BTreeMap;

use super::{histogram::ScriptHistogram, series::Point};
use crate::model::{BUCKET_LABEL, CUSTOM_BUCKETS_SCHEMA, Labels, METRIC_NAME, decimal};

/// One classic histogram at one time.
#[derive(Default)]
struct Classic {
    /// Cumulative counts by upper bound, in any order.
    buckets: Vec<(f64, f64)>,
    count: Option<f64>,
    sum: f64,
}

/// Finds the classic histograms among `series` and returns them as native histograms by series and step.
pub(super) fn convert(series: &[(Labels, Vec<Point>)]) -> Result<Vec<(Labels, Vec<Point>)>, String> {
    let mut found: BTreeMap<Labels, BTreeMap<usize, Classic>> = BTreeMap::new();
    for (labels, points) in series {
        let name = labels.metric_name().unwrap_or_default();
        let (base, part) = match name.rsplit_once('_') {
            Some((base, part @ ("bucket" | "count" | "sum"))) => (base, part),
            _ => continue,
        };
        let bound = labels.get(BUCKET_LABEL).and_then(decimal::parse_float).filter(|le| !le.is_nan());
        if part == "bucket" && bound.is_none() {
            continue;
        }
        let target = labels.builder().set(METRIC_NAME, base).remove(BUCKET_LABEL).build();
        let steps = found.entry(target).or_default();
        for (step, point) in points.iter().enumerate() {
            let Point::Float(value) = point else { continue };
            let classic = steps.entry(step).or_default();
            match part {
                "bucket" => classic.buckets.push((bound.unwrap_or(f64::INFINITY), *value)),
                "count" => classic.count = Some(*value),
                _ => classic.sum = *value,
            }
        }
    }
    found
        .into_iter()
        .map(|(labels, steps)| {
            let mut points = vec![];
            for (step, classic) in steps {
                points.resize(step, Point::Omitted);
                let native = classic.native().map_err(|e| format!("{labels}: {e}"))?;
                points.push(Point::Histogram(Box::new(native), false));
            }
            Ok((labels, points))
        })
        .collect()
}

impl Classic {
    fn native(mut self) -> Result<ScriptHistogram, String> {
        self.buckets.sort_by(|a, b| a.0.total_cmp(&b.0));
        let last = self.buckets.last().copied();
        let count = self.count.or(last.map(|b| b.1)).unwrap_or(0.0);
        if last.is_none_or(|b| b.0 != f64::INFINITY) {
            self.buckets.push((f64::INFINITY, count));
        }
        let mut positive = BTreeMap::new();
        let mut before = 0.0;
        for (index, (bound, cumulative)) in (0..).zip(&self.buckets) {
            if cumulative.is_nan() || *cumulative < before {
                return Err(format!("the bucket up to {bound} has {cumulative}, less than the one before ({before})"));
            }
            positive.insert(index, cumulative - before);
            before = *cumulative;
        }
        let custom_values = self.buckets.iter().map(|b| b.0).filter(|b| *b != f64::INFINITY).collect();
        Ok(ScriptHistogram {
            schema: CUSTOM_BUCKETS_SCHEMA,
            count,
            sum: self.sum,
            custom_values,
            positive,
            ..ScriptHistogram::default()
        })
    }
}
