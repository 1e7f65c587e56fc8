//! Pushes of current values to a group, as a Pushgateway takes them.
//!
//! A group is named by the labels in the path of a push, its [`Grouping`]; they are labels of all its series, in place of those
//! in the body. A Pushgateway keeps the last push of each group and is scraped. Here each push is stored as samples of its
//! moment, and what a push takes out of the group gets a staleness marker, so that queries see it no more; nothing stored is
//! removed. All of it is one record of the log.
//!
//! | push | what gets a marker |
//! |---|---|
//! | [`How::Replace`] | series of the group that the body doesn't have |
//! | [`How::Add`] | of those, the ones with the metric name of a series in the body |
//! | [`How::Delete`] | all series of the group |
//!
//! # Which series are in a group
//!
//! Nothing is kept in memory about groups: what is stored says it. With each push a group gets the series
//! [`PUSH_TIME`], which has the labels of its grouping and no others, and all samples of a push have the same time. So a series is in the
//! group with whose push its newest sample came ([`members`]): it has the group's labels, and the group has a sample of
//! [`PUSH_TIME`] at that very millisecond. That tells it from series with the same labels that come another way, by remote write
//! say. Of two groups that were pushed in the same millisecond, the one with more labels has it. A series whose newest sample is a
//! staleness marker, or older than [`LOOK_BACK`], is in none.

mod grouping;
mod members;

pub use self::{
    grouping::Grouping,
    members::{Group, LookError, look},
};

use std::collections::HashSet;

use super::{ImportBuilder, ImportError};
use crate::{
    model::{Labels, METRIC_NAME, Metadata, MetricType, STALE_NAN},
    seams::{
        append::{Append, Batch, FloatSample},
        batch_builder::BatchError,
    },
};

/// When a group was last pushed to, in seconds.
pub const PUSH_TIME: &str = "push_time_seconds";
/// When a push to a group was last refused, in seconds; 0 for never.
pub const FAILURE_TIME: &str = "push_failure_time_seconds";
/// What both mean, in the words of a Pushgateway.
const HELP: [(&str, &str); 2] = [
    (PUSH_TIME, "Last Unix time when changing this group in the Pushgateway succeeded."),
    (FAILURE_TIME, "Last Unix time when changing this group in the Pushgateway failed."),
];
/// How old (ms) the newest sample of a series may be that is still in its group: a job that runs each month is looked back at.
pub const LOOK_BACK: i64 = 32 * 86_400_000;

/// What a push does to the series that its group has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum How {
    /// They are replaced.
    Replace,
    /// They are replaced metric by metric.
    Add,
    /// They go.
    Delete,
}

/// Whether a metric is written by the server and by no push.
#[must_use]
pub(super) fn is_ours(name: &str) -> bool {
    HELP.iter().any(|(ours, _)| *ours == name)
}

/// The labels of one of the group's own series.
fn own_series(grouping: &Grouping, name: &str) -> Labels {
    let mut labels = grouping.labels().builder();
    labels.set(METRIC_NAME, name);
    labels.build()
}

/// The values of the group's own series: when it was pushed to and when that failed, where one of both is `now`.
fn own_values(group: &Group, now: i64, failed: bool) -> [(&'static str, f64); 2] {
    let now = now as f64 / 1_000.0;
    let (push, failure) = if failed { (group.push_time, Some(now)) } else { (Some(now), group.failure_time) };
    [(PUSH_TIME, push.unwrap_or(0.0)), (FAILURE_TIME, failure.unwrap_or(0.0))]
}

/// The time (ms) of a push that comes at `now` and isn't later than `latest`: behind that of the push before, also where a clock went
/// back or two come in the same millisecond, so that a marker never takes the place of a sample.
#[must_use]
pub fn time(group: &Group, now: i64, latest: i64) -> i64 {
    group
        .newest
        .map(|newest| newest.saturating_add(1))
        .filter(|after| *after <= latest)
        .map_or(now, |after| now.max(after))
}

/// Adds to what a body held, whose samples are at `now`, what else the push writes.
///
/// # Errors
/// When there is no room, or the store can't answer; the inner `Err` says which rule of the store is broken.
pub fn finish(
    grouping: &Grouping,
    how: How,
    group: &Group,
    now: i64,
    builder: &mut ImportBuilder<'_>,
) -> Result<Result<(), String>, BatchError> {
    for labels in &group.gone {
        match builder.series_with(labels)? {
            Ok(series) => builder.sample(series, now, STALE_NAN)?,
            Err(why) => return Ok(Err(why)),
        }
    }
    if how == How::Delete {
        return Ok(Ok(()));
    }
    for ((name, value), (_, help)) in own_values(group, now, false).into_iter().zip(HELP) {
        match builder.series_with(&own_series(grouping, name))? {
            Ok(series) => builder.sample(series, now, value)?,
            Err(why) => return Ok(Err(why)),
        }
        builder.metadata(description(name, help))?;
    }
    Ok(Ok(()))
}

fn description(name: &str, help: &str) -> Metadata {
    Metadata { family: name.to_owned(), metric_type: MetricType::Gauge, help: help.to_owned(), ..Metadata::default() }
}

/// Stores that a push to the group was refused at `now`.
///
/// # Errors
/// When the store takes no writes.
pub async fn refused(grouping: &Grouping, group: &Group, now: i64, append: &dyn Append) -> Result<(), ImportError> {
    let mut batch = Batch::default();
    for ((name, value), (_, help)) in own_values(group, now, true).into_iter().zip(HELP) {
        let series = append.series(&own_series(grouping, name), None, &mut batch)?;
        batch.floats.push(FloatSample { series, time: now, value, start: 0 });
        batch.metadata.push(description(name, help));
    }
    Ok(append.append(batch).await?)
}

/// What a body has, for which the group is looked through.
#[derive(Debug, Default)]
pub struct Named {
    series: HashSet<Labels>,
    metrics: HashSet<String>,
}

impl FromIterator<Labels> for Named {
    fn from_iter<I: IntoIterator<Item = Labels>>(series: I) -> Self {
        let series: HashSet<Labels> = series.into_iter().collect();
        let metrics = series.iter().filter_map(|labels| labels.metric_name().map(str::to_owned)).collect();
        Self { series, metrics }
    }
}

#[cfg(test)]
mod tests;
