//! A store on a simulated disk, driven by hand, and the naive model it is held against.

use std::{collections::BTreeMap, ops::ControlFlow, sync::Arc};

use vctsdb::{
    model::{BucketCounts, BucketSpan, Histogram, Labels, MatchOp, Matcher, SeriesBuf, TimeRange},
    seams::{
        append::{Append, AppendError, Batch, FloatSample, HistogramSample},
        env::{SimDisk, TestClock},
        memory_budget::Unlimited,
        select::{Projection, Select, SelectHints, SeriesSet},
    },
    storage::{OpenError, Storage, StorageOptions, Threads},
};

/// A value in the model: a float's bits or a histogram, or either with its start time.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Value {
    Float(u64),
    Histogram(Histogram),
    From(i64, Box<Value>),
}

impl Value {
    /// The value with a start time, unless that is 0.
    pub(crate) fn from(self, start: i64) -> Self {
        if start == 0 { self } else { Self::From(start, Box::new(self)) }
    }

    /// The float or histogram, and its start time.
    fn apart(&self) -> (&Self, i64) {
        match self {
            Self::From(start, value) => (value, *start),
            value => (value, 0),
        }
    }
}

/// One write.
pub(crate) type Sample = (Labels, i64, Value);
/// Everything stored: per series, by time.
pub(crate) type Model = BTreeMap<Labels, BTreeMap<i64, Value>>;

pub(crate) fn options() -> StorageOptions {
    StorageOptions {
        memtable_bytes: 16 << 10,
        wal_segment_bytes: 4 << 10,
        compaction_fan_in: 3,
        threads: Threads::Manual,
        ..StorageOptions::default()
    }
}

pub(crate) fn open(disk: &SimDisk) -> Result<Storage, OpenError> {
    Storage::open(Arc::new(disk.clone()), Arc::new(TestClock::at(0)), options())
}

pub(crate) fn series(number: usize) -> Labels {
    let (name, host) = (format!("metric_{}", number % 3), format!("host-{number}"));
    Labels::from_pairs([("__name__", name.as_str()), ("host", host.as_str()), ("job", "test")]).unwrap()
}

pub(crate) fn histogram(seed: i64) -> Histogram {
    let seed = seed.unsigned_abs() % 1_000;
    Histogram {
        schema: (seed % 9) as i32,
        sum: seed as f64 * 0.5,
        zero_threshold: 1e-128,
        positive_spans: vec![BucketSpan { offset: 0, length: 2 }],
        counts: BucketCounts::Integer {
            count: 2 * seed + 1,
            zero: 1,
            positive: vec![seed as i64, 0],
            negative: vec![],
        },
        ..Histogram::stale()
    }
}

pub(crate) fn block_on<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(future)
}

/// Writes one request.
pub(crate) fn write(storage: &Storage, samples: &[Sample]) -> Result<(), AppendError> {
    let mut batch = Batch::default();
    for (labels, time, value) in samples {
        let series = Append::series(storage, labels, None, &mut batch)?;
        let time = *time;
        match value.apart() {
            (Value::Float(bits), start) => {
                batch.floats.push(FloatSample { series, time, value: f64::from_bits(*bits), start });
            }
            (Value::Histogram(value), start) => {
                batch.histograms.push(HistogramSample { series, time, value: value.clone(), start });
            }
            (Value::From(..), _) => panic!("a value has one start time"),
        }
    }
    block_on(storage.append(batch))
}

/// Does the same to the model. Within a request histograms come after floats.
pub(crate) fn apply(model: &mut Model, samples: &[Sample]) {
    for histograms in [false, true] {
        for (labels, time, value) in samples {
            if matches!(value.apart().0, Value::Histogram(_)) == histograms {
                model.entry(labels.clone()).or_default().insert(*time, value.clone());
            }
        }
    }
}

/// The time and value of the newest sample, without its start time.
fn newest(buf: &SeriesBuf) -> Option<(i64, Value)> {
    let float = buf.times.last().zip(buf.values.last()).map(|(t, v)| (*t, Value::Float(v.to_bits())));
    let histogram = buf.histograms.last().map(|(t, h)| (*t, Value::Histogram((**h).clone())));
    float.into_iter().chain(histogram).max_by_key(|(time, _)| *time)
}

/// Checks that label sets told in part are parts of those told whole, each series once.
fn check_projections(set: &dyn SeriesSet) {
    let names = ["host", "job", "none"];
    let projections = [Projection::of(["host"]), Projection::of(names), Projection::all_but(["host"])];
    for projection in projections.into_iter().chain([Projection::of([]), Projection::all_but(names)]) {
        let mut told: Vec<Option<Labels>> = vec![None; set.len()];
        set.each_projection(&projection, &mut |i, bytes| {
            assert!(told[i].replace(Labels::from_bytes(bytes).unwrap()).is_none(), "a series is visited twice");
            ControlFlow::Continue(())
        })
        .unwrap();
        for (i, told) in told.into_iter().enumerate() {
            let want = set.labels(i).unwrap().filtered(|name| projection.keeps(name));
            assert_eq!(told, Some(want), "{projection:?}");
        }
    }
}

/// Everything the store has in `range`. Checks that newest samples and parts of label sets, asked for by themselves, are those
/// of the whole.
pub(crate) fn read(storage: &Storage, range: TimeRange) -> Model {
    let all = [Matcher::new(MatchOp::Regex, "__name__", ".+").unwrap()];
    let set = storage
        .select(&all, range, &SelectHints { sorted: Some(Arc::new(Unlimited)), ..SelectHints::default() })
        .unwrap();
    let mut found = Model::new();
    let (mut buf, mut last) = (SeriesBuf::default(), SeriesBuf::default());
    check_projections(&*set);
    check_projections(&*storage.select(&all, range, &SelectHints::default()).unwrap());
    for i in 0..set.len() {
        set.read(i, &mut buf).unwrap();
        set.read_newest(i, &mut last).unwrap();
        assert_eq!(newest(&last), newest(&buf), "the newest sample alone");
        let floats = buf.floats().map(|(t, v, start)| (t, Value::Float(v.to_bits()).from(start)));
        let histograms = buf.histograms_from().map(|(t, h, start)| (t, Value::Histogram((**h).clone()).from(start)));
        let samples: BTreeMap<i64, Value> = floats.chain(histograms).collect();
        assert_eq!(samples.len(), buf.len(), "a time stands twice");
        if !samples.is_empty() {
            assert!(found.insert(set.labels(i).unwrap(), samples).is_none(), "a series stands twice");
        }
    }
    found
}
