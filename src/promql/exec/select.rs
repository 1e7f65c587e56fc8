//! Instant vector selectors.

use std::sync::Arc;

use super::{
    context::Context,
    hints,
    operator::{Operator, RowError, Scratch, Series},
    profile::SelectorCost,
    sample_count::{SampleCount, size},
    selectors::read_range,
    stats::drop_buckets,
};
use crate::{
    model::{SeriesBuf, TimeRange, is_stale},
    promql::{
        QueryError,
        data::{
            grid::{Grid, Shift},
            row::Row,
        },
        plan,
    },
    seams::select::{Projection, ProjectionVisitor, SelectHints, SeriesSet},
};

/// Finds the series of a selector that may have samples in `range`.
pub(super) fn find(
    cx: &Context<'_>,
    select: &plan::Select,
    range: TimeRange,
    step: i64,
    function: &str,
) -> Result<Arc<dyn SeriesSet>, QueryError> {
    let known = select.id.filter(|_| cx.settings.optimise.share).and_then(|id| cx.memo.set(id, range));
    let set = match known {
        Some(set) => set,
        None => {
            let hints = SelectHints {
                step,
                function: function.to_owned(),
                sorted: None,
                interrupt: Some(cx.budget.interrupt()),
            };
            cx.select.select(&select.matchers, range, &hints)?
        }
    };
    cx.budget.selected(set.len(), &select.matchers);
    Ok(set)
}

/// For each step the newest sample no older than the lookback, unless it is a staleness marker.
pub(super) struct Selector<'c> {
    cx: &'c Context<'c>,
    set: Arc<dyn SeriesSet>,
    reader: Option<Arc<SelectorCost>>,
    grid: Grid,
    shift: Shift,
    one_name: bool,
    give: Give,
    stats_only: bool,
}

/// What a selector gives of its samples.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Give {
    Values,
    /// Their times in seconds.
    Times,
    /// Their times in seconds; a histogram among them is an error.
    FloatTimes,
    /// Their start times in seconds.
    Starts,
}

impl<'c> Selector<'c> {
    pub(super) fn new(
        cx: &'c Context<'c>,
        select: &plan::Select,
        grid: Grid,
        function: &str,
        give: Give,
    ) -> Result<Self, QueryError> {
        let hint_step = if grid.instant { 0 } else { grid.step };
        let set = find(cx, select, read_range(select, None, cx.settings.lookback, &grid), hint_step, function)?;
        let reader = cx.profile.reader(select);
        reader.iter().for_each(|reader| reader.found(set.len()));
        Ok(Self {
            cx,
            set,
            reader,
            grid,
            shift: match select.shift.on(grid) {
                // Prometheus forgets the offset here, though not when it fetches samples.
                shift if shift.at.is_some() && matches!(give, Give::Times | Give::Starts) => {
                    Shift { offset: 0, ..shift }
                }
                shift => shift,
            },
            one_name: select.metric_name().is_some(),
            give,
            stats_only: select.stats_only,
        })
    }

    /// What is given instead of the value of a sample.
    fn instead(&self, time: i64, start: impl FnOnce() -> i64) -> Option<f64> {
        match self.give {
            Give::Values => None,
            Give::Times | Give::FloatTimes => Some(seconds(time)),
            Give::Starts => Some(seconds(start())),
        }
    }

    fn fill(&self, buffer: &SeriesBuf, out: &mut Row) {
        let mut floats = LatestSample::new(&buffer.times);
        for step in 0..self.grid.steps {
            let now = self.shift.apply(self.grid.time(step));
            if let Some((i, time)) = floats.latest(now, self.cx.settings.lookback)
                && let Some(value) = buffer.values.get(i)
                && !is_stale(*value)
            {
                out.set(step, self.instead(time, || buffer.float_starts.get(i)).unwrap_or(*value));
            }
        }
    }

