//! Which series of two vectors belong together.
//!
//! Two series match when their signatures, the labels after `on` or all but those after `ignoring`, are equal. One side
//! is the "one" side: there a signature may stand for one sample at a time. The other is the "many" side, even where
//! the matching is one to one.

use super::{pairs, stepwise};
use crate::{
    model::{Labels, Span},
    promql::{
        QueryError,
        ast::{BinaryOp, Cardinality, Matching},
        data::grid::Grid,
        exec::{
            context::Context,
            label_sets::{LabelSets, counts, is_listed},
            operator::{Op, Operator, Series, without_metadata},
        },
        functions::operators,
        plan::Binary,
    },
};

/// The signatures of both sides' series, numbered.
pub(super) struct Signatures {
    pub(super) many: Vec<(Series, usize)>,
    pub(super) one: Vec<(Series, usize)>,
    pub(super) count: usize,
}

/// The labels that must be equal.
pub(super) fn signature(labels: &Labels, matching: &Matching) -> Labels {
    labels.filtered(|name| in_signature(name, matching))
}

fn in_signature(name: &[u8], matching: &Matching) -> bool {
    counts(name, &matching.labels, matching.on)
}

impl Signatures {
    pub(super) fn new(
        cx: &Context<'_>,
        many: &dyn Operator,
        one: &dyn Operator,
        matching: &Matching,
    ) -> Result<Self, QueryError> {
        let mut signatures = LabelSets::default();
        let mut number = |op: &dyn Operator| {
            cx.budget.keep_bytes(op.len() * size_of::<(Series, usize)>())?;
            let mut all = Vec::with_capacity(op.len());
            for i in 0..op.len() {
                if i % 1024 == 0 {
                    cx.budget.check()?;
                }
                let series = op.series(i)?;
                cx.budget.keep_text(&series.labels)?;
                let (number, new) = signatures.number(&series.labels, |name| in_signature(name, matching));
                if let Some(signature) = new {
                    cx.budget.keep(signature)?;
                }
                all.push((series, number));
            }
            Ok::<_, QueryError>(all)
        };
        let (many, one) = (number(many)?, number(one)?);
        Ok(Self { many, one, count: signatures.len() })
    }
}

/// An operation on matched samples.
#[derive(Debug, Clone)]
pub(super) struct Matched {
    pub(super) op: BinaryOp,
    pub(super) return_bool: bool,
    pub(super) matching: Matching,
    pub(super) span: Span,
}

impl Matched {
    /// Whether the "one" side is the left one.
    pub(super) fn swapped(&self) -> bool {
        self.matching.cardinality == Cardinality::OneToMany
    }

    /// The left and the right side.
    pub(super) fn in_order<'a>(&self, many: &'a dyn Operator, one: &'a dyn Operator) -> [&'a dyn Operator; 2] {
        if self.swapped() { [one, many] } else { [many, one] }
    }

    pub(super) fn one_to_one(&self) -> bool {
        self.matching.cardinality == Cardinality::OneToOne
    }

    fn changes_meaning(&self) -> bool {
        operators::arithmetic(self.op).is_some()
    }

    /// The labels of the result of two matched series.
    ///
    /// # Errors
    /// When labels taken over from the "one" side make it longer than what is stored may be.
    pub(super) fn result(&self, cx: &Context<'_>, many: &Series, one: &Labels) -> Result<Series, QueryError> {
        let drops_now = self.changes_meaning() || (self.return_bool && !cx.settings.delayed_name_removal);
        let mut labels = if drops_now { without_metadata(&many.labels) } else { many.labels.clone() };
        if self.one_to_one() {
            labels = labels.filtered(|name| is_listed(name, &self.matching.labels) == self.matching.on);
        }
        for name in &self.matching.include {
            let refused = |limit| QueryError::Execution(format!("the result of a binary operation: {limit}"));
            labels = labels.with(name, one.get(name).unwrap_or_default()).map_err(refused)?;
        }
        Ok(Series { labels, drop_name: self.return_bool && cx.settings.delayed_name_removal })
    }
}

/// The operator for matched vectors.
pub(super) fn build<'c>(
    cx: &'c Context<'c>,
    b: &Binary,
    lhs: Op<'c>,
    rhs: Op<'c>,
    span: Span,
    grid: Grid,
) -> Result<Op<'c>, QueryError> {
    let matched = Matched { op: b.op, return_bool: b.return_bool, matching: b.matching.clone(), span };
    let (many, one) = if matched.swapped() { (rhs, lhs) } else { (lhs, rhs) };
    let signatures = Signatures::new(cx, &*many, &*one, &matched.matching)?;
    match pairs::find(cx, &matched, &signatures)? {
        Some(found) => {
            let sides = pairs::Sides { many, one, quiet: b.lhs.is_quiet() && b.rhs.is_quiet() };
            pairs::build(cx, matched, found, sides, grid)
        }
        None => stepwise::build(cx, &matched, &signatures, &*many, &*one, grid),
    }
}
