//! Metadata of metric families: for each family the distinct entries that senders gave, a bounded number in all.
//! `extras` brings them to disk.

use std::collections::BTreeMap;

use crate::model::Metadata;

/// Different senders may describe a family differently; so many descriptions of one are kept.
const PER_FAMILY: usize = 8;

pub(super) struct MetadataTable {
    families: BTreeMap<String, Vec<Metadata>>,
    entries: usize,
    capacity: usize,
    /// Grows with every change.
    changes: u64,
    /// What `changes` was when everything was last saved.
    saved: u64,
}

impl MetadataTable {
    pub(super) fn new(capacity: usize) -> Self {
        Self { families: BTreeMap::new(), entries: 0, capacity, changes: 0, saved: 0 }
    }

    /// Adds entries; the newest description of a family stands first. Beyond the capacity new families are not kept.
    pub(super) fn add(&mut self, metadata: impl IntoIterator<Item = Metadata>) {
        for entry in metadata {
            if let Some(known) = self.families.get_mut(&entry.family) {
                if known.first() == Some(&entry) {
                    continue;
                }
                self.entries -= known.len();
                known.retain(|k| *k != entry);
                known.insert(0, entry);
                known.truncate(PER_FAMILY);
                self.entries += known.len();
                self.changes += 1;
            } else if self.entries < self.capacity {
                self.entries += 1;
                self.changes += 1;
                self.families.insert(entry.family.clone(), vec![entry]);
            }
        }
    }

    /// All entries in the order in which adding them makes this table, and the state to pass to
    /// [`MetadataTable::saved`] once they are on disk; `None` when nothing changed since the last time.
    pub(super) fn unsaved(&self) -> (Vec<Metadata>, Option<u64>) {
        let entries = self.families.values().flat_map(|family| family.iter().rev()).cloned().collect();
        (entries, (self.changes != self.saved).then_some(self.changes))
    }

    /// Notes that everything up to `state` is on disk.
    pub(super) fn saved(&mut self, state: Option<u64>) {
        self.saved = state.unwrap_or(self.saved);
    }

    /// The entries of one family or of all, by family name.
    pub(super) fn get(&self, family: Option<&str>) -> Vec<Metadata> {
        match family {
            Some(family) => self.families.get(family).cloned().unwrap_or_default(),
            None => self.families.values().flatten().cloned().collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(family: &str, help: &str) -> Metadata {
        Metadata { family: family.to_owned(), help: help.to_owned(), ..Metadata::default() }
    }

    #[test]
    fn distinct_descriptions_are_kept_newest_first_within_the_bounds() {
        let mut table = MetadataTable::new(3);
        table.add([entry("a", "1"), entry("a", "2"), entry("a", "1"), entry("b", "1"), entry("c", "1")]);
        assert_eq!(table.get(Some("a")), [entry("a", "1"), entry("a", "2")]);
        assert_eq!(table.get(None).len(), 3, "c came when the table was full");
        table.add((0..100).map(|i| entry("a", &i.to_string())));
        assert_eq!(table.get(Some("a")).len(), PER_FAMILY);
        let (entries, state) = table.unsaved();
        let mut copy = MetadataTable::new(30);
        copy.add(entries);
        assert_eq!(copy.get(None), table.get(None), "saved and loaded it is the same");
        table.saved(state);
        assert_eq!(table.unsaved().1, None);
    }
}
