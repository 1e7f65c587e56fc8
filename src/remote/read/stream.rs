//! The STREAMED_XOR_CHUNKS answer.
//!
//! ```text
//! frame    varint(length of payload), CRC-32C of payload (4 bytes, big endian), payload
//! payload  a ChunkedReadResponse with exactly one series and the position of its query
//! ```
//!
//! Queries follow one another, and within one the series come in label order. A long series goes on in the next frame
//! under the same labels. The stream ends where the connection does, so after an error it must not end cleanly.

use std::sync::Arc;

use prost::{Message, encoding::encode_varint};

use super::{Alive, ReadError, ReadRequest, chunk::Chunks, each_series, samples::proto_labels};
use crate::{
    model::Labels,
    remote::proto::v1,
    seams::{memory_budget::MemoryBudget, select::Select},
};

/// A frame is closed once its chunks have this many bytes. Clients take each frame for a series, and up to 50 MB.
const FRAME: usize = 1 << 20;

/// What a sink answers when nobody reads it any more.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the client hung up")]
pub struct SinkClosed;

/// Answers `request` frame by frame; `sink` may block to hold the stream back. At most one series is in memory, beside the
/// labels of all, which take memory from `budget`.
///
/// # Errors
/// When the sink is closed, nobody is `alive` to read it, there is too little memory, or stored data can't be read: then frames may be missing, and the caller has to break the
/// connection off rather than end the body.
pub fn chunks(
    request: &ReadRequest,
    select: &dyn Select,
    alive: Alive<'_>,
    budget: &Arc<dyn MemoryBudget>,
    sink: &mut dyn FnMut(Vec<u8>) -> Result<(), SinkClosed>,
) -> Result<(), ReadError> {
    for (position, query) in (0..).zip(&request.queries) {
        each_series(query, &request.external_labels, select, alive, Some(budget), |labels, buf| {
            let mut frame = Frame::new(position, labels);
            for chunk in Chunks::of(buf) {
                frame.chunk_bytes += chunk.data.len();
                frame.chunks.push(chunk);
                if frame.chunk_bytes >= FRAME {
                    frame.send(sink)?;
                }
            }
            frame.send(sink)
        })?;
    }
    Ok(())
}

/// The frame being filled.
struct Frame {
    position: i64,
    labels: Vec<v1::Label>,
    chunks: Vec<v1::Chunk>,
    chunk_bytes: usize,
}

impl Frame {
    fn new(position: i64, labels: &Labels) -> Self {
        Self { position, labels: proto_labels(labels), chunks: Vec::new(), chunk_bytes: 0 }
    }

    /// Sends the chunks gathered so far, if any.
    fn send(&mut self, sink: &mut dyn FnMut(Vec<u8>) -> Result<(), SinkClosed>) -> Result<(), ReadError> {
        if self.chunks.is_empty() {
            return Ok(());
        }
        self.chunk_bytes = 0;
        let chunks = std::mem::take(&mut self.chunks);
        let series = v1::ChunkedSeries { labels: self.labels.clone(), chunks };
        let message = v1::ChunkedReadResponse { chunked_series: vec![series], query_index: self.position };
        sink(frame(&message.encode_to_vec())).map_err(|SinkClosed| ReadError::Closed)
    }
}

fn frame(payload: &[u8]) -> Vec<u8> {
    let mut frame = Vec::with_capacity(payload.len() + 14);
    encode_varint(payload.len() as u64, &mut frame);
    frame.extend_from_slice(&crc32c::crc32c(payload).to_be_bytes());
    frame.extend_from_slice(payload);
    frame
}

#[cfg(test)]
mod tests {
    use super::super::{
        chunk::{decode::decode, hex},
        testing::{Named, query, request, store},
    };
    use super::*;
    use crate::{
        model::{Matcher, SeriesBuf, TimeRange},
        seams::{
            interrupt::Interrupt,
            memory_budget::Unlimited,
            select::{IndexPath, LookupCost, MemorySelect, SelectError, SelectHints, SeriesSet},
        },
    };

