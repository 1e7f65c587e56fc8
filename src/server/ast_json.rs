//! Syntax trees as JSON, in the shape that Prometheus gives them: what `/api/v1/parse_query` answers.
//!
//! Members stand in the order of their names, as Prometheus writes them. Durations are in ms; one that is an expression
//! is 0, because its value depends on the query's times.

use super::json::{list, string};
use crate::{
    model::Matcher,
    promql::{
        Arity,
        ast::{
            Aggregate, At, Binary, Call, Cardinality, DurationExpr, DurationKind, Edges, Expr, ExprKind, Selector,
            Shift, Subquery, ValueType,
        },
    },
};

/// The tree of `expr`.
pub(crate) fn ast_json(expr: &Expr) -> Vec<u8> {
    let mut tree = Tree { out: Vec::new() };
    tree.expr(expr);
    tree.out
}

struct Tree {
    out: Vec<u8>,
}

impl Tree {
    /// Something that needs no escaping.
    fn raw(&mut self, text: impl AsRef<[u8]>) {
        self.out.extend_from_slice(text.as_ref());
    }

    fn string(&mut self, text: &str) {
        string(&mut self.out, text);
    }

    fn expr(&mut self, expr: &Expr) {
        match &expr.kind {
            ExprKind::Number(value) | ExprKind::Duration(value) => {
                self.raw("{\"type\":\"numberLiteral\",\"val\":");
                super::json::plain_value(&mut self.out, *value);
                self.raw("}");
            }
            ExprKind::String(value) => {
                self.raw("{\"type\":\"stringLiteral\",\"val\":");
                self.string(value);
                self.raw("}");
            }
            ExprKind::Selector(selector) => self.selector(selector, None),
            ExprKind::Range(range) => self.selector(&range.selector, Some(&range.range)),
            ExprKind::Subquery(subquery) => self.subquery(subquery),
            ExprKind::Call(call) => self.call(call),
            ExprKind::Aggregate(aggregate) => self.aggregate(aggregate),
            ExprKind::Binary(binary) => self.binary(binary),
            ExprKind::Unary { negate, expr } => {
                self.raw("{\"expr\":");
                self.expr(expr);
                self.raw(if *negate { ",\"op\":\"-\"" } else { ",\"op\":\"+\"" });
                self.raw(",\"type\":\"unaryExpr\"}");
            }
            ExprKind::Paren(inner) => {
                self.raw("{\"expr\":");
                self.expr(inner);
                self.raw(",\"type\":\"parenExpr\"}");
            }
        }
    }

    fn selector(&mut self, selector: &Selector, range: Option<&DurationExpr>) {
        // A name before the braces is the last condition to Prometheus.
        let outside = usize::from(selector.name.is_some());
        let (name, inside) = selector.matchers.split_at(outside.min(selector.matchers.len()));
        self.raw(format!("{{\"anchored\":{},\"matchers\":", selector.edges == Edges::Anchored));
        list(&mut self.out, inside.iter().chain(name), matcher);
        self.raw(",\"name\":");
        self.string(selector.name.as_deref().unwrap_or_default());
        self.raw(format!(",\"offset\":{}", offset(&selector.shift)));
        if let Some(range) = range {
            self.raw(format!(",\"range\":{}", millis(range)));
        }
        self.raw(format!(",\"smoothed\":{}", selector.edges == Edges::Smoothed));
        self.raw(format!(",\"startOrEnd\":{},\"timestamp\":{}", start_or_end(&selector.shift), time(&selector.shift)));
        self.raw(if range.is_some() { ",\"type\":\"matrixSelector\"}" } else { ",\"type\":\"vectorSelector\"}" });
    }

    fn subquery(&mut self, subquery: &Subquery) {
        let Subquery { expr, range, step, shift } = subquery;
        self.raw("{\"expr\":");
        self.expr(expr);
        self.raw(format!(
            ",\"offset\":{},\"range\":{},\"startOrEnd\":{},\"step\":{},\"timestamp\":{},\"type\":\"subquery\"}}",
            offset(shift),
            millis(range),
            start_or_end(shift),
            step.as_ref().map_or(0, millis),
            time(shift),
        ));
    }

