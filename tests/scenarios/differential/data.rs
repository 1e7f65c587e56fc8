//! Random series of every kind: counters, gauges, classic and native histograms, mixtures, gaps and stale markers.

use prost::Message;
use vctsdb::remote::proto::v1::{
    BucketSpan, Histogram, Label, Sample, TimeSeries, WriteRequest,
    histogram::{Count, ResetHint, ZeroCount},
};

use super::random::Random;

/// First time of the data in ms: a whole hour.
pub(crate) const BEGIN: i64 = 1_735_689_600_000;
/// Samples of a series that misses none. All of it is less than an hour, which Prometheus takes in any order of series.
const SLOTS: i64 = 180;
/// Time between two samples in ms.
const INTERVAL: i64 = 15_000;
/// Last time of the data in ms.
pub(crate) const END: i64 = BEGIN + SLOTS * INTERVAL;

/// What the buckets of native histograms hold at least. Only later versions of Prometheus than 3.5 extrapolate no further
/// than to where a histogram must have been empty; this keeps that point outside of all windows.
const BASE: u64 = 100;

const STALE: u64 = 0x7ff0_0000_0000_0002;

enum Point {
    Float(f64),
    Histogram(Box<Histogram>),
}

type Labels = Vec<(String, String)>;

/// A write request with the data of a seed, its series in the order of their labels.
pub(crate) fn request(seed: u64) -> Vec<u8> {
    let mut series = all_series(&mut Random::new(seed));
    series.sort_by(|a, b| a.0.cmp(&b.0));
    let timeseries = series.into_iter().flat_map(|(labels, points)| runs(&labels, points)).collect();
    WriteRequest { timeseries, ..WriteRequest::default() }.encode_to_vec()
}

/// A series as runs of samples of one kind: receivers take the floats of an entry before its histograms.
fn runs(labels: &Labels, points: Vec<(i64, Point)>) -> Vec<TimeSeries> {
    let labels: Vec<Label> = labels.iter().map(|(n, v)| Label { name: n.clone(), value: v.clone() }).collect();
    let mut out: Vec<TimeSeries> = Vec::new();
    for (timestamp, point) in points {
        let float = matches!(point, Point::Float(_));
        if out.last().is_none_or(|run| run.samples.is_empty() == float) {
            out.push(TimeSeries { labels: labels.clone(), ..TimeSeries::default() });
        }
        let Some(run) = out.last_mut() else { continue };
        match point {
            Point::Float(value) => run.samples.push(Sample { value, timestamp }),
            Point::Histogram(histogram) => run.histograms.push(Histogram { timestamp, ..*histogram }),
        }
    }
    out
}

fn labels(name: &str, pairs: &[(&str, &str)]) -> Labels {
    let mut all: Labels = pairs.iter().map(|(n, v)| ((*n).to_owned(), (*v).to_owned())).collect();
    all.push(("__name__".to_owned(), name.to_owned()));
    all.sort();
    all
}

fn all_series(random: &mut Random) -> Vec<(Labels, Vec<(i64, Point)>)> {
    let mut all = Vec::new();
    for (job, instance, env) in
        [("api", "0", "prod"), ("api", "1", "prod"), ("api", "2", "dev"), ("db", "0", "prod"), ("db", "1", "dev")]
    {
        let target = [("job", job), ("instance", instance), ("env", env)];
        all.push((labels("counter_total", &target), counter(random)));
        all.push((labels("gauge", &target), gauge(random)));
        all.push((labels("small", &target), small(random)));
        all.push((labels("nat", &target), native(random, Shape::of_counter)));
        all.push((labels("up", &target), small(random).into_iter().map(|(t, _)| (t, Point::Float(1.0))).collect()));
        if job == "api" {
            all.push((labels("custom", &target), native(random, Shape::custom)));
            all.push((labels("natgauge", &target), native(random, Shape::of_gauge)));
            all.push((labels("mixed", &target), mixed(random)));
        }
        if instance != "2" {
            let info = [("job", job), ("instance", instance), ("version", if env == "prod" { "1.0" } else { "1.1" })];
            all.push((labels("target_info", &info), constant(1.0)));
        }
        if instance == "0" {
            all.extend(classic(random, job));
        }
    }
    for (job, version) in [("api", "1.0"), ("db", "2.0")] {
        all.push((labels("build_info", &[("job", job), ("version", version)]), constant(1.0)));
    }
    all.push((labels("sparse", &[("job", "api")]), sparse(random)));
    all.push((labels("strange", &[("job", "api")]), strange(random)));
    all.push((labels("utf8.metric", &[("label.dot", "é"), ("job", "api")]), gauge(random)));
    all
}

