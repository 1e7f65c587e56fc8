//! EXPLAIN: how a SELECT is evaluated, and what it cost.

use std::{
    sync::{Arc, atomic::Ordering},
    time::Instant,
};

use super::{
    error::QueryError,
    exec::{Answer, Context, Operator, Series, asked, list, run},
    parse::format_duration,
    plan::{Input, Plan, Source},
    value::Value,
    window::{FIRST, LAST},
};
use crate::seams::select::SelectHints;

/// Counts an answer instead of writing it.
#[derive(Default)]
struct Counted {
    series: u64,
    rows: u64,
}

impl Answer for Counted {
    fn series(&mut self, _: &Series<'_>) -> Result<(), QueryError> {
        self.series += 1;
        Ok(())
    }

    fn row(&mut self, _: &[Value]) -> Result<(), QueryError> {
        self.rows += 1;
        Ok(())
    }
}

/// Answers the lines of a plan, and with `analyze` evaluates it.
pub(super) fn explain(
    plan: &Plan,
    context: &Context<'_>,
    analyze: bool,
    answer: &mut dyn Answer,
) -> Result<(), QueryError> {
    let mut lines = Vec::new();
    let begun = Instant::now();
    let mut counted = Counted::default();
    if analyze {
        run(plan, context, &mut counted)?;
    }
    let took = begun.elapsed();
    let price = describe(plan, context, (analyze, 0), &mut lines)?;
    lines.push(format!("price: about {} of {} series, about {} points", price.series, price.of, price.points));
    if analyze {
        let load = |counter: &std::sync::atomic::AtomicU64| counter.load(Ordering::Relaxed);
        lines.push(format!("series read: {}", load(&context.cost.series)));
        lines.push(format!("samples read: {}", load(&context.cost.samples)));
        lines.push(format!("answer: {} series, {} rows", counted.series, counted.rows));
        lines.push(format!("peak memory: {} bytes of {}", load(&context.cost.peak), context.limits.query));
        lines.push(format!("time: {took:?}"));
    }
    let column = if analyze { "EXPLAIN ANALYZE" } else { "QUERY PLAN" };
    list("", &[column], lines.iter().map(|line| vec![Value::text(line)]).collect::<Vec<_>>(), answer)
}

/// What a plan is expected to read.
#[derive(Default)]
struct Price {
    series: u64,
    /// Series that there are.
    of: u64,
    points: u64,
}

fn describe(
    plan: &Plan,
    context: &Context<'_>,
    (analyze, depth): (bool, usize),
    lines: &mut Vec<String>,
) -> Result<Price, QueryError> {
    let indent = "  ".repeat(depth);
    let mut line = |text: String| lines.push(format!("{indent}{text}"));
    let columns: Vec<&str> = plan.columns.iter().map(|column| column.name.as_str()).collect();
    line(format!("columns: {}", columns.join(", ")));
    for call in &plan.calls {
        let mut names = Vec::new();
        let mut call = call;
        loop {
            names.push(call.function.name);
            match &call.input {
                Input::Call(inner) => call = inner,
                Input::Driver(driver) => {
                    let of = plan.drivers.get(*driver).map_or("", |of| of.name.as_str());
                    line(format!("call: {} of field {of}", names.join(" of ")));
                    break;
                }
            }
        }
    }
    let bound = |ns: i64, open: i64| if ns == open { "none".to_owned() } else { format!("{ns} ns") };
    line(format!("from: {}, to: {}", bound(plan.start, FIRST), bound(plan.end, LAST)));
    if let Some(window) = &plan.window {
        let rolling = match window.is_rolling() {
            true => format!(", each of the points of {}", format_duration(window.length)),
            false => String::new(),
        };
        line(format!("buckets of {}{rolling}", format_duration(window.interval)));
    }
    if !plan.group.is_empty() {
        line(format!("series by: {}", plan.group.join(", ")));
    }
    if plan.joins() {
        line("queries joined by time and tags".to_owned());
    }
    if analyze {
        let operators = [
            (Operator::Select, "select", "series"),
            (Operator::Read, "read", "points"),
            (Operator::Compute, "compute", "points"),
            (Operator::Rows, "answer", "rows"),
        ];
        for (operator, name, items) in operators {
            let work = context.cost.work(plan.id, operator);
            match operator {
                Operator::Compute if plan.calls.is_empty() => {}
                Operator::Rows => line(format!("{name}: {} {items}", work.items)),
                _ => line(format!("{name}: {} {items} in {:?}", work.items, work.time)),
            }
        }
    }
    let mut price = Price::default();
    for source in &plan.sources {
        match source {
            Source::Measurement(measurement) => {
                lines.push(format!("{indent}measurement {}", measurement.name));
                let (fields, range) = asked(plan, source, measurement);
                for (index, matchers) in fields {
                    let Some(field) = measurement.fields.get(index) else { continue };
                    let hints =
                        SelectHints { interrupt: Some(Arc::clone(&context.interrupt)), ..SelectHints::default() };
                    let found = context.select.select(&matchers, range, &hints)?;
                    let path = context.select.explain(&matchers, &*context.interrupt)?;
                    let points = found.samples().map_or_else(String::new, |count| format!(", about {count} points"));
                    lines.push(format!(
                        "{indent}  field {} ({}): metric {}, {} series{points}",
                        field.name,
                        field.kind.name(),
                        field.metric,
                        found.len(),
                    ));
                    for step in &path.steps {
                        lines.push(format!("{indent}    {}: {}, {} series", step.matcher, step.path, step.series));
                    }
                    price.series += found.len() as u64;
                    price.of = path.series;
                    price.points += found.samples().unwrap_or(0);
                }
            }
            Source::Query(query) => {
                lines.push(format!("{indent}query inside"));
                let inner = describe(query, context, (analyze, depth + 1), lines)?;
                price.series += inner.series;
                price.points += inner.points;
                price.of = price.of.max(inner.of);
            }
        }
    }
    Ok(price)
}
