//! An expression pinned to a time by `@`, which must answer the same whenever it is evaluated.

use crate::promql::{
    QueryError,
    ast::{At, Expr, ExprKind, Shift},
    parse,
};

/// `text` with `@ time` (in ms) on every selector and subquery that has none; `None` if it depends on the evaluation
/// time all the same.
///
/// Selectors inside a subquery follow its time and are left alone.
pub(super) fn pinned(text: &str, time: i64) -> Result<Option<String>, QueryError> {
    let mut expr = parse(text)?;
    let mut constant = true;
    pin(&mut expr, time, false, &mut constant);
    Ok(constant.then(|| expr.to_string()))
}

/// Times in ms to evaluate at what was pinned to `time`.
pub(super) fn other_times(time: i64) -> Vec<i64> {
    if time == 0 { vec![-1000, 1000] } else { vec![-10 * time, 0, time / 5, time, 10 * time] }
}

fn pin(expr: &mut Expr, time: i64, inside: bool, constant: &mut bool) {
    let set = |shift: &mut Shift| {
        // `start()` and `end()` would be different times in the variants, as upstream overrules them.
        if !inside && !matches!(shift.at, Some(At::Time(_))) {
            shift.at = Some(At::Time(time));
        }
    };
    match &mut expr.kind {
        ExprKind::Number(_) | ExprKind::Duration(_) | ExprKind::String(_) => {}
        ExprKind::Selector(selector) => set(&mut selector.shift),
        ExprKind::Range(range) => set(&mut range.selector.shift),
        ExprKind::Subquery(subquery) => {
            set(&mut subquery.shift);
            pin(&mut subquery.expr, time, true, constant);
        }
        ExprKind::Call(call) => {
            *constant &= !call.function.depends_on_query_time();
            for arg in &mut call.args {
                pin(arg, time, inside, constant);
            }
        }
        ExprKind::Aggregate(aggregate) => {
            if let Some(param) = &mut aggregate.param {
                pin(param, time, inside, constant);
            }
            pin(&mut aggregate.expr, time, inside, constant);
        }
        ExprKind::Binary(binary) => {
            pin(&mut binary.lhs, time, inside, constant);
            pin(&mut binary.rhs, time, inside, constant);
        }
        ExprKind::Unary { expr, .. } | ExprKind::Paren(expr) => pin(expr, time, inside, constant),
    }
}
