//! Stories of whole logs: power cuts, torn tails, flipped bits.

use std::{
    io::ErrorKind,
    path::{Path, PathBuf},
};

use super::*;
use crate::seams::env::{Cut, Disk, Op, SimDisk};

const DIR: &str = "wal";

fn dir() -> &'static Path {
    Path::new(DIR)
}

fn file(number: u64) -> PathBuf {
    path_of(dir(), number)
}

/// Payloads that differ in length and content.
fn payload(i: usize) -> Vec<u8> {
    (0..(i * 7) % 23).map(|k| (i * 31 + k * 5) as u8).chain(format!("#{i}").bytes()).collect()
}

fn replayed(disk: &dyn Disk, from: u64) -> (Vec<Vec<u8>>, ReplayReport) {
    replayed_to(disk, from, None)
}

fn replayed_to(disk: &dyn Disk, from: u64, newest: Option<u64>) -> (Vec<Vec<u8>>, ReplayReport) {
    let mut seen = Vec::new();
    let mut last = None;
    let report = replay(disk, dir(), from, newest, &mut |position, payload: &[u8]| {
        assert!(last < Some(position), "positions ascend");
        last = Some(position);
        seen.push(payload.to_vec());
        Ok::<(), WalError>(())
    })
    .unwrap();
    assert_eq!(report.records, seen.len() as u64);
    (seen, report)
}

/// Segments 1.. with these numbers of records, one commit each; payloads are counted through.
fn write_log(disk: &dyn Disk, counts: &[usize]) -> Vec<u64> {
    let (mut i, mut previous, mut lengths) = (0, None, Vec::new());
    for (number, count) in (1..).zip(counts) {
        let mut writer = WalWriter::create(disk, dir(), number, previous).unwrap();
        for _ in 0..*count {
            writer.append(&payload(i)).unwrap();
            writer.commit(disk).unwrap();
            i += 1;
        }
        previous = Some(writer.valid_len());
        lengths.push(writer.valid_len());
    }
    lengths
}

fn payloads(range: std::ops::Range<usize>) -> Vec<Vec<u8>> {
    range.map(payload).collect()
}

#[test]
fn what_was_committed_is_replayed_from_the_asked_segment_on() {
    let disk = SimDisk::new();
    assert_eq!(replayed(&disk, 1), (vec![], ReplayReport::default()));
    let lengths = write_log(&disk, &[3, 1, 2]);
    let (seen, report) = replayed(&disk, 1);
    assert_eq!(seen, payloads(0..6));
    assert_eq!((report.segments, report.torn_bytes, report.damage), (3, 0, vec![]));
    assert_eq!(report.last, Some(LastSegment { number: 3, valid: Some(lengths[2]) }));
    assert_eq!(report.bytes, lengths.iter().map(|l| l - 32).sum::<u64>());
    let (seen, report) = replayed(&disk, 2);
    assert_eq!((seen, report.damage), (payloads(3..6), vec![]));
    assert_eq!(segments(&disk, dir()).unwrap(), [1, 2, 3]);
    assert_eq!(remove_before(&disk, dir(), 3).unwrap(), 2);
    assert_eq!(segments(&disk.restart(Cut::LOST), dir()).unwrap(), [3]);
    assert_eq!(replayed(&disk.restart(Cut::LOST), 3).0, payloads(4..6));
}

#[test]
fn a_record_too_large_is_refused_and_the_writer_goes_on() {
    let disk = SimDisk::new();
    let mut writer = WalWriter::create(&disk, dir(), 1, None).unwrap();
    assert!(writer.is_empty());
    let huge = vec![0; MAX_PAYLOAD + 1];
    assert!(matches!(writer.append(&huge), Err(WalError::TooLarge { .. })));
    writer.append(b"x").unwrap();
    assert!(!writer.is_empty());
    writer.commit(&disk).unwrap();
    assert_eq!(replayed(&disk, 1).0, [b"x"]);
}

#[test]
fn records_larger_than_the_window_are_replayed() {
    let disk = SimDisk::new();
    let mut writer = WalWriter::create(&disk, dir(), 1, None).unwrap();
    let large: Vec<Vec<u8>> =
        [3 << 20, 5, (1 << 20) - 13, 1 << 20, 0, 7].iter().enumerate().map(|(i, n)| vec![i as u8; *n]).collect();
    for payload in &large {
        writer.append(payload).unwrap();
    }
    writer.commit(&disk).unwrap();
    let (seen, report) = replayed(&disk, 1);
    assert!(seen == large);
    assert_eq!(report.damage, []);
}

