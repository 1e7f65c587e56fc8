//! The commands of a script: `clear`, `load` and `eval`, each with its lines.
//!
//! A command's lines go on to the next empty line or comment. A command that can't be read is reported at the
//! offending line and skipped to its end.

use std::collections::HashMap;

use regex_automata::meta::Regex;

use super::{
    series::{self, Point},
    start_times,
};
use crate::{
    model::{Labels, go_regex},
    promql::{lex::number_value, parse_duration, quote},
};

/// A command and the line it starts on, from 1.
pub(super) struct Command {
    pub(super) line: usize,
    pub(super) outcome: Result<Outcome, String>,
}

/// A command that could be read.
pub(super) enum Outcome {
    Clear,
    Load(Load),
    Eval(Box<Eval>),
}

/// `load <step>` or `load_with_nhcb <step>`
pub(super) struct Load {
    /// Step in ms.
    pub(super) step: i64,
    /// Whether classic histograms are stored as native ones, too.
    pub(super) with_nhcb: bool,
    pub(super) series: Vec<(Labels, Vec<Point>)>,
    /// Start times of the points of some of them, by position, as distances from the points' times.
    pub(super) starts: HashMap<usize, Vec<Option<i64>>>,
}

/// `eval …`
#[derive(Default)]
pub(super) struct Eval {
    pub(super) expr: String,
    /// Times in ms; `step` 0 makes it an instant query.
    pub(super) start: i64,
    pub(super) end: i64,
    pub(super) step: i64,
    /// Grid of a range vector that an instant query answers with: start, end, step in ms.
    pub(super) grid: Option<(i64, i64, i64)>,
    /// The query fails; with this text.
    pub(super) fail: Option<Expectation>,
    pub(super) ordered: bool,
    pub(super) warn: Vec<Expectation>,
    pub(super) info: Vec<Expectation>,
    pub(super) no_warn: bool,
    pub(super) no_info: bool,
    pub(super) string: Option<String>,
    pub(super) scalar: Option<f64>,
    /// The expected series, in the order written.
    pub(super) series: Vec<(Labels, Vec<Point>)>,
}

/// What a message must look like.
pub(super) enum Expectation {
    Any,
    Exactly(String),
    Matching(String, Regex),
}

impl Expectation {
    pub(super) fn accepts(&self, message: &str) -> bool {
        match self {
            Self::Any => true,
            Self::Exactly(text) => text == message,
            Self::Matching(_, regex) => regex.is_match(message),
        }
    }
}

impl std::fmt::Display for Expectation {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Any => f.write_str("anything"),
            Self::Exactly(text) => write!(f, "{text:?}"),
            Self::Matching(pattern, _) => write!(f, "a match of {pattern:?}"),
        }
    }
}

