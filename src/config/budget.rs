//! The memory budget: which part of the process may use how much.
//!
//! One budget covers the process. What it needs in any case is set aside first, and a sixth for what can't be counted
//! where it is used; the rest is divided, and each part is kept to by its user:
//!
//! ```text
//! part              of the rest   held to it by
//! store             33/64         new samples (flushed when full, writes refused when flushing can't keep up), known
//!                                 series and blocks read before (forgotten beyond)
//! queries           12/64         the engine: a query, or a list of series and labels, that would pass it is refused
//! kept answers      3/64          the result cache: those unused for longest go
//! requests          16/64         the server: they reserve memory from their first byte until what they bring is stored
//! ```
//!
//! A large budget has more for requests than they may take; the store has that too. Of the requests' part the largest write or import there may be gets 15/24, what writes and imports share 3/24 each, the
//! largest question 2/24 and what questions share 1/24.

use super::bytes::Bytes;
use crate::server::RequestMemory;

/// What the process needs in any case: the program, threads and connections, open tables and index segments.
const PROCESS: u64 = 24 << 20;
/// One byte in so many is set aside for what isn't counted: freed memory that the allocator can't give back because a neighbour is
/// in use, tables and segments being built, answers while their clients read them.
const UNCOUNTED: u64 = 6;
/// One query more runs at once for each of these bytes of the budget: a query takes some MiB that aren't counted, for buffers and
/// for what its threads leave to the allocator.
const PER_QUERY: u64 = 32 << 20;
/// At most this many queries run at once.
const MOST_QUERIES: u16 = 20;
/// The least budget. With less the process would exceed it for moments: 64 MiB came to 71 to 84 under load or several queries.
pub(super) const LEAST: Bytes = Bytes(96 << 20);
/// The least size of files to keep. With less not even what one flush writes would be kept.
const LEAST_RETENTION: Bytes = Bytes(32 << 20);
/// The largest write gets no more than this: a request of 32 MiB takes about so much when all of its series are new.
const LARGEST_WRITE: u64 = 256 << 20;
/// All requests of a kind together, beside the largest of them, get no more than this.
const MOST_TOGETHER: u64 = 64 << 20;

/// The parts of the memory budget, in bytes.
#[derive(Debug, Clone, Copy)]
pub(super) struct Budget {
    /// For the store.
    pub(super) storage: u64,
    /// For all queries together.
    pub(super) queries: u64,
    /// For answers of range queries, kept for the next refresh.
    pub(super) answers: u64,
    /// For requests while they are read and taken apart.
    pub(super) requests: RequestMemory,
    /// How many queries may run at once.
    pub(super) queries_at_once: u16,
}

impl Budget {
    /// Divides `memory`.
    pub(super) fn new(memory: Bytes) -> Self {
        let rest = memory.0.saturating_sub(PROCESS + memory.0 / UNCOUNTED);
        let requests = requests(rest / 64 * 16);
        // A large budget has more for requests than they may take.
        let left = (rest / 64 * 16).saturating_sub(bytes_of(&requests));
        let at_once = u16::try_from(memory.0 / PER_QUERY).unwrap_or(MOST_QUERIES).clamp(1, MOST_QUERIES);
        Self {
            storage: rest / 64 * 33 + left,
            queries: rest / 64 * 12,
            answers: rest / 64 * 3,
            requests,
            queries_at_once: at_once,
        }
    }
}

/// Divides the requests' part.
fn requests(bytes: u64) -> RequestMemory {
    let share = |shares: u64, most: u64| (bytes / 24 * shares).min(most);
    RequestMemory {
        queries: share(1, MOST_TOGETHER),
        largest_query: share(2, MOST_TOGETHER),
        writes: share(3, MOST_TOGETHER),
        imports: share(3, MOST_TOGETHER),
        largest_write: share(15, LARGEST_WRITE),
    }
}

/// What requests of all kinds may take together.
fn bytes_of(requests: &RequestMemory) -> u64 {
    let RequestMemory { queries, largest_query, writes, imports, largest_write } = requests;
    queries + largest_query + writes + imports + largest_write
}

/// Parses the size that all files may have; 0 or "off" for any.
pub(super) fn parse_retention_size(text: &str) -> Result<Bytes, String> {
    if text == "off" || text == "0" {
        return Ok(Bytes(0));
    }
    match text.parse()? {
        bytes if bytes < LEAST_RETENTION => Err(format!("must be at least {LEAST_RETENTION}")),
        bytes => Ok(bytes),
    }
}

/// Parses the memory budget.
///
/// # Errors
/// When it is no number of bytes, or too small.
pub fn parse_memory(text: &str) -> Result<Bytes, String> {
    match text.parse()? {
        bytes if bytes < LEAST => Err(format!("{bytes} is too little to stay within: it takes at least {LEAST}")),
        bytes => Ok(bytes),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_budget_too_small_to_start_is_refused_with_the_least() {
        let refused = parse_memory("64MiB").unwrap_err();
        assert!(refused.contains("64MiB") && refused.contains("at least 96MiB"), "{refused}");
        assert_eq!(parse_memory("96MiB"), Ok(LEAST));
        assert!(parse_retention_size("1MiB").is_err() && parse_retention_size("32MiB").is_ok());
        assert_eq!(parse_retention_size("0"), Ok(Bytes(0)));
    }

    #[test]
    fn the_parts_and_the_process_are_all_there_is() {
        for memory in [96 << 20, 128 << 20, 1 << 30, 4 << 30] {
            let Budget { storage, queries, answers, requests, queries_at_once } = Budget::new(Bytes(memory));
            assert!(u64::from(queries_at_once) == (memory >> 25).min(20));
            assert!(PROCESS + memory / UNCOUNTED + storage + queries + answers + bytes_of(&requests) <= memory);
            let options = crate::storage::StorageOptions::for_memory(storage as usize);
            assert!(options.unflushed_bytes >= options.memtable_bytes * (options.sealed_limit + 1));
            let caches = options.block_cache_bytes + options.page_cache_bytes;
            let kept = options.unflushed_bytes + caches + options.known_series * 34;
            assert!(kept as u64 <= storage, "{memory}: {kept} of {storage}");
        }
    }

    #[test]
    fn ten_million_active_series_fit_four_gibibytes() {
        let options = crate::storage::StorageOptions::for_memory(Budget::new(Bytes(4 << 30)).storage as usize);
        assert!(options.known_series >= 10_000_000, "{}", options.known_series);
        // A series with a few samples takes some 100 bytes in memory.
        assert!(options.largest_memtable_bytes >= 10_000_000 * 96, "{}", options.largest_memtable_bytes);
    }
}
