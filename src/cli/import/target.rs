//! Where imports go.

use std::{path::Path, sync::Arc};

use super::{ImportArgs, remote::RemoteStore};
use crate::{
    cli::Failure,
    config::OfflineOptions,
    ingest::DryRun,
    seams::{
        append::Append,
        env::{RealDisk, SystemClock},
    },
    storage::Storage,
};

/// Memory for parts of all files together that are sent to a server.
const REMOTE_MEMORY: u64 = 128 << 20;

/// Where imports go, and how much memory there is for parts of a file on their way.
pub(super) struct Target {
    place: Place,
    /// What it is called.
    name: String,
    pub(super) memory: u64,
}

enum Place {
    Nowhere(DryRun),
    Server(RemoteStore),
    Directory(Box<Storage>),
}

impl Target {
    /// Opens what the flags say, for so many files at once.
    pub(super) fn open(args: &ImportArgs, jobs: usize) -> Result<Self, Failure> {
        let each = |memory: u64| memory / jobs.max(1) as u64;
        if args.dry_run {
            return Ok(Self {
                place: Place::Nowhere(DryRun::anywhere()),
                name: String::new(),
                memory: each(REMOTE_MEMORY),
            });
        }
        if let Some(dir) = &args.offline {
            return Self::directory(dir, args, each);
        }
        let server = args.server.url()?;
        let name = format!("server {server}");
        Ok(Self { place: Place::Server(RemoteStore::new(server)), name, memory: each(REMOTE_MEMORY) })
    }

    fn directory(dir: &Path, args: &ImportArgs, each: impl Fn(u64) -> u64) -> Result<Self, Failure> {
        let OfflineOptions { storage, part } = OfflineOptions::new(args.memory);
        // Only a directory that has been removed has no way from the root.
        let dir = std::path::absolute(dir).unwrap_or_else(|_| dir.to_owned());
        let opened = Storage::open(Arc::new(RealDisk::new(dir.clone())), Arc::new(SystemClock), storage);
        let storage = opened.map_err(|error| Failure::Said(format!("{}: {error}", dir.display())))?;
        let name = format!("directory {}", dir.display());
        Ok(Self { place: Place::Directory(Box::new(storage)), name, memory: each(part) })
    }

    /// What it is called in checkpoints; nothing where none are kept.
    pub(super) fn name(&self) -> Option<&str> {
        Some(self.name.as_str()).filter(|name| !name.is_empty())
    }

    pub(super) fn is_directory(&self) -> bool {
        matches!(self.place, Place::Directory(_))
    }

    pub(super) fn append(&self) -> &dyn Append {
        match &self.place {
            Place::Nowhere(dry_run) => dry_run,
            Place::Server(server) => server,
            Place::Directory(storage) => &**storage,
        }
    }

    /// Why nothing more was taken, where the error of an append doesn't say it.
    pub(super) fn failure(&self) -> Option<String> {
        match &self.place {
            Place::Server(server) => server.failure(),
            _ => None,
        }
    }

    /// Flushes and closes a data directory.
    pub(super) fn close(self) -> Result<(), Failure> {
        let Place::Directory(storage) = self.place else { return Ok(()) };
        storage.close().map_err(|error| {
            Failure::Said(format!(
                "closing the store failed: {error}; what was stored is in its log and will be replayed"
            ))
        })
    }
}
