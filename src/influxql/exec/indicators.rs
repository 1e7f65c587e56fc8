//! The technical indicators: averages that give newer points more weight, and what is made of them.

use std::collections::VecDeque;

use super::calls::Point;
use crate::influxql::{
    functions::Kind,
    plan::{Call, Warmup},
    value::Value,
};

/// Applies an indicator to points.
pub(super) fn apply(call: &Call, points: impl Iterator<Item = Point>) -> Vec<Point> {
    let (period, warmup) = (call.settings.count, call.settings.warmup);
    let Some(mut indicator) = Indicator::new(call.function.kind, period, warmup) else { return Vec::new() };
    let hold = call.settings.hold.unwrap_or_else(|| indicator.usual_hold(period, warmup));
    let mut seen = 0;
    let one = |point: Point| {
        let value = indicator.add(point.value.number()?);
        seen += 1;
        (seen > hold).then(|| Point { time: point.time, value: Value::float(value), aux: None })
    };
    points.filter_map(one).collect()
}

enum Indicator {
    Ema(Ema),
    Dema([Ema; 2]),
    Tema([Ema; 3]),
    TripleDerivative {
        averages: [Ema; 3],
        last: f64,
    },
    /// Of rises and falls: the strength index, or else the oscillator.
    RisesAndFalls {
        up: Ema,
        down: Ema,
        last: f64,
        is_strength: bool,
    },
    Sums(Changes),
    Ratio(Efficiency),
    Adaptive {
        efficiency: Efficiency,
        last: f64,
        count: usize,
    },
}

impl Indicator {
    fn new(kind: Kind, period: usize, warmup: Warmup) -> Option<Self> {
        let ema = || Ema::new(period, warmup);
        let slow = || Ema { weight: 1.0 / period as f64, ..Ema::new(period + 1, warmup) };
        Some(match kind {
            Kind::Ema => Self::Ema(ema()),
            Kind::Dema => Self::Dema([ema(), ema()]),
            Kind::Tema => Self::Tema([ema(), ema(), ema()]),
            Kind::TripleDerivative => Self::TripleDerivative { averages: [ema(), ema(), ema()], last: 0.0 },
            Kind::RelativeStrength => Self::RisesAndFalls { up: slow(), down: slow(), last: 0.0, is_strength: true },
            Kind::Chande if warmup == Warmup::None => Self::Sums(Changes::new(period)),
            Kind::Chande => Self::RisesAndFalls { up: slow(), down: slow(), last: 0.0, is_strength: false },
            Kind::KaufmansRatio => Self::Ratio(Efficiency::new(period)),
            Kind::KaufmansAverage => Self::Adaptive { efficiency: Efficiency::new(period), last: 0.0, count: 0 },
            _ => return None,
        })
    }

    /// Points that pass before rows come, where the query doesn't say.
    fn usual_hold(&self, period: usize, warmup: Warmup) -> usize {
        let simple = warmup == Warmup::Simple;
        match self {
            Self::Ema(_) => period - 1,
            Self::Dema(_) => {
                if simple {
                    2 * (period - 1)
                } else {
                    period - 1
                }
            }
            Self::Tema(_) => {
                if simple {
                    3 * (period - 1)
                } else {
                    period - 1
                }
            }
            Self::TripleDerivative { .. } => {
                if simple {
                    3 * (period - 1) + 1
                } else {
                    period
                }
            }
            Self::Sums(_) => period - 1,
            Self::RisesAndFalls { .. } | Self::Ratio(_) | Self::Adaptive { .. } => period,
        }
    }