/// Two commits a segment, two records a commit, a restart's worth of segments; answers what was acknowledged.
fn run_until_the_power_goes(disk: &SimDisk) -> (Vec<Vec<u8>>, Vec<Vec<u8>>) {
    let (mut tried, mut acknowledged) = (Vec::new(), Vec::new());
    let mut previous = None;
    for number in 1..=3 {
        let Ok(mut writer) = WalWriter::create(disk, dir(), number, previous) else { break };
        for _ in 0..2 {
            let from = tried.len();
            for i in from..from + 2 {
                tried.push(payload(i));
                writer.append(&payload(i)).unwrap();
            }
            if writer.commit(disk).is_err() {
                assert!(matches!(writer.append(b""), Err(WalError::Poisoned { .. })));
                return (tried, acknowledged);
            }
            acknowledged.clone_from(&tried);
        }
        previous = Some(writer.valid_len());
    }
    (tried, acknowledged)
}

#[test]
fn a_power_cut_after_any_operation_loses_nothing_acknowledged_and_invents_nothing() {
    let disk = SimDisk::new();
    run_until_the_power_goes(&disk);
    let total = disk.ops();
    assert!(total > 20);
    for ops in 0..=total {
        for cut in [Cut::LOST, Cut::KILL].into_iter().chain((0..20).map(Cut::torn)) {
            let disk = SimDisk::new();
            disk.cut_power_after(ops);
            let (tried, acknowledged) = run_until_the_power_goes(&disk);
            let (seen, report) = replayed(&disk.restart(cut), 1);
            assert!(seen.starts_with(&acknowledged), "cut after {ops}, {cut:?}");
            assert!(tried.starts_with(&seen), "cut after {ops}, {cut:?}");
            assert_eq!(report.damage, [], "a crash is no damage: cut after {ops}, {cut:?}");
        }
    }
}

#[test]
fn the_log_goes_on_after_a_torn_tail_and_the_tail_stays_gone() {
    let disk = SimDisk::new();
    let lengths = write_log(&disk, &[2]);
    let whole = disk.read_file(&file(1)).unwrap();
    for cut in 0..whole.len() {
        let disk = SimDisk::new();
        disk.write_file(&file(1), &whole[..cut]);
        let (seen, report) = replayed(&disk, 1);
        assert!(payloads(0..2).starts_with(&seen) && seen.len() < 2, "cut at {cut}");
        let (last, valid) = report.last.map(|last| (last.number, last.valid.unwrap())).unwrap();
        assert_eq!(valid + report.torn_bytes, cut as u64, "cut at {cut}");
        assert_eq!(report.damage, []);
        let mut writer = WalWriter::create(&disk, dir(), last + 1, Some(valid)).unwrap();
        writer.append(b"after").unwrap();
        writer.commit(&disk).unwrap();
        let (again, report) = replayed(&disk, 1);
        assert_eq!(again, [seen, vec![b"after".to_vec()]].concat());
        assert_eq!((report.damage, report.torn_bytes), (vec![], 0), "cut at {cut}");
    }
    assert_eq!(lengths, [whole.len() as u64]);
}

#[test]
fn a_segment_left_after_a_failed_write_or_sync_is_cut_at_its_valid_length() {
    for op in [Op::Append, Op::Sync] {
        let disk = SimDisk::new();
        let mut writer = WalWriter::create(&disk, dir(), 1, None).unwrap();
        writer.append(b"good").unwrap();
        writer.commit(&disk).unwrap();
        let valid = writer.valid_len();
        disk.fail_next(op, DIR, ErrorKind::StorageFull);
        writer.append(b"never acknowledged, one").unwrap();
        writer.append(b"two").unwrap();
        assert_eq!(writer.commit(&disk).unwrap_err().io_kind(), Some(ErrorKind::StorageFull));
        assert!(writer.is_poisoned() && writer.commit(&disk).is_err());
        assert_eq!((writer.valid_len(), writer.len()), (valid, valid));
        let mut next = WalWriter::create(&disk, dir(), 2, Some(valid)).unwrap();
        next.append(b"better").unwrap();
        next.commit(&disk).unwrap();
        for disk in [disk.restart(Cut::KILL), disk.restart(Cut::LOST)] {
            let (seen, report) = replayed(&disk, 1);
            assert_eq!(seen, [&b"good"[..], b"better"], "{op:?}");
            assert_eq!((report.damage, report.torn_bytes), (vec![], 0));
        }
    }
}

