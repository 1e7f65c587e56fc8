//! EXPLAIN: how a SELECT is evaluated, and what it cost.

use std::{sync::atomic::Ordering, time::Instant};

use super::{
    error::QueryError,
    exec::{Answer, Context, Series, list, run},
    parse::format_duration,
    plan::{Input, Plan, Source},
    value::Value,
    window::{FIRST, LAST},
};
use crate::model::{METRIC_NAME, Matcher};

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
    describe(plan, context, 0, &mut lines)?;
    if analyze {
        let (begun, mut counted) = (Instant::now(), Counted::default());
        run(plan, context, &mut counted)?;
        let load = |counter: &std::sync::atomic::AtomicU64| counter.load(Ordering::Relaxed);
        lines.push(format!("series read: {}", load(&context.cost.series)));
        lines.push(format!("samples read: {}", load(&context.cost.samples)));
        lines.push(format!("answer: {} series, {} rows", counted.series, counted.rows));
        lines.push(format!("time: {:?}", begun.elapsed()));
    }
    let column = if analyze { "EXPLAIN ANALYZE" } else { "QUERY PLAN" };
    list("", &[column], lines.iter().map(|line| vec![Value::text(line)]).collect::<Vec<_>>(), answer)
}

fn describe(plan: &Plan, context: &Context<'_>, depth: usize, lines: &mut Vec<String>) -> Result<(), QueryError> {
    let mut line = |text: String| lines.push(format!("{}{text}", "  ".repeat(depth)));
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
        line(format!("buckets of {}", format_duration(window.interval)));
    }
    if !plan.group.is_empty() {
        line(format!("series by: {}", plan.group.join(", ")));
    }
    for source in &plan.sources {
        match source {
            Source::Measurement(measurement) => {
                lines.push(format!("{}measurement {}", "  ".repeat(depth), measurement.name));
                for field in &measurement.fields {
                    let metric = [Matcher::equal(METRIC_NAME, std::sync::Arc::clone(&field.metric))];
                    let matchers: Vec<Matcher> = metric.into_iter().chain(measurement.database.clone()).collect();
                    let path = context.select.explain(&matchers, &*context.interrupt)?;
                    let series = path.steps.iter().map(|step| step.series).min().unwrap_or(0);
                    lines.push(format!(
                        "{}  field {} ({}): metric {}, at most {series} series",
                        "  ".repeat(depth),
                        field.name,
                        field.kind.name(),
                        field.metric
                    ));
                }
            }
            Source::Query(query) => {
                lines.push(format!("{}query inside", "  ".repeat(depth)));
                describe(query, context, depth + 1, lines)?;
            }
        }
    }
    Ok(())
}
