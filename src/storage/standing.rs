//! Whether the store may change what is on disk, and so acknowledge a write.
//!
//! It may not, while questions go on,
//!
//! - once another process has taken the directory: what is on disk is no longer what memory says,
//! - while another directory, or none, is where the store's was: what is written there nobody finds again,
//! - once one of the store's threads has ended: what it did for the others isn't done any more,
//! - if it was opened for reading only.
//!
//! This is looked at before each commit of the log and each commit of the manifest, before which nothing that the commit
//! names is written either. What is wrong is logged once, makes the server unready, and is the reason that refused writers get.

use std::{
    io,
    sync::{Arc, OnceLock},
};

use parking_lot::Mutex;

use super::error::StorageError;
use crate::seams::env::DiskLock;

const READ_ONLY: &str = "the data directory is open for reading only";

/// Whether the store may change anything.
pub(super) struct Standing {
    lock: Arc<dyn DiskLock>,
    read_only: bool,
    /// Why it never may again.
    ended: OnceLock<String>,
    /// Why it may not now, as was logged.
    refused: Mutex<Option<String>>,
}

impl Standing {
    /// Of a store that holds `lock`.
    pub(super) fn new(lock: Arc<dyn DiskLock>, read_only: bool) -> Self {
        Self { lock, read_only, ended: OnceLock::new(), refused: Mutex::default() }
    }

    /// Refuses unless something may be changed.
    pub(super) fn check(&self) -> Result<(), StorageError> {
        if self.read_only {
            return Err(StorageError::NothingWritten(READ_ONLY.to_owned()));
        }
        self.trouble().map_or(Ok(()), |why| Err(StorageError::NothingWritten(why)))
    }

    /// What keeps the store from working as it should, if anything does.
    pub(super) fn trouble(&self) -> Option<String> {
        if let Some(why) = self.ended.get() {
            return Some(why.clone());
        }
        let mut refused = self.refused.lock();
        match self.lock.check() {
            Ok(()) => {
                if refused.take().is_some() {
                    tracing::info!("the data directory is there again: writes are taken");
                }
                None
            }
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                drop(refused);
                self.end(error.to_string());
                self.ended.get().cloned()
            }
            Err(error) => {
                let why = error.to_string();
                if refused.as_ref() != Some(&why) {
                    tracing::error!("{why}; until it is back writes are refused");
                    *refused = Some(why.clone());
                }
                Some(why)
            }
        }
    }

    /// Why nothing may ever be changed again, if so, without a look at the disk.
    pub(super) fn ended(&self) -> Option<&str> {
        if self.read_only { Some(READ_ONLY) } else { self.ended.get().map(String::as_str) }
    }

    /// From now on nothing is changed any more; the first reason counts.
    pub(super) fn end(&self, why: String) {
        if self.ended.set(why.clone()).is_ok() {
            tracing::error!("{why}; from now on writes are refused, until the server is started again");
        }
    }
}
