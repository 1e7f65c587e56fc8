//! `info`: adds the labels of info metrics (`target_info`, say) to the series they speak of.
//!
//! An info series speaks of all series with the same `instance` and `job`. It is looked up as a selector would be, at the
//! time that the modifiers of the first argument's selector say, and joined step by step: labels may change over time.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use super::{
    context::Context,
    dedup::same_labelset,
    label_sets::LabelSets,
    materialized::Materialized,
    operator::{Op, Series},
    select::{Give, Selector},
};
use crate::{
    model::{Labels, METRIC_NAME, MatchOp, Matcher},
    promql::{
        QueryError,
        ast::Edges,
        data::{
            grid::{Grid, Shift},
            row::Row,
        },
        plan::{Kind, Node, Select},
    },
};

/// The info metric when none is asked for.
const TARGET_INFO: &str = "target_info";
/// The labels that say what an info series speaks of.
const IDENTIFYING: [&str; 2] = ["instance", "job"];
/// Series are narrowed to at most this many values of an identifying label while they are selected; beyond it the
/// expression would grow too large, and the join alone has to do.
const NARROW_TO: usize = 1000;

/// Which info series are meant, and which of their labels.
struct Wanted {
    names: Vec<Matcher>,
    data: BTreeMap<String, Vec<Matcher>>,
}

impl Wanted {
    fn new(selector: Option<&Select>) -> Result<Self, QueryError> {
        let mut wanted = Self { names: Vec::new(), data: BTreeMap::new() };
        for m in selector.map(|s| s.matchers.as_slice()).unwrap_or_default() {
            if m.name() == METRIC_NAME {
                wanted.names.push(m.clone());
            } else {
                wanted.data.entry(m.name().to_owned()).or_default().push(m.clone());
            }
        }
        if wanted.names.is_empty() {
            wanted.names.push(Matcher::equal(METRIC_NAME, TARGET_INFO));
        } else if wanted.names.iter().all(Matcher::is_negative) {
            wanted.names.insert(0, matcher(METRIC_NAME, ".+_info")?);
        }
        Ok(wanted)
    }

    /// Whether a series is itself one of the info series.
    fn is_info(&self, labels: &Labels) -> bool {
        let name = labels.metric_name().unwrap_or_default();
        self.names.iter().all(|m| m.matches(name))
    }

    /// Whether a series that no info series speaks of stays.
    fn keeps_unmatched(&self) -> bool {
        self.data.values().flatten().all(Matcher::matches_empty)
    }
}

fn matcher(name: &str, pattern: &str) -> Result<Matcher, QueryError> {
    Matcher::new(MatchOp::Regex, name, pattern).map_err(|error| QueryError::Execution(error.to_string()))
}

/// The modifiers of the first selector in `node`: offsets add up from the selector outwards until an `@` is met.
fn modifiers(node: &Node) -> Option<Shift> {
    let outer = |inner: Shift, here: Shift| {
        let offset = inner.offset.saturating_add(here.offset);
        if inner.at.is_some() { inner } else { Shift { offset, ..here } }
    };
    match &node.kind {
        Kind::Select(select) | Kind::Window(select, _) => Some(select.shift),
        Kind::Subquery(subquery) => modifiers(&subquery.expr).map(|inner| outer(inner, subquery.shift)),
        Kind::Call(call) => call.args.iter().find_map(modifiers),
        Kind::Aggregate(a) => modifiers(&a.expr).or_else(|| a.param.as_deref().and_then(modifiers)),
        Kind::Binary(b) => modifiers(&b.lhs).or_else(|| modifiers(&b.rhs)),
        Kind::Negate(inner) | Kind::Invariant(inner) => modifiers(inner),
        Kind::Number(_) | Kind::Text(_) => None,
    }
}

/// Adds labels to the series of `base`, which came from `node`.
pub(super) fn info<'c>(
    cx: &'c Context<'c>,
    base: &Op<'c>,
    node: &Node,
    selector: Option<&Select>,
    grid: Grid,
) -> Result<Op<'c>, QueryError> {
    let wanted = Wanted::new(selector)?;
    let base = Materialized::of(cx, &**base, &grid)?;
    let infos = find(cx, &base, &wanted, modifiers(node).unwrap_or_default(), grid)?;
    let mut join =
        Join { cx, wanted: &wanted, infos, subjects: HashMap::new(), index: LabelSets::default(), out: Vec::new() };
    join.number_infos()?;
    let mut row = Row::default();
    for (i, series) in base.series.iter().enumerate() {
        cx.budget.check()?;
        base.copy(i, &mut row);
        join.add(series, &row)?;
    }
    let held = join.out.len() * grid.steps;
    let mut materialized = Materialized::new(cx, grid.steps);
    for (series, row) in join.out {
        if row.present.any() {
            materialized.push(series, &row)?;
        }
    }
    cx.budget.release(held);
    Ok(Box::new(materialized))
}

/// The identifying labels.
fn identity(labels: &Labels) -> Labels {
    labels.filtered(|name| IDENTIFYING.iter().any(|identifying| identifying.as_bytes() == name))
}

