//! What is likely to come next: senders repeat their series in the same order, scrape after scrape.

use super::append::{Append, Fingerprint, SeriesCursor, SeriesId};

/// Series fetched at once when all guesses have been right.
const MOST: usize = 64;
/// One wrong guess in this many is fine: each costs a hash of the wrong bytes.
const RARELY: usize = 16;

/// The known series, and above all those that came behind the last one found when they were first sent.
///
/// Fetches more at a time the longer it is right, and gives up where series come in another order.
#[derive(Default)]
pub(crate) struct Prefetch {
    /// Behind the series found or fetched last.
    cursor: SeriesCursor,
    /// Those fetched, the next one at position `at`.
    fetched: Vec<(Fingerprint, SeriesId)>,
    at: usize,
    right: usize,
    wrong: usize,
}

impl Prefetch {
    /// The fingerprint that is likely to come next. To be followed by [`Prefetch::find`].
    #[inline]
    pub(crate) fn likely(&mut self, append: &dyn Append) -> Option<Fingerprint> {
        if self.at == self.fetched.len() {
            if self.wrong * RARELY > self.right + RARELY {
                return None;
            }
            let more = (2 * self.fetched.len()).clamp(1, MOST);
            self.fetched.clear();
            self.at = 0;
            append.followers(&mut self.cursor, more, &mut self.fetched);
        }
        self.fetched.get(self.at).map(|(fingerprint, _)| *fingerprint)
    }

    /// The series with this fingerprint, if it is known.
    #[inline]
    pub(crate) fn find(&mut self, append: &dyn Append, fingerprint: Fingerprint) -> Option<SeriesId> {
        self.foreseen(fingerprint).or_else(|| append.known(fingerprint, &mut self.cursor))
    }

    #[inline]
    fn foreseen(&mut self, fingerprint: Fingerprint) -> Option<SeriesId> {
        match self.fetched.get(self.at) {
            Some((likely, series)) if *likely == fingerprint => {
                self.at += 1;
                self.right += 1;
                Some(*series)
            }
            None => None,
            Some(_) => {
                self.wrong += 1;
                self.fetched.clear();
                self.at = 0;
                None
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::seams::append::{Batch, fake::MemoryAppend};

    /// A store that knows the series 0 to 999 in this order.
    fn store() -> MemoryAppend {
        let append = MemoryAppend::default();
        let fingerprints = (0..1000).map(|i| (Fingerprint::from(i), SeriesId(i))).collect();
        drop(append.append(Batch { fingerprints, ..Batch::default() }));
        append
    }

    #[test]
    fn what_comes_in_order_is_all_foreseen() {
        let (append, mut prefetch) = (store(), Prefetch::default());
        for i in 0..1000u32 {
            assert_eq!(prefetch.likely(&append), Some(i.into()));
            assert_eq!(prefetch.foreseen(i.into()), Some(SeriesId(i)));
        }
        assert_eq!(prefetch.likely(&append), None);
        assert!(prefetch.fetched.capacity() <= MOST);
    }

    #[test]
    fn guessing_goes_on_behind_one_that_is_left_out_and_ends_where_there_is_no_order() {
        let (append, mut prefetch) = (store(), Prefetch::default());
        let mut guesses = |order: &mut dyn Iterator<Item = u32>| {
            let asked = |i: u32| {
                let guessed = prefetch.likely(&append).is_some();
                assert_eq!(prefetch.find(&append, i.into()), Some(SeriesId(i)));
                guessed
            };
            order.map(asked).filter(|guessed| *guessed).count()
        };
        assert!(guesses(&mut (1..1000).filter(|i| i % 100 != 50)) > 950);
        assert!(guesses(&mut (0..999).rev()) < 100);
    }
}
