//! What InfluxDB silently answers with nothing, or not as was meant.

use super::{Call, Plan, Settings, Type};
use crate::influxql::{
    ast::{BinaryOp, Expr, FieldType, Select},
    digest::rank_error,
    functions::Kind,
};

/// What the asker should know.
pub(super) fn warnings(select: &Select, plan: &Plan) -> Vec<String> {
    let mut all = Vec::new();
    if let Some(condition) = &select.condition {
        of_condition(condition, plan, &mut all);
    }
    if plan.group.is_empty() && (select.series_limit > 0 || select.series_offset > 0) {
        all.push("SLIMIT and SOFFSET do nothing without tags in GROUP BY".to_owned());
    }
    all.extend(plan.calls.iter().filter_map(|call| digest(call.base())));
    all.sort();
    all.dedup();
    all
}

/// How exact a digest is.
fn digest(call: &Call) -> Option<String> {
    let Settings { percent, compression, .. } = call.settings;
    let rank = percent / 100.0;
    let error = 100.0 * rank_error(rank, compression);
    (call.function.kind == Kind::ApproxPercentile).then(|| {
        format!(
            "approx_percentile(…, {percent}): the rank of its values is off by at most {error:.3} % of the points of a bucket, with a \
             compression of {compression}"
        )
    })
}

fn of_condition(condition: &Expr, plan: &Plan, all: &mut Vec<String>) {
    let is_name = |expr: &Expr| matches!(expr, Expr::Ref { .. });
    match condition {
        Expr::Or(parts) if parts.iter().any(bounds_time) => {
            all.push("times under OR all hold, as if they stood under AND".to_owned());
        }
        Expr::Binary { op: BinaryOp::Equal | BinaryOp::NotEqual, left, right } if is_name(left) && is_name(right) => {
            if let Expr::Ref { name, class: None } = &**right
                && plan.sources.iter().all(|source| source.type_of(name).is_none())
            {
                all.push(format!(
                    "\"{name}\" is the name of a tag or field here; a text stands in single quotes: '{name}'"
                ));
            }
        }
        Expr::Binary { op, left, right } if op.compares() => {
            for (name, with) in [(&**left, &**right), (&**right, &**left)] {
                all.extend(of_types(plan, name, with));
            }
        }
        _ => {}
    }
    condition.children().into_iter().for_each(|child| of_condition(child, plan, all));
}

/// A name that is compared with a literal of another type.
fn of_types(plan: &Plan, name: &Expr, with: &Expr) -> Option<String> {
    let Expr::Ref { name, class: None } = name else { return None };
    let types = || plan.sources.iter().filter_map(|source| source.type_of(name));
    let literal = match with {
        Expr::Number(_) | Expr::Integer(_) | Expr::Unsigned(_) => "a number",
        Expr::Text(_) | Expr::Regex(_) => "a text",
        Expr::Boolean(_) => "a boolean",
        _ => return None,
    };
    let fits = |of: Type| match of.field() {
        None | Some(FieldType::Text) => literal == "a text",
        Some(FieldType::Boolean) => literal == "a boolean",
        Some(_) => literal == "a number",
    };
    if types().next().is_none() {
        return (literal != "a text" && !name.eq_ignore_ascii_case("time"))
            .then(|| format!("\"{name}\" is no field here, and tags are compared with texts: '{with}'"));
    }
    let kind = types().find(|_| !types().any(fits))?;
    Some(format!("\"{name}\" is of type {}, and never as {literal} is: {with}", kind.name()))
}

/// Whether it compares with the time.
fn bounds_time(expr: &Expr) -> bool {
    let is_time = |expr: &Expr| matches!(expr, Expr::Ref { name, .. } if name.eq_ignore_ascii_case("time"));
    is_time(expr) || expr.children().into_iter().any(bounds_time)
}
