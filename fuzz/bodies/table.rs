//! A table whose one block holds any bytes under right checksums, with any bounds in the block index; and any bytes in place of a table.

use std::{path::Path, sync::Arc};

use vctsdb::{
    model::{SeriesBuf, TimeRange},
    seams::{
        append::SeriesId,
        env::{Disk, SimDisk},
    },
    sst::{Pass, SstError, Table, salvage},
};

/// Length of the footer, of an entry of the block index.
const FOOTER: usize = 80;
const ENTRY: usize = 52;

/// A table of one block with `body`, as `sst` describes it, and these bounds of its times.
fn table(body: &[u8], bounds: [u32; 3]) -> Vec<u8> {
    let mut file = [body, &crc32fast::hash(body).to_le_bytes()].concat();
    let block = file.len() as u64;
    let mut entry = Vec::with_capacity(ENTRY);
    entry.extend_from_slice(&0u64.to_le_bytes());
    for number in [block as u32, 0, 9, 10] {
        entry.extend_from_slice(&number.to_le_bytes());
    }
    entry.extend_from_slice(&i64::MIN.to_le_bytes());
    entry.extend_from_slice(&i64::MAX.to_le_bytes());
    bounds.iter().for_each(|bound| entry.extend_from_slice(&bound.to_le_bytes()));
    // The portable form of the bitmap {0, …, 9}: one array container.
    let mut bitmap = Vec::new();
    for word in [12346u32, 1] {
        bitmap.extend_from_slice(&word.to_le_bytes());
    }
    for half in [0u16, 9] {
        bitmap.extend_from_slice(&half.to_le_bytes());
    }
    bitmap.extend_from_slice(&16u32.to_le_bytes());
    (0..10u16).for_each(|id| bitmap.extend_from_slice(&id.to_le_bytes()));
    let mut footer = Vec::with_capacity(FOOTER);
    for number in [block, entry.len() as u64, bitmap.len() as u64, 10, 10] {
        footer.extend_from_slice(&number.to_le_bytes());
    }
    footer.extend_from_slice(&i64::MIN.to_le_bytes());
    footer.extend_from_slice(&i64::MAX.to_le_bytes());
    for number in [crc32fast::hash(&entry), crc32fast::hash(&bitmap), 4] {
        footer.extend_from_slice(&number.to_le_bytes());
    }
    footer.extend_from_slice(&crc32fast::hash(&footer).to_le_bytes());
    footer.extend_from_slice(b"VCTSTABL");
    file.extend_from_slice(&entry);
    file.extend_from_slice(&bitmap);
    file.extend_from_slice(&footer);
    file
}

/// Takes an input.
pub(crate) fn run(bytes: &[u8]) {
    let sim = SimDisk::new();
    let disk: Arc<dyn Disk> = Arc::new(sim.clone());
    sim.write_file(Path::new("raw"), bytes);
    let _ = Table::open(&disk, Path::new("raw"));
    let _ = salvage(&disk, Path::new("raw"), Path::new("saved-raw"));
    let bound =
        |i: usize| bytes.get(i * 4..).and_then(<[u8]>::first_chunk).map_or(u32::MAX, |b| u32::from_le_bytes(*b));
    sim.write_file(Path::new("t"), &table(bytes, [bound(0), bound(1), bound(2)]));
    let table = Table::open(&disk, Path::new("t")).expect("index, bitmap and footer are right");
    let mut out = SeriesBuf::default();
    for id in 0..10 {
        let _ = table.read(SeriesId(id), TimeRange::ALL, &mut out);
        table.read_around(SeriesId(id), TimeRange::new(-5, 5), Pass::new(), &mut out).expect("damage is no error");
    }
    for range in [TimeRange::ALL, TimeRange::new(-5, 5), TimeRange::new(5, -5), TimeRange::new(i64::MIN, 0)] {
        let (mut found, mut reads) = (table.series() - table.series(), 1);
        let check = || Ok::<_, SstError>(());
        table.present(table.series(), range, Pass::new(), &mut found, &mut reads, check).expect("damage is no error");
        assert!(found.is_subset(table.series()));
        let _ = (table.knows(range), table.is_surely_in(SeriesId(3), range));
    }
    table.audit(&mut |_| {}).expect("damage is no error");
    let saved = salvage(&disk, Path::new("t"), Path::new("saved")).expect("damage is no error");
    if saved.samples > 0 {
        Table::open(&disk, Path::new("saved")).and_then(|table| table.verify()).expect("what was saved is whole");
    }
}
