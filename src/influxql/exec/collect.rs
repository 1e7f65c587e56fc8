//! Functions of all points of a bucket.

use std::{
    collections::{HashMap, HashSet},
    hash::{BuildHasher, RandomState},
};

use super::calls::Point;
use crate::influxql::{
    functions::Kind,
    plan::{Call, Plan, Settings},
    value::Value,
    window::Window,
};

/// What a function gives for each bucket, by its begin, of points in order of time.
pub(super) fn buckets(plan: &Plan, call: &Call, points: Vec<Point>) -> Vec<(i64, Point)> {
    if call.function.kind == Kind::Integral {
        return integral(plan, call.settings.unit, &points);
    }
    let mut all = Vec::new();
    let mut rest = points.into_iter().peekable();
    while let Some(first) = rest.peek() {
        let (start, end) = plan.window.as_ref().map_or((i64::MIN, i64::MAX), |window| window.bounds(first.time));
        let mut bucket = Vec::new();
        while let Some(point) = rest.next_if(|point| bucket.is_empty() || point.time < end) {
            bucket.push(point);
        }
        all.extend(of_bucket(call, bucket).into_iter().map(|point| (start, point)));
    }
    all
}

/// What a function gives of the points of a bucket.
pub(super) fn of_bucket(call: &Call, points: Vec<Point>) -> Vec<Point> {
    let Settings { count, percent, tags, .. } = call.settings;
    let one = |value: Value| vec![Point { time: 0, value, aux: None }];
    match call.function.kind {
        Kind::Count => one(Value::Integer(distinct(points).len() as i64)),
        Kind::Distinct => distinct(points),
        Kind::Median => one(median(points)),
        Kind::Mode => one(mode(points)),
        Kind::Stddev => one(Value::Float(variance(&points).sqrt())),
        Kind::Variance => one(Value::Float(variance(&points))),
        Kind::Percentile => percentile(points, percent),
        Kind::Top => best(points, count, tags, true),
        Kind::Bottom => best(points, count, tags, false),
        Kind::Sample => sample(points, count),
        _ => Vec::new(),
    }
}

/// What makes a value equal to another.
#[derive(Debug, PartialEq, Eq, Hash)]
enum Identity {
    Bits(u64),
    Text(std::sync::Arc<str>),
}

fn identity(value: &Value) -> Identity {
    match value {
        Value::Float(number) => Identity::Bits((*number + 0.0).to_bits()),
        Value::Integer(number) | Value::Time(number) => Identity::Bits(number.cast_unsigned()),
        Value::Boolean(yes) => Identity::Bits(u64::from(*yes)),
        Value::Text(text) => Identity::Text(text.clone()),
        Value::Null => Identity::Bits(u64::MAX),
    }
}

/// The first point of each value.
fn distinct(points: Vec<Point>) -> Vec<Point> {
    let mut seen = HashSet::new();
    let mut first: Vec<Point> = points.into_iter().filter(|point| seen.insert(identity(&point.value))).collect();
    first.sort_by(|a, b| a.time.cmp(&b.time).then_with(|| a.value.order(&b.value)));
    first
}

fn sorted(mut points: Vec<Point>) -> Vec<Point> {
    points.sort_by(|a, b| a.value.order(&b.value));
    points
}

fn median(points: Vec<Point>) -> Value {
    let points = sorted(points);
    let at = |i: usize| points.get(i).and_then(|point| point.value.number()).unwrap_or(f64::NAN);
    let middle = points.len() / 2;
    if points.len() % 2 == 1 {
        return Value::float(at(middle));
    }
    let (lower, upper) = (at(middle - 1), at(middle));
    Value::float(lower + (upper - lower) / 2.0)
}

/// The most frequent value, of several the smallest.
fn mode(points: Vec<Point>) -> Value {
    let points = sorted(points);
    let mut best: (usize, Value) = (0, Value::Null);
    for run in points.chunk_by(|a, b| a.value.order(&b.value).is_eq()) {
        if let Some(first) = run.first().filter(|_| run.len() > best.0) {
            best = (run.len(), first.value.clone());
        }
    }
    best.1
}