#[test]
fn a_segment_nothing_was_committed_to_may_be_missing() {
    let disk = SimDisk::new();
    let lengths = write_log(&disk, &[1]);
    let mut failed = WalWriter::create(&disk, dir(), 2, Some(lengths[0])).unwrap();
    disk.fail_next(Op::SyncDir, DIR, ErrorKind::Other);
    failed.append(b"lost").unwrap();
    assert!(failed.commit(&disk).is_err());
    assert_eq!(failed.valid_len(), 0);
    let mut next = WalWriter::create(&disk, dir(), 3, Some(0)).unwrap();
    next.append(b"next").unwrap();
    next.commit(&disk).unwrap();
    let wanted = [payload(0), b"next".to_vec()];
    let (seen, report) = replayed(&disk, 1);
    assert_eq!((&seen[..], report.damage), (&wanted[..], vec![]));
    disk.remove(&file(2)).unwrap();
    let (seen, report) = replayed(&disk, 1);
    assert_eq!((&seen[..], report.damage), (&wanted[..], vec![]));
}

#[test]
fn a_missing_segment_is_damage() {
    let disk = SimDisk::new();
    write_log(&disk, &[1, 1, 1, 1]);
    disk.remove(&file(1)).unwrap();
    disk.remove(&file(3)).unwrap();
    let (seen, report) = replayed(&disk, 1);
    assert_eq!(seen, [payload(1), payload(3)]);
    assert_eq!(report.damage.iter().map(|d| d.segment).collect::<Vec<_>>(), [1, 3]);
}

#[test]
fn a_newest_segment_that_was_there_and_is_missing_is_damage_and_the_log_goes_on_behind_it() {
    let disk = SimDisk::new();
    let lengths = write_log(&disk, &[1, 1, 1]);
    let told = |disk: &SimDisk, from, newest| {
        let report = replayed_to(disk, from, newest).1;
        (report.damage.iter().map(ToString::to_string).collect::<Vec<_>>().join(", "), report.last)
    };
    for (from, newest) in [(1, Some(3)), (1, Some(2)), (1, None), (3, Some(2))] {
        assert_eq!(
            told(&disk, from, newest),
            (String::new(), Some(LastSegment { number: 3, valid: Some(lengths[2]) })),
            "{from}, {newest:?}"
        );
    }
    assert_eq!(told(&disk, 4, Some(3)), (String::new(), None), "it isn't needed any more");
    let last = disk.read_file(&file(3)).unwrap();
    disk.remove(&file(3)).unwrap();
    let missing =
        ("log segment 3: the newest segment is missing".to_owned(), Some(LastSegment { number: 3, valid: None }));
    assert_eq!(told(&disk, 1, Some(3)), missing);
    assert_eq!(told(&disk, 3, Some(3)), missing);
    let several =
        ("log segment 3: the newest segments are missing".to_owned(), Some(LastSegment { number: 7, valid: None }));
    assert_eq!(told(&disk, 1, Some(7)), several);

    for len in [0, 10, 32, last.len() - 1] {
        disk.write_file(&file(3), &last[..len]);
        let report = replayed_to(&disk, 1, Some(3)).1;
        assert_eq!((report.damage.len(), report.torn_bytes), (1, 0), "cut at {len}: {report:?}");
        assert_eq!(report.last, Some(LastSegment { number: 3, valid: None }), "cut at {len}");
        assert_eq!(replayed_to(&disk, 1, Some(2)).1.damage, [], "cut at {len}");
        let mut next = WalWriter::create(&disk, dir(), 4, None).unwrap();
        next.append(b"next").unwrap();
        next.commit(&disk).unwrap();
        assert_eq!(replayed_to(&disk, 1, Some(4)).1.damage, report.damage, "later: cut at {len}");
        disk.write_file(&file(3), &last);
        assert_eq!(replayed_to(&disk, 1, Some(4)).1.damage, [], "put back: cut at {len}");
        disk.remove(&file(4)).unwrap();
    }
    for at in 0..last.len() as u64 {
        disk.write_file(&file(3), &last);
        disk.flip_bit(&file(3), at, 1).unwrap();
        assert_eq!(replayed_to(&disk, 1, Some(3)).1.damage.len(), 1, "flipped at {at}");
    }
    disk.remove(&file(3)).unwrap();

    let mut next = WalWriter::create(&disk, dir(), 4, None).unwrap();
    next.append(b"next").unwrap();
    next.commit(&disk).unwrap();
    assert_eq!(told(&disk, 1, Some(4)).0, "log segment 3: the segment is missing", "and stays damage");
    assert_eq!(replayed_to(&disk, 1, Some(4)).0, [payload(0), payload(1), b"next".to_vec()]);
    disk.write_file(&file(3), &last);
    let (seen, report) = replayed_to(&disk, 1, Some(4));
    assert_eq!((seen, report.damage), ([payloads(0..3), vec![b"next".to_vec()]].concat(), vec![]), "put back");
}

