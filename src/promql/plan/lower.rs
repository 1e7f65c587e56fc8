//! From the syntax tree to the plan.

use std::cell::Cell;

use super::{
    Plan,
    duration::resolve,
    identity,
    node::{Aggregate, Binary, Call, Kind, Node, Select, Subquery},
    optimise::Optimise,
    push_down, share, stats,
};
use crate::{
    model::Span,
    promql::{
        QueryError,
        ast::{self, At, Expr, ExprKind},
        data::grid::Shift,
        functions::operators,
        signature::{Computation, EvaluationTime, QueryTime},
    },
};

/// The times of the query, which its text may refer to, and the text itself for positions in errors.
#[derive(Debug, Clone, Copy)]
pub(crate) struct QueryTimes<'q> {
    pub(crate) text: &'q str,
    pub(crate) start: i64,
    pub(crate) end: i64,
    /// 0 for an instant query.
    pub(crate) step: i64,
    /// Step of subqueries that name none, in ms.
    pub(crate) subquery_step: i64,
}

/// The times of a query while it is planned, and whether its start or end was asked for.
pub(super) struct Bounds<'a> {
    times: &'a QueryTimes<'a>,
    used: Cell<bool>,
}

impl Bounds<'_> {
    fn start(&self) -> i64 {
        self.used.set(true);
        self.times.start
    }

    fn end(&self) -> i64 {
        self.used.set(true);
        self.times.end
    }

    pub(super) fn step_seconds(&self) -> f64 {
        self.times.step as f64 / 1000.0
    }

    pub(super) fn range_seconds(&self) -> f64 {
        self.end().saturating_sub(self.start()) as f64 / 1000.0
    }

    fn seconds(&self, which: QueryTime) -> f64 {
        match which {
            QueryTime::Start => self.start() as f64 / 1000.0,
            QueryTime::End => self.end() as f64 / 1000.0,
            QueryTime::Range => self.range_seconds(),
            QueryTime::Step if self.times.start == self.times.end => 0.0,
            QueryTime::Step => self.step_seconds(),
        }
    }

    pub(super) fn refused(&self, span: Span, message: &str) -> QueryError {
        QueryError::parse(self.times.text, span, message)
    }
}

/// Plans `expr`.
pub(crate) fn lower(expr: &Expr, times: &QueryTimes<'_>, optimise: Optimise) -> Result<Plan, QueryError> {
    let bounds = Bounds { times, used: Cell::new(false) };
    let lowered = Lower { bounds: &bounds, in_parameter: false, fold: optimise.fold }.node(expr)?;
    let mut plan = Plan { root: lowered.settle(), uses_bounds: bounds.used.get() };
    stats::mark(&mut plan.root);
    if optimise.push_down {
        push_down::apply(&mut plan.root);
    }
    identity::number(&mut plan.root);
    if optimise.share {
        share::mark(&mut plan.root);
    }
    Ok(plan)
}

/// A node, and whether it is the same at every step.
struct Lowered {
    node: Node,
    invariant: bool,
}

impl Lowered {
    /// The node, wrapped if that saves work: literals and windows are never worth it.
    fn settle(self) -> Node {
        let Self { node, invariant } = self;
        match node.kind {
            Kind::Number(_) | Kind::Text(_) | Kind::Window(..) | Kind::Subquery(_) | Kind::Invariant(_) => node,
            _ if invariant => {
                let span = node.span;
                Node::new(Kind::Invariant(Box::new(node)), span)
            }
            _ => node,
        }
    }
}

/// The expression without the parentheses around it.
fn unwrapped(expr: &Expr) -> &Expr {
    match &expr.kind {
        ExprKind::Paren(inner) => unwrapped(inner),
        _ => expr,
    }
}

struct Lower<'a> {
    bounds: &'a Bounds<'a>,
    /// Whether it is inside the parameter of an aggregation. As Prometheus overlooks those when it prepares a query,
    /// nothing is invariant in there, `@` with a time drifts, and `@ start()` and `@ end()` mean nothing.
    in_parameter: bool,
    /// Whether operations on constants are computed here.
    fold: bool,
}

