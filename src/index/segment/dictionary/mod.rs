//! The dictionary of a segment: from label pairs to their postings, as an automaton that the `fst` crate builds.
//!
//! It is read in pages of 4 KiB, which share a cache with the pages of the series table, so that it takes no memory of its
//! own but 4 bytes a page: the checksum of each, made when the segment was opened and all of the dictionary was
//! [checked](check()). A page that reads otherwise later, because the disk lost it or somebody cut the file short, is damage
//! that a question meets. Nothing is mapped: a page that is gone can't end the process.
//!
//! - [`page`]: pages, and a [`Reader`] that has the last few of them at hand.
//! - [`node`]: one node of the automaton, its transitions, and looking up a key.
//! - [`keys`]: keys in order, of one dictionary or of several at once.
//! - [`check()`]: whether the automaton can be walked without surprise.

mod check;
mod keys;
mod node;
mod page;

pub(in crate::index) use self::keys::Union;
pub(super) use self::{
    check::check,
    keys::Keys,
    node::{Node, descend, find},
    page::{Checksums, Pages, Reader},
};

#[cfg(test)]
pub(super) use self::page::tests::InMemory;
