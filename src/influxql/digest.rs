//! A sketch of many numbers that tells about which one stands at a rank: the merging t-digest of T. Dunning and O. Ertl, "Computing
//! Extremely Accurate Quantiles Using t-Digests" (2019), with their scale function k₁.
//!
//! Numbers that lie near each other are kept as one centroid, a mean and how many they are. A centroid around rank `q` (0 … 1) of `n`
//! has at most about `n · 2π · √(q · (1 − q)) / compression` of them: the ends are kept apart, the middle is coarse.

use std::f64::consts::PI;

/// Numbers that wait to be merged, for each unit of compression.
const WAITING: f64 = 5.0;

/// The sketch.
#[derive(Debug, Clone)]
pub(super) struct Digest {
    compression: f64,
    /// Means, ascending, and how many numbers each stands for.
    centroids: Vec<(f64, f64)>,
    /// The same of what isn't merged yet, in any order.
    waiting: Vec<(f64, f64)>,
    count: f64,
    least: f64,
    greatest: f64,
}

/// How far the rank of what is told may be from the one asked for (0 … 1), as a part of all numbers: what is told lies between the
/// means of two centroids, of which the rank asked for is no more than one and a half away from the far ends.
pub(super) fn rank_error(rank: f64, compression: f64) -> f64 {
    1.5 * 2.0 * PI * (rank * (1.0 - rank)).sqrt() / compression
}

impl Digest {
    pub(super) fn new(compression: f64) -> Self {
        let (centroids, waiting) = (Vec::new(), Vec::new());
        Self { compression, centroids, waiting, count: 0.0, least: f64::INFINITY, greatest: f64::NEG_INFINITY }
    }

    /// Adds a number, which is one.
    pub(super) fn push(&mut self, number: f64) {
        self.waiting.push((number, 1.0));
        self.count += 1.0;
        self.least = self.least.min(number);
        self.greatest = self.greatest.max(number);
        if self.waiting.len() as f64 >= WAITING * self.compression {
            self.merge();
        }
    }

    #[cfg(test)]
    fn memory(&self) -> usize {
        (self.centroids.capacity() + self.waiting.capacity()) * size_of::<(f64, f64)>()
    }

    /// The most bytes that one of this compression takes.
    pub(super) fn most_memory(compression: f64) -> usize {
        // Lists grow to twice of what they need.
        (4.0 * (WAITING + 1.0) * compression) as usize * size_of::<(f64, f64)>()
    }

    /// Merges what waits.
    fn merge(&mut self) {
        let mut all = std::mem::take(&mut self.waiting);
        all.append(&mut self.centroids);
        all.sort_unstable_by(|(a, _), (b, _)| a.total_cmp(b));
        let mut before = 0.0;
        let mut limit = self.reach(0.0);
        for (mean, weight) in all.drain(..) {
            match self.centroids.last_mut() {
                // Infinite numbers have no mean with others.
                Some((last, size)) if before + *size + weight <= limit && (last.is_finite() && mean.is_finite()) => {
                    *size += weight;
                    *last += (mean - *last) * (weight / *size);
                }
                Some((_, size)) => {
                    before += *size;
                    limit = self.reach(before);
                    self.centroids.push((mean, weight));
                }
                None => self.centroids.push((mean, weight)),
            }
        }
        self.waiting = all;
    }

    /// Up to which count of numbers the centroid that begins behind `before` of them may reach.
    fn reach(&self, before: f64) -> f64 {
        let scale = self.compression / (2.0 * PI);
        let k = scale * (2.0 * before / self.count - 1.0).clamp(-1.0, 1.0).asin() + 1.0;
        if k >= self.compression / 4.0 { self.count } else { self.count * ((k / scale).sin() + 1.0) / 2.0 }
    }

    /// The number at a rank (0 … 1); `None` of none.
    pub(super) fn at(mut self, rank: f64) -> Option<f64> {
        self.merge();
        let wanted = rank * self.count;
        // Each centroid stands at the middle of its numbers; before the first is the least of all, behind the last the greatest.
        let (mut place, mut value) = (0.0, self.least);
        let mut before = 0.0;
        for (mean, size) in self.centroids.iter().copied() {
            let middle = before + size / 2.0;
            if wanted <= middle {
                return Some(on_line((place, value), (middle, mean), wanted));
            }
            (place, value) = (middle, mean);
            before += size;
        }
        (self.count > 0.0).then(|| on_line((place, value), (self.count, self.greatest), wanted))
    }
}

fn on_line((x0, y0): (f64, f64), (x1, y1): (f64, f64), x: f64) -> f64 {
    let part = if x1 > x0 { (x - x0) / (x1 - x0) } else { 1.0 };
    let value = y0 + (y1 - y0) * part;
    // Between an infinite number and another there is the nearer one.
    if value.is_finite() {
        value
    } else if part < 0.5 {
        y0
    } else {
        y1
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Numbers in an order that looks like chance, of several shapes.
    fn shapes(count: u64) -> Vec<(&'static str, Vec<f64>)> {
        let random = |i: u64| {
            let mixed = (i + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15).rotate_left(29).wrapping_mul(0xbf58_476d_1ce4_e5b9);
            (mixed >> 11) as f64 / (1u64 << 53) as f64
        };
        vec![
            ("rising", (0..count).map(|i| i as f64).collect()),
            ("falling", (0..count).rev().map(|i| i as f64).collect()),
            ("even", (0..count).map(random).collect()),
            ("long tail", (0..count).map(|i| -random(i).ln() * random(i + 7).recip()).collect()),
            ("few values", (0..count).map(|i| (random(i) * 8.0).floor()).collect()),
        ]
    }

    #[test]
    fn the_rank_is_off_by_no_more_than_is_told() {
        for (name, numbers) in shapes(100_000) {
            for compression in [50.0, 100.0, 500.0] {
                let mut digest = Digest::new(compression);
                numbers.iter().for_each(|number| digest.push(*number));
                assert!(digest.memory() <= Digest::most_memory(compression), "{} bytes", digest.memory());
                for rank in [0.0, 0.001, 0.01, 0.1, 0.25, 0.5, 0.9, 0.99, 0.999, 1.0] {
                    let told = digest.clone().at(rank).unwrap();
                    let below = numbers.iter().filter(|number| **number < told).count() as f64;
                    let upto = numbers.iter().filter(|number| **number <= told).count() as f64;
                    // Values of several points have all their ranks.
                    let all = numbers.len() as f64;
                    let off = (below / all - rank).max(rank - upto / all).max(0.0);
                    let most = rank_error(rank, compression) + 1.0 / all;
                    assert!(off <= most, "{name}, {compression}: rank {rank} is off by {off}, more than {most}");
                }
            }
        }
    }

    #[test]
    fn few_numbers_are_told_as_they_are() {
        let mut digest = Digest::new(100.0);
        assert_eq!(digest.clone().at(0.5), None);
        [3.0, 1.0, 2.0].into_iter().for_each(|number| digest.push(number));
        assert_eq!([0.0, 0.5, 1.0].map(|rank| digest.clone().at(rank).unwrap()), [1.0, 2.0, 3.0]);
        digest.push(f64::INFINITY);
        assert_eq!(digest.clone().at(1.0), Some(f64::INFINITY));
        assert_eq!(digest.at(0.125), Some(1.0));
    }
}
