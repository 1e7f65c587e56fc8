//! A manifest of any body under a right checksum: verifying, repairing and opening answer, and delete nothing.

use std::{path::Path, sync::Arc};

use vctsdb::{
    seams::env::{Disk, SimDisk, TestClock},
    storage::{Storage, StorageOptions, Threads, repair, verify},
};

/// Takes an input.
pub(crate) fn run(format: u8, body: &[u8]) {
    let mut copy = b"VCTSMANI".to_vec();
    copy.extend_from_slice(&u32::from(format % 4).to_le_bytes());
    copy.extend_from_slice(&(body.len() as u32).to_le_bytes());
    copy.extend_from_slice(body);
    copy.extend_from_slice(&crc32fast::hash(&copy).to_le_bytes());
    let sim = SimDisk::new();
    sim.write_file(Path::new("MANIFEST"), &[&copy[..], &copy].concat());
    let disk: Arc<dyn Disk> = Arc::new(sim.clone());
    let clock = Arc::new(TestClock::at(0));
    let _ = verify(&disk);
    let _ = repair(&disk, clock.clone(), true);
    let options = StorageOptions { threads: Threads::Manual, ..StorageOptions::default() };
    if let Ok(storage) = Storage::open(disk.clone(), clock.clone(), options) {
        let _ = storage.flush();
    }
    let _ = repair(&disk, clock, false);
}
