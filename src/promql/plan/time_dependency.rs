//! Which samples the value at a step depends on.

use crate::{
    model::TimeRange,
    promql::{
        ast::{BinaryOp, Edges},
        data::grid::Shift,
        plan::{Kind, Node, Plan},
    },
};

/// The times whose samples can change the value at a step: a stretch around the step, and fixed times.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct TimeDependency {
    /// From this many ms before the step …
    back: i64,
    /// … to this many after it.
    ahead: i64,
    /// The same for all steps: what `@` looks at.
    fixed: Option<TimeRange>,
}

impl TimeDependency {
    /// The time dependency of a plan; `None` if its value at a step depends on more than samples in such a stretch.
    pub(crate) fn of(plan: &Plan, lookback: i64) -> Option<Self> {
        if plan.uses_bounds {
            return None;
        }
        let mut dependency = Self { back: 0, ahead: 0, fixed: None };
        dependency.add(&plan.root, lookback, true)?;
        Some(dependency)
    }

    /// The time dependency of the value of `node`, a part of a plan, at each of many steps.
    pub(super) fn of_steps(node: &Node, lookback: i64) -> Option<Self> {
        let mut dependency = Self::default();
        dependency.add(node, lookback, false)?;
        Some(dependency)
    }

    /// `joins`: whether series of different names may meet here. Where names are dropped, two series that never meet at
    /// one step become one over many, which is an error for the whole query but not for its parts.
    fn add(&mut self, node: &Node, lookback: i64, joins: bool) -> Option<()> {
        match &node.kind {
            Kind::Number(_) | Kind::Text(_) => {}
            Kind::Select(select) => {
                select.metric_name()?;
                self.look(steady(select.shift)?, lookback, margin(select.edges, lookback));
            }
            Kind::Window(select, range) => {
                select.metric_name()?;
                self.look(steady(select.shift)?, *range, margin(select.edges, lookback));
            }
            Kind::Subquery(subquery) => {
                let mut inner = Self::default();
                inner.add(&subquery.expr, lookback, false)?;
                self.fix(inner.fixed);
                let back = subquery.range.saturating_add(inner.back);
                let Shift { offset, at, .. } = steady(subquery.shift)?;
                match at {
                    Some(at) => {
                        let end = at.saturating_sub(offset);
                        self.fix(Some(TimeRange::new(end.saturating_sub(back), end.saturating_add(inner.ahead))));
                    }
                    None => self.stretch(offset.saturating_add(back), inner.ahead.saturating_sub(offset)),
                }
            }
            Kind::Call(call) if call.function.is_opaque => return None,
            Kind::Call(call) => call.args.iter().try_for_each(|arg| self.add(arg, lookback, false))?,
            Kind::Aggregate(aggregate) => {
                if let Some(param) = &aggregate.param {
                    self.add(param, lookback, false)?;
                }
                self.add(&aggregate.expr, lookback, true)?;
            }
            Kind::Binary(binary) => {
                let is_set = matches!(binary.op, BinaryOp::And | BinaryOp::Or | BinaryOp::Unless);
                if binary.op == BinaryOp::Or && !joins {
                    return None;
                }
                self.add(&binary.lhs, lookback, joins && is_set)?;
                self.add(&binary.rhs, lookback, joins && is_set)?;
            }
            Kind::Negate(inner) => self.add(inner, lookback, false)?,
            Kind::Invariant(inner) if reads_first_step(inner) => return None,
            Kind::Invariant(inner) => self.add(inner, lookback, joins)?,
        }
        Some(())
    }

    fn look(&mut self, Shift { offset, at, .. }: Shift, window: i64, margin: i64) {
        let window = window.saturating_add(margin);
        match at {
            Some(at) => {
                let end = at.saturating_sub(offset);
                self.fix(Some(TimeRange::new(end.saturating_sub(window), end.saturating_add(margin))));
            }
            None => self.stretch(offset.saturating_add(window), margin.saturating_sub(offset)),
        }
    }

    fn stretch(&mut self, back: i64, ahead: i64) {
        self.back = self.back.max(back);
        self.ahead = self.ahead.max(ahead);
    }

    fn fix(&mut self, range: Option<TimeRange>) {
        let Some(range) = range else { return };
        let hull = self.fixed.map_or(range, |old| TimeRange::new(old.start.min(range.start), old.end.max(range.end)));
        self.fixed = Some(hull);
    }

