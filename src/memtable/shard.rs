//! Part of the table behind one lock.

use super::{map::SeriesMap, series::Series};
use crate::model::TimeRange;

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
    /// Applies `change` to series `id` and books into `total` what came of it.
    pub(super) fn change(&mut self, id: u32, time: i64, total: &mut Change, change: impl FnOnce(&mut Series)) {
        let mut grown = (0, 0);
        let map_before = self.map.memory();
        let new = self.map.with(id, |series| {
            let before = (series.heap(), series.samples());
            change(series);
            let after = (series.heap(), series.samples());
            grown = (after.0 as isize - before.0 as isize, after.1 as isize - before.1 as isize);
        });
        if new {
            total.new.push(id);
            total.bytes += self.map.memory() as isize - map_before as isize;
        }
        total.bytes += grown.0;
        total.samples += grown.1;
        total.times = Some(match total.times {
            Some(times) => TimeRange::new(times.start.min(time), times.end.max(time)),
            None => TimeRange::new(time, time),
        });
    }
}
