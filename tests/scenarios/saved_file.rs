//! A file in which the store saves at a flush what the log holds besides samples: what is promised of each such file.

use std::path::Path;

use vctsdb::{
    seams::env::{Cut, Op, SimDisk},
    storage::Storage,
};

use super::store::open;

/// A file of a data directory, and the requests whose contents end up in it.
pub(crate) struct SavedFile {
    pub(crate) name: &'static str,
    pub(crate) requests: usize,
    /// Makes one request; answers whether it was acknowledged.
    pub(crate) write: fn(&Storage, usize) -> bool,
    /// The requests after which the store is flushed.
    pub(crate) flush_after: &'static [usize],
    /// Panics unless all of so many acknowledged requests is there; the text says when this is asked.
    pub(crate) check: fn(&Storage, usize, &str),
}

impl SavedFile {
    /// Writes with flushes in between until something fails. Answers how many requests were acknowledged.
    pub(crate) fn run(&self, storage: &Storage) -> usize {
        for round in 0..self.requests {
            if !(self.write)(storage, round) {
                return round;
            }
            if self.flush_after.contains(&round) && storage.flush().is_err() {
                return round + 1;
            }
        }
        let _ = storage.close();
        self.requests
    }

    pub(crate) fn survives_a_power_cut_at_any_disk_operation(&self) {
        let disk = SimDisk::new();
        assert_eq!(self.run(&open(&disk).unwrap()), self.requests);
        let operations = disk.ops();
        (self.check)(&open(&disk.restart(Cut::LOST)).unwrap(), self.requests, "after a clean close");
        assert!(disk.list_all().iter().any(|path| path == Path::new(self.name)), "it was saved");
        for cut_after in 0..operations {
            for (name, cut) in [("lost", Cut::LOST), ("killed", Cut::KILL), ("torn", Cut::torn(cut_after))] {
                let disk = SimDisk::new();
                disk.cut_power_after(cut_after);
                let acknowledged = open(&disk).map_or(0, |storage| self.run(&storage));
                let disk = disk.restart(cut);
                let context = format!("cut after {cut_after}, {name}");
                let storage = open(&disk).unwrap_or_else(|error| panic!("{context}: {error}"));
                (self.check)(&storage, acknowledged, &context);
                storage.flush().unwrap();
                drop(storage);
                let again = open(&disk.restart(Cut::LOST)).unwrap();
                (self.check)(&again, acknowledged, &format!("{context}, flushed, cut again"));
            }
        }
    }

    pub(crate) fn a_save_that_fails_is_repeated_and_loses_nothing(&self) {
        for op in [Op::Create, Op::Append, Op::Sync, Op::Rename] {
            for repeated in [false, true] {
                let disk = SimDisk::new();
                let storage = open(&disk).unwrap();
                (0..4).for_each(|round| assert!((self.write)(&storage, round)));
                disk.fail_next(op, self.name, std::io::ErrorKind::Other);
                assert!(storage.flush().is_err(), "{op:?}");
                if repeated {
                    storage.flush().unwrap();
                }
                let context = format!("{op:?} failed, repeated: {repeated}");
                (self.check)(&open(&disk.restart(Cut::LOST)).unwrap(), 4, &context);
            }
        }
    }
}
