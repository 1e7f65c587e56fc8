//! How numbers move from scrape to scrape.

/// A small, fast, seeded generator (xorshift with a multiplied output); nobody needs more from made-up load.
#[derive(Debug, Clone)]
pub(crate) struct Random(u64);

impl Random {
    /// Seeds are spread first, so that neighbouring seeds give unrelated numbers.
    pub(crate) fn new(seed: u64) -> Self {
        let mut z = seed.wrapping_add(0x9e37_79b9_7f4a_7c15);
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        Self((z ^ (z >> 31)) | 1)
    }

    fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }

    /// Below `n`, which is not 0.
    pub(crate) fn below(&mut self, n: u64) -> u64 {
        self.next() % n
    }

    /// From 0 to 1.
    pub(crate) fn unit(&mut self) -> f64 {
        (self.next() >> 11) as f64 / (1_u64 << 53) as f64
    }

    /// From -1 to 1, mostly small.
    fn bell(&mut self) -> f64 {
        (self.unit() + self.unit() + self.unit() + self.unit() - 2.0) / 2.0
    }
}

/// A series' course.
#[derive(Debug, Clone)]
pub(crate) enum Course {
    /// Always the same.
    Constant(f64),
    /// Grows by up to `most` units of `1 / scale`; in some scrapes, `quiet` of 100, by nothing.
    Counter { now: u64, most: u64, scale: f64, quiet: u64 },
    /// Wanders between `low` and `high` in multiples of `1 / scale`, `step` of the range at most.
    Gauge { now: f64, low: f64, high: f64, step: f64, scale: f64, quiet: u64 },
    /// A measured time with all its digits.
    Noise { mean: f64 },
    /// A part of what has been counted at the `group`th counter of the host.
    Bucket { group: usize, share: f64 },
    /// Seconds spent in the `group`th counter's requests.
    Sum { group: usize, seconds: f64 },
    /// The time of the scrape.
    Clock,
}

impl Course {
    /// A gauge with `digits` decimals that moves by a percent or so.
    pub(crate) fn gauge(random: &mut Random, low: f64, high: f64, digits: i32) -> Self {
        let now = low + (high - low) * random.unit();
        Self::Gauge { now, low, high, step: 0.02, scale: 10_f64.powi(digits), quiet: 20 }
    }

    /// A counter of whole things that has been running for a while.
    pub(crate) fn counter(random: &mut Random, most: u64, quiet: u64) -> Self {
        Self::Counter { now: random.below(most * 10_000), most, scale: 1.0, quiet }
    }

    /// A counter of seconds with two decimals.
    pub(crate) fn seconds(random: &mut Random, most: u64, quiet: u64) -> Self {
        Self::Counter { now: random.below(most * 10_000), most, scale: 100.0, quiet }
    }

    /// The next value.
    pub(crate) fn next(&mut self, random: &mut Random, time: i64, counts: &[u64]) -> f64 {
        match self {
            Self::Constant(value) => *value,
            Self::Counter { now, most, scale, quiet } => {
                if random.below(100) >= *quiet {
                    *now += *most / 2 + random.below(*most / 2 + 1);
                }
                *now as f64 / *scale
            }
            Self::Gauge { now, low, high, step, scale, quiet } => {
                if random.below(100) >= *quiet {
                    *now = (*now + random.bell() * *step * (*high - *low)).clamp(*low, *high);
                }
                (*now * *scale).round() / *scale
            }
            Self::Noise { mean } => *mean * (0.5 + random.unit()),
            Self::Bucket { group, share } => (counts[*group] as f64 * *share).floor(),
            Self::Sum { group, seconds } => counts[*group] as f64 * *seconds,
            Self::Clock => time as f64 / 1_000.0,
        }
    }
}
