//! Holding an answer against what a script expects.

use std::collections::BTreeMap;

use super::{command::Eval, histogram::ScriptHistogram, series::Point};
use crate::{
    model::{Histogram, Labels, is_stale},
    promql::{MatrixSeries, Value, VectorSample},
};

/// Relative difference that two values may have.
const EPSILON: f64 = 1e-6;

/// Whether the answer is the expected one.
///
/// # Errors
/// With the first difference.
pub(super) fn compare(eval: &Eval, value: &Value) -> Result<(), String> {
    match value {
        Value::String { value, .. } => match &eval.string {
            Some(want) if want == value => Ok(()),
            want => Err(format!("expected the string {want:?}, got {value:?}")),
        },
        _ if eval.string.is_some() => Err(format!("expected the string {:?}, got {value:?}", eval.string)),
        Value::Scalar { value, .. } => match eval.scalar {
            Some(want) if almost_equal(want, *value) => Ok(()),
            Some(want) => Err(format!("expected the scalar {want}, got {value}")),
            None => Err(format!("expected series, got the scalar {value}")),
        },
        _ if eval.scalar.is_some() => Err(format!("expected the scalar {:?}, got {value:?}", eval.scalar)),
        Value::Vector(samples) => vector(eval, samples),
        Value::Matrix(series) => matrix(eval, series),
    }
}

fn vector(eval: &Eval, samples: &[VectorSample]) -> Result<(), String> {
    let expected = by_labels(eval);
    for (at, sample) in samples.iter().enumerate() {
        let labels = &sample.labels;
        if samples.iter().skip(at + 1).any(|other| other.labels == *labels) {
            return Err(format!("{labels} is in the answer twice"));
        }
        let Some((position, points)) = expected.get(labels) else {
            return Err(format!(
                "unexpected series {labels} with {}",
                shown(sample.value, sample.histogram.as_deref())
            ));
        };
        if eval.ordered && *position != at {
            return Err(format!("expected {labels} at position {position}, it is at {at}"));
        }
        let want = points.first().unwrap_or(&Point::Omitted);
        same(want, sample.value, sample.histogram.as_deref()).map_err(|e| format!("{labels}: {e}"))?;
    }
    missing(&expected, |labels| samples.iter().any(|s| s.labels == *labels))
}

fn matrix(eval: &Eval, series: &[MatrixSeries]) -> Result<(), String> {
    if eval.ordered {
        return Err("expected an ordered vector, got a matrix".to_owned());
    }
    sorted(series)?;
    let (start, end, step) = eval.grid.unwrap_or((eval.start, eval.end, eval.step));
    let expected = by_labels(eval);
    for found in series {
        let labels = &found.labels;
        let got = samples_by_time(found);
        let Some((_, points)) = expected.get(labels) else {
            return Err(format!("unexpected series {labels} with {}", shown_all(&got)));
        };
        let mut want = BTreeMap::new();
        for (time, point) in (0i64..).map(|i| start.saturating_add(i.saturating_mul(step))).zip(points.iter()) {
            if time > end {
                return Err(format!("{} points are expected for {labels}, but the range has fewer", points.len()));
            }
            if *point != Point::Omitted {
                want.insert(time, point);
            }
        }
        if !want.keys().eq(got.keys()) {
            let wanted: Vec<_> = want.keys().collect();
            return Err(format!("{labels}: expected points at {wanted:?} ms, got {}", shown_all(&got)));
        }
        for ((time, point), (value, histogram)) in want.into_iter().zip(got.values()) {
            same(point, *value, *histogram).map_err(|e| format!("{labels} at {time} ms: {e}"))?;
        }
    }
    missing(&expected, |labels| series.iter().any(|s| s.labels == *labels))
}

/// Whether the series are in order and each there once.
pub(super) fn sorted(series: &[MatrixSeries]) -> Result<(), String> {
    match series.windows(2).find(|pair| matches!(pair, [a, b] if a.labels >= b.labels)) {
        Some([a, b]) => Err(format!("series of a matrix must be sorted, but {} comes before {}", a.labels, b.labels)),
        _ => Ok(()),
    }
}

