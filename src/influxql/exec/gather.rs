//! Which tag sets a plan's sources have.

use std::{
    collections::{BTreeSet, HashMap},
    sync::Arc,
};

use super::{
    Context, Cost, Room, calls,
    inner::{InnerSeries, Rows},
    joined::{Parts, joined},
};
use crate::{
    influxql::{
        ast::BinaryOp,
        error::QueryError,
        plan::{Cell, Measurement, Plan, Reading, Source},
        value::Value,
    },
    model::{Labels, METRIC_NAME, MatchOp, Matcher, TimeRange},
    seams::{
        memory_budget::ITEM_BYTES,
        select::{SelectHints, SeriesSet},
    },
};

/// ns in a ms.
pub(super) const NS: i64 = 1_000_000;

/// How a source gives what a plan asks.
#[derive(Debug)]
pub(super) struct Bound {
    /// Those of the plan's aux slots, then its drivers.
    pub(super) readings: Vec<Reading>,
    /// Those of the names of its condition.
    pub(super) named: Vec<Reading>,
    /// The parts of the condition that the index didn't see to.
    pub(super) condition: Option<Cell>,
    /// The fields that are read, as positions in the measurement's list.
    pub(super) fields: Vec<usize>,
}

/// A tag set of a source.
pub(super) struct TagSet {
    pub(super) name: Arc<str>,
    /// The values of the tags that series are told apart by.
    pub(super) group: Vec<Arc<str>>,
    pub(super) bound: Arc<Bound>,
    pub(super) data: Data,
}

/// A field's series: the field's position in [`Bound::fields`], and where it is in what was found.
type FieldSeries = (usize, Arc<dyn SeriesSet>, usize);

/// Where its points are.
pub(super) enum Data {
    /// In series of the store, one for each field that it has.
    Stored {
        tags: Labels,
        series: Vec<FieldSeries>,
        /// About how many samples they have together, for a plan of raw rows.
        samples: u64,
    },
    /// In rows of another query.
    Rows(Arc<InnerSeries>),
    /// In rows of several other queries.
    Joined(Parts),
}

impl TagSet {
    /// Its rows, where they are those of another query.
    pub(super) fn rows(&self) -> Option<&InnerSeries> {
        match &self.data {
            Data::Rows(rows) => Some(rows),
            _ => None,
        }
    }

    /// What sorts it into the answer's series.
    pub(super) fn key(&self) -> (&str, &[Arc<str>]) {
        (&self.name, &self.group)
    }
}

/// All tag sets of all sources.
pub(super) fn gather(plan: &Plan, context: &Context<'_>, room: &Room<'_>) -> Result<Vec<TagSet>, QueryError> {
    let mut sets = Vec::new();
    let mut of_queries = Vec::new();
    for source in &plan.sources {
        let refs = plan.aux.iter().chain(&plan.drivers);
        let readings: Vec<Reading> = refs.map(|of| source.reading(of)).collect();
        let named: Vec<Reading> = plan.named.iter().map(|of| source.reading_in_condition(of)).collect();
        match source {
            Source::Measurement(measurement) => {
                stored(plan, measurement, (readings, named), &[], (context, room), &mut sets)?;
            }
            Source::Query(query) => {
                let condition = plan.condition.clone().filter(|_| !plan.joins());
                let bound = Arc::new(Bound { readings, named, condition, fields: Vec::new() });
                let mut rows = Rows::new(query, context.room());
                super::run(query, context, &mut rows)?;
                let backwards = rows.is_descending();
                if backwards {
                    rows.series.reverse();
                }
                for mut series in rows.series {
                    if backwards {
                        series.reverse();
                    }
                    let tag = |name: &String| series.tag(name).unwrap_or_default();
                    sets.push(TagSet {
                        name: series.name.clone(),
                        group: plan.group.iter().map(tag).collect(),
                        bound: Arc::clone(&bound),
                        data: Data::Rows(Arc::new(series)),
                    });
                }
                if plan.joins() {
                    of_queries.push(std::mem::take(&mut sets));
                }
            }
        }
    }
    if plan.joins() { joined(plan, of_queries, (context, room)) } else { Ok(sets) }
}

