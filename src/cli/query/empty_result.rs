//! Hints for a query without a result: how old the newest sample of each of its selectors is.
//!
//! An instant selector looks back a few minutes only, so "no series" may mean that a name is misspelt, that a sender stopped
//! yesterday, or that a condition excludes every series. The server is asked which: for each selector without a sample in the
//! lookback, windows that end at the query's time are tried, ever longer ones until one has a sample, and then by bisection.

use std::time::{Duration, Instant};

use serde_json::Value;

use super::client::{self, ServerUrl};
use crate::promql::{
    ast::{Edges, Expr, Selector, Shift},
    format_duration, parse,
};

/// The shortest window tried, in ms.
const SHORTEST: i64 = 60_000;
/// Each window is so many times as long as the one before.
const GROWTH: i64 = 4;
/// The longest window tried, some 32 years: older samples are rare.
const LONGEST: i64 = SHORTEST * GROWTH.pow(12);
/// Bisection ends when the window is known to one part in so many of itself.
const PRECISION: i64 = 256;
/// At most this many selectors of a query get a hint.
const MOST_SELECTORS: usize = 5;
/// Time for all hints together.
const TIMEOUT: Duration = Duration::from_secs(3);

/// Units in which an age is written, in ms.
const UNITS: [i64; 4] = [86_400_000, 3_600_000, 60_000, 1_000];

/// A sentence for each selector of `expr` that finds nothing at `time`.
pub(super) async fn explain(server: &ServerUrl, expr: &str, time: f64) -> Vec<String> {
    let Ok(expr) = parse(expr) else { return Vec::new() };
    let probe = Probe { server, time, until: Instant::now() + TIMEOUT };
    let mut said = Vec::new();
    for selector in selectors(&expr).iter().take(MOST_SELECTORS) {
        // A failure here is not reported, as the query itself has been answered.
        let Some(hint) = probe.hint(selector).await else { break };
        said.extend(hint);
    }
    said
}

/// The selectors in an expression, each once; those that look elsewhere by `offset` or `@` are left out.
fn selectors(expr: &Expr) -> Vec<String> {
    let mut found = Vec::new();
    for selector in expr.selectors().into_iter().filter(|selector| selector.shift == Shift::default()) {
        let plain = Selector { edges: Edges::Plain, ..selector.clone() }.to_string();
        if !found.contains(&plain) {
            found.push(plain);
        }
    }
    found
}

/// The server to ask, the query's time, and the time until which hints are worth waiting for.
struct Probe<'a> {
    server: &'a ServerUrl,
    time: f64,
    until: Instant,
}

impl Probe<'_> {
    /// The hint for a selector, none where it finds something. The outer `None` when the server no longer answers in time.
    async fn hint(&self, selector: &str) -> Option<Option<String>> {
        if self.finds(&format!("count({selector})")).await? {
            return Some(None);
        }
        let mut window = SHORTEST;
        while !self.has(selector, window).await? {
            if window >= LONGEST {
                let time = jiff::Timestamp::from_second(self.time as i64).unwrap_or_default();
                return Some(Some(format!("{selector}: no sample up to {time}")));
            }
            window *= GROWTH;
        }
        let (mut without, mut with) = (if window == SHORTEST { 0 } else { window / GROWTH }, window);
        while with - without > (with / PRECISION).max(1_000) {
            let middle = without.midpoint(with);
            if self.has(selector, middle).await? {
                with = middle;
            } else {
                without = middle;
            }
        }
        let (age, enough) = (age(with), format_duration(enough(with)));
        Some(Some(format!("{selector}: the newest sample is {age} old; last_over_time({selector}[{enough}]) shows it")))
    }

    /// Whether the last `window` ms have a sample, also one of a series that has ended.
    async fn has(&self, selector: &str, window: i64) -> Option<bool> {
        self.finds(&format!("count(present_over_time({selector}[{window}ms]))")).await
    }

    /// Whether a query has a result.
    async fn finds(&self, query: &str) -> Option<bool> {
        let time = self.time.to_string();
        let form = [("query", query), ("time", time.as_str())];
        let asking = client::post(self.server, "/api/v1/query", &form);
        let left = self.until.saturating_duration_since(Instant::now());
        let (_, body) = tokio::time::timeout(left, asking).await.ok()?.ok()?;
        let answer: Value = serde_json::from_slice(&body).ok()?;
        Some(!answer.pointer("/data/result")?.as_array()?.is_empty())
    }
}

/// An age in its two largest units.
fn age(ms: i64) -> String {
    let mut rest = ms;
    let mut parts = UNITS.iter().map(|unit| {
        let whole = rest / unit * unit;
        rest -= whole;
        whole
    });
    let largest = parts.by_ref().find(|part| *part > 0).unwrap_or(0);
    format_duration(largest + parts.next().unwrap_or(0))
}

/// A window that reaches a little further, in whole units.
fn enough(ms: i64) -> i64 {
    let unit = UNITS.iter().find(|unit| ms >= **unit).unwrap_or(&1_000);
    (ms / unit + 1) * unit
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ages_are_said_in_two_units_and_windows_in_one() {
        for (ms, said, window) in [
            (400, "0s", "1s"),
            (1_000, "1s", "2s"),
            (61_500, "1m1s", "2m"),
            (3 * 3_600_000 + 59, "3h", "4h"),
            (90_061_000, "1d1h", "2d"),
            (800 * 86_400_000, "800d", "801d"),
        ] {
            assert_eq!(age(ms), said);
            assert_eq!(enough(ms), crate::promql::parse_duration(window).unwrap(), "{ms}");
        }
    }

    #[test]
    fn selectors_are_found_wherever_they_look_at_the_time_asked_about() {
        let expr = "sum(rate(a{x=\"1\"}[5m])) / -(b) + max_over_time(c[1h:1m]) + a{x=\"1\"} + d offset 1h + e @ 1";
        assert_eq!(selectors(&parse(expr).unwrap()), ["a{x=\"1\"}", "b", "c"]);
    }
}
