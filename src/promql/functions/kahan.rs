//! Summation that keeps what rounding loses (Kahan's, with Neumaier's improvement).

/// A running sum and its compensation, to be added at the end.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(crate) struct Kahan {
    pub(crate) sum: f64,
    pub(crate) lost: f64,
}

impl Kahan {
    pub(crate) fn of(sum: f64) -> Self {
        Self { sum, lost: 0.0 }
    }

    /// Adds `value`. A sum that leaves the finite numbers has nothing to compensate.
    #[inline]
    pub(crate) fn add(&mut self, value: f64) {
        let sum = self.sum + value;
        if sum.is_infinite() {
            self.lost = 0.0;
        } else if self.sum.abs() >= value.abs() {
            self.lost += (self.sum - sum) + value;
        } else {
            self.lost += (value - sum) + self.sum;
        }
        self.sum = sum;
    }

    pub(crate) fn total(self) -> f64 {
        self.sum + self.lost
    }

    /// The sum, where -0 stays -0 if nothing was lost.
    pub(crate) fn signed_total(self) -> f64 {
        if self.lost == 0.0 { self.sum } else { self.total() }
    }
}

/// A mean that is sum by count until the sum would overflow, and is then carried on incrementally.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Mean {
    acc: Kahan,
    count: f64,
    incremental: bool,
}

impl Mean {
    pub(crate) fn of(first: f64) -> Self {
        Self { acc: Kahan::of(first), count: 1.0, incremental: false }
    }

    #[inline]
    pub(crate) fn add(&mut self, value: f64) {
        self.count += 1.0;
        if !self.incremental {
            let mut next = self.acc;
            next.add(value);
            if !next.sum.is_infinite() {
                self.acc = next;
                return;
            }
            self.incremental = true;
            let before = self.count - 1.0;
            self.acc = Kahan { sum: self.acc.sum / before, lost: self.acc.lost / before };
        }
        let q = (self.count - 1.0) / self.count;
        self.acc = Kahan { sum: q * self.acc.sum, lost: q * self.acc.lost };
        self.acc.add(value / self.count);
    }

    pub(crate) fn value(&self) -> f64 {
        if self.incremental { self.acc.total() } else { self.acc.sum / self.count + self.acc.lost / self.count }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_small_summand_survives_two_large_ones() {
        let mut acc = Kahan::default();
        [1.0, 1e100, 1.0, -1e100].iter().for_each(|v| acc.add(*v));
        assert_eq!(acc.total(), 2.0);
    }

    #[test]
    fn a_mean_of_huge_values_does_not_overflow() {
        let mut mean = Mean::of(f64::MAX);
        mean.add(f64::MAX);
        mean.add(f64::MAX);
        assert!((mean.value() / f64::MAX - 1.0).abs() < 1e-12);
        let mut small = Mean::of(1.0);
        small.add(2.0);
        assert_eq!(small.value(), 1.5);
    }
}
