//! An index segment with some of its bytes changed and its checksums set right again.

use std::path::Path;

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

/// Sets the checksums of all pages, lists, sections and the footer right, as far as they can be found.
fn seal(bytes: &mut [u8]) {
    let Some(footer) = bytes.len().checked_sub(FOOTER) else { return };
    let mut sections = Vec::new();
    for at in (0..8).map(|section| footer + section * 20) {
        let (from, len) = (number::<8>(bytes, at) as usize, number::<8>(bytes, at + 8) as usize);
        sections.push(from.min(footer)..from.saturating_add(len).min(footer).max(from.min(footer)));
    }
    for entry in sections[1].clone().step_by(16) {
        let at = sections[0].start.saturating_add(number::<8>(bytes, entry + 4) as usize);
        let end = at.saturating_add(number::<4>(bytes, entry + 12) as usize);
        let Some(page) = bytes.get_mut(at..end).filter(|page| page.len() >= 8) else { continue };
        let mut crc = crc32fast::Hasher::new();
        crc.update(&page[..4]);
        crc.update(&page[8..]);
        page[4..8].copy_from_slice(&crc.finalize().to_le_bytes());
    }
    let mut at = sections[2].start;
    for end in sections[3].clone().step_by(8) {
        let end = sections[2].start.saturating_add(number::<8>(bytes, end) as usize);
        if let Some(page) = bytes.get_mut(at..end).filter(|page| page.len() >= 4) {
            let (body, crc) = page.split_at_mut(page.len() - 4);
            crc.copy_from_slice(&crc32fast::hash(body).to_le_bytes());
        }
        at = end;
    }
    let mut at = sections[6].start;
    while at < sections[6].end {
        let head = at;
        varint(bytes, &mut at);
        let len = (varint(bytes, &mut at) >> 1) as usize;
        let Some(body) = bytes.get(at + 4..(at + 4).saturating_add(len)) else { break };
        let mut crc = crc32fast::Hasher::new();
        crc.update(&bytes[head..at]);
        crc.update(body);
        bytes[at..at + 4].copy_from_slice(&crc.finalize().to_le_bytes());
        at += 4 + len;
    }
    for (section, range) in sections.into_iter().enumerate() {
        let crc = crc32fast::hash(&bytes[range]).to_le_bytes();
        let at = footer + section * 20 + 16;
        bytes[at..at + 4].copy_from_slice(&crc);
    }
    let crc = crc32fast::hash(&bytes[footer..footer + 180]).to_le_bytes();
    bytes[footer + 180..footer + 184].copy_from_slice(&crc);
}

/// The number in `N` bytes at `at`; all ones outside of the file.
fn number<const N: usize>(bytes: &[u8], at: usize) -> u64 {
    let Some(found) = bytes.get(at..at + N) else { return u64::MAX };
    found.iter().rev().fold(0, |number, byte| number << 8 | u64::from(*byte))
}

/// Takes a varint, or what is left of one.
fn varint(bytes: &[u8], at: &mut usize) -> u64 {
    let mut value = 0;
    for shift in (0..64).step_by(7) {
        let Some(byte) = bytes.get(*at) else { break };
        *at += 1;
        value |= u64::from(byte & 0x7f) << shift;
        if *byte < 0x80 {
            break;
        }
    }
    value
}

/// Takes an input.
pub(crate) fn run(edits: &[u8]) {
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
    for matcher in [
        ("host", MatchOp::Regex, "host-1.*"),
        ("host", MatchOp::Regex, "(?i).*T-.[13]"),
        ("host", MatchOp::NotEqual, "host-7"),
        ("no", MatchOp::Equal, ""),
    ] {
        let _ = segment.postings(&Matcher::new(matcher.1, matcher.0, matcher.2).expect("a valid matcher"));
    }
    for id in 0..120 {
        if let Ok(Some(labels)) = segment.labels(SeriesId(id)) {
            let _ = segment.find_id(&labels);
        }
    }
    let _ = (segment.label_names(), segment.label_values("host"));
}
