//! Part of the table behind one lock.

use super::{
    map::{GROUP, SeriesMap},
    series::Series,
};
use crate::{model::TimeRange, seams::append::SeriesId};

/// Samples whose series are touched before the first of them is applied. A series and its newest bytes lie anywhere in
/// memory, and waiting for them is most of the work: loads that don't depend on each other are waited for together.
const AHEAD: usize = 16;

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
    /// Applies samples by `push`, in order, and says what came of it. `place` gives the series and time of one.
    pub(super) fn apply<T>(
        &mut self,
        run: &[T],
        place: impl Fn(&T) -> (SeriesId, i64),
        push: impl Fn(&mut Series, &T),
    ) -> Change {
        let mut total = Change::default();
        let before = self.map.memory();
        let group = |sample: &T| place(sample).0.0 >> GROUP;
        for neighbours in run.chunk_by(|a, b| group(a) == group(b)) {
            let Some(first) = neighbours.first() else { continue };
            self.map.with_group(place(first).0.0, |group| {
                for part in neighbours.chunks(AHEAD) {
                    let known = part.iter().filter_map(|sample| group.get(place(sample).0.0));
                    std::hint::black_box(known.fold(0, |sum, series| sum ^ series.touch()));
                    for sample in part {
                        let (id, time) = place(sample);
                        let (series, new) = group.get_or_insert(id.0);
                        if new {
                            total.new.push(id.0);
                        }
                        if let Some(series) = series {
                            total.change(time, series, |series| push(series, sample));
                        }
                    }
                }
            });
        }
        total.bytes += self.map.memory() as isize - before as isize;
        total
    }
}

impl Change {
    /// Books what `change` does to a series.
    fn change(&mut self, time: i64, series: &mut Series, change: impl FnOnce(&mut Series)) {
        let before = (series.heap(), series.samples());
        change(series);
        self.bytes += series.heap() as isize - before.0 as isize;
        self.samples += series.samples() as isize - before.1 as isize;
        self.times = Some(match self.times {
            Some(times) => TimeRange::new(times.start.min(time), times.end.max(time)),
            None => TimeRange::new(time, time),
        });
    }
}
