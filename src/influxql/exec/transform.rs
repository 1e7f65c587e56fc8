//! Functions of one point after the other.

use std::collections::VecDeque;

use super::{calls::Point, indicators, moving};
use crate::influxql::{
    functions::Kind,
    plan::{Call, Settings},
    value::Value,
};

/// Applies a call to points in the order of the answer. Points without a value are passed over.
pub(super) fn apply(call: &Call, points: Vec<Point>, descending: bool) -> Vec<Point> {
    let points = points.into_iter().filter(|point| !point.value.is_null());
    let Settings { count, unit, .. } = call.settings;
    match call.function.kind {
        Kind::Derivative => derivative(points, unit, descending, false),
        Kind::NonNegativeDerivative => derivative(points, unit, descending, true),
        Kind::Difference => difference(points, false),
        Kind::NonNegativeDifference => difference(points, true),
        Kind::CumulativeSum => cumulative_sum(points),
        // As in InfluxDB to the last digit: one sum to which points are added and from which they are taken.
        Kind::MovingAverage if call.settings.span.is_none() => moving_average(points, count),
        kind if kind.is_moving() => moving::apply(call, points),
        Kind::Elapsed => elapsed(points, unit, descending),
        _ => indicators::apply(call, points),
    }
}

/// How far one point is behind another, in the order of the answer.
fn distance(before: i64, after: i64, descending: bool) -> i64 {
    if descending { before.saturating_sub(after) } else { after.saturating_sub(before) }
}

fn at(time: i64, value: Value) -> Point {
    Point { time, value, aux: None }
}

/// Pairs of neighbours; of several points of one time only the first counts.
fn pairs(points: impl Iterator<Item = Point>) -> impl Iterator<Item = (Point, Point)> {
    let mut before: Option<Point> = None;
    points.filter_map(move |point| match before.take() {
        Some(known) if known.time == point.time => {
            before = Some(known);
            None
        }
        Some(known) => {
            before = Some(point.clone());
            Some((known, point))
        }
        None => {
            before = Some(point);
            None
        }
    })
}

fn derivative(points: impl Iterator<Item = Point>, unit: i64, descending: bool, only_rises: bool) -> Vec<Point> {
    let one = |(before, after): (Point, Point)| {
        let rise = match (&before.value, &after.value) {
            (Value::Integer(before), Value::Integer(after)) => after.wrapping_sub(*before) as f64,
            _ => after.value.number()? - before.value.number()?,
        };
        let elapsed = distance(before.time, after.time, descending);
        let value = rise / (elapsed as f64 / unit as f64);
        (!only_rises || value >= 0.0).then(|| at(after.time, Value::float(value)))
    };
    pairs(points).filter_map(one).collect()
}

fn difference(points: impl Iterator<Item = Point>, only_rises: bool) -> Vec<Point> {
    let one = |(before, after): (Point, Point)| {
        let value = match (&before.value, &after.value) {
            (Value::Integer(before), Value::Integer(after)) => Value::Integer(after.wrapping_sub(*before)),
            _ => Value::float(after.value.number()? - before.value.number()?),
        };
        let falls = value.number().is_some_and(|value| value < 0.0);
        (!only_rises || !falls).then(|| at(after.time, value))
    };
    pairs(points).filter_map(one).collect()
}

fn cumulative_sum(points: impl Iterator<Item = Point>) -> Vec<Point> {
    let (mut whole, mut sum) = (0_i64, 0.0);
    let one = |point: Point| {
        let value = match point.value {
            Value::Integer(number) => {
                whole = whole.wrapping_add(number);
                Value::Integer(whole)
            }
            other => {
                sum += other.number().unwrap_or(0.0);
                Value::float(sum)
            }
        };
        at(point.time, value)
    };
    points.map(one).collect()
}

fn moving_average(points: impl Iterator<Item = Point>, count: usize) -> Vec<Point> {
    let (mut last, mut sum) = (VecDeque::new(), 0.0);
    let one = |point: Point| {
        let value = point.value.number()?;
        sum += value;
        last.push_back(value);
        if last.len() > count {
            sum -= last.pop_front().unwrap_or(0.0);
        }
        (last.len() == count).then(|| at(point.time, Value::float(sum / count as f64)))
    };
    points.filter_map(one).collect()
}

fn elapsed(points: impl Iterator<Item = Point>, unit: i64, descending: bool) -> Vec<Point> {
    let mut before: Option<i64> = None;
    let one = |point: Point| {
        let known = before.replace(point.time)?;
        let elapsed = distance(known, point.time, descending);
        Some(at(point.time, Value::Integer(elapsed / unit)))
    };
    points.filter_map(one).collect()
}