/// Lines of a command with their numbers.
type Lines<'a> = &'a [(usize, &'a str)];

/// Splits a script.
pub(super) fn commands(text: &str) -> Vec<Command> {
    let lines: Vec<(usize, &str)> = text
        .lines()
        .enumerate()
        .map(|(i, l)| (i + 1, l.trim()))
        .map(|(i, l)| (i, if l.starts_with('#') { "" } else { l }))
        .collect();
    let mut commands = vec![];
    let mut rest = lines.as_slice();
    while let Some(((line, head), after)) = rest.split_first() {
        rest = after;
        if head.is_empty() {
            continue;
        }
        let word = head.split_whitespace().next().unwrap_or_default().to_ascii_lowercase();
        let until_blank = rest.iter().position(|l| l.1.is_empty()).unwrap_or(rest.len());
        let (body, after_body) = rest.split_at(until_blank);
        let (outcome, taken) = if word == "clear" {
            (Ok(Outcome::Clear), 0)
        } else if word.starts_with("load") {
            (load(head, body).map(Outcome::Load), body.len())
        } else if word.starts_with("eval") {
            let mut taken = 0;
            let eval = eval(head, body, &mut taken);
            // After an error the command's other lines mean nothing.
            let taken = if eval.is_ok() { taken } else { body.len() };
            (eval.map(|e| Outcome::Eval(Box::new(e))), taken)
        } else {
            (Err(format!("invalid command {head:?}")), 0)
        };
        rest = if taken == body.len() { after_body } else { rest.get(taken..).unwrap_or_default() };
        commands.push(Command { line: *line, outcome });
    }
    commands
}

fn duration(text: &str, what: &str) -> Result<i64, String> {
    parse_duration(text).map_err(|e| format!("invalid {what} {text:?}: {e}"))
}

fn at_line<T>(line: usize, result: Result<T, String>) -> Result<T, String> {
    result.map_err(|e| format!("line {line}: {e}"))
}

fn load(head: &str, body: Lines<'_>) -> Result<Load, String> {
    let (word, step) = head.split_once(char::is_whitespace).ok_or("load needs a step: load <step>")?;
    let with_nhcb = match word {
        "load" => false,
        "load_with_nhcb" => true,
        other => return Err(format!("invalid command {other:?}, expected load or load_with_nhcb")),
    };
    let step = duration(step.trim(), "step")?;
    let mut load = Load { step, with_nhcb, series: vec![], starts: HashMap::new() };
    // Start times wait for the line after them.
    let mut pending: Option<(usize, Labels, Vec<Option<i64>>)> = None;
    for (line, text) in body {
        let (labels, rest) = at_line(*line, series::metric(text))?;
        let starts = rest.strip_prefix("@st").filter(|rest| rest.starts_with(char::is_whitespace));
        match (starts, pending.take()) {
            (Some(_), Some((line, ..))) => return at_line(line, Err("no values follow the start times".to_owned())),
            (Some(starts), None) => pending = Some((*line, labels, at_line(*line, start_times::offsets(starts))?)),
            (None, given) => {
                let points = at_line(*line, series::points(rest))?;
                if let Some((line, of, offsets)) = given {
                    at_line(line, belong(&of, &offsets, &labels, &points))?;
                    load.starts.insert(load.series.len(), offsets);
                }
                load.series.push((labels, points));
            }
        }
    }
    match pending {
        Some((line, ..)) => at_line(line, Err("no values follow the start times".to_owned())),
        None => Ok(load),
    }
}

/// Whether start times are those of the series on the next line.
fn belong(of: &Labels, offsets: &[Option<i64>], labels: &Labels, points: &[Point]) -> Result<(), String> {
    if of != labels {
        return Err(format!("start times of {of} are followed by values of {labels}"));
    }
    let (starts, values) = (offsets.len(), points.len());
    if starts == values { Ok(()) } else { Err(format!("there are {starts} start times for {values} values")) }
}

/// Takes the next word off `text`.
fn word<'a>(text: &mut &'a str) -> &'a str {
    let trimmed = text.trim_start();
    let (word, rest) = trimmed.split_at(trimmed.find(char::is_whitespace).unwrap_or(trimmed.len()));
    *text = rest.trim_start();
    word
}

fn keyword(text: &mut &str, want: &str) -> Result<(), String> {
    match word(text) {
        got if got == want => Ok(()),
        got => Err(format!("expected {want:?} in the eval command, got {got:?}")),
    }
}

fn eval(head: &str, body: Lines<'_>, taken: &mut usize) -> Result<Eval, String> {
    let mut rest = head;
    let mut eval = Eval::default();
    match word(&mut rest) {
        "eval" => {}
        "eval_ordered" => eval.ordered = true,
        "eval_fail" => eval.fail = Some(Expectation::Any),
        "eval_warn" => eval.warn.push(Expectation::Any),
        "eval_info" => eval.info.push(Expectation::Any),
        other => return Err(format!("invalid command {other:?}")),
    }
    match word(&mut rest) {
        "instant" => {
            keyword(&mut rest, "at")?;
            eval.start = duration(word(&mut rest), "evaluation time")?;
            eval.end = eval.start;
        }
        "range" => {
            (eval.start, eval.end, eval.step) = grid(&mut rest)?;
            if eval.step <= 0 {
                return Err("the step must be more than zero".to_owned());
            }
        }
        other => return Err(format!("expected \"instant\" or \"range\" after eval, got {other:?}")),
    }
    rest.clone_into(&mut eval.expr);
    for (line, text) in body {
        *taken += 1;
        if at_line(*line, eval.line(text))? {
            break;
        }
    }
    Ok(eval)
}

