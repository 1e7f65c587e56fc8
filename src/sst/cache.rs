//! Blocks that stay in memory after they were read, of all tables, within one budget.
//!
//! A block enters *on probation*, in a queue of its own that gives way first. One that a second read asks for before
//! its turn comes moves to the *kept* ones; there it is passed over once for each further read, up to three. A key
//! that left probation unused is remembered for a while: if it is asked for again, the block is kept at once. So a
//! question that reads everything runs through probation and leaves alone what dashboards read each minute.
//!
//! Series lie next to each other, and a question takes many of them from one block: that is one read and not many. A
//! [`Pass`] tells the two apart.
//!
//! Files are read, not mapped: a block in here has its checksum checked each time it comes from disk, a bad sector is an
//! error for one question and no signal for the process, and the memory is ours to count and to give back.

use std::{
    collections::VecDeque,
    hash::{BuildHasher, Hash},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use hashbrown::{HashMap, HashSet};
use parking_lot::Mutex;

use super::block::Block;

/// Parts that are locked one by one.
const SHARDS: usize = 8;
/// Blocks that can be loaded at the same time without waiting for each other, if chance wills it.
const LOADS: usize = 64;
/// Probation gives way first when it has more than this share of a shard.
const PROBATION: usize = 8;
/// A kept block is passed over at most so often.
const MOST_REUSES: u8 = 3;
/// Keys remembered at least, whatever a shard holds.
const FEWEST_GONE: usize = 64;

/// One question's reads. All of them together count as one read of a block.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pass(u64);

impl Pass {
    /// One that is none of the others.
    #[must_use]
    pub fn new() -> Self {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        Self(NEXT.fetch_add(1, Ordering::Relaxed))
    }
}

impl Default for Pass {
    fn default() -> Self {
        Self::new()
    }
}

/// A table's number in the process, and a block's in the table.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
struct Key {
    table: u64,
    block: u32,
}

/// What a [`BlockCache`] holds and how it has done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct CacheCounts {
    /// Bytes of memory of the blocks held.
    pub bytes: u64,
    /// Bytes it may hold.
    pub limit: u64,
    /// Reads of a block that found it.
    pub hits: u64,
    /// Reads of a block that had to go to the file.
    pub misses: u64,
}

/// Blocks in memory. Any number of threads may use it.
#[derive(Debug)]
pub struct BlockCache {
    shards: [Mutex<Shard>; SHARDS],
    /// Held while a block is loaded: those who ask for it meanwhile wait and find it.
    loads: [Mutex<()>; LOADS],
    /// Bytes that a shard may hold.
    limit: usize,
    next_table: AtomicU64,
    hasher: hashbrown::DefaultHashBuilder,
}

impl BlockCache {
    /// A cache of blocks that take at most `bytes` of memory.
    #[must_use]
    pub fn new(bytes: usize) -> Self {
        let hasher = hashbrown::DefaultHashBuilder::default();
        Self {
            shards: Default::default(),
            loads: [const { Mutex::new(()) }; LOADS],
            limit: bytes / SHARDS,
            next_table: AtomicU64::new(0),
            hasher,
        }
    }

    /// What it holds and how it has done since it was made.
    #[must_use]
    pub fn counts(&self) -> CacheCounts {
        let mut counts = CacheCounts { limit: (self.limit * SHARDS) as u64, ..CacheCounts::default() };
        for shard in &self.shards {
            let shard = shard.lock();
            counts.bytes += (shard.probation.bytes + shard.kept.bytes) as u64;
            counts.hits += shard.hits;
            counts.misses += shard.misses;
        }
        counts
    }

    /// A number for a table, never given out again.
    pub(super) fn table_number(&self) -> u64 {
        self.next_table.fetch_add(1, Ordering::Relaxed)
    }

