//! Functions of the last so many points, or of those of the last so long.
//!
//! What of the points counts is kept in two stacks, of which the one that points leave from knows what all of it makes: nothing is
//! subtracted, so that a large value leaves no trace when it has gone, and a step costs the same however many points there are.

use super::calls::Point;
use crate::influxql::{
    ast::FieldType,
    functions::Kind,
    plan::{Call, Settings},
    value::Value,
};

/// What some points make together.
#[derive(Debug, Clone, Copy)]
struct Summary {
    count: f64,
    sum: f64,
    mean: f64,
    /// Squares around the mean.
    squares: f64,
    least: f64,
    greatest: f64,
}

impl Summary {
    const NONE: Self =
        Self { count: 0.0, sum: 0.0, mean: 0.0, squares: 0.0, least: f64::INFINITY, greatest: f64::NEG_INFINITY };

    fn of(value: f64) -> Self {
        Self { count: 1.0, sum: value, mean: value, squares: 0.0, least: value, greatest: value }
    }

    /// Of all points of both.
    fn and(self, other: Self) -> Self {
        if self.count == 0.0 {
            return other;
        }
        if other.count == 0.0 {
            return self;
        }
        let count = self.count + other.count;
        let apart = other.mean - self.mean;
        Self {
            count,
            sum: self.sum + other.sum,
            mean: self.mean + apart * (other.count / count),
            squares: self.squares + other.squares + apart * apart * (self.count * other.count / count),
            least: self.least.min(other.least),
            greatest: self.greatest.max(other.greatest),
        }
    }

    fn value(self, kind: Kind) -> f64 {
        let variance = || if self.count < 2.0 { f64::NAN } else { self.squares / (self.count - 1.0) };
        match kind {
            Kind::MovingSum => self.sum,
            Kind::MovingMin => self.least,
            Kind::MovingMax => self.greatest,
            Kind::MovingStddev => variance().sqrt(),
            Kind::MovingVariance => variance(),
            _ => self.sum / self.count,
        }
    }
}

/// The points that count now.
struct Queue {
    /// What each of the older points makes with those younger than it in this stack; the oldest is the last.
    old: Vec<Summary>,
    /// The younger ones, in order, and what they make.
    young: Vec<f64>,
    young_summary: Summary,
}

impl Queue {
    fn push(&mut self, value: f64) {
        self.young.push(value);
        self.young_summary = self.young_summary.and(Summary::of(value));
    }

    fn pop(&mut self) {
        if self.old.is_empty() {
            let mut summary = Summary::NONE;
            for value in self.young.drain(..).rev() {
                summary = Summary::of(value).and(summary);
                self.old.push(summary);
            }
            self.young_summary = Summary::NONE;
        }
        self.old.pop();
    }

    fn summary(&self) -> Summary {
        self.old.last().map_or(Summary::NONE, |old| *old).and(self.young_summary)
    }
}

/// Applies such a call to points in the order of the answer.
pub(super) fn apply(call: &Call, points: impl Iterator<Item = Point>) -> Vec<Point> {
    let Settings { count, span, .. } = call.settings;
    let points: Vec<(i64, f64)> = points.filter_map(|point| Some((point.time, point.value.number()?))).collect();
    let mut queue = Queue { old: Vec::new(), young: Vec::new(), young_summary: Summary::NONE };
    let row = |time: i64, queue: &Queue| {
        let value = queue.summary().value(call.function.kind);
        let value = match call.gives {
            Some(FieldType::Integer) => Value::Integer(value as i64),
            _ => Value::Float(value),
        };
        Point { time, value, aux: None }
    };
    let Some(span) = span else {
        let one = |(i, (time, value)): (usize, &(i64, f64))| {
            queue.push(*value);
            if i >= count {
                queue.pop();
            }
            (i + 1 >= count).then(|| row(*time, &queue))
        };
        return points.iter().enumerate().filter_map(one).collect();
    };
    let far = |from: i64, to: i64| from.abs_diff(to) >= span.unsigned_abs();
    let (mut first, mut next) = (0, 0);
    let mut one = |(time, _): &(i64, f64)| {
        // Points of one time count for each other.
        while let Some((_, value)) = points.get(next).filter(|(own, _)| own == time || next == 0) {
            queue.push(*value);
            next += 1;
        }
        while points.get(first).is_some_and(|(own, _)| far(*own, *time)) {
            queue.pop();
            first += 1;
        }
        row(*time, &queue)
    };
    points.iter().map(&mut one).collect()
}
