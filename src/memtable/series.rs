//! One series: its run, its log, and how both become one column again.

use std::sync::Arc;

use super::{
    closed::{Chunk, Closed},
    log::{self, Entry, Log, Value},
    start_rules::Starts,
};
use crate::{
    codec::gorilla::{self, OpenChunk},
    model::{Histogram, SeriesBuf, TimeRange},
};

/// Samples in a closed chunk: half an hour of a 15 s scrape. Larger ones would save little more of the 26 bytes that each
/// costs beside its samples, and make short reads decode more.
const CHUNK: usize = 120;

/// What is known of a series' newest sample in some range without decoding any.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Newest {
    /// There is no sample in the range.
    None,
    /// It is a float at this time.
    Float(i64, f64),
    /// Only reading the series tells.
    Unread,
}

/// What only series with more than a few samples, or unruly ones, have.
#[derive(Debug, Default)]
struct Rest {
    /// Chunks of [`CHUNK`] samples.
    closed: Closed,
    log: Option<Box<Log>>,
    /// Start times of the run, if it has any.
    starts: Option<Box<Starts>>,
}

/// The samples of one series. Kept small, because there are millions: see the size in the tests.
#[derive(Debug, Default)]
pub(super) struct Series {
    open: OpenChunk,
    rest: Option<Box<Rest>>,
}

impl Series {
    /// Reads what applying samples to these series will read, so that it is in the cache by then. The answer means nothing.
    ///
    /// The fewer instructions lie between two loads that don't depend on each other, the more of them are waited for
    /// together: so first all structs are read, then all that they point to.
    pub(super) fn touch(all: &[&Self]) -> usize {
        let places: Vec<_> = all.iter().map(|series| (series.open.newest_byte(), series.rest.as_deref())).collect();
        places.into_iter().fold(0, |sum, (byte, rest)| {
            sum ^ byte.map_or(0, |byte| usize::from(*byte)) ^ rest.map_or(0, |rest| rest.closed.len())
        })
    }

    fn log(&self) -> Option<&Log> {
        self.rest.as_ref().and_then(|rest| rest.log.as_deref())
    }

    fn log_times(&self) -> Option<TimeRange> {
        self.log().and_then(Log::times)
    }

    fn starts(&self) -> Option<&Starts> {
        self.rest.as_ref().and_then(|rest| rest.starts.as_deref())
    }

    /// Adds a float that counts from `start` on; 0 is no start time.
    pub(super) fn push_float(&mut self, time: i64, value: f64, start: i64) {
        let to_log = || Value::Float(value.to_bits()).with_start(start);
        let newest_in_log = self.log_times().map(|times| times.end);
        let newer_than_log = newest_in_log.is_none_or(|newest| newest < time);
        match self.last() {
            Some((newest, bits))
                if newest == time
                    && bits == value.to_bits()
                    && newer_than_log
                    && start == self.starts().map_or(0, Starts::newest) => {}
            Some((newest, _)) if newest >= time => self.log_mut().push(time, to_log()),
            _ if newer_than_log => self.append(time, value, start),
            _ => self.log_mut().push(time, to_log()),
        }
    }

    /// Adds a histogram: all of them go to the log of the series.
    pub(super) fn push_histogram(&mut self, time: i64, value: Histogram, start: i64) {
        self.log_mut().push(time, Value::Histogram(Arc::new(value)).with_start(start));
    }

    fn log_mut(&mut self) -> &mut Log {
        self.rest.get_or_insert_default().log.get_or_insert_default()
    }

    /// The newest sample of the run. The open chunk is emptied only to be filled at once, so it has it.
    fn last(&self) -> Option<(i64, u64)> {
        self.open.last()
    }

    fn append(&mut self, time: i64, value: f64, start: i64) {
        if start != 0 || self.starts().is_some() {
            let previous = self.last().map(|(time, _)| time);
            self.rest.get_or_insert_default().starts.get_or_insert_default().push(previous, time, start);
        }
        if self.open.len() >= CHUNK {
            let full = std::mem::take(&mut self.open);
            if let Some((end, _)) = full.last() {
                self.rest.get_or_insert_default().closed.push(Chunk { bytes: &full.as_bytes(), end });
            }
        }
        self.open.append(time, value);
    }

    /// Bytes of memory beside the struct itself.
    pub(super) fn heap(&self) -> usize {
        let rest = self.rest.as_ref().map_or(0, |rest| {
            let starts = rest.starts.as_ref().map_or(0, |starts| size_of::<Starts>() + starts.heap());
            let log = rest.log.as_ref().map_or(0, |log| size_of::<Log>() + log.heap());
            size_of::<Rest>() + rest.closed.heap() + log + starts
        });
        self.open.heap() + rest
    }