    fn frames(queries: Vec<super::super::Query>, select: &dyn Select) -> Vec<v1::ChunkedReadResponse> {
        let mut all = Vec::new();
        chunks(&request(queries), select, &|| true, &endless(), &mut |frame| {
            all.push(frame);
            Ok(())
        })
        .unwrap();
        all.iter().map(|frame| unframe(frame)).collect()
    }

    fn endless() -> Arc<dyn MemoryBudget> {
        Arc::new(Unlimited)
    }

    fn unframe(mut frame: &[u8]) -> v1::ChunkedReadResponse {
        let len = prost::encoding::decode_varint(&mut frame).unwrap() as usize;
        let (crc, payload) = frame.split_at(4);
        assert_eq!(payload.len(), len);
        assert_eq!(crc, crc32c::crc32c(payload).to_be_bytes());
        v1::ChunkedReadResponse::decode(payload).unwrap()
    }

    fn name(frame: &v1::ChunkedReadResponse) -> &str {
        assert_eq!(frame.chunked_series.len(), 1);
        &frame.chunked_series[0].labels[0].value
    }

    #[test]
    fn a_frame_is_a_length_a_checksum_and_one_series() {
        let payload = hex("0a280a0e0a085f5f6e616d655f5f12027570121608e80710e8071801220c0001d00f3ff0000000000000");
        assert_eq!(frame(&payload)[..5], hex("2a85dd2a1e"));
        let labels = Labels::from_pairs([("__name__", "up")]).unwrap();
        let mut select = MemorySelect::default();
        let mut buf = SeriesBuf::default();
        buf.push_float(1000, 1.0);
        select.series.insert(labels, buf);
        let mut sent = Vec::new();
        let mut sink = |frame: Vec<u8>| {
            sent.extend(frame);
            Ok(())
        };
        chunks(&request(vec![query("up", 0, 2000)]), &select, &|| true, &endless(), &mut sink).unwrap();
        assert_eq!(sent, [hex("2a85dd2a1e"), payload].concat());
    }

    #[test]
    fn series_come_sorted_query_after_query_and_empty_ones_not_at_all() {
        let select = store(&[("b", &[(1, 1.0)], &[]), ("a", &[(1, 1.0)], &[]), ("c", &[(100, 1.0)], &[])]);
        let nothing = super::super::Query { matchers: vec![], ..query("a", 0, 9) };
        let found = frames(vec![query(".*", 0, 9), nothing, query("b", 0, 9), query("b", 9, 0)], &select);
        let order: Vec<_> = found.iter().map(|f| (f.query_index, name(f))).collect();
        assert_eq!(order, [(0, "a"), (0, "b"), (2, "b")]);
    }

    #[test]
    fn external_labels_are_added_where_absent_and_series_stay_sorted() {
        let mut select = MemorySelect::default();
        let mut buf = SeriesBuf::default();
        buf.push_float(1, 1.0);
        let own: [&[(&str, &str)]; 3] = [&[("a", "1")], &[("a", "1"), ("b", "2")], &[("a", "1"), ("c", "own")]];
        for pairs in own {
            let named = pairs.iter().copied().chain([("__name__", "up")]);
            select.series.insert(Labels::from_pairs(named).unwrap(), buf.clone());
        }
        let external = Labels::from_pairs([("c", "all")]).unwrap();
        let asked = request(vec![query("up", 0, 9)]).with_external_labels(&external);
        let mut found = Vec::new();
        chunks(&asked, &select, &|| true, &endless(), &mut |frame| {
            let labels = unframe(&frame).chunked_series[0].labels.clone();
            found.push(labels.into_iter().skip(1).map(|l| format!("{}={}", l.name, l.value)).collect::<Vec<_>>());
            Ok(())
        })
        .unwrap();
        assert_eq!(found, [vec!["a=1", "b=2", "c=all"], vec!["a=1", "c=all"], vec!["a=1", "c=own"]]);
    }