    /// The block, from memory or from `load`.
    pub(super) fn get<E>(
        &self,
        table: u64,
        number: usize,
        pass: Pass,
        load: impl FnOnce() -> Result<Block, E>,
    ) -> Result<Arc<Block>, E> {
        let key = Key { table, block: number as u32 };
        let hash = self.hasher.hash_one(key) as usize;
        // The map takes the hash's other end.
        let shard = self.shards.get(hash >> 8 & (SHARDS - 1));
        if let Some(block) = shard.and_then(|shard| shard.lock().find(&key, pass)) {
            return Ok(block);
        }
        // Not under the shard's lock: others go on meanwhile, but for those who want the same block.
        let _alone = self.loads.get(hash >> 16 & (LOADS - 1)).map(Mutex::lock);
        if let Some(block) = shard.and_then(|shard| shard.lock().held(&key, pass)) {
            return Ok(block);
        }
        let block = Arc::new(load()?);
        if let Some(shard) = shard {
            shard.lock().put(key, &block, pass, self.limit);
        }
        Ok(block)
    }

    /// Gives back what a table holds that nobody reads any more.
    pub(super) fn forget(&self, table: u64) {
        for shard in &self.shards {
            shard.lock().forget(table);
        }
    }
}

/// Keys in the order they came, with what their blocks weigh.
#[derive(Debug, Default)]
struct Queue {
    keys: VecDeque<Key>,
    bytes: usize,
}

#[derive(Debug)]
struct Held {
    block: Arc<Block>,
    pass: Pass,
    /// Reads after the first.
    reuses: u8,
}

#[derive(Debug, Default)]
struct Shard {
    blocks: HashMap<Key, Held>,
    probation: Queue,
    kept: Queue,
    /// Keys that left probation unused, oldest first.
    gone: VecDeque<Key>,
    gone_keys: HashSet<Key>,
    hits: u64,
    misses: u64,
}

impl Shard {
    fn find(&mut self, key: &Key, pass: Pass) -> Option<Arc<Block>> {
        let found = self.held(key, pass);
        match found {
            Some(_) => self.hits += 1,
            None => self.misses += 1,
        }
        found
    }

    /// The block with this key, if it is here, without counting a hit or a miss.
    fn held(&mut self, key: &Key, pass: Pass) -> Option<Arc<Block>> {
        let held = self.blocks.get_mut(key)?;
        if held.pass != pass {
            held.pass = pass;
            held.reuses = (held.reuses + 1).min(MOST_REUSES);
        }
        Some(Arc::clone(&held.block))
    }

    fn put(&mut self, key: Key, block: &Arc<Block>, pass: Pass, limit: usize) {
        let memory = block.memory();
        if memory > limit || self.blocks.contains_key(&key) {
            return;
        }
        while self.probation.bytes + self.kept.bytes + memory > limit {
            if self.probation.bytes * PROBATION > limit || self.kept.keys.is_empty() {
                self.shrink_probation();
            } else {
                self.shrink_kept();
            }
        }
        let queue = if self.gone_keys.remove(&key) { &mut self.kept } else { &mut self.probation };
        queue.keys.push_back(key);
        queue.bytes += memory;
        self.blocks.insert(key, Held { block: Arc::clone(block), pass, reuses: 0 });
    }

    /// Decides on the block that has been on probation longest.
    fn shrink_probation(&mut self) {
        let Some(key) = self.probation.keys.pop_front() else { return };
        let Some(held) = self.blocks.get_mut(&key) else { return };
        let memory = held.block.memory();
        self.probation.bytes -= memory;
        if held.reuses > 0 {
            held.reuses = 0;
            self.kept.keys.push_back(key);
            self.kept.bytes += memory;
            return;
        }
        self.blocks.remove(&key);
        self.gone.push_back(key);
        self.gone_keys.insert(key);
        while self.gone.len() > self.blocks.len().max(FEWEST_GONE) {
            if let Some(oldest) = self.gone.pop_front() {
                self.gone_keys.remove(&oldest);
            }
        }
    }

    /// Looks at kept blocks in turn until one goes.
    fn shrink_kept(&mut self) {
        while let Some(key) = self.kept.keys.pop_front() {
            let Some(held) = self.blocks.get_mut(&key) else { continue };
            if held.reuses > 0 {
                held.reuses -= 1;
                self.kept.keys.push_back(key);
                continue;
            }
            self.kept.bytes -= held.block.memory();
            self.blocks.remove(&key);
            return;
        }
    }

