//! Looks through the stored series of a group.

use std::{collections::HashMap, sync::Arc};

use super::{FAILURE_TIME, Grouping, How, LOOK_BACK, Named, PUSH_TIME, own_series};
use crate::{
    model::{Labels, Matcher, SeriesBuf, TimeRange, is_stale},
    seams::{
        interrupt::{Interrupt, Interrupted},
        memory_budget::{ITEM_BYTES, MemoryBudget},
        select::{Select, SelectError, SelectHints},
    },
};

/// How many times of pushes are remembered with their groups.
const TIMES_KEPT: usize = 1_000;

/// What is stored of a group.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Group {
    /// The series that leave it.
    pub gone: Vec<Labels>,
    /// When it was last pushed to, in seconds.
    pub push_time: Option<f64>,
    /// When a push to it was last refused, in seconds.
    pub failure_time: Option<f64>,
    /// The time (ms) of the newest sample about that, also when it says that the group was deleted.
    pub newest: Option<i64>,
}

/// Why a group could not be looked through.
#[derive(Debug, thiserror::Error)]
pub enum LookError {
    /// The data can't be read.
    #[error(transparent)]
    Select(#[from] SelectError),
    /// Nobody waits for it any more.
    #[error(transparent)]
    Interrupted(#[from] Interrupted),
    /// Too many series leave the group at once.
    #[error("there is no memory for the series that leave the group; they have {0} bytes so far")]
    NoRoom(usize),
}

/// What is stored of the group, and which of its series leave it when a body with `named` is pushed at `now`.
///
/// # Errors
/// See [`LookError`].
pub fn look(
    select: &dyn Select,
    grouping: &Grouping,
    how: How,
    named: &Named,
    now: i64,
    budget: &dyn MemoryBudget,
    interrupt: &Arc<dyn Interrupt>,
) -> Result<Group, LookError> {
    let hints = SelectHints { interrupt: Some(Arc::clone(interrupt)), ..SelectHints::default() };
    let mut look = Look { select, grouping, hints, owners: HashMap::new(), samples: SeriesBuf::default() };
    let range = TimeRange::new(now.saturating_sub(LOOK_BACK), i64::MAX);
    let (push, failure) = (look.own(PUSH_TIME, range)?, look.own(FAILURE_TIME, range)?);
    let live = |sample: Option<(i64, f64)>| sample.map(|(_, value)| value).filter(|value| !is_stale(*value));
    let mut group = Group {
        gone: Vec::new(),
        push_time: live(push),
        failure_time: live(failure),
        newest: push.into_iter().chain(failure).map(|(time, _)| time).max(),
    };
    // A group that was never pushed to, or was deleted, has no series.
    if group.push_time.or(group.failure_time).is_none() {
        return Ok(group);
    }
    let own = [PUSH_TIME, FAILURE_TIME].map(|name| own_series(grouping, name));
    let set = look.select.select(&matchers(grouping.labels()), range, &look.hints)?;
    let mut bytes = 0;
    for i in 0..set.len() {
        interrupt.check()?;
        let labels = set.labels(i)?;
        let stays = match how {
            How::Replace => own.contains(&labels) || named.series.contains(&labels),
            How::Add => {
                own.contains(&labels)
                    || named.series.contains(&labels)
                    || !labels.metric_name().is_some_and(|name| named.metrics.contains(name))
            }
            How::Delete => false,
        };
        if stays {
            continue;
        }
        set.read_newest(i, &mut look.samples)?;
        let Some(time) = newest_live(&look.samples) else { continue };
        if look.owns(time, &labels)? {
            bytes += labels.as_bytes().len() + ITEM_BYTES;
            if !budget.take(labels.as_bytes().len() + ITEM_BYTES) {
                return Err(LookError::NoRoom(bytes));
            }
            group.gone.push(labels);
        }
    }
    Ok(group)
}

/// A look at one group.
struct Look<'l> {
    select: &'l dyn Select,
    grouping: &'l Grouping,
    hints: SelectHints,
    /// The groups with at least these labels that were pushed to at a time.
    owners: HashMap<i64, Vec<Labels>>,
    samples: SeriesBuf,
}

impl Look<'_> {
    /// The newest sample of one of the group's own series.
    fn own(&mut self, name: &str, range: TimeRange) -> Result<Option<(i64, f64)>, LookError> {
        let wanted = own_series(self.grouping, name);
        let set = self.select.select(&matchers(&wanted), range, &self.hints)?;
        for i in 0..set.len() {
            self.hints.interrupt().check()?;
            if set.labels(i)? == wanted {
                set.read_newest(i, &mut self.samples)?;
                return Ok(self.samples.times.last().copied().zip(self.samples.values.last().copied()));
            }
        }
        Ok(None)
    }

    /// Whether a series whose newest sample is at `time` is in the group, and in none with more labels.
    fn owns(&mut self, time: i64, labels: &Labels) -> Result<bool, LookError> {
        if !self.owners.contains_key(&time) {
            let owners = self.pushed_at(time)?;
            if self.owners.len() >= TIMES_KEPT {
                self.owners.clear();
            }
            self.owners.insert(time, owners);
        }
        let owners = self.owners.get(&time).map(Vec::as_slice).unwrap_or_default();
        let has = |group: &Labels| group.iter().all(|(name, value)| labels.get(name) == Some(value));
        let ours = self.grouping.labels();
        Ok(owners.contains(ours) && !owners.iter().any(|group| group != ours && has(group)))
    }

    /// The groups that were pushed to at `time` and have at least the labels of this one.
    fn pushed_at(&mut self, time: i64) -> Result<Vec<Labels>, LookError> {
        let of_all = own_series(self.grouping, PUSH_TIME);
        let set = self.select.select(&matchers(&of_all), TimeRange::new(time, time), &self.hints)?;
        let mut groups = Vec::new();
        for i in 0..set.len() {
            self.hints.interrupt().check()?;
            set.read(i, &mut self.samples)?;
            if self.samples.values.last().is_some_and(|value| !is_stale(*value)) {
                groups.push(set.labels(i)?.without_metric_name());
            }
        }
        Ok(groups)
    }
}

/// Matchers of series that have these labels, and perhaps others.
fn matchers(labels: &Labels) -> Vec<Matcher> {
    labels.iter().map(|(name, value)| Matcher::equal(name, value)).collect()
}

/// The time of the newest sample, unless that is a staleness marker.
fn newest_live(samples: &SeriesBuf) -> Option<i64> {
    let float = samples.times.last().copied().zip(samples.values.last().map(|value| is_stale(*value)));
    let histogram = samples.histograms.last().map(|(time, histogram)| (*time, histogram.is_stale()));
    float.into_iter().chain(histogram).max_by_key(|(time, _)| *time).filter(|(_, stale)| !stale).map(|(time, _)| time)
}