fn grid(rest: &mut &str) -> Result<(i64, i64, i64), String> {
    keyword(rest, "from")?;
    let start = duration(word(rest), "start")?;
    keyword(rest, "to")?;
    let end = duration(word(rest), "end")?;
    keyword(rest, "step")?;
    let step = duration(word(rest), "step")?;
    if end < start { Err("the end is before the start".to_owned()) } else { Ok((start, end, step)) }
}

impl Eval {
    pub(super) fn is_range(&self) -> bool {
        self.step > 0
    }

    /// Reads one line of what is expected; tells whether it is the last.
    fn line(&mut self, text: &str) -> Result<bool, String> {
        if self.fail.is_some() {
            if let Some(message) = text.strip_prefix("expected_fail_message") {
                self.fail = Some(Expectation::Exactly(message.trim().to_owned()));
                return Ok(true);
            }
            if let Some(pattern) = text.strip_prefix("expected_fail_regexp") {
                self.fail = Some(matching(pattern.trim())?);
                return Ok(true);
            }
        }
        if let Some(mut rest) = text.strip_prefix("expect range vector") {
            self.grid = Some(grid(&mut rest)?);
        } else if let Some(string) = text.strip_prefix("expect string") {
            self.string = Some(string_literal(string.trim())?);
        } else if text.split(' ').next() == Some("expect") {
            self.expect(text)?;
        } else if let Some(value) = scalar(text) {
            self.scalar = Some(value);
            return Ok(true);
        } else {
            let (labels, rest) = series::metric(text)?;
            let points = series::points(rest)?;
            if points.is_empty() {
                return Err(format!("no value is expected for {labels}"));
            }
            if points.len() > 1 && !self.is_range() && self.grid.is_none() {
                return Err(
                    "an instant query has one value per series, unless 'expect range vector' comes first".into()
                );
            }
            if self.series.iter().any(|s| s.0 == labels) {
                return Err(format!("{labels} is expected twice"));
            }
            self.series.push((labels, points));
        }
        Ok(false)
    }

    fn expect(&mut self, text: &str) -> Result<(), String> {
        let mut rest = text;
        word(&mut rest);
        let kind = word(&mut rest);
        let expectation = match rest.split_once(':') {
            None if rest.is_empty() => Expectation::Any,
            Some(("msg", message)) => Expectation::Exactly(message.trim().to_owned()),
            Some(("regex", pattern)) => matching(pattern.trim())?,
            _ => return Err(format!("expected 'msg: …' or 'regex: …' after 'expect {kind}', got {rest:?}")),
        };
        match kind {
            "ordered" => self.ordered = true,
            "fail" if matches!(self.fail, None | Some(Expectation::Any)) => self.fail = Some(expectation),
            "fail" => return Err("a query fails with one error only".to_owned()),
            "warn" => self.warn.push(expectation),
            "info" => self.info.push(expectation),
            "no_warn" => self.no_warn = true,
            "no_info" => self.no_info = true,
            other => return Err(format!("nothing called {other:?} can be expected")),
        }
        if (self.no_warn && !self.warn.is_empty()) || (self.no_info && !self.info.is_empty()) {
            return Err("an annotation is expected and ruled out at once".to_owned());
        }
        Ok(())
    }
}

fn matching(pattern: &str) -> Result<Expectation, String> {
    let translated = go_regex(pattern).map_err(|e| e.to_string())?.text;
    let regex = Regex::new(&translated).map_err(|e| format!("invalid regex {pattern:?}: {e}"))?;
    Ok(Expectation::Matching(pattern.to_owned(), regex))
}

fn string_literal(text: &str) -> Result<String, String> {
    let quoted = |q| text.len() >= 2 && text.starts_with(q) && text.ends_with(q);
    if quoted('"') || quoted('`') {
        Ok(quote::unquote(text))
    } else {
        Err(format!("expected a quoted string, got {text:?}"))
    }
}

/// A line that is just a number.
fn scalar(text: &str) -> Option<f64> {
    let (negative, digits) = match text.strip_prefix('-') {
        Some(digits) => (true, digits),
        None => (false, text.strip_prefix('+').unwrap_or(text)),
    };
    let value = number_value(digits).ok()?;
    Some(if negative { -value } else { value })
}
