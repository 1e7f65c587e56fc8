//! Pages of series tables that stay in memory after they were unpacked, and pages of dictionaries, of all segments, within
//! one budget.
//!
//! Pages stand in a queue. The one in front goes when room is needed, unless it was asked for again since it last stood
//! there: then it goes to the back. So a walk through everything leaves what lookups come back to.

use std::{
    collections::VecDeque,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use hashbrown::HashMap;
use parking_lot::Mutex;

use super::page::Page;

/// Memory for pages unless something else is said (bytes).
const DEFAULT_BYTES: usize = 4 << 20;

/// What a page of a dictionary takes besides its bytes, with its places here.
const DICTIONARY_PAGE_BYTES: usize = 100;

/// Unpacked pages. Any number of threads may use it.
pub struct PageCache {
    state: Mutex<State>,
    limit: usize,
    next_segment: AtomicU64,
}

/// A segment's number in the process, what a page is of, and its number there.
type Key = (u64, Of, usize);

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Of {
    Series,
    Dictionary,
}

/// A page.
#[derive(Clone)]
enum Kept {
    Series(Arc<Page>),
    Dictionary(Arc<[u8]>),
}

impl Kept {
    fn memory(&self) -> usize {
        match self {
            Self::Series(page) => page.memory(),
            Self::Dictionary(bytes) => bytes.len() + DICTIONARY_PAGE_BYTES,
        }
    }
}

#[derive(Default)]
struct State {
    pages: HashMap<Key, Held>,
    queue: VecDeque<Key>,
    bytes: usize,
}

struct Held {
    page: Kept,
    wanted: bool,
}

impl Default for PageCache {
    fn default() -> Self {
        Self::new(DEFAULT_BYTES)
    }
}

impl PageCache {
    /// A cache of pages that take at most `bytes` of memory.
    #[must_use]
    pub fn new(bytes: usize) -> Self {
        Self { state: Mutex::default(), limit: bytes, next_segment: AtomicU64::new(0) }
    }

    /// Bytes of memory that its pages take.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.state.lock().bytes
    }

    /// A number for a segment, never given out again.
    pub(super) fn segment_number(&self) -> u64 {
        self.next_segment.fetch_add(1, Ordering::Relaxed)
    }

    pub(super) fn get(&self, segment: u64, number: usize) -> Option<Arc<Page>> {
        match self.kept((segment, Of::Series, number))? {
            Kept::Series(page) => Some(page),
            Kept::Dictionary(_) => None,
        }
    }

    /// A page of a dictionary.
    pub(super) fn get_dictionary(&self, segment: u64, number: usize) -> Option<Arc<[u8]>> {
        match self.kept((segment, Of::Dictionary, number))? {
            Kept::Dictionary(bytes) => Some(bytes),
            Kept::Series(_) => None,
        }
    }

    fn kept(&self, key: Key) -> Option<Kept> {
        let mut state = self.state.lock();
        let held = state.pages.get_mut(&key)?;
        held.wanted = true;
        Some(held.page.clone())
    }

    /// Whether a page is here; that doesn't count as asking for it.
    pub(super) fn has(&self, segment: u64, number: usize) -> bool {
        self.state.lock().pages.contains_key(&(segment, Of::Series, number))
    }

    pub(super) fn put(&self, segment: u64, number: usize, page: &Arc<Page>) {
        self.keep((segment, Of::Series, number), Kept::Series(Arc::clone(page)));
    }

    /// Takes a page of a dictionary in.
    pub(super) fn put_dictionary(&self, segment: u64, number: usize, bytes: &Arc<[u8]>) {
        self.keep((segment, Of::Dictionary, number), Kept::Dictionary(Arc::clone(bytes)));
    }

    fn keep(&self, key: Key, page: Kept) {
        let memory = page.memory();
        let mut state = self.state.lock();
        if memory > self.limit || state.pages.contains_key(&key) {
            return;
        }
        while state.bytes + memory > self.limit && state.make_room() {}
        state.pages.insert(key, Held { page, wanted: false });
        state.queue.push_back(key);
        state.bytes += memory;
    }

    /// Gives back what a segment holds that nobody reads any more.
    pub(super) fn forget(&self, segment: u64) {
        let mut state = self.state.lock();
        let State { pages, queue, bytes } = &mut *state;
        queue.retain(|key| key.0 != segment);
        pages.retain(|key, held| {
            let stays = key.0 != segment;
            if !stays {
                *bytes -= held.page.memory();
            }
            stays
        });
    }
}

impl State {
    /// Decides on the page in front; says whether there was one.
    fn make_room(&mut self) -> bool {
        let Some(key) = self.queue.pop_front() else { return false };
        if let Some(held) = self.pages.get_mut(&key) {
            if held.wanted {
                held.wanted = false;
                self.queue.push_back(key);
            } else {
                self.bytes -= held.page.memory();
                self.pages.remove(&key);
            }
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{index::segment::page::PageBuilder, model::Labels};

    fn page(id: u32) -> Arc<Page> {
        let mut builder = PageBuilder::default();
        let labels = Labels::from_pairs([("text", "x".repeat(1000))]).unwrap();
        builder.add(id, labels.as_bytes()).unwrap();
        Arc::new(builder.finish())
    }

    #[test]
    fn pages_asked_for_again_outlast_a_walk_and_the_limit_holds() {
        let cache = PageCache::new(40 << 10);
        let (segment, other) = (cache.segment_number(), cache.segment_number());
        cache.put(segment, 0, &page(0));
        for n in 1..500 {
            cache.put(segment, n, &page(n as u32));
            assert!(cache.get(segment, 0).is_some_and(|page| page.ids() == [0]));
            assert!(cache.bytes() <= 40 << 10);
        }
        assert!(cache.get(segment, 1).is_none() && cache.get(segment, 499).is_some());
        assert!(!cache.has(segment, 1) && cache.has(segment, 499));
        cache.put(other, 7, &page(7));
        cache.forget(segment);
        assert!(cache.get(segment, 499).is_none() && cache.get(other, 7).is_some());
        assert_eq!(cache.bytes(), page(7).memory());
        cache.forget(other);
        assert_eq!(cache.bytes(), 0);
    }
}
