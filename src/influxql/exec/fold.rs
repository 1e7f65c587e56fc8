//! Functions that keep a value for each bucket and no points.

use std::collections::BTreeMap;

use super::{calls::Point, moments::Moments};
use crate::influxql::{
    digest::Digest,
    functions::Kind,
    plan::{Call, Settings},
    value::Value,
    window::Window,
};

/// The values of all buckets.
pub(super) struct Fold {
    kind: Kind,
    settings: Settings,
    buckets: BTreeMap<i64, Bucket>,
    /// The bucket of the last point: its begin, its end, its value.
    current: Option<(i64, i64, Bucket)>,
}

/// The value of a bucket so far.
enum Bucket {
    Count(i64),
    Mean { sum: f64, count: f64 },
    Sum(Value),
    Pick { time: i64, value: Value, aux: Option<Box<[Value]>> },
    Spread { least: Value, greatest: Value },
    Digest(Box<Digest>),
    Moments(Box<Moments>),
}

/// Whether a call's function is one of these.
pub(super) fn folds(call: &Call) -> bool {
    !call.distinct
        && matches!(
            call.function.kind,
            Kind::Count
                | Kind::Mean
                | Kind::Sum
                | Kind::Min
                | Kind::Max
                | Kind::First
                | Kind::Last
                | Kind::Spread
                | Kind::Increase
                | Kind::Rate
                | Kind::ApproxPercentile
                | Kind::Corr
                | Kind::Covar
        )
}

/// The second number of a kept point, for a call of pairs.
pub(super) fn second(call: &Call, point: &Point) -> f64 {
    let second = point.aux.iter().flatten().next().filter(|_| call.function.kind.is_of_pairs());
    second.and_then(Value::number).unwrap_or(f64::NAN)
}

impl Fold {
    pub(super) fn new(call: &Call) -> Self {
        Self { kind: call.function.kind, settings: call.settings, buckets: BTreeMap::new(), current: None }
    }

    /// Adds a point, with its second number where the call is of pairs; `aux` gives what else its row has.
    pub(super) fn push(
        &mut self,
        time: i64,
        value: Value,
        second: f64,
        window: Option<&Window>,
        aux: impl FnOnce() -> Option<Box<[Value]>>,
    ) {
        let is_here = self.current.as_ref().is_some_and(|(start, end, _)| (*start..*end).contains(&time));
        if !is_here {
            self.put_back();
            let (start, end) = window.map_or((i64::MIN, i64::MAX), |window| window.bounds(time));
            if let Some(bucket) = self.buckets.remove(&start) {
                self.current = Some((start, end, bucket));
            } else {
                self.current = Some((start, end, begin(self.kind, self.settings, time, value, second, aux)));
                return;
            }
        }
        if let Some((_, _, bucket)) = &mut self.current {
            add(self.kind, bucket, time, value, second, aux);
        }
    }

    fn put_back(&mut self) {
        if let Some((start, _, bucket)) = self.current.take() {
            self.buckets.insert(start, bucket);
        }
    }

    /// About the bytes of memory that its buckets may take.
    pub(super) fn memory(&self) -> usize {
        let one = match self.kind {
            Kind::ApproxPercentile => Digest::most_memory(self.settings.compression),
            _ => 0,
        };
        (self.buckets.len() + usize::from(self.current.is_some())) * (one + 2 * size_of::<Point>())
    }

    /// The value of each bucket, by its begin, with the time of the point that it is.
    pub(super) fn finish(mut self) -> impl Iterator<Item = (i64, Point)> {
        self.put_back();
        let (kind, settings) = (self.kind, self.settings);
        self.buckets.into_iter().map(move |(start, bucket)| (start, point(kind, settings, start, bucket)))
    }
}

fn begin(
    kind: Kind,
    settings: Settings,
    time: i64,
    value: Value,
    second: f64,
    aux: impl FnOnce() -> Option<Box<[Value]>>,
) -> Bucket {
    match kind {
        Kind::ApproxPercentile => {
            let mut digest = Digest::new(settings.compression);
            value.number().into_iter().for_each(|number| digest.push(number));
            Bucket::Digest(Box::new(digest))
        }
        Kind::Corr | Kind::Covar => {
            let mut moments = Moments::default();
            moments.push(value.number().unwrap_or(f64::NAN), second);
            Bucket::Moments(Box::new(moments))
        }
        Kind::Count => Bucket::Count(1),
        Kind::Mean => Bucket::Mean { sum: value.number().unwrap_or(0.0), count: 1.0 },
        Kind::Sum | Kind::Increase | Kind::Rate => Bucket::Sum(value),
        Kind::Spread => Bucket::Spread { least: value.clone(), greatest: value },
        _ => Bucket::Pick { time, value, aux: aux() },
    }
}

fn add(
    kind: Kind,
    bucket: &mut Bucket,
    time: i64,
    value: Value,
    second: f64,
    aux: impl FnOnce() -> Option<Box<[Value]>>,
) {
    match bucket {
        Bucket::Digest(digest) => value.number().into_iter().for_each(|number| digest.push(number)),
        Bucket::Moments(moments) => moments.push(value.number().unwrap_or(f64::NAN), second),
        Bucket::Count(count) => *count += 1,
        Bucket::Mean { sum, count } => {
            *sum += value.number().unwrap_or(0.0);
            *count += 1.0;
        }
        Bucket::Sum(sum) => match (sum, value) {
            (Value::Integer(sum), Value::Integer(value)) => *sum = sum.wrapping_add(value),
            (Value::Float(sum), value) => *sum += value.number().unwrap_or(0.0),
            _ => {}
        },
        Bucket::Spread { least, greatest } => {
            if value.order(least).is_lt() {
                *least = value;
            } else if value.order(greatest).is_gt() {
                *greatest = value;
            }
        }
        Bucket::Pick { time: own_time, value: own, aux: own_aux } => {
            let order = value.order(own);
            let earlier = time < *own_time;
            let better = match kind {
                Kind::Min => order.is_lt() || (order.is_eq() && earlier),
                Kind::Max => order.is_gt() || (order.is_eq() && earlier),
                Kind::First => earlier || (time == *own_time && order.is_gt()),
                _ => time > *own_time || (time == *own_time && order.is_gt()),
            };
            if better {
                (*own_time, *own, *own_aux) = (time, value, aux());
            }
        }
    }
}

fn point(kind: Kind, settings: Settings, start: i64, bucket: Bucket) -> Point {
    let (time, value, aux) = match bucket {
        Bucket::Count(count) => (start, Value::Integer(count), None),
        Bucket::Mean { sum, count } => (start, Value::float(sum / count), None),
        Bucket::Sum(sum) => (start, sum, None),
        Bucket::Digest(digest) => {
            let value = digest.at(settings.percent / 100.0).map_or(Value::Null, Value::float);
            (start, value, None)
        }
        // It is no number of one pair, but no empty bucket that is filled.
        Bucket::Moments(moments) => (start, Value::Float(moments.value(kind)), None),
        Bucket::Spread { least, greatest } => {
            let spread = match (&greatest, &least) {
                (Value::Integer(greatest), Value::Integer(least)) => Value::Integer(greatest.wrapping_sub(*least)),
                _ => Value::float(greatest.number().unwrap_or(0.0) - least.number().unwrap_or(0.0)),
            };
            (start, spread, None)
        }
        Bucket::Pick { time, value, aux } => (time, value, aux),
    };
    Point { time, value, aux }
}