/// The times of the samples, on the grid or beside it, some missing.
fn times(random: &mut Random) -> Vec<i64> {
    let jitter = if random.percent(40) { 400 } else { 1 };
    let gaps = if random.percent(30) { 5 } else { 0 };
    let mut out = Vec::new();
    let mut slot = 0;
    while slot < SLOTS {
        if random.percent(gaps) {
            slot += 1 + random.below(30) as i64;
        }
        out.push(BEGIN + slot * INTERVAL + random.below(jitter) as i64);
        slot += 1;
    }
    out.retain(|t| *t < END);
    out
}

/// Floats at random times, now and then ended by a stale marker.
fn floats(random: &mut Random, mut next: impl FnMut(&mut Random) -> f64) -> Vec<(i64, Point)> {
    let stale = if random.percent(30) { 2 } else { 0 };
    let times = times(random);
    let value = |random: &mut Random, next: &mut dyn FnMut(&mut Random) -> f64| {
        if random.percent(stale) { f64::from_bits(STALE) } else { next(random) }
    };
    times.into_iter().map(|t| (t, Point::Float(value(random, &mut next)))).collect()
}

fn constant(value: f64) -> Vec<(i64, Point)> {
    (0..SLOTS).map(|slot| (BEGIN + slot * INTERVAL, Point::Float(value))).collect()
}

fn counter(random: &mut Random) -> Vec<(i64, Point)> {
    let mut total = random.unit() * 100.0;
    let resets = random.below(3);
    floats(random, |random| {
        total = if random.percent(resets) { random.unit() } else { total + (random.unit() * 40.0).floor() / 4.0 };
        total
    })
}

fn gauge(random: &mut Random) -> Vec<(i64, Point)> {
    let scale = 10f64.powi(random.below(5) as i32);
    floats(random, |random| (random.unit() - 0.4) * scale)
}

fn small(random: &mut Random) -> Vec<(i64, Point)> {
    floats(random, |random| random.below(4) as f64)
}

fn sparse(random: &mut Random) -> Vec<(i64, Point)> {
    let kept = floats(random, |random| random.unit());
    kept.into_iter().filter(|_| random.percent(6)).collect()
}

fn strange(random: &mut Random) -> Vec<(i64, Point)> {
    let values = [f64::NAN, f64::INFINITY, f64::NEG_INFINITY, 0.0, -0.0, 1e300, -1e-300, 2.0, 3.5, 7.0];
    floats(random, |random| values[random.below(values.len() as u64) as usize])
}

/// The buckets of a classic histogram; the second job's lack something.
fn classic(random: &mut Random, job: &str) -> Vec<(Labels, Vec<(i64, Point)>)> {
    let bounds: &[&str] = if job == "api" { &["0.1", "0.5", "1", "5", "+Inf"] } else { &["-1", "0", "2", "10", "odd"] };
    let mut totals = vec![0.0; bounds.len()];
    let mut columns: Vec<Vec<(i64, Point)>> = bounds.iter().map(|_| Vec::new()).collect();
    for slot in 0..SLOTS {
        let mut sum = 0.0;
        for (total, column) in totals.iter_mut().zip(&mut columns) {
            *total += random.below(6) as f64;
            sum += *total;
            column.push((BEGIN + slot * INTERVAL, Point::Float(sum)));
        }
    }
    let of = |bound: &&str| labels("req_bucket", &[("job", job), ("le", bound)]);
    bounds.iter().map(of).zip(columns).collect()
}

/// What the native histograms of a series look like.
struct Shape {
    schema: i32,
    custom_values: Vec<f64>,
    float: bool,
    gauge: bool,
    negative: bool,
    /// Chances in a hundred.
    resets: u64,
    changes: u64,
}

impl Shape {
    fn of_counter(random: &mut Random) -> Self {
        Self {
            schema: random.below(4) as i32 - 1,
            custom_values: Vec::new(),
            float: random.percent(30),
            gauge: false,
            negative: random.percent(50),
            resets: random.below(3),
            changes: random.below(2),
        }
    }

    fn of_gauge(random: &mut Random) -> Self {
        Self { float: true, gauge: true, resets: 10, ..Self::of_counter(random) }
    }

    fn custom(random: &mut Random) -> Self {
        // All alike: unlike 3.14, Prometheus 3.5 can't calculate with histograms of differing custom bounds.
        Self {
            schema: -53,
            custom_values: vec![0.5, 1.0, 2.0, 5.0],
            negative: false,
            changes: 0,
            ..Self::of_counter(random)
        }
    }
}