    #[test]
    fn a_long_series_goes_on_in_frames_of_about_a_mebibyte() {
        // Values whose bits have nothing in common need all of them.
        let mut bits = 1u64;
        let mut next = || {
            bits = bits.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            f64::from_bits(bits & !(1 << 62))
        };
        let floats: Vec<(i64, f64)> = (0..400_000).map(|t| (t * 1000, next())).collect();
        let select = store(&[("a", &floats, &[])]);
        let found = frames(vec![query("a", 0, i64::MAX)], &select);
        assert!(found.len() > 2);
        let mut read = Vec::new();
        for (i, frame) in found.iter().enumerate() {
            let bytes: usize = frame.chunked_series[0].chunks.iter().map(|c| c.data.len()).sum();
            assert!(bytes < FRAME + 2048 && (bytes >= FRAME || i == found.len() - 1), "{bytes} in frame {i}");
            frame.chunked_series[0].chunks.iter().for_each(|c| read.extend(decode(c).0));
        }
        assert_eq!(read.len(), floats.len());
        assert!(read.iter().zip(&floats).all(|(a, b)| a.0 == b.0 && a.1.to_bits() == b.1.to_bits()));
    }

    #[test]
    fn times_are_trimmed_to_the_query() {
        let floats: Vec<(i64, f64)> = (0..1000).map(|t| (t, t as f64)).collect();
        let select = store(&[("a", &floats, &[])]);
        let found = frames(vec![query("a", 250, 600)], &select);
        let chunks = &found[0].chunked_series[0].chunks;
        assert_eq!((chunks[0].min_time_ms, chunks.last().unwrap().max_time_ms), (250, 600));
        let read: Vec<_> = chunks.iter().flat_map(|c| decode(c).0).collect();
        assert_eq!(read, floats[250..=600]);
        assert!(chunks.windows(2).all(|pair| pair[0].max_time_ms < pair[1].min_time_ms));
    }

    #[test]
    fn a_closed_sink_stops_the_reading() {
        let select = store(&[("a", &[(1, 1.0)], &[]), ("b", &[(1, 1.0)], &[])]);
        let mut calls = 0;
        let answer = chunks(&request(vec![query(".*", 0, 9)]), &select, &|| true, &endless(), &mut |_| {
            calls += 1;
            Err(SinkClosed)
        });
        assert!(matches!(answer, Err(ReadError::Closed)));
        assert_eq!(calls, 1);
    }

    /// A store whose second series can't be read, and that wants series sorted.
    struct Damaged(MemorySelect);

    struct DamagedSet(Arc<dyn SeriesSet>);

    impl SeriesSet for DamagedSet {
        fn len(&self) -> usize {
            self.0.len()
        }
        fn labels(&self, i: usize) -> Result<Labels, SelectError> {
            self.0.labels(i)
        }
        fn read(&self, i: usize, out: &mut SeriesBuf) -> Result<(), SelectError> {
            if i == 1 { Err(SelectError::Storage("bad crc".into())) } else { self.0.read(i, out) }
        }
    }

    impl Select for Damaged {
        fn select(
            &self,
            matchers: &[Matcher],
            range: TimeRange,
            hints: &SelectHints,
        ) -> Result<Arc<dyn SeriesSet>, SelectError> {
            assert!(hints.sorted.is_some());
            Ok(Arc::new(DamagedSet(self.0.select(matchers, range, hints)?)))
        }
        fn cost(&self, _: &[Matcher]) -> LookupCost {
            LookupCost::Unknown
        }
        fn explain(&self, matchers: &[Matcher], interrupt: &dyn Interrupt) -> Result<IndexPath, SelectError> {
            self.0.explain(matchers, interrupt)
        }
    }

    #[test]
    fn a_failure_in_the_middle_is_an_error_after_the_frames_before_it() {
        let series: [Named<'_>; 3] = [("a", &[(1, 1.0)], &[]), ("b", &[(1, 1.0)], &[]), ("c", &[(1, 1.0)], &[])];
        let mut count = 0;
        let answer =
            chunks(&request(vec![query(".*", 0, 9)]), &Damaged(store(&series)), &|| true, &endless(), &mut |_| {
                count += 1;
                Ok(())
            });
        assert!(matches!(&answer, Err(ReadError::Storage(why)) if why.to_string().contains("bad crc")), "{answer:?}");
        assert_eq!(count, 1);
    }
}
