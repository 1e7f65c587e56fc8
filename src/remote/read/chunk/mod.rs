//! Chunks: the encoded samples that a streamed answer carries, in the encodings every client reads.
//!
//! [`Chunks`] cuts a series into chunks that follow one another in time: floats (`xor`), integer histograms and float
//! histograms (`histogram`), of one kind and one `layout` each. `bits` writes what bytes can't. Clients take every
//! sample but the first of a histogram chunk to continue the one before it, so a chunk ends where a counter was reset.

mod histogram;
mod layout;
mod varbit;
mod xor;

#[cfg(test)]
pub(super) mod decode;
#[cfg(all(fuzzing, not(test)))]
pub(super) mod decode;

use std::sync::Arc;

use self::layout::{Reset, counter_reset, same_layout};
use crate::{
    model::{BucketCounts, Histogram, ResetHint, SeriesBuf},
    remote::proto::v1,
};

/// Samples of a chunk, as Prometheus cuts them.
const SAMPLES: usize = 120;

/// The chunks of one series, in time order and disjoint.
pub(super) struct Chunks<'a> {
    times: &'a [i64],
    values: &'a [f64],
    histograms: &'a [(i64, Arc<Histogram>)],
    /// The last histogram written.
    previous: Option<&'a Histogram>,
}

impl<'a> Chunks<'a> {
    pub(super) fn of(buf: &'a SeriesBuf) -> Self {
        Self { times: &buf.times, values: &buf.values, histograms: &buf.histograms, previous: None }
    }

    /// Floats up to the next histogram.
    fn floats(&mut self, end: Option<i64>) -> Option<v1::Chunk> {
        let count = self.times.iter().take(SAMPLES).take_while(|&&t| end.is_none_or(|end| t < end)).count();
        let (times, later) = self.times.split_at_checked(count)?;
        let (values, later_values) = self.values.split_at_checked(count)?;
        (self.times, self.values) = (later, later_values);
        Some(v1::Chunk {
            min_time_ms: *times.first()?,
            max_time_ms: *times.last()?,
            r#type: v1::chunk::Encoding::Xor as i32,
            data: xor::encode(times, values),
        })
    }