fn native(random: &mut Random, shape: impl Fn(&mut Random) -> Shape) -> Vec<(i64, Point)> {
    let shape = &shape(random);
    let mut state = State::new(shape, random);
    let times = times(random);
    times.into_iter().map(|t| (t, Point::Histogram(Box::new(state.step(shape, random))))).collect()
}

fn mixed(random: &mut Random) -> Vec<(i64, Point)> {
    let shape = Shape::of_counter(random);
    let mut state = State::new(&shape, random);
    let mut total = 0.0;
    let mut float = false;
    let mut next = |random: &mut Random| {
        float ^= random.percent(5);
        total += random.unit();
        if float { Point::Float(total) } else { Point::Histogram(Box::new(state.step(&shape, random))) }
    };
    times(random).into_iter().map(|t| (t, next(random))).collect()
}

/// A histogram that observes.
struct State {
    schema: i32,
    zero_threshold: f64,
    zero: u64,
    sum: f64,
    offset: i32,
    positive: Vec<u64>,
    negative: Vec<u64>,
}

impl State {
    fn new(shape: &Shape, random: &mut Random) -> Self {
        let custom = shape.schema == -53;
        let positive = if custom { shape.custom_values.len() as u64 + 1 } else { 1 + random.below(6) };
        let negative = if shape.negative { 1 + random.below(3) } else { 0 };
        Self {
            schema: shape.schema,
            zero_threshold: if custom { 0.0 } else { 0.001 },
            zero: 0,
            sum: 0.0,
            offset: if custom { 0 } else { random.below(5) as i32 - 2 },
            positive: vec![2 * BASE; positive as usize],
            negative: vec![2 * BASE; negative as usize],
        }
    }

    fn step(&mut self, shape: &Shape, random: &mut Random) -> Histogram {
        if random.percent(shape.resets) {
            self.positive.fill(BASE);
            self.negative.fill(BASE);
            (self.zero, self.sum) = (0, 0.0);
        }
        if random.percent(shape.changes) {
            self.schema = random.below(4) as i32 - 1;
        }
        if random.percent(shape.changes) {
            self.zero_threshold = random.unit() / 100.0;
        }
        if random.percent(shape.changes) && self.positive.len() < 12 {
            self.positive.push(0);
        }
        for bucket in self.positive.iter_mut().chain(&mut self.negative) {
            *bucket += random.below(4) * random.below(2);
        }
        if shape.schema != -53 {
            self.zero += random.below(2);
        }
        self.sum += (random.unit() - 0.2) * 8.0;
        self.histogram(shape)
    }

    fn histogram(&self, shape: &Shape) -> Histogram {
        let count = self.zero + self.positive.iter().chain(&self.negative).sum::<u64>();
        let spans = |offset: i32, buckets: &[u64]| match buckets.len() {
            0 => Vec::new(),
            // Two spans where there is room for a gap of absent buckets between them.
            n if n > 3 && shape.schema != -53 => {
                vec![BucketSpan { offset, length: 2 }, BucketSpan { offset: 2, length: n as u32 - 2 }]
            }
            n => vec![BucketSpan { offset, length: n as u32 }],
        };
        let deltas = |buckets: &[u64]| {
            let before = std::iter::once(0).chain(buckets.iter().copied());
            buckets.iter().zip(before).map(|(now, before)| *now as i64 - before as i64).collect::<Vec<_>>()
        };
        let counts = |buckets: &[u64]| buckets.iter().map(|n| *n as f64).collect::<Vec<_>>();
        let mut histogram = Histogram {
            sum: self.sum,
            schema: self.schema,
            zero_threshold: self.zero_threshold,
            positive_spans: spans(self.offset, &self.positive),
            negative_spans: spans(0, &self.negative),
            reset_hint: if shape.gauge { ResetHint::Gauge } else { ResetHint::Unknown }.into(),
            custom_values: shape.custom_values.clone(),
            ..Histogram::default()
        };
        if shape.float {
            histogram.count = Some(Count::CountFloat(count as f64));
            histogram.zero_count = Some(ZeroCount::ZeroCountFloat(self.zero as f64));
            histogram.positive_counts = counts(&self.positive);
            histogram.negative_counts = counts(&self.negative);
        } else {
            histogram.count = Some(Count::CountInt(count));
            histogram.zero_count = Some(ZeroCount::ZeroCountInt(self.zero));
            histogram.positive_deltas = deltas(&self.positive);
            histogram.negative_deltas = deltas(&self.negative);
        }
        histogram
    }
}
