//! What a command needs that opens a data directory without serving it.

use super::{
    budget::Budget,
    bytes::Bytes,
    memory::{DefaultMemory, default_memory},
};
use crate::storage::StorageOptions;

/// The options of a store that a command fills, and the memory for what is on its way there.
#[derive(Debug, Clone)]
pub struct OfflineOptions {
    /// Those of the store. Nothing expires: whoever serves the directory says what is kept.
    pub storage: StorageOptions,
    /// For parts of imports, all together.
    pub part: u64,
}

impl OfflineOptions {
    /// With this much memory, or what a server would take.
    #[must_use]
    pub fn new(memory: Option<Bytes>) -> Self {
        let memory = memory.unwrap_or_else(|| {
            let DefaultMemory { memory, .. } = default_memory();
            memory
        });
        let budget = Budget::new(memory);
        let storage = StorageOptions::for_memory(usize::try_from(budget.storage).unwrap_or(usize::MAX));
        Self { storage, part: budget.requests.largest_write }
    }
}