    /// Histograms of one layout up to the next float or counter reset.
    fn histograms(&mut self, end: Option<i64>) -> Option<v1::Chunk> {
        let (_, first) = self.histograms.first()?;
        let reset = match self.previous {
            _ if first.reset_hint == ResetHint::Gauge => Reset::Gauge,
            _ if first.reset_hint == ResetHint::Reset => Reset::Before,
            Some(previous) if same_layout(previous, first) && counter_reset(previous, first) => Reset::Before,
            _ => Reset::Unknown,
        };
        let mut run: Vec<(i64, &Histogram)> = Vec::new();
        for (time, histogram) in self.histograms.iter().take(SAMPLES) {
            let goes_on = run.last().is_none_or(|(_, before)| continues(before, histogram));
            if !goes_on || end.is_some_and(|end| *time >= end) {
                break;
            }
            run.push((*time, histogram));
        }
        let &(max_time_ms, last) = run.last()?;
        self.previous = Some(last);
        self.histograms = self.histograms.get(run.len()..)?;
        let (encoding, data) = match first.counts {
            BucketCounts::Integer { .. } => (v1::chunk::Encoding::Histogram, histogram::encode_integer(&run, reset)),
            BucketCounts::Float { .. } => (v1::chunk::Encoding::FloatHistogram, histogram::encode_float(&run, reset)),
        };
        Some(v1::Chunk { min_time_ms: run.first()?.0, max_time_ms, r#type: encoding as i32, data })
    }
}

/// Whether `now` may stand behind `before` in one chunk.
fn continues(before: &Histogram, now: &Histogram) -> bool {
    let gauge = now.reset_hint == ResetHint::Gauge;
    same_layout(before, now) && (gauge || now.reset_hint != ResetHint::Reset && !counter_reset(before, now))
}

impl Iterator for Chunks<'_> {
    type Item = v1::Chunk;

    fn next(&mut self) -> Option<v1::Chunk> {
        let float = self.times.first().copied();
        let histogram = self.histograms.first().map(|(time, _)| *time);
        match (float, histogram) {
            (Some(float), Some(histogram)) if histogram < float => self.histograms(Some(float)),
            (Some(_), histogram) => self.floats(histogram),
            (None, _) => self.histograms(None),
        }
    }
}

/// Bytes from hexadecimal digits.
#[cfg(test)]
pub(super) fn hex(digits: &str) -> Vec<u8> {
    digits
        .as_bytes()
        .chunks(2)
        .map(|pair| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::{decode::decode, *};
    use crate::model::BucketSpan;
    use proptest::prelude::*;

    fn integer(counts: &[i64]) -> Histogram {
        let mut previous = 0;
        let deltas = counts.iter().map(|c| c - std::mem::replace(&mut previous, *c)).collect();
        Histogram {
            schema: 2,
            sum: 7.5,
            zero_threshold: 0.001,
            positive_spans: vec![BucketSpan { offset: 1, length: counts.len() as u32 }],
            counts: BucketCounts::Integer {
                count: counts.iter().sum::<i64>() as u64,
                zero: 0,
                positive: deltas,
                negative: vec![],
            },
            ..Histogram::stale()
        }
    }

    fn buf(floats: &[(i64, f64)], histograms: &[(i64, Histogram)]) -> SeriesBuf {
        let mut buf = SeriesBuf::default();
        floats.iter().for_each(|&(t, v)| buf.push_float(t, v));
        buf.histograms.extend(histograms.iter().map(|(t, h)| (*t, Arc::new(h.clone()))));
        buf
    }

    /// Kind, first and last time, and flags of each chunk.
    fn outline(buf: &SeriesBuf) -> Vec<(i32, i64, i64, u8)> {
        let flags = |c: &v1::Chunk| if c.r#type == 1 { 0 } else { c.data[2] };
        Chunks::of(buf).map(|c| (c.r#type, c.min_time_ms, c.max_time_ms, flags(&c))).collect()
    }

    #[test]
    fn floats_and_histograms_follow_one_another_in_time() {
        let h = integer(&[1]);
        let mixed = buf(&[(1, 1.0), (2, 2.0), (5, 5.0), (9, 9.0)], &[(3, h.clone()), (4, h.clone()), (7, h)]);
        let want = [(1, 1, 2, 0), (2, 3, 4, 0), (1, 5, 5, 0), (2, 7, 7, 0), (1, 9, 9, 0)];
        assert_eq!(outline(&mixed), want);
    }

    #[test]
    fn a_chunk_ends_after_120_samples() {
        let floats: Vec<(i64, f64)> = (0..250).map(|t| (t, 1.0)).collect();
        assert_eq!(outline(&buf(&floats, &[])), [(1, 0, 119, 0), (1, 120, 239, 0), (1, 240, 249, 0)]);
        let histograms: Vec<_> = (0..121).map(|t| (t, integer(&[1]))).collect();
        assert_eq!(outline(&buf(&[], &histograms)), [(2, 0, 119, 0), (2, 120, 120, 0)]);
    }

    #[test]
    fn a_chunk_ends_where_the_layout_changes() {
        let float = Histogram {
            counts: BucketCounts::Float { count: 1.0, zero: 0.0, positive: vec![1.0], negative: vec![] },
            ..integer(&[1])
        };
        let coarser = Histogram { schema: 1, ..integer(&[1]) };
        let steps = [
            (1, integer(&[1])),
            (2, integer(&[1, 2])),
            (3, coarser),
            (4, float),
            (5, Histogram::stale()),
            (6, integer(&[1])),
        ];
        let kinds = [(2, 1), (2, 2), (2, 3), (3, 4), (2, 5), (2, 6)];
        assert_eq!(outline(&buf(&[], &steps)), kinds.map(|(kind, t)| (kind, t, t, 0)));
    }

    #[test]
    fn a_chunk_ends_where_a_counter_is_reset_and_the_next_says_so() {
        let said = Histogram { reset_hint: ResetHint::Reset, ..integer(&[9]) };
        let steps = [
            (1, integer(&[5])),
            (2, integer(&[6])),
            (3, integer(&[2])),
            (4, integer(&[3])),
            (5, said),
            (6, integer(&[9])),
        ];
        assert_eq!(outline(&buf(&[], &steps)), [(2, 1, 2, 0), (2, 3, 4, 0x80), (2, 5, 6, 0x80)]);
        let gauge = |count| Histogram { reset_hint: ResetHint::Gauge, ..integer(&[count]) };
        let steps = [(1, gauge(5)), (2, gauge(2)), (3, integer(&[2]))];
        assert_eq!(outline(&buf(&[], &steps)), [(2, 1, 2, 0xc0), (2, 3, 3, 0)]);
    }

    fn times(count: usize) -> impl Strategy<Value = Vec<i64>> {
        let step = prop_oneof![4 => Just(15_000i64), 2 => 14_990i64..15_010, 1 => 1i64..1 << 40];
        let start = prop_oneof![4 => 0i64..2_000_000_000_000, 1 => any::<i64>()];
        (start, prop::collection::vec(step, count)).prop_map(|(mut time, steps)| {
            let next = steps.into_iter().map_while(|step| {
                time = time.checked_add(step)?;
                Some(time)
            });
            next.collect()
        })
    }

    fn value() -> impl Strategy<Value = f64> {
        prop_oneof![
            any::<u64>().prop_map(f64::from_bits),
            (0u32..1000).prop_map(f64::from),
            Just(crate::model::STALE_NAN),
        ]
    }

    prop_compose! {
        fn any_histogram()(
            float: bool,
            schema in prop_oneof![-4i32..=8, Just(-53)],
            threshold in prop_oneof![Just(0.0), Just(0.001), (-130i32..20).prop_map(|e| f64::from(e).exp2())],
            sum in value(),
            count: u64,
            zero in prop_oneof![0u64..3, any::<u64>()],
            positive in prop::collection::vec(prop_oneof![3 => 0i64..20, 1 => any::<i64>()], 0..3),
            negative in prop::collection::vec(prop_oneof![3 => 0i64..20, 1 => any::<i64>()], 0..2),
            offset in -3i32..3,
            hint in 0i32..4,
            bounds in prop::collection::vec(prop_oneof![Just(0.25), Just(-1.5), Just(1e9), Just(-0.0), Just(0.1), any::<f64>()], 0..4),
        ) -> Histogram {
            let spans = |len: usize| vec![BucketSpan { offset, length: len as u32 }];
            let floats = |v: &[i64]| v.iter().map(|&i| i as f64 * 0.5).collect::<Vec<_>>();
            Histogram {
                reset_hint: ResetHint::from_number(hint),
                schema,
                zero_threshold: threshold,
                sum,
                positive_spans: spans(positive.len()),
                negative_spans: spans(negative.len()),
                custom_values: if schema == -53 { bounds } else { vec![] },
                counts: if float {
                    BucketCounts::Float { count: count as f64, zero: zero as f64, positive: floats(&positive), negative: floats(&negative) }
                } else {
                    BucketCounts::Integer { count, zero, positive, negative }
                },
            }
        }
    }

    proptest! {
        #[test]
        fn floats_come_back_from_their_chunks(times in times(300), values in prop::collection::vec(value(), 300)) {
            let sent: Vec<(i64, f64)> = times.into_iter().zip(values).collect();
            let got: Vec<_> = Chunks::of(&buf(&sent, &[])).flat_map(|c| decode(&c).0).collect();
            prop_assert_eq!(got.len(), sent.len());
            prop_assert!(got.iter().zip(&sent).all(|(a, b)| a.0 == b.0 && a.1.to_bits() == b.1.to_bits()));
        }

        #[test]
        fn histograms_come_back_from_their_chunks(
            times in times(20),
            few in prop::collection::vec((any_histogram(), 1usize..6, prop::collection::vec((any::<u8>(), any::<i64>()), 6)), 0..6),
        ) {
            // Runs of one layout with other counts.
            let all = few.into_iter().flat_map(|(first, run, changes)| changes.into_iter().take(run).map(move |(grow, wild)| {
                let mut next = first.clone();
                next.sum += f64::from(grow);
                match &mut next.counts {
                    BucketCounts::Integer { count, positive, .. } => {
                        *count = count.wrapping_add(u64::from(grow));
                        positive.iter_mut().for_each(|p| *p = p.wrapping_add(if grow == 7 { wild } else { i64::from(grow) }));
                    }
                    BucketCounts::Float { count, negative, .. } => {
                        *count += f64::from(grow);
                        negative.iter_mut().for_each(|n| *n += f64::from(grow));
                    }
                }
                next
            }));
            let sent: Vec<(i64, Histogram)> = times.into_iter().zip(all).collect();
            let chunks: Vec<_> = Chunks::of(&buf(&[], &sent)).collect();
            let got: Vec<_> = chunks.iter().flat_map(|c| decode(c).1).collect();
            prop_assert_eq!(got.len(), sent.len());
            for ((t, got), (t_sent, sent)) in got.iter().zip(&sent) {
                prop_assert_eq!(t, t_sent);
                let gauge = got.reset_hint == ResetHint::Gauge;
                prop_assert_eq!(gauge, sent.reset_hint == ResetHint::Gauge);
                let got = Histogram { reset_hint: sent.reset_hint, ..got.clone() };
                prop_assert!(got.same_bits(sent), "{:?}\n{:?}", got, sent);
            }
            prop_assert!(chunks.windows(2).all(|pair| pair[0].max_time_ms < pair[1].min_time_ms));
        }
    }
}
