//! Which series the lists of label names and values are about.

use roaring::RoaringBitmap;

use super::{IndexError, postings::Postings};

/// The series that a list is about.
#[derive(Clone, Copy)]
pub enum Filter<'f> {
    /// All of the index.
    All,
    /// These.
    Only(&'f RoaringBitmap),
    /// Those that are present, as somebody else knows.
    Present(&'f dyn Presence),
}

/// Knows which series are present. Whether one is can mostly be told at a glance, and one present series shows a label; so a list
/// asks about a few series of each label, and only of labels that this doesn't show about all.
pub trait Presence {
    /// Whether a series surely is present. Asked while the index is locked, so it reads nothing from disk.
    fn is_sure(&self, id: u32) -> bool;

    /// Those of `ids` that are present.
    ///
    /// # Errors
    /// When that can't be read.
    fn present(&self, ids: &RoaringBitmap) -> Result<RoaringBitmap, IndexError>;

    /// How many series may be present, in all parts of the index. Asking at a glance more often costs more than looking at all.
    fn most(&self) -> u64;
}

/// Series that are glanced at for each label: the newest, which are most likely to be present, and the oldest.
const GLANCES: usize = 4;

/// The glances of a list, and what they left open.
pub(super) struct Glances<'p> {
    presence: &'p dyn Presence,
    ids: Vec<u32>,
    left: u64,
    /// Series of labels that no glance showed.
    open: RoaringBitmap,
}

impl<'p> Glances<'p> {
    pub(super) fn new(presence: &'p dyn Presence) -> Self {
        let left = presence.most().saturating_add(super::names::CHEAP);
        Self { presence, ids: Vec::new(), left, open: RoaringBitmap::new() }
    }

    /// Whether a glance at some of the ids shows one that is present.
    pub(super) fn show(&mut self, postings: Postings<'_>) -> Result<bool, IndexError> {
        // Mostly the newest tells.
        if postings.newest().is_some_and(|id| self.presence.is_sure(id)) {
            self.left = self.left.saturating_sub(1);
            return Ok(true);
        }
        self.ids.clear();
        let cost = postings.ends(GLANCES, &mut self.ids)?;
        let seen = self.ids.iter().rev().position(|id| self.presence.is_sure(*id));
        let asked = seen.map_or(self.ids.len(), |at| at + 1);
        self.left = self.left.saturating_sub(cost + asked as u64);
        Ok(seen.is_some())
    }

    /// Whether so many glances were cast that looking at all series is the better way.
    pub(super) fn are_spent(&self) -> bool {
        self.left == 0
    }

    /// Leaves it open which of these series are present.
    pub(super) fn leave_open(&mut self, ids: &RoaringBitmap) {
        self.open |= ids;
    }

    /// Of the series left open those that are present; `None` when none was left open.
    ///
    /// # Errors
    /// When that can't be read.
    pub(super) fn settle(self) -> Result<Option<RoaringBitmap>, IndexError> {
        if self.open.is_empty() { Ok(None) } else { self.presence.present(&self.open).map(Some) }
    }
}
