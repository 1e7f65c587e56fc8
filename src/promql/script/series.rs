//! Series in scripts: `metric{label="value"} 1 2+3x4 _x2 stale {{sum:1 count:2 buckets:[1 1]}}x3`.
//!
//! Values are divided by spaces. `axN` is `a` and N more of it, `a+bxN` goes up by `b` N times, `_` leaves a step out
//! and `_xN` leaves out N.

use super::histogram::{self, ScriptHistogram};
use crate::{
    model::{Labels, METRIC_NAME, STALE_NAN},
    promql::{
        lex::{Lexer, TokenKind, number_value},
        quote::unquote,
    },
};

/// One series may have this many points: scripts are input, and repetitions are quickly written.
pub(super) const MAX_POINTS: usize = 1 << 20;

/// What stands at one step.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Point {
    Omitted,
    Float(f64),
    /// A histogram, and whether the text gave its reset hint.
    Histogram(Box<ScriptHistogram>, bool),
}

/// Reads labels from the start of `text` and returns what follows them.
pub(super) fn metric(text: &str) -> Result<(Labels, &str), String> {
    let wrong = || format!("expected a metric or {{labels}}, got {text:?}");
    let mut pairs: Vec<(String, String)> = vec![];
    let end = text.find(|c: char| c.is_whitespace() || c == '{' || c == '@').unwrap_or(text.len());
    let (name, mut rest) = text.split_at(end);
    if !name.is_empty() {
        let letter = |b: u8| b.is_ascii_alphabetic() || b == b'_' || b == b':';
        if name.starts_with(|c: char| c.is_ascii_digit()) || !name.bytes().all(|b| letter(b) || b.is_ascii_digit()) {
            return Err(wrong());
        }
        pairs.push((METRIC_NAME.to_owned(), name.to_owned()));
    }
    if rest.starts_with('{') {
        rest = braces(rest, &mut pairs)?;
    } else if name.is_empty() {
        return Err(wrong());
    }
    Ok((Labels::from_pairs(pairs).map_err(|e| e.to_string())?, rest))
}

fn braces<'a>(text: &'a str, pairs: &mut Vec<(String, String)>) -> Result<&'a str, String> {
    let mut lexer = Lexer::new(text);
    let mut next = || lexer.next().map_err(|e| e.message);
    next()?;
    loop {
        let name = next()?;
        let label = match name.kind {
            TokenKind::RightBrace => return Ok(text.get(name.span.end as usize..).unwrap_or_default()),
            TokenKind::Identifier => name.text(text).to_owned(),
            TokenKind::String => unquote(name.text(text)),
            _ => return Err(format!("unexpected {} in labels, expected a name", name.describe(text))),
        };
        let mut after = next()?;
        if after.kind == TokenKind::Assign {
            let value = next()?;
            if value.kind != TokenKind::String {
                return Err(format!("unexpected {} in labels, expected a string", value.describe(text)));
            }
            pairs.push((label, unquote(value.text(text))));
            after = next()?;
        } else if name.kind == TokenKind::String {
            pairs.push((METRIC_NAME.to_owned(), label));
        }
        match after.kind {
            TokenKind::Comma => {}
            TokenKind::RightBrace => return Ok(text.get(after.span.end as usize..).unwrap_or_default()),
            _ => return Err(format!("unexpected {} in labels, expected \",\" or \"}}\"", after.describe(text))),
        }
    }
}

/// Reads the values of a series.
pub(super) fn points(text: &str) -> Result<Vec<Point>, String> {
    if !text.is_empty() && !text.starts_with(char::is_whitespace) {
        return Err(format!("expected a space before the values, got {text:?}"));
    }
    let mut points = vec![];
    let mut rest = text.trim_start();
    while !rest.is_empty() {
        rest = if rest.starts_with("{{") { histograms(rest, &mut points)? } else { floats(rest, &mut points)? };
        if !rest.is_empty() && !rest.starts_with(char::is_whitespace) {
            return Err(format!("expected a space between values, got {rest:?}"));
        }
        rest = rest.trim_start();
    }
    Ok(points)
}