/// Expected points with their position in the script.
type Expected<'a> = BTreeMap<&'a Labels, (usize, &'a [Point])>;

fn by_labels(eval: &Eval) -> Expected<'_> {
    eval.series.iter().enumerate().map(|(at, (labels, points))| (labels, (at, points.as_slice()))).collect()
}

fn missing(expected: &Expected<'_>, found: impl Fn(&Labels) -> bool) -> Result<(), String> {
    match expected.keys().find(|labels| !found(labels)) {
        Some(labels) => Err(format!("expected series {labels} not found")),
        None => Ok(()),
    }
}

/// A float (when there is no histogram) or a histogram.
type Sample<'a> = (f64, Option<&'a Histogram>);

fn samples_by_time(series: &MatrixSeries) -> BTreeMap<i64, Sample<'_>> {
    let floats = series.samples.times.iter().zip(&series.samples.values).map(|(t, v)| (*t, (*v, None)));
    let histograms = series.samples.histograms.iter().map(|(t, h)| (*t, (0.0, Some(&**h))));
    floats.chain(histograms).collect()
}

fn shown(value: f64, histogram: Option<&Histogram>) -> String {
    histogram.map_or_else(|| value.to_string(), |h| ScriptHistogram::from_model(h).to_string())
}

fn shown_all(samples: &BTreeMap<i64, Sample<'_>>) -> String {
    let all: Vec<_> = samples.iter().map(|(t, (v, h))| format!("{}@{t}", shown(*v, *h))).collect();
    if all.is_empty() { "no points".to_owned() } else { all.join(" ") }
}

fn same(want: &Point, value: f64, histogram: Option<&Histogram>) -> Result<(), String> {
    let equal = match (want, histogram) {
        (Point::Float(want), None) => almost_equal(*want, value),
        (Point::Histogram(want, hinted), Some(got)) => same_histogram(want, &ScriptHistogram::from_model(got), *hinted),
        _ => false,
    };
    if equal {
        return Ok(());
    }
    let want = match want {
        Point::Omitted => "nothing".to_owned(),
        Point::Float(want) => want.to_string(),
        Point::Histogram(want, _) => want.to_string(),
    };
    Err(format!("expected {want}, got {}", shown(value, histogram)))
}

/// Equal but for rounding; empty buckets and spans don't count, the reset hint only if the script gave one.
fn same_histogram(want: &ScriptHistogram, got: &ScriptHistogram, hinted: bool) -> bool {
    want.schema == got.schema
        && almost_equal(want.count, got.count)
        && almost_equal(want.sum, got.sum)
        && (!want.has_custom_buckets() || want.custom_values == got.custom_values)
        && want.zero_threshold == got.zero_threshold
        && almost_equal(want.zero, got.zero)
        && same_buckets(&want.positive, &got.positive)
        && same_buckets(&want.negative, &got.negative)
        && (!hinted || want.hint == got.hint)
}

fn same_buckets(want: &BTreeMap<i32, f64>, got: &BTreeMap<i32, f64>) -> bool {
    let filled = |buckets: &BTreeMap<i32, f64>| {
        buckets.iter().filter(|b| *b.1 != 0.0).map(|(i, c)| (*i, *c)).collect::<Vec<_>>()
    };
    let (want, got) = (filled(want), filled(got));
    want.len() == got.len() && want.iter().zip(&got).all(|(w, g)| w.0 == g.0 && almost_equal(w.1, g.1))
}

/// Equal but for rounding. A staleness marker equals only itself, any other NaN equals any other.
pub(super) fn almost_equal(a: f64, b: f64) -> bool {
    if is_stale(a) || is_stale(b) {
        return is_stale(a) && is_stale(b);
    }
    if (a.is_nan() && b.is_nan()) || a == b {
        return true;
    }
    let (sum, difference) = (a.abs() + b.abs(), (a - b).abs());
    if a == 0.0 || b == 0.0 || sum < f64::MIN_POSITIVE {
        return difference < EPSILON * f64::MIN_POSITIVE;
    }
    difference / sum.min(f64::MAX) < EPSILON
}
