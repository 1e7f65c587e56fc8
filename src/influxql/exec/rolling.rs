//! Buckets that roll: each is of the points of a length of time up to its end, so that a point is in several, or in none.

use super::{
    Context, Room,
    calls::{Point, Range},
    collect,
    fold::{self, Fold},
};
use crate::influxql::{
    error::QueryError,
    plan::Call,
    window::{FIRST, Window},
};

/// What a function gives for each bucket, by its begin, of points in order of time.
pub(super) fn buckets(
    window: &Window,
    call: &Call,
    points: &[Point],
    range: Range,
    (context, room): (&Context<'_>, &Room<'_>),
) -> Result<Vec<(i64, Point)>, QueryError> {
    let mut all = Vec::new();
    let Some(first) = points.first() else { return Ok(all) };
    let lowest = if range.start == FIRST { first.time } else { first.time.max(range.start) };
    let (mut start, mut end) = window.bounds(lowest);
    let last = window.start(range.end);
    let (mut from, mut to) = (0, 0);
    while start <= last {
        context.check()?;
        let begin = end.saturating_sub(window.length);
        while points.get(to).is_some_and(|point| point.time < end) {
            to += 1;
        }
        while from < to && points.get(from).is_some_and(|point| point.time < begin) {
            from += 1;
        }
        let inside = points.get(from..to).unwrap_or_default();
        let next = if inside.is_empty() {
            let Some(point) = points.get(to) else { break };
            point.time.max(end)
        } else {
            room.take(size_of::<(i64, Point)>())?;
            all.extend(of_bucket(call, inside).into_iter().map(|point| (start, point)));
            end
        };
        if next <= start {
            break;
        }
        (start, end) = window.bounds(next);
    }
    Ok(all)
}

fn of_bucket(call: &Call, points: &[Point]) -> Vec<Point> {
    if !fold::folds(call) {
        return collect::of_bucket(call, points.to_vec());
    }
    let mut fold = Fold::new(call);
    for point in points {
        let second = fold::second(call, point);
        fold.push(point.time, point.value.clone(), second, None, || point.aux.clone());
    }
    fold.finish().map(|(_, point)| point).collect()
}
