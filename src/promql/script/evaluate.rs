//! Asking the engine, in every way that must give the same answer.

use super::{
    Verdict,
    command::{Eval, Expectation},
    compare, pin,
};
use crate::{
    model::{Annotation, Severity},
    promql::{Cancel, Engine, MatrixSeries, Query, QueryAnswer, QueryError, Value, VectorSample},
    seams::select::Select,
};

/// Half the width in ms of the range query that an instant query is compared with.
const AROUND: i64 = 60_000;

/// Runs one evaluation with all its variants.
pub(super) fn evaluate(engine: &Engine, select: &dyn Select, eval: &Eval, variants: bool) -> Verdict {
    let asker = Asker { engine, select, eval };
    match asker.all(variants) {
        Ok(()) => Verdict::Passed,
        Err(Trouble::Unsupported(what)) => Verdict::Unsupported(what),
        Err(Trouble::Wrong(message)) => Verdict::Failed(format!("{}: {message}", eval.expr)),
    }
}

/// Why an evaluation doesn't pass.
enum Trouble {
    Wrong(String),
    Unsupported(String),
}

impl From<String> for Trouble {
    fn from(message: String) -> Self {
        Self::Wrong(message)
    }
}

struct Asker<'a> {
    engine: &'a Engine,
    select: &'a dyn Select,
    eval: &'a Eval,
}

impl Asker<'_> {
    fn all(&self, variants: bool) -> Result<(), Trouble> {
        let eval = self.eval;
        if eval.is_range() {
            let Some(answer) = self.ask(&eval.expr, eval.start, eval.end, eval.step)? else { return Ok(()) };
            self.annotations(&eval.expr, &answer)?;
            return Ok(compare::compare(eval, &answer.value)?);
        }
        // A range vector's grid ends where the query is evaluated.
        let time = eval.grid.map_or(eval.start, |grid| grid.1);
        self.instant(&eval.expr, time, variants)?;
        if !variants {
            return Ok(());
        }
        // What is no expression has failed, as it was expected to.
        let Ok(Some(pinned)) = pin::pinned(&eval.expr, time) else { return Ok(()) };
        for at in pin::other_times(time) {
            self.instant(&pinned, at, variants).map_err(|trouble| match trouble {
                Trouble::Wrong(message) => Trouble::Wrong(format!("as {pinned} at {at} ms: {message}")),
                unsupported => unsupported,
            })?;
        }
        Ok(())
    }

    fn instant(&self, expr: &str, time: i64, variants: bool) -> Result<(), Trouble> {
        let eval = self.eval;
        let Some(answer) = self.ask(expr, time, time, 0)? else { return Ok(()) };
        self.annotations(expr, &answer)?;
        compare::compare(eval, &answer.value)?;
        let depends_on_query = ["start()", "end()", "range()", "step()"].iter().any(|f| expr.contains(f));
        if !variants || eval.grid.is_some() || eval.string.is_some() || eval.ordered || depends_on_query {
            return Ok(());
        }
        // Annotations may differ here: the other steps, and the fact that it is a range query, can cause some.
        let around = (time.saturating_sub(AROUND), time.saturating_add(AROUND));
        let in_range = |message| Trouble::Wrong(format!("as a range query: {message}"));
        let Some(answer) = self.ask(expr, around.0, around.1, AROUND)? else { return Ok(()) };
        let Value::Matrix(series) = answer.value else {
            return Err(in_range(format!("expected a matrix, got {:?}", answer.value)));
        };
        compare::sorted(&series).map_err(in_range)?;
        let middle = middle(&series, time);
        let value = match (eval.scalar, middle.as_slice()) {
            (Some(_), [one]) => Value::Scalar { time, value: one.value },
            _ => Value::Vector(middle),
        };
        compare::compare(eval, &value).map_err(in_range)
    }

    /// The answer to `expr`, or nothing when it failed as expected.
    fn ask(&self, expr: &str, start: i64, end: i64, step: i64) -> Result<Option<QueryAnswer>, Trouble> {
        let query = Query { text: expr, start, end, step, lookback: None, timeout: None, per_step: false };
        let answer = match self.engine.run(self.select, &query, &Cancel::default()) {
            Ok(answer) => answer,
            Err(error @ QueryError::Unsupported(_)) => return Err(Trouble::Unsupported(error.to_string())),
            Err(error) => {
                return match &self.eval.fail {
                    Some(expected) if expected.accepts(&error.to_string()) => Ok(None),
                    Some(expected) => Err(Trouble::Wrong(format!("expected the error {expected}, got: {error}"))),
                    None => Err(Trouble::Wrong(format!("failed: {error}"))),
                };
            }
        };
        if let Some(expected) = &self.eval.fail {
            let got = &answer.value;
            return Err(Trouble::Wrong(format!("expected the error {expected}, got the answer {got:?}")));
        }
        Ok(Some(answer))
    }

    fn annotations(&self, expr: &str, answer: &QueryAnswer) -> Result<(), Trouble> {
        let eval = self.eval;
        let all = |severity| {
            let of_kind = answer.annotations.iter().filter(|a| a.severity == severity);
            of_kind.map(|a| rendered(a, expr)).collect::<Vec<_>>()
        };
        for (kind, found, expected, none) in [
            ("warning", all(Severity::Warning), &eval.warn, eval.no_warn),
            ("info", all(Severity::Info), &eval.info, eval.no_info),
        ] {
            annotations_of(kind, &found, expected, none)?;
        }
        Ok(())
    }
}

fn annotations_of(kind: &str, found: &[String], expected: &[Expectation], none: bool) -> Result<(), Trouble> {
    if none && !found.is_empty() {
        return Err(Trouble::Wrong(format!("expected no {kind}, got {found:?}")));
    }
    if let Some(missing) = expected.iter().find(|e| !found.iter().any(|f| e.accepts(f))) {
        return Err(Trouble::Wrong(format!("expected the {kind} {missing}, got {found:?}")));
    }
    match found.iter().find(|f| !expected.is_empty() && !expected.iter().any(|e| e.accepts(f))) {
        Some(other) => Err(Trouble::Wrong(format!("unexpected {kind} {other:?}"))),
        None => Ok(()),
    }
}

/// An annotation as the API shows it.
fn rendered(annotation: &Annotation, expr: &str) -> String {
    let kind = match annotation.severity {
        Severity::Warning => "warning",
        Severity::Info => "info",
    };
    let message = &annotation.message;
    match annotation.span {
        Some(span) => {
            let (line, column) = span.line_column(expr);
            format!("PromQL {kind}: {message} ({line}:{column})")
        }
        None => format!("PromQL {kind}: {message}"),
    }
}

/// The samples at `time`.
fn middle(series: &[MatrixSeries], time: i64) -> Vec<VectorSample> {
    let at = |s: &MatrixSeries| {
        let float = s.samples.times.iter().zip(&s.samples.values).find(|p| *p.0 == time).map(|p| *p.1);
        let histogram = s.samples.histograms.iter().find(|h| h.0 == time).map(|h| h.1.clone());
        if float.is_none() && histogram.is_none() {
            return None;
        }
        Some(VectorSample { labels: s.labels.clone(), time, value: float.unwrap_or_default(), histogram })
    };
    series.iter().filter_map(at).collect()
}