/// Of a sample: divided by one less than the number of values. Of one value it is no number, which answers show as nothing; but it is
/// no empty bucket that is filled.
fn variance(points: &[Point]) -> f64 {
    let values = || points.iter().filter_map(|point| point.value.number());
    let count = values().count();
    if count < 2 {
        return f64::NAN;
    }
    let mut mean = 0.0;
    for (i, value) in values().enumerate() {
        mean += (value - mean) / (i + 1) as f64;
    }
    let squares: f64 = values().map(|value| (value - mean) * (value - mean)).sum();
    squares / (count - 1) as f64
}

/// The point of nearest rank.
fn percentile(points: Vec<Point>, percent: f64) -> Vec<Point> {
    let rank = (points.len() as f64 * percent / 100.0 + 0.5).floor() as i64 - 1;
    let mut points = sorted(points);
    match usize::try_from(rank) {
        Ok(rank) if rank < points.len() => vec![points.swap_remove(rank)],
        _ => Vec::new(),
    }
}

/// The best points, in order of time. With tags, of each combination of these only the best.
fn best(points: Vec<Point>, count: usize, tags: usize, greatest: bool) -> Vec<Point> {
    let better = |a: &Point, b: &Point| {
        let order = a.value.order(&b.value);
        let order = if greatest { order.reverse() } else { order };
        order.then(a.time.cmp(&b.time))
    };
    let mut points = points;
    if tags > 0 {
        let mut of_tags: HashMap<Vec<Identity>, Point> = HashMap::new();
        for point in points {
            let key = point.aux.iter().flatten().take(tags).map(identity).collect();
            match of_tags.get_mut(&key) {
                Some(known) if better(&point, known).is_lt() => *known = point,
                Some(_) => {}
                None => drop(of_tags.insert(key, point)),
            }
        }
        points = of_tags.into_values().collect();
    }
    points.sort_by(better);
    points.truncate(count);
    points.sort_by(|a, b| a.time.cmp(&b.time).then_with(|| a.value.order(&b.value)));
    points
}

/// Some of the points, each as likely as any other, in order of time.
fn sample(points: Vec<Point>, count: usize) -> Vec<Point> {
    let random = RandomState::new();
    let mut chosen: Vec<(u64, Point)> =
        points.into_iter().enumerate().map(|(i, point)| (random.hash_one(i), point)).collect();
    chosen.sort_by_key(|(number, _)| *number);
    chosen.truncate(count);
    let mut points: Vec<Point> = chosen.into_iter().map(|(_, point)| point).collect();
    points.sort_by_key(|point| point.time);
    points
}

/// The areas under the lines between points, by bucket. Where a line leaves a bucket it is cut at its edge.
fn integral(plan: &Plan, unit: i64, points: &[Point]) -> Vec<(i64, Point)> {
    let unit = unit as f64;
    let whole = |time: i64| plan.window.as_ref().map_or((i64::MIN, i64::MAX), |window: &Window| window.bounds(time));
    let mut all = Vec::new();
    let mut sum = 0.0;
    let mut before: Option<(i64, f64)> = None;
    let (mut start, mut end) = (0, 0);
    let emit = |start: i64, sum: f64| (start, Point { time: start, value: Value::float(sum), aux: None });
    for point in points {
        let Some(value) = point.value.number() else { continue };
        let Some((mut time, mut height)) = before else {
            (start, end) = whole(point.time);
            before = Some((point.time, value));
            continue;
        };
        if point.time != time {
            if point.time >= end {
                if time != end {
                    let at_edge = (value - height) / point.time.saturating_sub(time) as f64
                        * end.saturating_sub(time) as f64
                        + height;
                    sum += 0.5 * (at_edge + height) * (end.saturating_sub(time) as f64 / unit);
                    (time, height) = (end, at_edge);
                }
                all.push(emit(start, sum));
                (start, end) = whole(point.time);
                sum = 0.0;
            }
            sum += 0.5 * (value + height) * (point.time.saturating_sub(time) as f64 / unit);
        }
        before = Some((point.time, value));
    }
    // A last point at the begin of a bucket has no area in it.
    match before {
        Some((time, _)) if plan.window.is_none() || time != start => all.push(emit(start, sum)),
        _ => {}
    }
    all
}
