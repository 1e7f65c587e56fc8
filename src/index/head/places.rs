//! From ids to places. Ids are given out in runs, so that those of a head lie densely but for some gaps.

use hashbrown::HashMap;

/// Ids that have their places in one piece.
const PIECE: usize = 64;
/// The place of an id that isn't here.
const NONE: u32 = u32::MAX;

/// Places by id.
#[derive(Debug, Default)]
pub(super) struct Places(HashMap<u32, Box<[u32; PIECE]>>);

impl Places {
    pub(super) fn insert(&mut self, id: u32, place: u32) {
        let (piece, at) = split(id);
        if let Some(slot) = self.0.entry(piece).or_insert_with(|| Box::new([NONE; PIECE])).get_mut(at) {
            *slot = place;
        }
    }

    pub(super) fn get(&self, id: u32) -> Option<u32> {
        let (piece, at) = split(id);
        self.0.get(&piece)?.get(at).copied().filter(|place| *place != NONE)
    }

    /// Bytes of memory they take, about.
    pub(super) fn bytes(&self) -> usize {
        self.0.len() * (PIECE * 4 + 24)
    }
}

fn split(id: u32) -> (u32, usize) {
    (id / PIECE as u32, id as usize % PIECE)
}