    /// Number of samples kept, replaced ones included as long as they are.
    pub(super) fn samples(&self) -> usize {
        let rest = self
            .rest
            .as_ref()
            .map_or(0, |rest| rest.closed.len() * CHUNK + rest.log.as_ref().map_or(0, |log| log.len()));
        self.open.len() + rest
    }

    /// About how many samples lie in `range`: of a chunk that reaches beyond it, as many as its share of the chunk's time.
    pub(super) fn samples_in(&self, range: TimeRange) -> f64 {
        let open = self.open.first_time().zip(self.open.last()).map(|(start, (end, _))| TimeRange::new(start, end));
        let share =
            |times: Option<TimeRange>, count: usize| times.map_or(0.0, |times| times.share_in(range) * count as f64);
        let rest = self.rest.as_ref().map_or(0.0, |rest| {
            let inside = rest.closed.newest_first().take_while(|chunk| chunk.end >= range.start);
            let times = |chunk: Chunk<'_>| Some(TimeRange::new(gorilla::first_time(chunk.bytes)?, chunk.end));
            let closed: f64 = inside.map(|chunk| share(times(chunk), CHUNK)).sum();
            closed + rest.log.as_deref().map_or(0.0, |log| share(log.times(), log.len()))
        });
        rest + share(open, self.open.len())
    }

    /// Times of the first and the last sample.
    pub(super) fn times(&self) -> Option<TimeRange> {
        let first_closed = self.rest.as_ref().and_then(|rest| rest.closed.first_time());
        let run = first_closed
            .or(self.open.first_time())
            .zip(self.open.last())
            .map(|(start, (end, _))| TimeRange::new(start, end));
        TimeRange::around(run, self.log_times())
    }

    /// The newest sample in `range`, where it can be had without decoding anything.
    ///
    /// # Invariant
    /// The run's newest sample lies plain in the open chunk, and the log wins over it: with an entry of the log in the range
    /// nothing is known.
    pub(super) fn newest(&self, range: TimeRange) -> Newest {
        match self.open.last() {
            _ if self.log_times().is_some_and(|times| times.overlaps(range)) => Newest::Unread,
            Some((time, _)) if time > range.end => Newest::Unread,
            Some((time, bits)) if time >= range.start => Newest::Float(time, f64::from_bits(bits)),
            _ => Newest::None,
        }
    }

    /// Whether the first and last sample reach into `range`; `begun` says that the first is known to come before its end. It
    /// is only looked for where that isn't known, because it lies elsewhere in memory.
    pub(super) fn reaches_into(&self, range: TimeRange, begun: bool) -> bool {
        match self.open.last() {
            Some((time, _)) if time >= range.start && (begun || time <= range.end) => true,
            _ => self.times().is_some_and(|times| times.overlaps(range)),
        }
    }

    /// Copies what a read of `range` needs, so that it can be decoded without the lock.
    pub(super) fn snapshot(&self, range: TimeRange) -> Snapshot {
        let mut snapshot = Snapshot::default();
        // The first and last time of the open chunk, which may lie outside the range.
        let open = self.open.first_time().zip(self.open.last()).map(|(start, (end, _))| TimeRange::new(start, end));
        let open = open.filter(|times| times.overlaps(range)).map(|_| self.open.as_bytes());
        if let Some(rest) = &self.rest {
            let mut before = None;
            let reaches_back = |chunk: &Chunk<'_>| {
                before = (chunk.end < range.start).then_some(chunk.end);
                before.is_none()
            };
            let begins = |chunk: &Chunk<'_>| gorilla::first_time(chunk.bytes).is_some_and(|time| time <= range.end);
            let mut closed: Vec<_> = rest.closed.newest_first().take_while(reaches_back).filter(begins).collect();
            closed.reverse();
            let bytes: usize = closed.iter().map(|chunk| chunk.bytes.len()).sum();
            snapshot.bytes.reserve_exact(bytes + open.as_ref().map_or(0, |open| open.len()));
            for chunk in closed {
                snapshot.bytes.extend_from_slice(chunk.bytes);
                snapshot.ends.push(snapshot.bytes.len() as u32);
            }
            if let Some(log) = &rest.log {
                log.copy(range, &mut snapshot.log);
            }
            snapshot.starts = rest.starts.as_ref().map(|starts| (before, starts.clone()));
        }
        if let Some(open) = open {
            snapshot.bytes.extend_from_slice(&open);
            snapshot.open = self.open.len();
        }
        snapshot
    }
}

