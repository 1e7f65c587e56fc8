//! A series of any floats and histograms through remote read's chunks and through the columns of tables and memtables:
//! what went in comes out, bit for bit; and any bytes in place of a column.

use vctsdb::{
    codec::{floats, gorilla, histograms, times},
    model::{BucketCounts, BucketSpan, CUSTOM_BUCKETS_SCHEMA, Histogram, ResetHint, SeriesBuf, TimeRange},
    remote::read::fuzzing::through_chunks,
};

/// Memory that decoded histograms may take.
const MEMORY: usize = 1 << 20;

/// Takes numbers from the input; zeros when it is at its end.
struct Input<'a>(&'a [u8]);

impl Input<'_> {
    fn byte(&mut self) -> u8 {
        let Some((first, rest)) = self.0.split_first() else { return 0 };
        self.0 = rest;
        *first
    }

    fn number(&mut self) -> u64 {
        let width = usize::from(self.byte() % 9);
        let mut bytes = [0; 8];
        bytes[..width].fill_with(|| self.byte());
        u64::from_le_bytes(bytes)
    }

    fn float(&mut self) -> f64 {
        match self.byte() % 4 {
            0 => f64::from_bits(self.number()),
            1 => self.number() as f64,
            2 => self.number() as u32 as f64 / 100.0,
            _ => f64::from_bits(self.number() << 52),
        }
    }

    /// The next histogram: mostly the one before with other counts.
    fn histogram(&mut self, before: &Histogram) -> Histogram {
        let mut next = before.clone();
        if self.byte().is_multiple_of(8) {
            next.reset_hint = ResetHint::from_number(i32::from(self.byte() % 4));
            next.schema = [0, 8, -4, CUSTOM_BUCKETS_SCHEMA][usize::from(self.byte() % 4)];
            next.zero_threshold = self.float();
            let side = |input: &mut Self| -> Vec<BucketSpan> {
                let span = |input: &mut Self| BucketSpan {
                    offset: input.number() as i32,
                    length: u32::from(input.byte() % 4),
                };
                (0..input.byte() % 3).map(|_| span(input)).collect()
            };
            (next.positive_spans, next.negative_spans) = (side(self), side(self));
            next.custom_values = if next.schema == CUSTOM_BUCKETS_SCHEMA {
                (0..self.byte() % 4).map(|_| self.float()).collect()
            } else {
                vec![]
            };
        }
        let listed = |spans: &[BucketSpan]| spans.iter().map(|s| s.length as usize).sum::<usize>();
        let (positive, negative) = (listed(&next.positive_spans), listed(&next.negative_spans));
        next.sum = self.float();
        next.counts = if self.byte().is_multiple_of(2) {
            BucketCounts::Integer {
                count: self.number(),
                zero: self.number(),
                positive: (0..positive).map(|_| self.number() as i64).collect(),
                negative: (0..negative).map(|_| self.number() as i64).collect(),
            }
        } else {
            BucketCounts::Float {
                count: self.float(),
                zero: self.float(),
                positive: (0..positive).map(|_| self.float()).collect(),
                negative: (0..negative).map(|_| self.float()).collect(),
            }
        };
        next
    }
}

fn series(bytes: &[u8]) -> SeriesBuf {
    let mut input = Input(bytes);
    let mut buf = SeriesBuf::default();
    let mut histogram = Histogram::stale();
    let mut time = input.number() as i64;
    while !input.0.is_empty() {
        match input.byte() % 4 {
            0 | 1 => buf.push_float(time, input.float()),
            2 => {
                let before = buf.values.last().copied().unwrap_or(1.0);
                buf.push_float(time, before);
            }
            _ => {
                histogram = input.histogram(&histogram);
                buf.histograms.push((time, histogram.clone().into()));
            }
        }
        let step = if input.byte().is_multiple_of(2) { 15_000 } else { 1 + (input.number() >> 2) as i64 };
        let Some(next) = time.checked_add(step) else { break };
        time = next;
    }
    buf
}

fn same_floats(what: &str, times: &[i64], values: &[f64], sent: &SeriesBuf) {
    assert_eq!(times, sent.times, "{what}");
    assert!(values.iter().map(|v| v.to_bits()).eq(sent.values.iter().map(|v| v.to_bits())), "{what}: {values:?}");
}

fn columns(sent: &SeriesBuf) {
    let (mut bytes, mut found_times, mut found) = (Vec::new(), Vec::new(), Vec::new());
    times::encode(&sent.times, &mut bytes);
    times::decode(&bytes, sent.times.len(), &mut found_times).expect("what was encoded decodes");
    bytes.clear();
    floats::encode(&sent.values, &mut bytes);
    floats::decode(&bytes, sent.values.len(), &mut found).expect("what was encoded decodes");
    same_floats("columns", &found_times, &found, sent);

    let (mut found_times, mut found) = (Vec::new(), Vec::new());
    let most = gorilla::OpenChunk::MAX_SAMPLES;
    for (times, values) in sent.times.chunks(most).zip(sent.values.chunks(most)) {
        let mut chunk = gorilla::OpenChunk::default();
        assert!(times.iter().zip(values).all(|(time, value)| chunk.append(*time, *value)), "a chunk holds that many");
        gorilla::decode(&chunk.to_bytes(), times.len(), TimeRange::ALL, &mut found_times, &mut found)
            .expect("what was encoded decodes");
    }
    same_floats("gorilla", &found_times, &found, sent);

    bytes.clear();
    let mut found = Vec::new();
    histograms::encode(sent.histograms.iter().map(|(_, h)| &**h), &mut bytes);
    histograms::decode(&bytes, sent.histograms.len(), usize::MAX, &mut found).expect("what was encoded decodes");
    assert!(found.iter().zip(&sent.histograms).all(|(found, (_, sent))| found.same_bits(sent)), "{found:?}");
}

/// Takes an input.
pub(crate) fn run(bytes: &[u8]) {
    let sent = series(bytes);
    let found = through_chunks(&sent);
    same_floats("chunks", &found.times, &found.values, &sent);
    assert_eq!(found.histograms.len(), sent.histograms.len());
    for ((time, found), (sent_time, sent)) in found.histograms.iter().zip(&sent.histograms) {
        assert_eq!(time, sent_time);
        // A chunk says of its samples only whether they are gauges.
        let gauge = |h: &Histogram| h.reset_hint == ResetHint::Gauge;
        assert_eq!(gauge(found), gauge(sent));
        let found = Histogram { reset_hint: sent.reset_hint, ..(**found).clone() };
        assert!(found.same_bits(sent), "{found:?}\n{sent:?}");
    }
    columns(&sent);

    let count = usize::from(bytes.first().copied().unwrap_or(0));
    let _ = times::decode(bytes, count, &mut Vec::new());
    let _ = floats::decode(bytes, count, &mut Vec::new());
    let _ = gorilla::decode(bytes, count, TimeRange::ALL, &mut Vec::new(), &mut Vec::new());
    let _ = histograms::decode(bytes, count, MEMORY, &mut Vec::new());
}
