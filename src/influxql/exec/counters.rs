//! How much counters have grown: of each series by itself, and then added up.
//!
//! A point counts what it is above the one before it, in the bucket that it is in: so buckets add up to the whole. A value below the
//! one before it has begun at 0 again, and so has one whose start time lies behind that.

use super::{
    calls::{Point, Range, Taken},
    gather::NS,
    sheet::Sheet,
};
use crate::{
    influxql::{
        functions::Kind,
        plan::{Call, Plan},
        value::Value,
    },
    model::Counted,
};

/// How far before the first bucket a sample is looked for, in ns, unless buckets are longer.
const LOOKBACK: i64 = 300_000_000_000;

/// How far before its first bucket a query looks.
pub(super) fn lookback(plan: &Plan) -> i64 {
    plan.window.as_ref().map_or(LOOKBACK, |window| window.interval.max(LOOKBACK))
}

/// What each of the `rows` of a series has grown by, of those with times in `counted`; without buckets, of `rate()`, by a unit.
pub(super) fn growth(
    plan: &Plan,
    call: &Call,
    sheet: &Sheet,
    column: usize,
    rows: impl Iterator<Item = Taken>,
    (read, counted): (Range, Range),
) -> Vec<Taken> {
    let per_unit = call.function.kind == Kind::Rate && plan.window.is_none();
    let mut before: Option<(Counted, Value, i64)> = None;
    let mut all = Vec::new();
    for taken in rows {
        let now = sheet.counted(column, taken.row);
        let known = before.replace((now, taken.value.clone(), taken.time));
        let (since, grown) = match &known {
            Some((earlier, value, since)) => (*since, grown(value, &taken.value, now.is_reset_after(*earlier))),
            // Since its start it has counted from 0.
            None => match now.zero_after(i64::MIN) {
                Some(start) if start.saturating_mul(NS) >= read.start => {
                    (start.saturating_mul(NS), taken.value.clone())
                }
                _ => continue,
            },
        };
        if taken.time < counted.start || taken.time > counted.end {
            continue;
        }
        let value = if call.function.kind == Kind::Increase {
            grown
        } else {
            let elapsed = taken.time.saturating_sub(since) as f64;
            let factor = if per_unit { call.settings.unit as f64 / elapsed } else { 1.0 };
            Value::Float(grown.number().unwrap_or(0.0) * factor)
        };
        all.push(Taken { value, ..taken });
    }
    all
}

fn grown(before: &Value, now: &Value, is_reset: bool) -> Value {
    if is_reset || now.order(before).is_lt() {
        return now.clone();
    }
    match (before, now) {
        (Value::Integer(before), Value::Integer(now)) => Value::Integer(now.wrapping_sub(*before)),
        _ => Value::Float(now.number().unwrap_or(0.0) - before.number().unwrap_or(0.0)),
    }
}

/// Adds up points of one time, which come in order.
pub(super) fn added_up(points: Vec<Point>) -> Vec<Point> {
    let mut all: Vec<Point> = Vec::new();
    for point in points {
        match all.last_mut() {
            Some(last) if last.time == point.time => {
                last.value = match (&last.value, &point.value) {
                    (Value::Integer(sum), Value::Integer(more)) => Value::Integer(sum.wrapping_add(*more)),
                    (sum, more) => Value::Float(sum.number().unwrap_or(0.0) + more.number().unwrap_or(0.0)),
                };
            }
            _ => all.push(point),
        }
    }
    all
}

/// Makes of what buckets have grown by how fast that was: by the part of each that lies within the bounds.
pub(super) fn per_unit(plan: &Plan, call: &Call, buckets: &mut [(i64, Point)], range: Range) {
    let Some(window) = &plan.window else { return };
    for (start, point) in buckets {
        let (_, end) = window.bounds(*start);
        let begin = match window.is_rolling() {
            true => end.saturating_sub(window.length),
            false => (*start).max(range.start),
        };
        let length = end.min(range.end.saturating_add(1)).saturating_sub(begin);
        let grown = point.value.number().unwrap_or(0.0);
        point.value = Value::Float(grown / (length.max(1) as f64 / call.settings.unit as f64));
    }
}
