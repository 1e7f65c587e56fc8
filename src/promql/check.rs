//! Types and the rules that grammar can't express, in the order and the words of Prometheus.

use super::{
    QueryError,
    ast::{Aggregate, Binary, Call, Cardinality, Expr, ExprKind, Matching, Selector, ValueType},
    quote::quote,
    signature::{Arity, Signature},
};
use crate::model::{METRIC_NAME, Span};

/// Checks `expr`, and forgets the matching of binary operators that have no two vectors to match.
///
/// # Errors
/// With the first rule that is broken.
pub(super) fn check(text: &str, expr: &mut Expr) -> Result<ValueType, QueryError> {
    Checker { text }.expr(expr)
}

struct Checker<'a> {
    text: &'a str,
}

impl Checker<'_> {
    fn refuse<T>(&self, span: Span, message: impl Into<String>) -> Result<T, QueryError> {
        Err(QueryError::parse(self.text, span, message))
    }

    fn expr(&self, expr: &mut Expr) -> Result<ValueType, QueryError> {
        let span = expr.span;
        match &mut expr.kind {
            ExprKind::Number(_) | ExprKind::Duration(_) => Ok(ValueType::Scalar),
            ExprKind::String(_) => Ok(ValueType::String),
            ExprKind::Selector(selector) => self.selector(selector, span, true),
            ExprKind::Range(range) => {
                self.selector(&range.selector, range.selector_span, true)?;
                Ok(ValueType::Matrix)
            }
            ExprKind::Subquery(subquery) => match self.expr(&mut subquery.expr)? {
                ValueType::Vector => Ok(ValueType::Matrix),
                other => {
                    let other = other.as_str();
                    self.refuse(span, format!("subquery is only allowed on instant vector, got {other} instead"))
                }
            },
            ExprKind::Call(call) => self.call(call, span),
            ExprKind::Aggregate(aggregate) => self.aggregate(aggregate),
            ExprKind::Binary(binary) => self.binary(binary, span),
            ExprKind::Paren(inner) => self.expr(inner),
            ExprKind::Unary { expr: inner, .. } => match self.expr(inner)? {
                typ @ (ValueType::Scalar | ValueType::Vector) => Ok(typ),
                typ => self.refuse(
                    span,
                    format!(
                        "unary expression only allowed on expressions of type scalar or instant vector, got {}",
                        quote(&typ.to_string())
                    ),
                ),
            },
        }
    }

    fn selector(&self, selector: &Selector, span: Span, must_narrow: bool) -> Result<ValueType, QueryError> {
        // A name before the braces is the first matcher; one given inside them may stand beside others.
        if let (Some(name), [_, rest @ ..]) = (&selector.name, selector.matchers.as_slice()) {
            return match rest.iter().find(|m| m.name() == METRIC_NAME) {
                Some(second) => {
                    let (name, second) = (quote(name), quote(second.value()));
                    self.refuse(span, format!("metric name must not be set twice: {name} or {second}"))
                }
                None => Ok(ValueType::Vector),
            };
        }
        if must_narrow && selector.matchers.iter().all(|m| m.matches_empty()) {
            return self.refuse(span, "vector selector must contain at least one non-empty matcher");
        }
        Ok(ValueType::Vector)
    }

    fn expect(&self, expr: &mut Expr, want: ValueType, context: &str) -> Result<(), QueryError> {
        let got = self.expr(expr)?;
        if got == want {
            return Ok(());
        }
        self.refuse(expr.span, format!("expected type {want} in {context}, got {got}"))
    }

    fn aggregate(&self, aggregate: &mut Aggregate) -> Result<ValueType, QueryError> {
        self.expect(&mut aggregate.expr, ValueType::Vector, "aggregation expression")?;
        if let (Some(want), Some(param)) = (aggregate.op.param_type(), &mut aggregate.param) {
            self.expect(param, want, "aggregation parameter")?;
        }
        Ok(ValueType::Vector)
    }

    fn call(&self, call: &mut Call, span: Span) -> Result<ValueType, QueryError> {
        let signature = call.function;
        self.arguments(signature, call.args.len(), span)?;
        let name = quote(signature.name);
        for (i, arg) in call.args.iter_mut().enumerate() {
            let want = signature.arg_type(i).unwrap_or(ValueType::Vector);
            let got = match &arg.kind {
                ExprKind::Selector(selector) if signature.looks_up_labels && i == 1 => {
                    if selector.name.is_some() {
                        return self.refuse(arg.span, "expected label selectors only, got vector selector instead");
                    }
                    self.selector(selector, arg.span, false)?
                }
                _ if signature.looks_up_labels && i == 1 && value_type(arg) == ValueType::Vector => {
                    return self.refuse(arg.span, "expected label selectors only");
                }
                _ => self.expr(arg)?,
            };
            if got != want {
                return self.refuse(arg.span, format!("expected type {want} in call to function {name}, got {got}"));
            }
        }
        Ok(signature.returns)
    }

    fn arguments(&self, signature: &Signature, given: usize, span: Span) -> Result<(), QueryError> {
        let (min, max, name) = (signature.min_args(), signature.max_args(), quote(signature.name));
        let wanted = match (signature.arity, max) {
            (Arity::Fixed, _) if given != min => format!("{min} argument(s)"),
            (_, Some(max)) if given > max => format!("at most {max} argument(s)"),
            _ if given < min => format!("at least {min} argument(s)"),
            _ => return Ok(()),
        };
        self.refuse(span, format!("expected {wanted} in call to {name}, got {given}"))
    }

    fn binary(&self, binary: &mut Binary, span: Span) -> Result<ValueType, QueryError> {
        let lhs = self.expr(&mut binary.lhs)?;
        let rhs = self.expr(&mut binary.rhs)?;
        let (op, matching) = (binary.op, &binary.matching);
        let both_vectors = lhs == ValueType::Vector && rhs == ValueType::Vector;
        let both_scalars = lhs == ValueType::Scalar && rhs == ValueType::Scalar;
        if binary.return_bool && !op.is_comparison() {
            return self.refuse(self.between(binary), "bool modifier can only be used on comparison operators");
        }
        if op.is_comparison() && !binary.return_bool && both_scalars {
            return self.refuse(self.between(binary), "comparisons between scalars must use BOOL modifier");
        }
        if matching.on
            && let Some(label) = matching.labels.iter().find(|l| matching.include.contains(l))
        {
            let label = quote(label);
            let message = format!("label {label} must not occur in ON and GROUP clause at once");
            return self.refuse(self.between(binary), message);
        }
        for (side, expr) in [(lhs, &binary.lhs), (rhs, &binary.rhs)] {
            if !matches!(side, ValueType::Scalar | ValueType::Vector) {
                return self.refuse(expr.span, "binary expression must contain only scalar and instant vector types");
            }
        }
        let fills = matching.fill_left.is_some() || matching.fill_right.is_some();
        if !both_vectors {
            if !matching.labels.is_empty() {
                return self.refuse(span, "vector matching only allowed between instant vectors");
            }
            if fills {
                return self.refuse(span, "filling in missing series only allowed between instant vectors");
            }
            if op.is_set() {
                let op = quote(op.as_str());
                return self.refuse(span, format!("set operator {op} not allowed in binary scalar expression"));
            }
            binary.matching = Matching::default();
        } else if op.is_set() {
            if matching.cardinality != Cardinality::ManyToMany {
                return self.refuse(span, format!("no grouping allowed for {} operation", quote(op.as_str())));
            }
            if fills {
                return self.refuse(span, "filling in missing series not allowed for set operators");
            }
        }
        Ok(if both_scalars { ValueType::Scalar } else { ValueType::Vector })
    }

    /// The operator and its modifiers.
    fn between(&self, binary: &Binary) -> Span {
        let (start, end) = (binary.lhs.span.end, binary.rhs.span.start);
        let between = self.text.get(start as usize..end as usize).unwrap_or_default();
        let skipped = between.len() - between.trim_start().len();
        let kept = between.trim().len();
        Span::new(start + skipped as u32, start + (skipped + kept) as u32)
    }
}

/// The type of an expression that has been checked.
pub(crate) fn value_type(expr: &Expr) -> ValueType {
    match &expr.kind {
        ExprKind::Number(_) | ExprKind::Duration(_) => ValueType::Scalar,
        ExprKind::String(_) => ValueType::String,
        ExprKind::Selector(_) | ExprKind::Aggregate(_) => ValueType::Vector,
        ExprKind::Range(_) | ExprKind::Subquery(_) => ValueType::Matrix,
        ExprKind::Call(call) => call.function.returns,
        ExprKind::Binary(binary) => match (value_type(&binary.lhs), value_type(&binary.rhs)) {
            (ValueType::Scalar, ValueType::Scalar) => ValueType::Scalar,
            _ => ValueType::Vector,
        },
        ExprKind::Unary { expr, .. } | ExprKind::Paren(expr) => value_type(expr),
    }
}

impl Expr {
    /// Its type.
    #[must_use]
    pub fn value_type(&self) -> ValueType {
        value_type(self)
    }
}
