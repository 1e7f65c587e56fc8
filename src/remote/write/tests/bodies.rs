//! What is said to bodies as a whole: broken ones, large ones, and those that the store can't take.

use std::time::Duration;

use prost::Message;

use super::{NOW, Request2, UP, rejected, write, write_body, written};
use crate::{
    remote::{
        SnappyError,
        write::{Malformed, Protocol, WriteError, WriteLimits, receive},
    },
    seams::append::{AppendError, fake::MemoryAppend},
};

#[test]
fn corrupt_bodies_are_malformed() {
    let append = MemoryAppend::default();
    for protocol in [Protocol::V1, Protocol::V2] {
        let snappy = write_body(protocol, b"\x10not snappy", &append);
        assert!(matches!(snappy, Err(WriteError::Malformed(Malformed::Snappy(SnappyError::Corrupt(_))))));
        let framed = write_body(protocol, b"\xff\x06\x00\x00sNaPpY", &append);
        assert!(matches!(framed, Err(WriteError::Malformed(Malformed::Snappy(SnappyError::Framed)))));
        let message = write(protocol, b"\x2a\x05abc", &append);
        assert!(matches!(message, Err(WriteError::Malformed(Malformed::Message { field: 0, .. }))), "{message:?}");
    }
    assert!(append.batches().is_empty());
}

#[test]
fn damage_behind_good_series_stores_nothing() {
    let append = MemoryAppend::default();
    let mut message = Request2::new().series(UP).sample(NOW, 1.0).message.encode_to_vec();
    message.extend([0x2a, 2, 0x12, 9]);
    let error = write(Protocol::V2, &message, &append).unwrap_err();
    assert_eq!(error.written(), written(0, 0, 0));
    let want = "the body is not a valid io.prometheus.write.v2.Request message: top-level field 6: a value runs past the end of its message";
    assert_eq!(error.to_string(), want);
    assert!(append.batches().is_empty());
}

#[test]
fn bodies_beyond_the_limits_are_refused() {
    let append = MemoryAppend::default();
    let body = vec![0; (32 << 20) + 1];
    assert!(matches!(write_body(Protocol::V1, &body, &append), Err(WriteError::TooLarge { .. })));
    let announced = write_body(Protocol::V1, &[0x81, 0x80, 0x80, 0x10, 0], &append);
    let want = SnappyError::TooLong { announced: (32 << 20) + 1, limit: 32 << 20 };
    assert_eq!(announced, Err(WriteError::Malformed(Malformed::Snappy(want))));
}

#[test]
fn floods_of_empty_messages_are_refused_before_they_fill_the_memory() {
    let append = MemoryAppend::default();
    let inside = |number: u8, empty: u8, count: usize| {
        let mut message = vec![number];
        prost::encoding::encode_varint(2 * count as u64, &mut message);
        message.extend([empty, 0].repeat(count));
        message
    };
    // Samples and histograms in one series, then symbols.
    for (protocol, message, floods) in [
        (Protocol::V1, inside(0x0a, 0x12, (4 << 20) + 1), true),
        (Protocol::V1, inside(0x0a, 0x22, (4 << 16) + 1), true),
        (Protocol::V2, inside(0x2a, 0x1a, (4 << 16) + 1), true),
        (Protocol::V2, [0x22, 0].repeat((4 << 20) + 1), true),
        (Protocol::V1, inside(0x0a, 0x12, 4 << 18), false),
    ] {
        let answer = write(protocol, &message, &append);
        let refused = answer == Err(WriteError::Malformed(Malformed::TooMany));
        assert_eq!(refused, floods, "{answer:?}");
    }
}

#[test]
fn an_empty_message_writes_nothing_and_succeeds() {
    let append = MemoryAppend::default();
    assert_eq!(write(Protocol::V1, b"", &append), Ok(written(0, 0, 0)));
    assert_eq!(write(Protocol::V2, b"", &append), Ok(written(0, 0, 0)));
    assert!(append.batches().is_empty());
}

#[test]
fn all_series_refused_is_a_rejection_that_stores_nothing() {
    let append = MemoryAppend::default();
    let request = Request2::new().series(&[]).sample(NOW, 1.0).series(&[("a", "b")]).sample(NOW, 1.0);
    assert_eq!(rejected(request.write(&append)).0, written(0, 0, 0));
    assert!(append.batches().is_empty());
}

#[test]
fn a_store_that_cannot_write_says_when_to_retry_and_nothing_counts() {
    let append = MemoryAppend::default();
    let retry_after = Duration::from_secs(7);
    append.refuse(Some(AppendError::Unavailable { reason: "the disk is full".into(), retry_after }));
    let mixed = Request2::new().series(UP).sample(NOW, 1.0).series(&[]).sample(NOW, 1.0);
    let error = mixed.write(&append).unwrap_err();
    assert_eq!(error, WriteError::Append(AppendError::Unavailable { reason: "the disk is full".into(), retry_after }));
    assert_eq!(error.written(), written(0, 0, 0));
    append.refuse(Some(AppendError::Storage("crc".into())));
    assert!(matches!(mixed.write(&append), Err(WriteError::Append(AppendError::Storage(_)))));
}

#[test]
fn a_request_being_taken_in_can_move_to_another_thread() {
    fn can_move<T: Send>(_: &T) {}
    let append = MemoryAppend::default();
    let limits = WriteLimits::default();
    can_move(&receive(Protocol::V1, b"", NOW, &limits, &append));
}