/// The info series that may speak of series in `base`; their values are the times of their samples.
fn find<'c>(
    cx: &'c Context<'c>,
    base: &Materialized<'c>,
    wanted: &Wanted,
    shift: Shift,
    grid: Grid,
) -> Result<Materialized<'c>, QueryError> {
    let mut matchers = Vec::new();
    for name in IDENTIFYING {
        let subjects = base.series.iter().filter(|s| !wanted.is_info(&s.labels));
        let values: BTreeSet<&str> = subjects.filter_map(|s| s.labels.get(name)).collect();
        if !values.is_empty() && values.len() <= NARROW_TO {
            let pattern: Vec<String> = values.iter().map(|v| regex_syntax::escape(v)).collect();
            matchers.push(matcher(name, &pattern.join("|"))?);
        } else if values.len() > NARROW_TO {
            matchers.push(matcher(name, ".+")?);
        }
    }
    if matchers.is_empty() {
        return Ok(Materialized::new(cx, grid.steps));
    }
    matchers.extend(wanted.data.values().flatten().cloned());
    matchers.extend(wanted.names.iter().cloned());
    let select = Select { id: None, matchers, shift, edges: Edges::Plain, stats_only: false };
    Materialized::of(cx, &Selector::new(cx, &select, grid, "info", Give::FloatTimes)?, &grid)
}

/// Base series met so far, with labels added.
struct Join<'a, 'c> {
    cx: &'c Context<'c>,
    wanted: &'a Wanted,
    infos: Materialized<'c>,
    /// The info series by what they speak of.
    subjects: HashMap<Labels, Vec<u32>>,
    index: LabelSets,
    out: Vec<(Series, Row)>,
}

impl Join<'_, '_> {
    fn number_infos(&mut self) -> Result<(), QueryError> {
        for (i, info) in (0..).zip(&self.infos.series) {
            let subject = identity(&info.labels);
            self.cx.budget.keep(&subject)?;
            self.subjects.entry(subject).or_default().push(i);
        }
        Ok(())
    }

    fn add(&mut self, series: &Series, row: &Row) -> Result<(), QueryError> {
        let steps = row.steps();
        let mut candidates: Vec<(usize, Row)> = Vec::new();
        if !self.wanted.is_info(&series.labels) {
            for i in self.subjects.get(&identity(&series.labels)).into_iter().flatten() {
                let mut times = Row::default();
                self.infos.copy(*i as usize, &mut times);
                candidates.push((*i as usize, times));
            }
        }
        for step in row.present.ones() {
            let Some(labels) = self.labels_at(series, &candidates, step)? else { continue };
            let (number, is_new) = self.index.number_of(&labels);
            if is_new {
                self.cx.budget.keep(&labels)?;
                self.cx.budget.hold(steps)?;
                self.out.push((Series { labels, drop_name: series.drop_name }, Row::new(steps)));
            }
            if let (Some((_, out)), Some(sample)) = (self.out.get_mut(number), row.sample(step)) {
                if out.present.get(step) {
                    return Err(same_labelset());
                }
                out.put(step, sample);
            }
        }
        Ok(())
    }

    /// The labels of a base series at a step; `None` when it is to be left out.
    fn labels_at(
        &self,
        series: &Series,
        candidates: &[(usize, Row)],
        step: usize,
    ) -> Result<Option<Labels>, QueryError> {
        if self.wanted.is_info(&series.labels) {
            return Ok(Some(series.labels.clone()));
        }
        // Of several info series of one name the one with the newest sample counts.
        let mut newest: BTreeMap<&str, (f64, &Labels)> = BTreeMap::new();
        for (i, times) in candidates {
            let (Some(time), Some(info)) = (times.float(step), self.infos.series.get(*i)) else { continue };
            let name = info.labels.metric_name().unwrap_or_default();
            match newest.get(name) {
                Some((other, _)) if *other > time => {}
                Some((other, existing)) if *other == time => {
                    let ms = (time * 1000.0) as i64;
                    return Err(QueryError::Execution(format!(
                        "found duplicate series for info metric: existing {existing} @ {ms}, new {} @ {ms}",
                        info.labels
                    )));
                }
                _ => _ = newest.insert(name, (time, &info.labels)),
            }
        }
        if newest.is_empty() && !self.wanted.keeps_unmatched() {
            return Ok(None);
        }
        let mut added: BTreeMap<&str, &str> = BTreeMap::new();
        let mut labels = series.labels.clone();
        for (name, value) in newest.values().flat_map(|(_, labels)| labels.iter()) {
            let is_wanted = self.wanted.data.is_empty() || self.wanted.data.contains_key(name);
            if name == METRIC_NAME || !is_wanted {
                continue;
            }
            if added.get(name).is_some_and(|other| *other != value) {
                return Err(QueryError::Execution(format!("conflicting label: {name}")));
            }
            if series.labels.get(name).is_none() && added.insert(name, value).is_none() {
                labels = labels.with(name, value).map_err(|limit| QueryError::Execution(format!("info(): {limit}")))?;
            }
        }
        Ok(Some(labels))
    }
}