    fn forget(&mut self, table: u64) {
        let Self { blocks, probation, kept, .. } = self;
        for queue in [probation, kept] {
            queue.keys.retain(|key| {
                let stays = key.table != table;
                if !stays && let Some(held) = blocks.remove(key) {
                    queue.bytes -= held.block.memory();
                }
                stays
            });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A block without pieces that weighs about `bytes`.
    fn block(bytes: usize) -> Result<Block, ()> {
        let mut encoded = vec![0; bytes];
        // Its directory has two bytes, no columns and no pieces; the rest is histogram columns of nobody.
        encoded[0] = 2;
        Ok(Block::parse(encoded).unwrap())
    }

    /// Reads `numbers` in a pass of their own; says which had to be loaded.
    fn read(cache: &BlockCache, table: u64, numbers: impl IntoIterator<Item = usize>) -> Vec<usize> {
        let (pass, mut loaded) = (Pass::new(), Vec::new());
        for number in numbers {
            let load = || {
                loaded.push(number);
                block(1 << 10)
            };
            cache.get(table, number, pass, load).unwrap();
        }
        loaded
    }

    #[test]
    fn a_block_is_loaded_once() {
        let cache = BlockCache::new(1 << 20);
        let table = cache.table_number();
        assert_eq!(read(&cache, table, 0..20).len(), 20);
        assert!(read(&cache, table, 0..20).is_empty());
        assert_eq!(read(&cache, cache.table_number(), 0..20).len(), 20, "another table's blocks are others");
        let counts = cache.counts();
        assert_eq!((counts.hits, counts.misses), (20, 40));
    }

    #[test]
    fn who_asks_for_a_block_that_is_being_loaded_waits_for_it() {
        let cache = BlockCache::new(1 << 20);
        let table = cache.table_number();
        let loads = AtomicU64::new(0);
        let all = std::sync::Barrier::new(4);
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    all.wait();
                    for number in 0..50 {
                        let load = || {
                            loads.fetch_add(1, Ordering::Relaxed);
                            std::thread::yield_now();
                            block(1 << 10)
                        };
                        cache.get(table, number, Pass::new(), load).unwrap();
                    }
                });
            }
        });
        assert_eq!(loads.into_inner(), 50);
    }

    #[test]
    fn its_memory_never_passes_the_limit() {
        let cache = BlockCache::new(100 << 10);
        let table = cache.table_number();
        for round in 0..5 {
            read(&cache, table, (0..1000).filter(|i| i % (round + 1) == 0));
            let counts = cache.counts();
            assert!(counts.bytes <= counts.limit && counts.bytes > counts.limit / 2, "{counts:?}");
        }
        let large = cache.get(table, 5000, Pass::new(), || block(1 << 20)).unwrap();
        assert!(large.memory() > 1 << 20 && cache.counts().bytes <= cache.counts().limit);
    }

    #[test]
    fn reading_everything_once_leaves_what_is_read_often() {
        // Large, so that chance spreads the blocks evenly: in a shard with half as many again the often read would be forgotten.
        const TIMES: usize = 40;
        let cache = BlockCache::new(TIMES * (400 << 10));
        let table = cache.table_number();
        for round in 1..4 {
            read(&cache, table, 0..TIMES * 40);
            read(&cache, table, TIMES * round * 1000..TIMES * (round * 1000 + 600));
        }
        assert!(read(&cache, table, 0..TIMES * 40).is_empty(), "after scans of many more blocks than fit");
    }

    #[test]
    fn many_reads_of_one_pass_are_one() {
        let cache = BlockCache::new(400 << 10);
        let table = cache.table_number();
        read(&cache, table, 0..40);
        read(&cache, table, 0..40);
        read(&cache, table, 500..900);
        let scan = (1000..1400).flat_map(|i| [i; 5]);
        assert_eq!(read(&cache, table, scan).len(), 400, "each is loaded once, for its neighbours too");
        assert!(read(&cache, table, 0..40).is_empty());
    }

    #[test]
    fn a_table_that_is_gone_holds_nothing() {
        let cache = BlockCache::new(1 << 20);
        let (gone, stays) = (cache.table_number(), cache.table_number());
        read(&cache, gone, 0..20);
        read(&cache, stays, 0..20);
        let before = cache.counts().bytes;
        cache.forget(gone);
        assert_eq!(cache.counts().bytes, before / 2);
        assert!(read(&cache, stays, 0..20).is_empty());
    }
}
