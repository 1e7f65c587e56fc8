//! What stands in buckets without points.
//!
//! Buckets are counted before they are made: a query that would have more than there is memory for is refused at once.

use super::{
    Room,
    calls::{Point, Range},
};
use crate::influxql::{
    ast::{FieldType, Fill},
    error::QueryError,
    functions::Kind,
    parse::format_duration,
    plan::Call,
    value::Value,
    window::{FIRST, Window},
};

/// Which buckets there are to be, and what to put in those without points.
pub(super) struct Gaps<'g> {
    pub(super) window: &'g Window,
    pub(super) range: Range,
    pub(super) fill: Fill,
    pub(super) call: &'g Call,
    pub(super) descending: bool,
}

/// A number as a value of a type.
pub(super) fn number(number: f64, kind: Option<FieldType>) -> Value {
    match kind {
        Some(FieldType::Float) => Value::float(number),
        Some(FieldType::Integer | FieldType::Unsigned) => Value::Integer(number as i64),
        Some(FieldType::Boolean) => Value::Boolean(false),
        Some(FieldType::Text) => Value::text(""),
        None => Value::Null,
    }
}

/// The points, in the order of the answer, and one for each bucket between the bounds that has none.
pub(super) fn fill(points: Vec<Point>, gaps: &Gaps<'_>, room: &Room<'_>) -> Result<Vec<Point>, QueryError> {
    let Gaps { window, range, call, descending, .. } = gaps;
    let fill = match gaps.fill {
        Fill::None => return Ok(points),
        Fill::Null if call.function.kind == Kind::Count => Fill::Number(0.0),
        other => other,
    };
    let (Some(first), Some(last)) = (points.first().map(|point| point.time), points.last().map(|point| point.time))
    else {
        return Ok(points);
    };
    // Without a lower bound the first point is it.
    let bounded = range.start != FIRST;
    let lower = if bounded { window.start(range.start) } else { window.start(first.min(last)) };
    let (from, to) = if *descending { (window.start(range.end), lower) } else { (lower, window.start(range.end)) };
    let count = from.abs_diff(to) / window.interval.unsigned_abs() + 1;
    let bytes = usize::try_from(count).unwrap_or(usize::MAX).saturating_mul(size_of::<Point>());
    room.take(bytes).map_err(|_| {
        QueryError::Limit(format!(
            "max-select-buckets limit exceeed: time({}) makes {count} buckets of each series, more than there is memory for: \
             give the query bounds of time, a longer interval or fill(none)",
            format_duration(window.interval)
        ))
    })?;
    let mut out = Vec::with_capacity(usize::try_from(count).unwrap_or(0));
    let mut input = points.into_iter().peekable();
    let mut previous: Option<(i64, Value)> = None;
    let mut walk = window.walk(from, *descending);
    loop {
        let at = walk.at();
        let is_before = |time: i64| if *descending { at > time } else { at < time };
        match input.next_if(|point| !is_before(point.time)) {
            Some(point) => {
                previous = Some((point.time, point.value.clone()));
                out.push(point);
            }
            None if input.peek().is_none() && (at != to && !is_before(to)) => return Ok(out),
            None => {
                let value = match fill {
                    Fill::Number(value) => number(value, call.gives),
                    Fill::Previous => previous.as_ref().map_or(Value::Null, |(_, value)| value.clone()),
                    Fill::Linear => {
                        let next = input.peek().map(|point| (point.time, &point.value));
                        linear(at / window.interval, previous.as_ref(), next, window.interval)
                    }
                    Fill::Null | Fill::None => Value::Null,
                };
                out.push(Point { time: at, value, aux: None });
            }
        }
        walk.step();
    }
}

/// The value at bucket number `at` on the line between two points.
fn linear(at: i64, before: Option<&(i64, Value)>, after: Option<(i64, &Value)>, interval: i64) -> Value {
    let (Some((from, left)), Some((to, right))) = (before, after) else { return Value::Null };
    let (from, to) = (from / interval, to / interval);
    let (Some(y), Some(z)) = (left.number(), right.number()) else { return Value::Null };
    let slope = match (left, right) {
        (Value::Integer(y), Value::Integer(z)) => z.wrapping_sub(*y) as f64 / to.saturating_sub(from) as f64,
        _ => (z - y) / to.saturating_sub(from) as f64,
    };
    let value = slope * at.saturating_sub(from) as f64 + y;
    if matches!(left, Value::Integer(_)) { Value::Integer(value as i64) } else { Value::float(value) }
}