impl Lower<'_> {
    fn node(&self, expr: &Expr) -> Result<Lowered, QueryError> {
        let span = expr.span;
        let made = |kind, invariant| Ok(Lowered { node: Node::new(kind, span), invariant });
        match &expr.kind {
            ExprKind::Number(n) | ExprKind::Duration(n) => made(Kind::Number(*n), true),
            ExprKind::String(s) => made(Kind::Text(s.clone()), true),
            ExprKind::Paren(inner) => self.node(inner),
            ExprKind::Unary { negate: false, expr } => self.node(expr),
            ExprKind::Unary { negate: true, expr } => {
                let inner = self.node(expr)?;
                if let (true, Kind::Number(n)) = (self.fold, &inner.node.kind) {
                    return made(Kind::Number(-n), true);
                }
                made(Kind::Negate(Box::new(inner.node)), inner.invariant)
            }
            ExprKind::Selector(selector) => {
                let select = self.select(selector)?;
                let invariant = Self::is_fixed(select.shift);
                made(Kind::Select(select), invariant)
            }
            ExprKind::Range(range) => {
                let select = self.select(&range.selector)?;
                let invariant = Self::is_fixed(select.shift);
                made(Kind::Window(select, resolve(&range.range, self.bounds, false)?), invariant)
            }
            ExprKind::Subquery(subquery) => self.subquery(subquery, span),
            ExprKind::Call(call) => self.call(call, span),
            ExprKind::Aggregate(aggregate) => self.aggregate(aggregate, span),
            ExprKind::Binary(binary) => self.binary(binary, span),
        }
    }

    fn shift(&self, shift: &ast::Shift) -> Result<Shift, QueryError> {
        let offset = shift.offset.as_ref().map_or(Ok(0), |d| resolve(d, self.bounds, true))?;
        let at = match shift.at {
            Some(At::Time(t)) => Some(t),
            Some(At::Start | At::End) if self.in_parameter => None,
            Some(At::Start) => Some(self.bounds.start()),
            Some(At::End) => Some(self.bounds.end()),
            None => None,
        };
        Ok(Shift { offset, at, drifts: self.in_parameter })
    }

    fn is_fixed(shift: Shift) -> bool {
        shift.at.is_some() && !shift.drifts
    }

    fn select(&self, selector: &ast::Selector) -> Result<Select, QueryError> {
        Ok(Select {
            id: None,
            matchers: selector.matchers.clone(),
            shift: self.shift(&selector.shift)?,
            edges: selector.edges,
            stats_only: false,
        })
    }

    fn subquery(&self, subquery: &ast::Subquery, span: Span) -> Result<Lowered, QueryError> {
        let inner = self.node(&subquery.expr)?;
        let shift = self.shift(&subquery.shift)?;
        let step = match &subquery.step {
            Some(step) => resolve(step, self.bounds, false)?,
            None => self.bounds.times.subquery_step,
        };
        let kind = Kind::Subquery(Subquery {
            expr: Box::new(inner.settle()),
            range: resolve(&subquery.range, self.bounds, false)?,
            step: step.max(1),
            shift,
        });
        Ok(Lowered { node: Node::new(kind, span), invariant: Self::is_fixed(shift) })
    }

    fn call(&self, call: &ast::Call, span: Span) -> Result<Lowered, QueryError> {
        let function = call.function;
        if let Computation::QueryTime(which) = function.computation {
            let value = self.bounds.seconds(which);
            return Ok(Lowered { node: Node::new(Kind::Number(value), span), invariant: true });
        }
        let mut args = call.args.iter().map(|a| self.node(a)).collect::<Result<Vec<_>, _>>()?;
        if function.sees_selector {
            call.args.iter().zip(&mut args).for_each(|(written, a)| Self::keep_sign(written, a));
        }
        let is_fixed = match function.evaluation_time {
            EvaluationTime::Ignored => true,
            EvaluationTime::Used => false,
            // The time of a sample at a fixed time is as fixed as its value.
            EvaluationTime::UsedWithoutSelector => args.iter().all(|a| matches!(a.node.kind, Kind::Select(_))),
        };
        let invariant = is_fixed && args.iter().all(|a| a.invariant);
        // Prometheus wraps what is invariant with its parentheses, and unwraps the others.
        let place = |(written, a): (&Expr, &Lowered)| {
            if self.in_parameter || (a.invariant && !invariant) { written.span } else { unwrapped(written).span }
        };
        let spans = call.args.iter().zip(&args).map(place).collect();
        // Inside an invariant node nothing needs to be wrapped again.
        let args = args.into_iter().map(|a| if invariant { a.node } else { a.settle() }).collect();
        Ok(Lowered { node: Node::new(Kind::Call(Call { function, args, spans }), span), invariant })
    }

    /// Makes a selector with a plus sign in front an expression, which has neither times nor matchers to ask for.
    fn keep_sign(written: &Expr, lowered: &mut Lowered) {
        let signed = matches!(unwrapped(written).kind, ExprKind::Unary { negate: false, .. });
        if signed && matches!(lowered.node.kind, Kind::Select(_)) {
            for _ in 0..2 {
                let node = lowered.node.clone();
                lowered.node = {
                    let span = node.span;
                    Node::new(Kind::Negate(Box::new(node)), span)
                };
            }
        }
    }

    fn aggregate(&self, aggregate: &ast::Aggregate, span: Span) -> Result<Lowered, QueryError> {
        let expr = self.node(&aggregate.expr)?;
        let param = aggregate.param.as_ref().map(|p| Lower { in_parameter: true, ..*self }.node(p)).transpose()?;
        // As in Prometheus, the parameter doesn't count: over a fixed vector it is read at the first step only.
        let invariant = expr.invariant;
        let mut grouping = aggregate.grouping.clone();
        grouping.sort();
        grouping.dedup();
        let settle = |lowered: Lowered| Box::new(if invariant { lowered.node } else { lowered.settle() });
        let kind = Kind::Aggregate(Aggregate {
            op: aggregate.op,
            param: param.map(settle),
            expr: settle(expr),
            expr_span: unwrapped(&aggregate.expr).span,
            grouping,
            without: aggregate.without,
            shared: None,
        });
        Ok(Lowered { node: Node::new(kind, span), invariant })
    }

    fn binary(&self, binary: &ast::Binary, span: Span) -> Result<Lowered, QueryError> {
        let (lhs, rhs) = (self.node(&binary.lhs)?, self.node(&binary.rhs)?);
        let invariant = lhs.invariant && rhs.invariant;
        if let (true, Kind::Number(a), Kind::Number(b)) = (self.fold, &lhs.node.kind, &rhs.node.kind)
            && let Some(value) = operators::fold(binary.op, *a, *b)
        {
            return Ok(Lowered { node: Node::new(Kind::Number(value), span), invariant: true });
        }
        let settle = |lowered: Lowered| Box::new(if invariant { lowered.node } else { lowered.settle() });
        let mut matching = binary.matching.clone();
        matching.labels.sort();
        let kind = Kind::Binary(Binary {
            op: binary.op,
            lhs: settle(lhs),
            rhs: settle(rhs),
            return_bool: binary.return_bool,
            matching,
        });
        Ok(Lowered { node: Node::new(kind, span), invariant })
    }
}
