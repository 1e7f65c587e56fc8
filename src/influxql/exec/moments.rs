//! How two columns of numbers vary together.

use crate::influxql::functions::Kind;

/// Means, and sums of squares and products around them.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Moments {
    count: f64,
    x: f64,
    y: f64,
    xx: f64,
    yy: f64,
    xy: f64,
}

impl Moments {
    /// Adds a pair.
    pub(super) fn push(&mut self, x: f64, y: f64) {
        self.count += 1.0;
        let (dx, dy) = (x - self.x, y - self.y);
        self.x += dx / self.count;
        self.y += dy / self.count;
        self.xx += dx * (x - self.x);
        self.yy += dy * (y - self.y);
        self.xy += dx * (y - self.y);
    }

    /// What `corr()` or `covar()` gives; no number of less than two pairs, and none where one column is constant.
    pub(super) fn value(&self, kind: Kind) -> f64 {
        if self.count < 2.0 {
            return f64::NAN;
        }
        match kind {
            Kind::Corr => (self.xy / (self.xx.sqrt() * self.yy.sqrt())).clamp(-1.0, 1.0),
            _ => self.xy / (self.count - 1.0),
        }
    }
}
