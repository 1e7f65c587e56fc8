//! Start times in scripts: a line `metric{label="value"}@st -30s-1mx2 _` before that of the metric's values.
//!
//! Each item says how far the start of a sample lies from the sample's own time, as a duration with or without a sign.
//! `_` gives no start time, `_xN` does so N times, `axN` is `a` and N more of it, and `a+bxN` or `a-bxN` goes up or down
//! by `b` N times.

use super::series::MAX_POINTS;
use crate::promql::parse_duration;

/// The distances in ms, `None` where there is no start time.
pub(super) fn offsets(text: &str) -> Result<Vec<Option<i64>>, String> {
    let mut offsets = vec![];
    for item in text.split_whitespace() {
        let (first, step, count) = parts(item).map_err(|why| format!("invalid start time {item:?}: {why}"))?;
        if count > MAX_POINTS - offsets.len() {
            return Err(format!("a series has more than {MAX_POINTS} start times"));
        }
        let at = |i: usize| first.map(|first| first.saturating_add(step.saturating_mul(i as i64)));
        offsets.extend((0..count).map(at));
    }
    Ok(offsets)
}

/// The first offset, the step to the next, and how many there are.
fn parts(item: &str) -> Result<(Option<i64>, i64, usize), String> {
    if let Some(rest) = item.strip_prefix('_') {
        let count = if rest.is_empty() { 1 } else { repetitions(rest)? };
        return if count == 0 { Err("it is repeated no times".to_owned()) } else { Ok((None, 0, count)) };
    }
    let (first, rest) = signed(item)?;
    let (step, rest) = match rest.chars().next() {
        None => return Ok((Some(first), 0, 1)),
        Some('x') => (0, rest),
        _ => signed(rest)?,
    };
    Ok((Some(first), step, repetitions(rest)?.saturating_add(1)))
}

/// The count of `xN`.
fn repetitions(text: &str) -> Result<usize, String> {
    let count = text.strip_prefix('x').and_then(|digits| digits.parse().ok());
    count.ok_or_else(|| format!("expected a repetition such as x3, got {text:?}"))
}

/// A duration of one unit at the start of `text`, with a sign or without, in ms, and what follows it.
fn signed(text: &str) -> Result<(i64, &str), String> {
    let body = text.strip_prefix(['-', '+']).unwrap_or(text);
    let unit = body.find(|c: char| !c.is_ascii_digit()).unwrap_or(body.len());
    let after = body.get(unit..).unwrap_or_default();
    let end = unit + after.find(|c: char| !c.is_ascii_alphabetic() || c == 'x').unwrap_or(after.len());
    let (duration, rest) = body.split_at_checked(end).ok_or("a duration is missing")?;
    let ms = parse_duration(duration).map_err(|error| error.to_string())?;
    Ok((if text.starts_with('-') { -ms } else { ms }, rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_form_of_an_item_is_read() {
        let all = |text| offsets(text).unwrap();
        assert_eq!(all("_ -30s 0 +1m 1ms"), [None, Some(-30_000), Some(0), Some(60_000), Some(1)]);
        assert_eq!(all("_x2 -1mx1"), [None, None, Some(-60_000), Some(-60_000)]);
        assert_eq!(all("-30s-1mx2"), [Some(-30_000), Some(-90_000), Some(-150_000)]);
        assert_eq!(all("0+10sx1 -0msx0"), [Some(0), Some(10_000), Some(0)]);
        for wrong in ["x", "-", "5mx", "1m+1m", "_x0", "_2", "1mx99999999999", "1y1"] {
            assert!(offsets(wrong).is_err(), "{wrong}");
        }
    }
}