fn floats<'a>(text: &'a str, points: &mut Vec<Point>) -> Result<&'a str, String> {
    let (item, rest) = text.split_at(text.find(char::is_whitespace).unwrap_or(text.len()));
    let wrong = || format!("{item:?} is no value of a series");
    if let Some(after) = item.strip_prefix('_') {
        let count = if after.is_empty() { 1 } else { times(after)?.ok_or_else(wrong)? };
        repeat(points, count, Point::Omitted)?;
        return Ok(rest);
    }
    if item == "stale" {
        points.push(Point::Float(STALE_NAN));
        return Ok(rest);
    }
    let (mut value, after) = number(item).ok_or_else(wrong)?;
    if after.is_empty() {
        points.push(Point::Float(value));
        return Ok(rest);
    }
    let (step, after) = if after.starts_with('x') {
        (None, after)
    } else {
        number(after).map(|(n, a)| (Some(n), a)).ok_or_else(wrong)?
    };
    let count = times(after)?.ok_or_else(wrong)?;
    match step {
        None => repeat(points, count.saturating_add(1), Point::Float(value))?,
        Some(step) => {
            for _ in 0..=count {
                repeat(points, 1, Point::Float(value))?;
                value += step;
            }
        }
    }
    Ok(rest)
}

fn histograms<'a>(text: &'a str, points: &mut Vec<Point>) -> Result<&'a str, String> {
    let (mut value, hinted, rest) = histogram::parse(text)?;
    let end = rest.find(char::is_whitespace).unwrap_or(rest.len());
    if let Some(count) = times(rest.get(..end).unwrap_or_default())? {
        repeat(points, count.saturating_add(1), Point::Histogram(Box::new(value), hinted))?;
        return Ok(rest.get(end..).unwrap_or_default());
    }
    let sign = match rest.chars().next() {
        Some('+') => 1.0,
        Some('-') => -1.0,
        _ => {
            points.push(Point::Histogram(Box::new(value), hinted));
            return Ok(rest);
        }
    };
    let (step, hinted, rest) = histogram::parse(rest.get(1..).unwrap_or_default())?;
    let (count, rest) = rest.split_at(rest.find(char::is_whitespace).unwrap_or(rest.len()));
    let count = times(count)?.ok_or_else(|| format!("expected a repetition after the histograms, got {count:?}"))?;
    repeat(points, 1, Point::Histogram(Box::new(value.clone()), hinted))?;
    for _ in 0..count {
        value.add(&step, sign)?;
        repeat(points, 1, Point::Histogram(Box::new(value.clone()), hinted))?;
    }
    Ok(rest)
}

fn repeat(points: &mut Vec<Point>, count: usize, point: Point) -> Result<(), String> {
    if count > MAX_POINTS - points.len().min(MAX_POINTS) {
        return Err(format!("a series has more than {MAX_POINTS} points"));
    }
    points.extend(std::iter::repeat_n(point, count));
    Ok(())
}

/// The count of `xN`.
fn times(text: &str) -> Result<Option<usize>, String> {
    let Some(digits) = text.strip_prefix('x') else { return Ok(None) };
    digits.parse().map(Some).map_err(|_| format!("invalid repetition in series values: {text:?}"))
}

/// A number at the start of `text`, with a sign or without, and what follows it.
pub(super) fn number(text: &str) -> Option<(f64, &str)> {
    let (negative, body) = match text.strip_prefix('-') {
        Some(body) => (true, body),
        None => (false, text.strip_prefix('+').unwrap_or(text)),
    };
    let mut end = 0;
    let mut before = ' ';
    for c in body.chars() {
        let exponent_sign = matches!(c, '+' | '-') && matches!(before, 'e' | 'E');
        let word = c.is_ascii_alphabetic() && c != 'x';
        if !(c.is_ascii_digit() || c == '.' || c == '_' || word || exponent_sign) {
            break;
        }
        before = c;
        end += 1;
    }
    let (digits, rest) = body.split_at_checked(end)?;
    let value = number_value(digits).ok()?;
    Some((if negative { -value } else { value }, rest))
}