    /// The general way, for series that hold histograms too: whichever sample is newer counts.
    fn fill_mixed(&self, buffer: &SeriesBuf, out: &mut Row) {
        let times: Vec<i64> = buffer.histograms.iter().map(|h| h.0).collect();
        let (mut floats, mut histograms) = (LatestSample::new(&buffer.times), LatestSample::new(&times));
        for step in 0..self.grid.steps {
            let now = self.shift.apply(self.grid.time(step));
            let float = floats.latest(now, self.cx.settings.lookback);
            let histogram = histograms.latest(now, self.cx.settings.lookback);
            let histogram_is_newer = histogram.map(|h| h.1) > float.map(|f| f.1);
            if histogram_is_newer {
                if let Some((i, time)) = histogram
                    && let Some((_, sample)) = buffer.histograms.get(i)
                    && !sample.is_stale()
                {
                    match self.instead(time, || buffer.histogram_starts.get(i)) {
                        Some(number) => out.set(step, number),
                        None => out.set_histogram(step, Arc::clone(sample)),
                    }
                }
            } else if let Some((i, time)) = float
                && let Some(value) = buffer.values.get(i)
                && !is_stale(*value)
            {
                out.set(step, self.instead(time, || buffer.float_starts.get(i)).unwrap_or(*value));
            }
        }
    }
}

/// A time in ms as PromQL's seconds.
pub(super) fn seconds(ms: i64) -> f64 {
    ms as f64 / 1000.0
}

/// Walks ascending times forwards.
struct LatestSample<'t> {
    times: &'t [i64],
    /// Count of times passed.
    passed: usize,
}

impl<'t> LatestSample<'t> {
    fn new(times: &'t [i64]) -> Self {
        Self { times, passed: 0 }
    }

    /// The newest time in `(now - lookback, now]` and its index. `now` must not descend between calls.
    fn latest(&mut self, now: i64, lookback: i64) -> Option<(usize, i64)> {
        while self.times.get(self.passed).is_some_and(|t| *t <= now) {
            self.passed += 1;
        }
        let i = self.passed.checked_sub(1)?;
        let time = *self.times.get(i)?;
        (time > now.saturating_sub(lookback)).then_some((i, time))
    }
}

impl Operator for Selector<'_> {
    fn len(&self) -> usize {
        self.set.len()
    }

    fn series(&self, i: usize) -> Result<Series, QueryError> {
        Ok(Series::new(self.set.labels(i)?))
    }

    fn each_projection(
        &self,
        projection: &Projection<'_>,
        visit: &mut ProjectionVisitor<'_>,
    ) -> Result<(), QueryError> {
        Ok(self.set.each_projection(projection, visit)?)
    }

    fn row(&self, i: usize, scratch: &mut Scratch, out: &mut Row) -> Result<(), RowError> {
        let mut buffer = scratch.take_buffer();
        if self.grid.steps == 1 && self.give != Give::Starts {
            self.set.read_newest(i, &mut buffer)?;
        } else {
            self.set.read(i, &mut buffer)?;
        }
        if self.give != Give::Starts {
            buffer.forget_starts();
        }
        self.cx.budget.read(&buffer)?;
        self.reader.iter().for_each(|reader| reader.read(buffer.len()));
        hints::settle(&mut buffer);
        if self.give == Give::FloatTimes && !buffer.histograms.is_empty() {
            let labels = self.set.labels(i)?;
            let text = format!("this should be an info metric, with float samples: {labels}");
            return Err(QueryError::Execution(text).into());
        }
        if self.stats_only {
            drop_buckets(&mut buffer);
        }
        out.reset(self.grid.steps);
        if buffer.histograms.is_empty() {
            self.fill(&buffer, out);
        } else {
            self.fill_mixed(&buffer, out);
        }
        let mut count = SampleCount::new(&self.cx.profile, &self.grid);
        if count.is_plain() && !out.has_histograms() {
            count.all(out.present.count(), out.present.count());
        } else {
            let size = |step| out.histogram(step).map_or(1, |histogram| size(histogram));
            out.present.ones().for_each(|step| count.step(step, size(step), size(step)));
        }
        drop(count);
        scratch.give_buffer(buffer);
        Ok(())
    }

    fn one_name(&self) -> bool {
        self.one_name
    }
}