/// A copy of part of a series, still compressed.
#[derive(Debug, Default)]
pub(super) struct Snapshot {
    /// The bytes of closed chunks, where each ends, and behind them those of the open one.
    bytes: Vec<u8>,
    ends: Vec<u32>,
    /// Samples of the open chunk.
    open: usize,
    log: Vec<Entry>,
    /// Start times of the run, and the time of the sample before the first chunk here.
    starts: Option<(Option<i64>, Box<Starts>)>,
}

impl Snapshot {
    /// Fills the empty `out` with the samples in `range`.
    pub(super) fn decode(mut self, range: TimeRange, out: &mut SeriesBuf) {
        // The rules that start times follow count samples from the first of a chunk on.
        let decoded = if self.starts.is_some() { TimeRange::ALL } else { range };
        let mut at = 0;
        let closed = self.ends.iter().map(|end| (*end as usize, CHUNK));
        for (end, count) in closed.chain([(self.bytes.len(), self.open)]) {
            // These bytes never left memory; were they wrong nevertheless, the samples up to there are what there is.
            let bytes = self.bytes.get(at..end).unwrap_or_default();
            let read = gorilla::decode(bytes, count, decoded, &mut out.times, &mut out.values);
            debug_assert!(read.is_ok(), "a chunk in memory does not decode: {read:?}");
            at = end;
        }
        if let Some((before, starts)) = &self.starts {
            out.float_starts = starts.of(*before, &out.times);
            out.truncate(out.times.partition_point(|t| *t <= range.end), 0);
            out.remove_floats(0..out.times.partition_point(|t| *t < range.start));
        }
        if !self.log.is_empty() {
            log::sort(&mut self.log);
            merge(self.log, out);
        }
    }
}

/// Merges sorted log entries over the run that `out` holds.
fn merge(log: Vec<Entry>, out: &mut SeriesBuf) {
    let run = std::mem::take(out);
    let mut run = run.floats().peekable();
    for (time, value) in log {
        while let Some((t, v, start)) = run.next_if(|(t, ..)| *t < time) {
            out.push_float_from(t, v, start);
        }
        run.next_if(|(t, ..)| *t == time);
        match value.apart() {
            (Value::Float(bits), start) => out.push_float_from(time, f64::from_bits(bits), start),
            (Value::Histogram(histogram), start) => out.push_histogram(time, histogram, start),
            // A value has one start.
            (Value::From(_), _) => {}
        }
    }
    for (t, v, start) in run {
        out.push_float_from(t, v, start);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_series_is_64_bytes_until_it_has_more_than_a_sample() {
        let mut series = Series::default();
        assert_eq!(size_of::<Series>(), 64);
        series.push_float(1, 1.0, 0);
        assert_eq!(series.heap(), 0);
        for t in 2..=5 {
            series.push_float(t, t as f64, 0);
        }
        assert!(series.heap() <= 32, "{}", series.heap());
    }

    #[test]
    fn a_value_that_returns_to_what_the_run_says_wins_over_its_replacement() {
        let mut series = Series::default();
        let mut out = SeriesBuf::default();
        for value in [1.0, 2.0, 1.0] {
            series.push_float(10, value, 0);
        }
        series.snapshot(TimeRange::ALL).decode(TimeRange::ALL, &mut out);
        assert_eq!((out.times, out.values), (vec![10], vec![1.0]));
    }

    #[test]
    fn samples_in_a_range_are_counted_by_chunks_and_by_their_share_of_time() {
        let mut series = Series::default();
        // Closely at first, then one an hour.
        (0..1_000i64).for_each(|i| series.push_float(i * 1_000, i as f64, 0));
        (1..=100i64).for_each(|i| series.push_float(1_000_000 + i * 3_600_000, 0.5, 0));
        series.push_histogram(500, Histogram::stale(), 0);
        let about = |start, end| series.samples_in(TimeRange::new(start, end)).round();
        assert_eq!([about(i64::MIN, i64::MAX), about(0, 959_000), about(-10, -1)], [1_101.0, 961.0, 0.0]);
        assert!((470.0..490.0).contains(&about(480_000, 959_000)), "{}", about(480_000, 959_000));
    }

    #[test]
    fn a_resent_newest_sample_is_dropped_at_once() {
        let mut series = Series::default();
        for _ in 0..9 {
            series.push_float(10, f64::NAN, 0);
        }
        assert_eq!(series.samples(), 1);
    }
}