    /// All times that any step in `steps` depends on.
    pub(crate) fn over(&self, steps: TimeRange) -> TimeRange {
        TimeRange::new(steps.start.saturating_sub(self.back), steps.end.saturating_add(self.ahead))
    }

    /// The times, in ms, at which a step would see a change in `changed`.
    pub(crate) fn touched(&self, changed: TimeRange) -> TimeRange {
        TimeRange::new(changed.start.saturating_sub(self.ahead), changed.end.saturating_add(self.back))
    }

    /// What every step depends on.
    pub(crate) fn fixed(&self) -> Option<TimeRange> {
        self.fixed
    }
}

/// Whether what is the same at every step depends on which the first one is: over a fixed vector the parameter of an
/// aggregation is read there only.
fn reads_first_step(node: &Node) -> bool {
    let mut found = false;
    node.for_each(&mut |node| {
        let Kind::Aggregate(aggregate) = &node.kind else { return };
        let literal = |param: &Node| matches!(param.kind, Kind::Number(_) | Kind::Text(_));
        found |= aggregate.param.as_deref().is_some_and(|param| !literal(param));
    });
    found
}

/// `None` for a shift that depends on the query's first step.
fn steady(shift: Shift) -> Option<Shift> {
    (!shift.drifts).then_some(shift)
}

/// `anchored` and `smoothed` also look for samples around the window, as far as the lookback.
fn margin(edges: Edges, lookback: i64) -> i64 {
    if edges == Edges::Plain { 0 } else { lookback }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::promql::{
        parse,
        plan::{QueryTimes, lower},
    };

    fn dependency(text: &str) -> Option<TimeDependency> {
        let times = QueryTimes { text, start: 0, end: 3_600_000, step: 60_000, subquery_step: 60_000 };
        TimeDependency::of(&lower(&parse(text).unwrap(), &times, crate::promql::Optimise::default()).unwrap(), 300_000)
    }

    fn stretch(text: &str) -> (i64, i64) {
        let dependency = dependency(text).unwrap();
        (dependency.back, dependency.ahead)
    }

    #[test]
    fn windows_offsets_and_subqueries_add_up() {
        assert_eq!(stretch("vector(1)"), (0, 0));
        assert_eq!(stretch("x"), (300_000, 0));
        assert_eq!(stretch("x offset 1m"), (360_000, 0));
        assert_eq!(stretch("x offset -1m"), (240_000, 60_000));
        assert_eq!(stretch("rate(x[10m]) + y"), (600_000, 0));
        assert_eq!(stretch("max_over_time(rate(x[10m])[1h:1m] offset -1m)"), (4_140_000, 60_000));
        assert_eq!(stretch("rate(x[10m] smoothed)"), (900_000, 300_000));
    }

    #[test]
    fn a_fixed_time_is_shared_by_all_steps() {
        let dependency = dependency("x / on () y @ 1000 + max_over_time(z[1m] @ 2000)").unwrap();
        assert_eq!(dependency.fixed(), Some(TimeRange::new(700_000, 2_000_000)));
        assert_eq!((dependency.back, dependency.ahead), (300_000, 0));
    }

    #[test]
    fn expressions_whose_steps_depend_on_one_another_have_no_reach() {
        for text in [
            r#"{job="x"}"#,
            r#"rate({__name__=~"a|b"}[5m])"#,
            "abs(a or b)",
            "(a or b) * 2",
            "max_over_time((a or b)[5m:1m])",
            r#"label_replace(x, "a", "b", "c", "d")"#,
            "info(x)",
            "topk(scalar(x @ 100), y)",
            "topk(time() % 3, x @ 100)",
            "sum(quantile(scalar(hour()) / 24, x @ 100)) + y",
        ] {
            assert_eq!(dependency(text), None, "{text}");
        }
        for text in
            ["a or b", "sum(a or b)", "sum by (x) (a) / sum(b or c)", "count(x) or vector(0)", "topk(2, x @ 100)"]
        {
            assert!(dependency(text).is_some(), "{text}");
        }
    }

    #[test]
    fn what_uses_the_first_or_last_step_depends_on_more_than_samples() {
        for text in
            ["x @ end()", "x @ start ( )", "rate(x[range()])", "x[5m:range ()]", "x + start()", "x offset range()"]
        {
            assert_eq!(dependency(text), None, "{text}");
        }
        for text in ["rate(x_range[5m])", "sum by (start, end) (x)", "x{range=\"1\"}", "rate(x[step()])", "x + step()"]
        {
            assert!(dependency(text).is_some(), "{text}");
        }
    }
}