    fn add(&mut self, value: f64) -> f64 {
        match self {
            Self::Ema(average) => average.add(value),
            Self::Dema([first, second]) => {
                let one = first.add(value);
                2.0 * one - second.after(first, one)
            }
            Self::Tema([first, second, third]) => {
                let one = first.add(value);
                let two = second.after(first, one);
                let three = third.after(second, two);
                3.0 * one - 3.0 * two + three
            }
            Self::TripleDerivative { averages: [first, second, third], last } => {
                let one = first.add(value);
                let two = second.after(first, one);
                let three = third.after(second, two);
                let rate = (three / *last - 1.0) * 100.0;
                *last = three;
                // Before the first value there is none to compare with.
                if rate.is_infinite() { 0.0 } else { rate }
            }
            Self::RisesAndFalls { up, down, last, is_strength } => {
                let change = value - *last;
                *last = value;
                let (rise, fall) = (up.add(change.max(0.0)), down.add((-change).max(0.0)));
                if *is_strength { 100.0 - 100.0 / (1.0 + rise / fall) } else { 100.0 * (rise - fall) / (rise + fall) }
            }
            Self::Sums(changes) => changes.add(value),
            Self::Ratio(efficiency) => efficiency.add(value),
            Self::Adaptive { efficiency, last, count } => {
                // Until there are a period's values before it, it begins with the one before.
                if *count <= efficiency.period {
                    *last = efficiency.newest();
                    *count += 1;
                }
                let ratio = efficiency.add(value);
                let smoothing = (ratio * (2.0 / 3.0 - 2.0 / 31.0) + 2.0 / 31.0).powi(2);
                *last += smoothing * (value - *last);
                *last
            }
        }
    }
}

/// An exponential moving average.
#[derive(Debug, Clone)]
struct Ema {
    period: usize,
    weight: f64,
    warmup: Warmup,
    count: usize,
    last: f64,
}

impl Ema {
    fn new(period: usize, warmup: Warmup) -> Self {
        Self { period, weight: 2.0 / (period as f64 + 1.0), warmup, count: 0, last: 0.0 }
    }

    fn is_warm(&self) -> bool {
        self.count == self.period
    }

    fn add(&mut self, value: f64) -> f64 {
        let count = self.count as f64;
        self.last = match (self.count, self.warmup) {
            (0, _) => value,
            _ if self.is_warm() => (value - self.last) * self.weight + self.last,
            (_, Warmup::Simple) => (self.last * count + value) / (count + 1.0),
            _ => (value - self.last) * (2.0 / (count + 2.0)) + self.last,
        };
        self.count = (self.count + 1).min(self.period);
        self.last
    }

    /// The average of another one's values, which begins when that is warm where it warms up as a plain mean.
    fn after(&mut self, other: &Self, value: f64) -> f64 {
        if other.is_warm() || self.warmup == Warmup::Exponential { self.add(value) } else { value }
    }
}

/// Sums of the last rises and falls.
struct Changes {
    period: usize,
    last: Option<f64>,
    changes: VecDeque<f64>,
    up: f64,
    down: f64,
}

impl Changes {
    fn new(period: usize) -> Self {
        Self { period, last: None, changes: VecDeque::new(), up: 0.0, down: 0.0 }
    }

    fn add(&mut self, value: f64) -> f64 {
        let change = value - self.last.replace(value).unwrap_or(value);
        self.changes.push_back(change);
        if change > 0.0 {
            self.up += change
        } else {
            self.down -= change
        }
        if self.changes.len() > self.period {
            let oldest = self.changes.pop_front().unwrap_or(0.0);
            if oldest > 0.0 { self.up -= oldest } else { self.down += oldest }
        }
        if self.up == 0.0 && self.down == 0.0 { 0.0 } else { 100.0 * (self.up - self.down) / (self.up + self.down) }
    }
}

/// How straight values go: the change over a period by the sum of the changes in it.
struct Efficiency {
    period: usize,
    /// The last values, after as many zeros as there were none.
    prices: VecDeque<(f64, f64)>,
    noise: f64,
}

impl Efficiency {
    fn new(period: usize) -> Self {
        Self { period, prices: (0..period).map(|_| (0.0, 0.0)).collect(), noise: 0.0 }
    }

    fn newest(&self) -> f64 {
        self.prices.back().map_or(0.0, |(price, _)| *price)
    }

    fn add(&mut self, value: f64) -> f64 {
        let change = (value - self.newest()).abs();
        let (oldest, old_change) = self.prices.pop_front().unwrap_or((0.0, 0.0));
        let signal = (value - oldest).abs();
        self.noise += change - old_change;
        self.prices.push_back((value, change));
        if signal == 0.0 || self.noise == 0.0 { 0.0 } else { signal / self.noise }
    }
}
