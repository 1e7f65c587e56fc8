//! An index segment with some of its bytes changed and its checksums set right again.
#![no_main]

use std::path::Path;

use libfuzzer_sys::fuzz_target;
use vctsdb::{
    index::Segment,
    model::{Labels, MatchOp, Matcher},
    seams::{append::SeriesId, env::SimDisk},
};

const FOOTER: usize = 192;

fn segment() -> Vec<u8> {
    let disk = SimDisk::new();
    let series = (0..40u32).map(|id| {
        let (name, host) = (format!("metric_{}", id % 3), format!("host-{id}"));
        (SeriesId(id * 3), Labels::from_pairs([("__name__", name.as_str()), ("host", &host)]).expect("valid labels"))
    });
    Segment::write(&disk, Path::new("s"), series).expect("an empty disk takes it");
    disk.read_file(Path::new("s")).expect("it was written")
}

/// Sets the checksums of all sections and the footer right.
fn seal(bytes: &mut [u8]) {
    let Some(footer) = bytes.len().checked_sub(FOOTER) else { return };
    for section in 0..8 {
        let at = footer + section * 20;
        let number = |at: usize| bytes.get(at..at + 8).map(|b| u64::from_le_bytes(b.try_into().expect("eight bytes")));
        let (Some(from), Some(len)) = (number(at), number(at + 8)) else { return };
        let end = from.saturating_add(len);
        let Some(part) = bytes.get(from as usize..end as usize) else { continue };
        let crc = crc32fast::hash(part).to_le_bytes();
        bytes[at + 16..at + 20].copy_from_slice(&crc);
    }
    let crc = crc32fast::hash(&bytes[footer..footer + 180]).to_le_bytes();
    bytes[footer + 180..footer + 184].copy_from_slice(&crc);
}

fuzz_target!(|edits: &[u8]| {
    thread_local!(static GOOD: Vec<u8> = segment());
    let mut bytes = GOOD.with(Vec::clone);
    for edit in edits.as_chunks::<3>().0.iter().take(8) {
        let at = usize::from(u16::from_le_bytes([edit[0], edit[1]])) % bytes.len();
        bytes[at] = edit[2];
    }
    seal(&mut bytes);
    let disk = SimDisk::new();
    disk.write_file(Path::new("s"), &bytes);
    let _ = Segment::salvage(&disk, Path::new("s"), Some(Path::new("saved")));
    let Ok(segment) = Segment::open(&disk, Path::new("s")) else { return };
    let _ = segment.audit(&mut |_| {});
    for matcher in [("host", MatchOp::Regex, "host-1.*"), ("host", MatchOp::NotEqual, "host-7"), ("no", MatchOp::Equal, "")] {
        let _ = segment.postings(&Matcher::new(matcher.1, matcher.0, matcher.2).expect("a valid matcher"));
    }
    for id in 0..120 {
        if let Ok(Some(labels)) = segment.labels(SeriesId(id)) {
            let _ = segment.find_id(&labels);
        }
    }
    let _ = (segment.label_names(), segment.label_values("host"));
});