    fn call(&mut self, call: &Call) {
        self.raw("{\"args\":[");
        for (i, arg) in call.args.iter().enumerate() {
            self.raw(if i == 0 { "" } else { "," });
            self.expr(arg);
        }
        let function = call.function;
        let variadic = match function.arity {
            Arity::Fixed => 0,
            Arity::Optional(more) => i64::try_from(more).unwrap_or(i64::MAX),
            Arity::Unbounded => -1,
        };
        self.raw("],\"func\":{\"argTypes\":");
        list(&mut self.out, function.args, |out, kind| string(out, kind.as_str()));
        self.raw(format!(
            ",\"name\":\"{}\",\"returnType\":\"{}\",\"variadic\":{variadic}}},\"type\":\"call\"}}",
            function.name,
            function.returns.as_str(),
        ));
    }

    fn aggregate(&mut self, aggregate: &Aggregate) {
        self.raw("{\"expr\":");
        self.expr(&aggregate.expr);
        self.raw(",\"grouping\":");
        list(&mut self.out, &aggregate.grouping, |out, label| string(out, label));
        self.raw(format!(",\"op\":\"{}\",\"param\":", aggregate.op));
        match &aggregate.param {
            Some(param) => self.expr(param),
            None => self.raw("null"),
        }
        self.raw(format!(",\"type\":\"aggregation\",\"without\":{}}}", aggregate.without));
    }

    fn binary(&mut self, binary: &Binary) {
        self.raw(format!("{{\"bool\":{},\"lhs\":", binary.return_bool));
        self.expr(&binary.lhs);
        self.raw(",\"matching\":");
        let is_vector = |expr: &Expr| expr.value_type() == ValueType::Vector;
        if is_vector(&binary.lhs) && is_vector(&binary.rhs) {
            let matching = &binary.matching;
            let card = match matching.cardinality {
                Cardinality::OneToOne => "one-to-one",
                Cardinality::ManyToOne => "many-to-one",
                Cardinality::OneToMany => "one-to-many",
                Cardinality::ManyToMany => "many-to-many",
            };
            self.raw(format!("{{\"card\":\"{card}\",\"fillValues\":{{\"lhs\":{}", fill(matching.fill_left)));
            self.raw(format!(",\"rhs\":{}}},\"include\":", fill(matching.fill_right)));
            list(&mut self.out, &matching.include, |out, label| string(out, label));
            self.raw(",\"labels\":");
            list(&mut self.out, &matching.labels, |out, label| string(out, label));
            self.raw(format!(",\"on\":{}}}", matching.on));
        } else {
            self.raw("null");
        }
        self.raw(format!(",\"op\":\"{}\",\"rhs\":", binary.op));
        self.expr(&binary.rhs);
        self.raw(",\"type\":\"binaryExpr\"}");
    }
}

fn matcher(out: &mut Vec<u8>, matcher: &Matcher) {
    out.extend_from_slice(b"{\"name\":");
    string(out, matcher.name());
    out.extend_from_slice(format!(",\"type\":\"{}\",\"value\":", matcher.op()).as_bytes());
    string(out, matcher.value());
    out.push(b'}');
}

fn millis(duration: &DurationExpr) -> i64 {
    match duration.kind {
        DurationKind::Millis(ms) => ms,
        _ => 0,
    }
}

fn offset(shift: &Shift) -> i64 {
    shift.offset.as_ref().map_or(0, millis)
}

fn time(shift: &Shift) -> String {
    match shift.at {
        Some(At::Time(ms)) => ms.to_string(),
        _ => "null".to_owned(),
    }
}

fn start_or_end(shift: &Shift) -> &'static str {
    match shift.at {
        Some(At::Start) => "\"start\"",
        Some(At::End) => "\"end\"",
        _ => "null",
    }
}

/// A number, or null without one; what JSON has no number for, and Prometheus no answer, is a string.
fn fill(value: Option<f64>) -> String {
    match value {
        None => "null".to_owned(),
        Some(value) if value.is_finite() => value.to_string(),
        Some(value) => format!("\"{value}\""),
    }
}

#[cfg(test)]
mod tests {
    use crate::promql::parse;

    #[test]
    fn what_only_later_versions_of_prometheus_know_is_there_too() {
        let text = "a[5m] smoothed";
        let tree: serde_json::Value = serde_json::from_slice(&super::ast_json(&parse(text).unwrap())).unwrap();
        assert_eq!((&tree["smoothed"], &tree["anchored"]), (&true.into(), &false.into()));
        let text = "a + fill_left(2) fill_right(NaN) b";
        let tree: serde_json::Value = serde_json::from_slice(&super::ast_json(&parse(text).unwrap())).unwrap();
        assert_eq!(tree["matching"]["fillValues"], serde_json::json!({"lhs": 2, "rhs": "NaN"}));
    }
}
