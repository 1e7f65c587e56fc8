//! Tables in, tables out: series by series, piece by piece.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    sync::Arc,
};

use super::{pace::Pace, windows::Calendar};
use crate::{
    model::{SeriesBuf, TimeRange},
    seams::append::SeriesId,
    sst::{SstError, Table, TableScan, TableWriter},
    storage::{
        discard::discard,
        error::{StorageError, Tried},
        layout,
        merge::merge_over,
        state::Shared,
        trim::{cut_before, take_until},
        version::Deletes,
        version::LiveTable,
    },
};

/// What a merge leaves out and where it cuts.
pub(super) struct Rules<'a> {
    pub(super) deletes: &'a Deletes,
    /// Samples before this time have expired.
    pub(super) cutoff: i64,
    /// Cuts the result at the borders of places; without one the result is a single table.
    pub(super) calendar: Option<Calendar>,
}

/// Merges `inputs` (lowest precedence first). The tables are synced, their names too.
///
/// In memory are one block and one piece of each input, and one open block of each output.
pub(super) fn merge(
    shared: &Shared,
    inputs: &[Arc<LiveTable>],
    rules: &Rules<'_>,
    windowed: bool,
) -> Result<Vec<Arc<LiveTable>>, StorageError> {
    let mut outputs = Outputs { shared, calendar: rules.calendar, writers: BTreeMap::new(), done: Vec::new() };
    let written = write(shared, inputs, rules, &mut outputs).and_then(|()| outputs.finish());
    let opened = written.and_then(|()| {
        let open = |(number, path): &(u64, PathBuf)| {
            let table = Arc::new(Table::open_with(&shared.disk, path, shared.blocks.clone())?);
            Ok(Arc::new(LiveTable { number: *number, table, windowed, settled: rules.deletes.newest }))
        };
        outputs.done.iter().map(open).collect()
    });
    opened.inspect_err(|_| {
        let open = outputs.writers.values().map(|output| &output.path);
        open.chain(outputs.done.iter().map(|(_, path)| path)).for_each(|path| discard(&*shared.disk, path));
    })
}

fn write(
    shared: &Shared,
    inputs: &[Arc<LiveTable>],
    rules: &Rules<'_>,
    outputs: &mut Outputs<'_>,
) -> Result<(), StorageError> {
    let mut pace = Pace::new(shared);
    let mut cursors = Vec::with_capacity(inputs.len());
    for live in inputs {
        let mut cursor = Cursor { shared, scan: live.table.scan(), id: None, piece: SeriesBuf::default(), live, rules };
        cursor.advance()?;
        cursors.push(cursor);
    }
    let (mut merged, mut part, mut scratch) = (SeriesBuf::default(), SeriesBuf::default(), SeriesBuf::default());
    while let Some(id) = cursors.iter().filter_map(|cursor| cursor.id).min() {
        // Up to here every input's piece reaches; later samples may have company in a piece not read yet.
        let ends = cursors.iter().filter(|c| c.id == Some(id) && c.scan.peek() == Some(id));
        let horizon = ends.filter_map(|c| c.piece.time_range()).map(|times| times.end).min().unwrap_or(i64::MAX);
        merged.clear();
        for cursor in cursors.iter_mut().filter(|cursor| cursor.id == Some(id)) {
            take_until(&mut cursor.piece, horizon, &mut part);
            merge_over(&mut merged, &part, &mut scratch);
            if cursor.piece.is_empty() {
                cursor.advance()?;
            }
        }
        outputs.append(id, &mut merged, &mut part)?;
        pace.step()?;
    }
    Ok(())
}

/// An input: the piece it is at, without what is deleted or expired.
struct Cursor<'a> {
    shared: &'a Shared,
    scan: TableScan<'a>,
    /// Whose the piece is; `None` at the end. The piece is never empty before.
    id: Option<SeriesId>,
    piece: SeriesBuf,
    live: &'a LiveTable,
    rules: &'a Rules<'a>,
}

impl Cursor<'_> {
    fn advance(&mut self) -> Result<(), StorageError> {
        loop {
            self.id = self.scan.next_piece(&mut self.piece).inspect_err(|error| self.note_damage(error))?;
            let Some(id) = self.id else { return Ok(()) };
            self.rules.deletes.hide(self.live.settled, id, &mut self.piece);
            cut_before(&mut self.piece, self.rules.cutoff);
            if !self.piece.is_empty() {
                return Ok(());
            }
        }
    }
}

impl Cursor<'_> {
    /// Remembers a table that can't be read through.
    fn note_damage(&self, error: &SstError) {
        if error.is_damage() && self.shared.unmergeable.lock().insert(self.live.number) {
            // The table itself knows its damaged blocks and reports them.
            tracing::error!(%error, "a damaged table stays out of merges");
        }
    }
}

struct Output {
    number: u64,
    path: PathBuf,
    writer: TableWriter,
}

/// The tables being written, by the start of their place.
struct Outputs<'a> {
    shared: &'a Shared,
    calendar: Option<Calendar>,
    writers: BTreeMap<i64, Output>,
    done: Vec<(u64, PathBuf)>,
}

impl Outputs<'_> {
    /// Hands out `samples`, emptying them, to the tables of their places.
    fn append(&mut self, id: SeriesId, samples: &mut SeriesBuf, part: &mut SeriesBuf) -> Result<(), StorageError> {
        while let Some(times) = samples.time_range() {
            let place = self.calendar.map_or(TimeRange::ALL, |calendar| calendar.place(times.start));
            take_until(samples, place.end, part);
            self.writer(place.start)?.append(id, part)?;
            // What was swapped out of `samples` must not come back into it.
            part.clear();
        }
        Ok(())
    }

    fn writer(&mut self, place: i64) -> Result<&mut TableWriter, StorageError> {
        use std::collections::btree_map::Entry;
        match self.writers.entry(place) {
            Entry::Occupied(output) => Ok(&mut output.into_mut().writer),
            Entry::Vacant(vacant) => {
                let (number, path) = self.shared.versions.new_file(layout::table);
                let writer = TableWriter::create(&self.shared.disk, &path)?;
                Ok(&mut vacant.insert(Output { number, path, writer }).writer)
            }
        }
    }

    fn finish(&mut self) -> Result<(), StorageError> {
        while let Some((_, output)) = self.writers.pop_first() {
            self.done.push((output.number, output.path));
            output.writer.finish()?;
        }
        if self.done.is_empty() {
            return Ok(());
        }
        self.shared.disk.sync_dir(Path::new(layout::TABLES)).tried("syncing the tables directory")
    }
}