/// The tag sets of measurements that belong to the same series of the answer as `like`, of a plan that asks for a shorter time.
pub(super) fn again(
    plan: &Plan,
    like: &TagSet,
    (context, room): (&Context<'_>, &Room<'_>),
) -> Result<Vec<TagSet>, QueryError> {
    let mut sets = Vec::new();
    for source in &plan.sources {
        let Source::Measurement(measurement) = source else { continue };
        if measurement.name != like.name {
            continue;
        }
        let group = plan.group.iter().zip(&like.group).filter(|(tag, _)| is_tag(measurement, tag));
        let group: Vec<Matcher> = group.map(|(tag, value)| Matcher::equal(tag.as_str(), Arc::clone(value))).collect();
        let readings = plan.aux.iter().chain(&plan.drivers).map(|of| source.reading(of)).collect();
        let named = plan.named.iter().map(|of| source.reading_in_condition(of)).collect();
        stored(plan, measurement, (readings, named), &group, (context, room), &mut sets)?;
    }
    sets.retain(|set| set.group == like.group);
    Ok(sets)
}

/// What a measurement's points are asked for by.
struct Asked {
    bound: Arc<Bound>,
    matchers: Vec<Matcher>,
    range: TimeRange,
}

/// What is asked of the store; `None` where no field is read.
fn ask(
    plan: &Plan,
    measurement: &Measurement,
    (readings, named): (Vec<Reading>, Vec<Reading>),
    also: &[Matcher],
) -> Option<Asked> {
    let field = |reading: &Reading| match reading {
        Reading::Field { index, .. } => Some(*index),
        _ => None,
    };
    // Rows come of the fields of columns and calls, not of those that conditions look at.
    let counts_tags = plan.counts_tags();
    if readings.iter().all(|reading| field(reading).is_none()) && !counts_tags {
        return None;
    }
    let mut fields: BTreeSet<usize> = readings.iter().chain(&named).filter_map(field).collect();
    if counts_tags {
        fields.extend(0..measurement.fields.len());
    }
    let mut matchers: Vec<Matcher> = measurement.database.iter().chain(also).cloned().collect();
    let condition = plan.condition.as_ref().and_then(|condition| pushed(condition, &named, measurement, &mut matchers));
    let bound = Arc::new(Bound { readings, named, condition, fields: fields.into_iter().collect() });
    let (start, end) = calls::range(plan);
    let range = TimeRange::new(start.div_euclid(NS) + i64::from(start.rem_euclid(NS) > 0), end.div_euclid(NS));
    Some(Asked { bound, matchers, range })
}

/// The matchers by which the series of each field that a plan reads of a measurement are found, and the times that are read.
pub(in crate::influxql) fn asked(
    plan: &Plan,
    source: &Source,
    measurement: &Measurement,
) -> (Vec<(usize, Vec<Matcher>)>, TimeRange) {
    let readings = plan.aux.iter().chain(&plan.drivers).map(|of| source.reading(of)).collect();
    let named = plan.named.iter().map(|of| source.reading_in_condition(of)).collect();
    let Some(Asked { bound, matchers, range }) = ask(plan, measurement, (readings, named), &[]) else {
        return (Vec::new(), TimeRange::ALL);
    };
    let of = |index: &usize| {
        let field = measurement.fields.get(*index)?;
        let metric = Matcher::equal(METRIC_NAME, Arc::clone(&field.metric));
        Some((*index, std::iter::once(metric).chain(matchers.iter().cloned()).collect()))
    };
    (bound.fields.iter().filter_map(of).collect(), range)
}

/// Whether a label is a tag, and none of the store's own.
fn is_tag(measurement: &Measurement, name: &str) -> bool {
    name != METRIC_NAME && measurement.database.as_ref().is_none_or(|own| own.name() != name)
}

