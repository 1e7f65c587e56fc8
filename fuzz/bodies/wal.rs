//! A log segment of any bytes, with and without a whole record in front, and any bytes as a record with a right checksum.

use std::path::Path;

use vctsdb::{
    seams::env::SimDisk,
    wal::{self, WalError, WalWriter},
};

/// Takes an input.
pub(crate) fn run(bytes: &[u8]) {
    if let Ok(batch) = wal::record::decode(bytes) {
        let mut encoded = Vec::new();
        wal::record::encode(&batch, &mut encoded);
        let again = wal::record::decode(&encoded).expect("what was encoded decodes");
        let mut twice = Vec::new();
        wal::record::encode(&again, &mut twice);
        assert_eq!(encoded, twice);
    }
    let disk = SimDisk::new();
    let dir = Path::new("wal");
    let mut writer = WalWriter::create(&disk, dir, 1, None).expect("an empty disk takes a segment");
    writer.append(b"whole").expect("a small record");
    writer.commit(&disk).expect("no fault was scripted");
    drop(writer);
    let path = wal::path_of(dir, 1);
    let mut file = disk.read_file(&path).expect("it was written");
    file.extend_from_slice(bytes);
    disk.write_file(&path, &file);
    // Whatever is known of the newest segment: nothing, that it is this one, or one that isn't there.
    for newest in [None, Some(1), Some(3)] {
        let mut first = None;
        let report = wal::replay::<WalError>(&disk, dir, 1, newest, &mut |_, payload| {
            first.get_or_insert_with(|| payload.to_vec());
            Ok(())
        });
        assert!(report.is_ok() && first.as_deref() == Some(b"whole"));
    }
    disk.write_file(&path, bytes);
    let replayed = |newest| wal::replay::<WalError>(&disk, dir, 1, newest, &mut |_, _| Ok(()));
    if let (Ok(without), Ok(with)) = (replayed(None), replayed(Some(1))) {
        assert!(without.records > 0 || !with.damage.is_empty(), "a segment that was begun isn't empty");
    }
}
