//! Decoded pages that stay in memory: a sender's series lie next to each other, so the next lookup is mostly in one.

use std::sync::Arc;

use parking_lot::Mutex;

use super::pages::Page;

/// How many pages stay.
const PAGES: usize = 4;

/// The last pages, each in the one place that its number allows.
#[derive(Default)]
pub(super) struct PageCache(Mutex<[Option<Cached>; PAGES]>);

struct Cached {
    number: usize,
    page: Arc<Page>,
}

impl PageCache {
    pub(super) fn get(&self, number: usize) -> Option<Arc<Page>> {
        let places = self.0.lock();
        let cached = places.get(number % PAGES)?.as_ref()?;
        (cached.number == number).then(|| Arc::clone(&cached.page))
    }

    pub(super) fn put(&self, number: usize, page: &Arc<Page>) {
        if let Some(place) = self.0.lock().get_mut(number % PAGES) {
            *place = Some(Cached { number, page: Arc::clone(page) });
        }
    }
}