fn stored(
    plan: &Plan,
    measurement: &Measurement,
    (readings, named): (Vec<Reading>, Vec<Reading>),
    also: &[Matcher],
    (context, room): (&Context<'_>, &Room<'_>),
    out: &mut Vec<TagSet>,
) -> Result<(), QueryError> {
    let Some(Asked { bound, matchers, range }) = ask(plan, measurement, (readings, named), also) else { return Ok(()) };
    let hints = SelectHints { interrupt: Some(Arc::clone(&context.interrupt)), ..SelectHints::default() };
    let database = measurement.database.as_ref().map(|matcher| matcher.name().as_bytes());
    let mut found: HashMap<Labels, (Vec<FieldSeries>, u64)> = HashMap::new();
    for (position, index) in bound.fields.iter().enumerate() {
        let Some(field) = measurement.fields.get(*index) else { continue };
        let mut all = vec![Matcher::equal(METRIC_NAME, Arc::clone(&field.metric))];
        all.extend(matchers.iter().cloned());
        let set = context.select.select(&all, range, &hints)?;
        Cost::add(&context.cost.series, set.len());
        let samples = if plan.calls.is_empty() { set.samples().unwrap_or(0) } else { 0 };
        let samples = samples.div_ceil(set.len().max(1) as u64);
        for i in 0..set.len() {
            if i.is_multiple_of(1024) {
                context.check()?;
            }
            let tags = set.labels(i)?.filtered(|name| name != METRIC_NAME.as_bytes() && Some(name) != database);
            room.take(tags.as_bytes().len() + 3 * ITEM_BYTES)?;
            let (series, sum) = found.entry(tags).or_default();
            series.push((position, Arc::clone(&set), i));
            *sum += samples;
        }
    }
    let mut sets: Vec<TagSet> = Vec::with_capacity(found.len());
    let mut known: HashMap<String, Arc<str>> = HashMap::new();
    let mut shared = |text: &str| match known.get(text) {
        Some(shared) => Arc::clone(shared),
        None => {
            let new: Arc<str> = Arc::from(text);
            known.insert(text.to_owned(), Arc::clone(&new));
            new
        }
    };
    for (tags, (series, samples)) in found {
        let group = plan.group.iter().map(|name| shared(tags.get(name).unwrap_or_default())).collect();
        let data = Data::Stored { tags, series, samples };
        sets.push(TagSet { name: Arc::clone(&measurement.name), group, bound: Arc::clone(&bound), data });
    }
    if !plan.group.is_empty() && (plan.series_limit > 0 || plan.series_offset > 0) {
        let groups: BTreeSet<Vec<Arc<str>>> = sets.iter().map(|set| set.group.clone()).collect();
        let limit = if plan.series_limit == 0 { usize::MAX } else { plan.series_limit as usize };
        let kept: BTreeSet<Vec<Arc<str>>> = groups.into_iter().skip(plan.series_offset as usize).take(limit).collect();
        sets.retain(|set| kept.contains(&set.group));
    }
    // Points of one time come in the order of their tags.
    sets.sort_by(|a, b| match (&a.data, &b.data) {
        (Data::Stored { tags: a, .. }, Data::Stored { tags: b, .. }) => a.iter().cmp(b.iter()),
        _ => std::cmp::Ordering::Equal,
    });
    out.extend(sets);
    Ok(())
}

/// Turns the parts of a condition that compare a tag with a text into matchers, and gives the rest.
fn pushed(condition: &Cell, named: &[Reading], measurement: &Measurement, matchers: &mut Vec<Matcher>) -> Option<Cell> {
    match condition {
        Cell::And(parts) => {
            let mut rest: Vec<Cell> =
                parts.iter().filter_map(|part| pushed(part, named, measurement, matchers)).collect();
            if rest.len() > 1 { Some(Cell::And(rest)) } else { rest.pop() }
        }
        Cell::Binary { op, left, right } => {
            let (op, tag, with) = match (&**left, &**right) {
                (Cell::Aux(i), with) => (op, named.get(*i), with),
                (with, Cell::Aux(i)) => (op, named.get(*i), with),
                _ => return Some(condition.clone()),
            };
            let Some(Reading::Tag(tag)) = tag else { return Some(condition.clone()) };
            let matcher = match (op, with) {
                (BinaryOp::Equal, Cell::Literal(Value::Text(text))) => Some(Matcher::equal(tag.as_str(), &**text)),
                (BinaryOp::NotEqual, Cell::Literal(Value::Text(text))) => {
                    Matcher::new(MatchOp::NotEqual, tag.as_str(), &**text).ok()
                }
                (BinaryOp::Match, Cell::Regex(pattern)) => {
                    Matcher::new(MatchOp::Regex, tag.as_str(), pattern.matcher.value()).ok()
                }
                (BinaryOp::NotMatch, Cell::Regex(pattern)) => {
                    Matcher::new(MatchOp::NotRegex, tag.as_str(), pattern.matcher.value()).ok()
                }
                _ => None,
            };
            // The labels of the store's own are no tags.
            match matcher {
                Some(matcher) if is_tag(measurement, tag) => {
                    matchers.push(matcher);
                    None
                }
                _ => Some(condition.clone()),
            }
        }
        _ => Some(condition.clone()),
    }
}
