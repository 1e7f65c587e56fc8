//! What a request takes in memory is paid for before it is taken.

use std::sync::atomic::Ordering;

use prost::Message;

use super::{NOW, Request2, TRACE, UP, v2};
use crate::{
    remote::{
        snappy,
        write::{Protocol, WriteError, WriteLimits, take_in},
    },
    seams::{append::fake::MemoryAppend, memory_budget::fake::Bytes},
};

const PLENTY: usize = 1 << 30;

/// Bytes paid for what is made of a message, and what the batch takes; `Err` when there are not so many as `most`.
fn paid(protocol: Protocol, message: &[u8], most: usize) -> Result<(usize, usize), WriteError> {
    let (append, budget) = (MemoryAppend::default(), Bytes::new(most));
    let body = snappy::deflate(message).unwrap();
    let taken = take_in(protocol, &body, NOW, &WriteLimits::default(), &append, &budget)?;
    Ok((most - budget.0.load(Ordering::Relaxed), taken.batch.memory()))
}

/// A series of 1.0 with so many samples of two bytes each.
fn empty_samples(count: usize) -> Vec<u8> {
    let labels = super::series1(UP, &[]).encode_to_vec();
    let mut message = vec![0x0a];
    prost::encoding::encode_varint((labels.len() + 2 * count) as u64, &mut message);
    message.extend(labels);
    message.extend([0x12, 0].repeat(count));
    message
}

fn many(series: usize, add: impl Fn(Request2, usize) -> Request2) -> Vec<u8> {
    let number = |i: usize| i.to_string();
    let add = |request: Request2, i| add(request.series(&[("__name__", "m"), ("i", &number(i))]).sample(NOW, 1.0), i);
    (0..series).fold(Request2::new(), add).message.encode_to_vec()
}

#[test]
fn whatever_a_request_holds_is_paid_for_and_refused_where_that_is_not_to_be_had() {
    let spans = || vec![v2::BucketSpan { offset: 0, length: 2_000 }];
    let ones = || std::iter::once(1).chain([0; 1_999]).collect();
    let histogram = || v2::Histogram {
        count: Some(v2::histogram::Count::CountInt(4_000)),
        positive_spans: spans(),
        positive_deltas: ones(),
        negative_spans: spans(),
        negative_deltas: ones(),
        timestamp: NOW,
        ..Default::default()
    };
    let help = |i: usize| format!("{i} {}", "x".repeat(1_000));
    for (what, protocol, message) in [
        ("samples", Protocol::V1, empty_samples(200_000)),
        ("series", Protocol::V2, many(2_000, |request, _| request)),
        ("exemplars", Protocol::V2, many(1_000, |request, _| request.exemplar(TRACE, NOW, 1.0))),
        ("descriptions", Protocol::V2, many(300, |request, i| request.metadata(1, &help(i), ""))),
        ("histograms", Protocol::V2, many(10, |request, _| request.histogram(histogram()))),
    ] {
        let (paid_for, taken) = paid(protocol, &message, PLENTY).unwrap();
        assert!(paid_for >= taken && paid_for < 12 * taken, "{what}: {paid_for} paid for {taken} bytes");
        let refused = paid(protocol, &message, paid_for - 1).unwrap_err();
        assert_eq!(refused, WriteError::NoRoom, "{what}");
    }
    let few = paid(Protocol::V2, &Request2::new().series(UP).sample(NOW, 1.0).message.encode_to_vec(), PLENTY).unwrap();
    assert!(few.0 <= 16 << 10, "{few:?}: small requests leave room for others");
}