#[test]
fn a_segment_cut_short_is_damage_when_another_follows() {
    let disk = SimDisk::new();
    let lengths = write_log(&disk, &[3, 1]);
    let whole = disk.read_file(&file(1)).unwrap();
    for cut in 0..whole.len() {
        disk.write_file(&file(1), &whole[..cut]);
        let (seen, report) = replayed(&disk, 1);
        assert!(seen.ends_with(&[payload(3)]) && payloads(0..3).starts_with(&seen[..seen.len() - 1]));
        assert_eq!(report.damage.len(), 1, "cut at {cut}");
        assert_eq!((report.damage[0].segment, report.damage[0].to), (1, lengths[0]));
    }
}

#[test]
fn a_flipped_bit_costs_at_most_its_record_and_is_reported() {
    let disk = SimDisk::new();
    let lengths = write_log(&disk, &[4, 4, 4]);
    let all = payloads(0..12);
    for (number, len) in (1..).zip(&lengths) {
        for at in 0..*len {
            for bit in [0, 3, 7] {
                disk.flip_bit(&file(number), at, bit).unwrap();
                let (seen, report) = replayed(&disk, 1);
                let lost: Vec<&Vec<u8>> = all.iter().filter(|p| !seen.contains(p)).collect();
                let place = format!("segment {number}, byte {at}, bit {bit}");
                assert_eq!(lost.len(), usize::from(at >= 32), "{place}");
                assert!(seen.iter().all(|p| all.contains(p)), "{place}");
                let hits = |d: &Damage| d.segment == number && d.from <= at && at < d.to;
                let reported = report.damage.iter().any(hits);
                let torn = number == 3 && report.torn_bytes > 0;
                assert!(reported != torn, "{place}: {report:?}");
                assert!(report.damage.len() <= 1, "{place}: {report:?}");
                disk.flip_bit(&file(number), at, bit).unwrap();
            }
        }
    }
}

#[test]
fn a_frame_inside_a_payload_is_never_taken_for_a_record() {
    // A sender could put the bytes of a frame into a label; damage to the frame around it must not set it free.
    let disk = SimDisk::new();
    let mut inner = Vec::new();
    frame::put(&mut inner, 1, 32, b"evil");
    let mut writer = WalWriter::create(&disk, dir(), 1, None).unwrap();
    writer.append(&inner.repeat(3)).unwrap();
    writer.append(b"good").unwrap();
    writer.commit(&disk).unwrap();
    disk.flip_bit(&file(1), 32, 0).unwrap();
    let (seen, report) = replayed(&disk, 1);
    assert_eq!(seen, [b"good"]);
    assert_eq!(report.damage.len(), 1);
}

#[test]
fn random_bytes_behind_the_records_never_panic_and_cost_nothing() {
    use proptest::prelude::*;
    let disk = SimDisk::new();
    write_log(&disk, &[2]);
    let whole = disk.read_file(&file(1)).unwrap();
    proptest!(|(junk in prop::collection::vec(any::<u8>(), 0..400), at in 0..1000usize)| {
        let disk = SimDisk::new();
        let mut bytes = whole.clone();
        bytes.extend(&junk);
        disk.write_file(&file(1), &bytes);
        prop_assert_eq!(replayed(&disk, 1).0, payloads(0..2));
        disk.write_file(&file(1), &junk);
        prop_assert_eq!(replayed(&disk, 1).0.len(), 0);
        let mut bytes = whole.clone();
        bytes.splice(at.min(bytes.len()).., junk.iter().copied());
        disk.write_file(&file(1), &bytes);
        prop_assert!(payloads(0..2).starts_with(&replayed(&disk, 1).0));
    });
}

#[test]
fn an_error_of_the_visitor_ends_the_replay() {
    let disk = SimDisk::new();
    write_log(&disk, &[2]);
    let mut calls = 0;
    let stop = replay(&disk, dir(), 1, None, &mut |_, _: &[u8]| {
        calls += 1;
        Err(WalError::TooLarge { bytes: 1, limit: 0 })
    });
    assert!(matches!(stop, Err(WalError::TooLarge { .. })));
    assert_eq!(calls, 1);
}
