//! Part of the table behind one lock.

use super::{map::SeriesMap, series::Series};
use crate::{model::TimeRange, seams::append::SeriesId};

/// Series and what they add up to.
#[derive(Debug, Default)]
pub(super) struct Shard {
    pub(super) map: SeriesMap,
}

/// What a change of a shard adds to the table's numbers.
#[derive(Debug, Default)]
pub(super) struct Change {
    pub(super) bytes: isize,
    pub(super) samples: isize,
    pub(super) times: Option<TimeRange>,
    pub(super) new: Vec<u32>,
}

impl Shard {
    /// Appends the series that samples of these series belong to, where they are here. `run` are neighbours: ids of one group.
    pub(super) fn known<'a>(&'a self, mut run: impl Iterator<Item = SeriesId>, known: &mut Vec<&'a Series>) {
        let Some(first) = run.next() else { return };
        let Some(group) = self.map.group(first.0) else { return };
        known.extend([first].into_iter().chain(run).filter_map(|id| group.get(id.0)));
    }

    /// Applies samples of neighbours by `push`, in order, and adds what came of it to `total`. `place` gives the series and
    /// time of one.
    pub(super) fn apply<T>(
        &mut self,
        run: &[T],
        place: impl Fn(&T) -> (SeriesId, i64),
        push: impl Fn(&mut Series, &T),
        total: &mut Change,
    ) {
        let Some(first) = run.first() else { return };
        let before = self.map.memory();
        self.map.with_group(place(first).0.0, |group| {
            // An import has many samples of a series in a row.
            for same in run.chunk_by(|a, b| place(a).0 == place(b).0) {
                let Some((id, time)) = same.first().map(&place) else { continue };
                let (series, new) = group.get_or_insert(id.0, time);
                if new {
                    total.new.push(id.0);
                }
                if let Some(series) = series {
                    let times = same.iter().fold(TimeRange::new(time, time), |range, sample| {
                        let (_, time) = place(sample);
                        TimeRange::new(range.start.min(time), range.end.max(time))
                    });
                    total.change(times, series, |series| same.iter().for_each(|sample| push(series, sample)));
                }
            }
        });
        total.bytes += self.map.memory() as isize - before as isize;
    }
}

impl Change {
    /// Books what `change` does to a series.
    fn change(&mut self, times: TimeRange, series: &mut Series, change: impl FnOnce(&mut Series)) {
        let before = (series.heap(), series.samples());
        change(series);
        self.bytes += series.heap() as isize - before.0 as isize;
        self.samples += series.samples() as isize - before.1 as isize;
        self.times = TimeRange::around(self.times, Some(times));
    }
}
