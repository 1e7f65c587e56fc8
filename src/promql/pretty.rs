//! Expressions over several lines: what `/api/v1/format_query` answers.
//!
//! A node whose one-line form is longer than [`LINE`] is broken at its own parentheses or operator, and its parts are
//! written one level deeper; a shorter one stays on its line. Prometheus breaks the same way, its oddities included: a
//! short subquery is not indented, and selectors are never broken.

use std::fmt::{self, Write as _};

use super::ast::{Binary, Expr, ExprKind};

/// A node may take this many bytes on a line, its indent not counted.
const LINE: usize = 100;
/// One level of indent.
const INDENT: &str = "  ";

/// `expr` in its canonical form, broken into lines where it is long.
#[must_use]
pub fn prettify(expr: &Expr) -> String {
    let mut out = String::new();
    // Writing to a String can't fail.
    let _ = write(&mut out, expr, 0);
    out
}

fn write(out: &mut String, expr: &Expr, level: usize) -> fmt::Result {
    match &expr.kind {
        ExprKind::Unary { negate, expr: inner } => {
            indent(out, level);
            out.push(if *negate { '-' } else { '+' });
            let from = out.len();
            write(out, inner, level)?;
            // The sign has the indent already.
            let spaces = out.get(from..).map_or(0, |rest| rest.len() - rest.trim_start().len());
            out.replace_range(from..from + spaces, "");
            Ok(())
        }
        ExprKind::Subquery(subquery) if is_long(expr) => {
            write(out, &subquery.expr, level)?;
            subquery.write_times(out)
        }
        ExprKind::Subquery(_) => write!(out, "{expr}"),
        _ if !is_long(expr) => {
            indent(out, level);
            write!(out, "{expr}")
        }
        ExprKind::Paren(inner) => {
            indent(out, level);
            enclosed(out, level, |out| write(out, inner, level + 1))
        }
        ExprKind::Call(call) => {
            indent(out, level);
            out.push_str(call.function.name);
            enclosed(out, level, |out| list(out, &call.args, level + 1))
        }
        ExprKind::Aggregate(aggregate) => {
            indent(out, level);
            aggregate.write_head(out)?;
            enclosed(out, level, |out| {
                if let Some(param) = &aggregate.param {
                    write(out, param, level + 1)?;
                    out.push_str(",\n");
                }
                write(out, &aggregate.expr, level + 1)
            })
        }
        ExprKind::Binary(binary) => broken(out, binary, level),
        ExprKind::Number(_)
        | ExprKind::Duration(_)
        | ExprKind::String(_)
        | ExprKind::Selector(_)
        | ExprKind::Range(_) => {
            indent(out, level);
            write!(out, "{expr}")
        }
    }
}

fn indent(out: &mut String, level: usize) {
    out.extend(std::iter::repeat_n(INDENT, level));
}

/// Parentheses, and between them lines of their own.
fn enclosed(out: &mut String, level: usize, inner: impl FnOnce(&mut String) -> fmt::Result) -> fmt::Result {
    out.push_str("(\n");
    inner(out)?;
    out.push('\n');
    indent(out, level);
    out.push(')');
    Ok(())
}

fn list(out: &mut String, exprs: &[Expr], level: usize) -> fmt::Result {
    for (i, expr) in exprs.iter().enumerate() {
        out.push_str(if i == 0 { "" } else { ",\n" });
        write(out, expr, level)?;
    }
    Ok(())
}

fn broken(out: &mut String, binary: &Binary, level: usize) -> fmt::Result {
    write(out, &binary.lhs, level + 1)?;
    out.push('\n');
    indent(out, level);
    binary.write_operator(out)?;
    out.push('\n');
    write(out, &binary.rhs, level + 1)
}

/// Whether the one-line form doesn't fit a line; writes no more of it than that takes.
fn is_long(expr: &Expr) -> bool {
    struct Room(usize);
    impl fmt::Write for Room {
        fn write_str(&mut self, text: &str) -> fmt::Result {
            self.0 = self.0.checked_sub(text.len()).ok_or(fmt::Error)?;
            Ok(())
        }
    }
    write!(Room(LINE), "{expr}").is_err()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::promql::parse;

    const LONG: &str = "a_metric_with_quite_a_long_name_to_fill_a_line";

    #[test]
    fn what_fits_a_line_stays_on_it() {
        let fits = format!("{LONG}+{}", "b".repeat(100 - LONG.len() - 3));
        assert_eq!(prettify(&parse(&fits).unwrap()), fits.replace('+', " + "));
        let too_long = format!("{fits}b");
        assert_eq!(prettify(&parse(&too_long).unwrap()), format!("  {}", too_long.replace('+', "\n+\n  ")));
    }

    #[test]
    fn long_expressions_are_broken_at_every_level_that_is_long() {
        let text = format!("topk by (x) (3, -({LONG} / on (job) group_left () rate({LONG}{{a=\"b\"}}[5m]))) > bool 1");
        assert_eq!(
            prettify(&parse(&text).unwrap()),
            format!(
                "  topk by (x) (\n    3,\n    -(\n        {LONG}\n      / on (job) group_left ()\n        \
                 rate({LONG}{{a=\"b\"}}[5m])\n    )\n  )\n> bool\n  1"
            )
        );
    }

    #[test]
    fn a_pretty_expression_is_the_same_expression() {
        for text in [
            format!("sum(rate({LONG}[5m])) by (job) / ignoring(x) sum(rate({LONG}[5m] offset 1h)) by (job)"),
            format!("max_over_time((sum(rate({LONG}[5m])) / sum(rate({LONG}[1h])))[1d:5m] @ end() offset 1h)"),
            format!("label_join({LONG}, \"to\", \"-\", \"{LONG}\", \"and\", \"{LONG}\")"),
        ] {
            let expr = parse(&text).unwrap();
            let pretty = prettify(&expr);
            assert!(pretty.lines().count() > 1, "{pretty}");
            assert_eq!(parse(&pretty).unwrap().to_string(), expr.to_string());
        }
    }
}
