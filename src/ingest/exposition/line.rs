//! One line of the text format: `name{label="value",…} value [time] [# {label="value",…} value [time]]`.

use std::{borrow::Cow, ops::Range};

use memchr::memchr;

use crate::ingest::{builder::Pair, times::Times, values};
use crate::model::{METRIC_NAME, number};

/// What is wrong, and at which byte of the line.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Fault {
    pub(super) at: usize,
    pub(super) why: String,
}

impl Fault {
    pub(super) fn at(at: usize, why: impl Into<String>) -> Self {
        Self { at, why: why.into() }
    }
}

/// A sample line. Its labels are in the list that was passed in.
#[derive(Debug, PartialEq)]
pub(super) struct Sample<'b> {
    /// The text of name and labels.
    pub(super) series: &'b str,
    pub(super) value: f64,
    pub(super) time: Option<i64>,
    /// Where the time stands.
    pub(super) time_at: usize,
    pub(super) exemplar: Option<SentExemplar<'b>>,
}

/// What follows a sample's `#`.
#[derive(Debug, PartialEq)]
pub(super) struct SentExemplar<'b> {
    pub(super) labels: Vec<Pair<'b>>,
    pub(super) value: f64,
    pub(super) time: Option<i64>,
    /// Where it begins.
    pub(super) at: usize,
}

/// Reads a sample line; its labels, the name among them, replace what is in `pairs`.
pub(super) fn sample<'b>(text: &'b str, times: Times, pairs: &mut Vec<Pair<'b>>) -> Result<Sample<'b>, Fault> {
    let mut line = Line { text, at: 0 };
    pairs.clear();
    line.skip_blanks();
    let begin = line.at;
    let name = line.take_while(|c, first| c == ':' || is_name(c, first));
    if !name.is_empty() {
        pairs.push((Cow::Borrowed(METRIC_NAME), Cow::Borrowed(name)));
    } else if line.peek() != Some('{') {
        return Err(line.expected("a metric name or {"));
    }
    let mut end = line.at;
    line.skip_blanks();
    if line.peek() == Some('{') {
        line.labels(pairs, true)?;
        end = line.at;
    } else if line.at == end {
        return Err(line.expected("a blank and a value behind the metric name"));
    }
    line.sample(text.get(begin..end).unwrap_or_default(), times)
}

/// Where name and labels stand in a line that [`sample`] can read, told by quotes and braces alone.
pub(super) fn series_range(text: &str) -> Option<Range<usize>> {
    let bytes = text.as_bytes();
    let from = |at: usize, stops: fn(u8) -> bool| {
        bytes.get(at..)?.iter().position(|byte| stops(*byte)).map(|found| at + found)
    };
    let begin = from(0, |byte| !is_blank(byte))?;
    let end = from(begin, |byte| is_blank(byte) || byte == b'{')?;
    let brace = from(end, |byte| !is_blank(byte)).filter(|at| bytes.get(*at) == Some(&b'{'));
    let Some(brace) = brace else { return Some(begin..end) };
    let (mut quoted, mut escaped) = (false, false);
    let close = bytes.get(brace..)?.iter().position(|byte| {
        if quoted {
            quoted = escaped || *byte != b'"';
            escaped = !escaped && *byte == b'\\';
            return false;
        }
        quoted = *byte == b'"';
        *byte == b'}'
    })?;
    Some(begin..brace + close + 1)
}

/// The same, where no label has a brace in it.
pub(super) fn short_series_range(text: &str) -> Option<Range<usize>> {
    match memchr(b'}', text.as_bytes()) {
        Some(close) if !text.starts_with([' ', '\t']) => Some(0..close + 1),
        _ => series_range(text),
    }
}

/// Reads what stands behind name and labels.
pub(super) fn known_sample(text: &str, series: Range<usize>, times: Times) -> Result<Sample<'_>, Fault> {
    if let Some(sample) = plain_sample(text, series.clone(), times) {
        return Ok(sample);
    }
    let line = Line { text, at: series.end };
    line.sample(text.get(series).unwrap_or_default(), times)
}

/// Reads a value and maybe a time in plain digits, and nothing else, as nearly all lines have them.
fn plain_sample(text: &str, series: Range<usize>, times: Times) -> Option<Sample<'_>> {
    let bytes = text.as_bytes();
    let behind_blanks = |at: usize| {
        let rest = bytes.get(at..).unwrap_or_default();
        at + rest.iter().position(|byte| !is_blank(*byte)).unwrap_or(rest.len())
    };
    let value_at = behind_blanks(series.end);
    let (value, length) = number::decimal(bytes.get(value_at..)?)?;
    let time_at = behind_blanks(value_at + length);
    let time = if time_at == bytes.len() {
        None
    } else if time_at == value_at + length {
        return None;
    } else {
        let (time, length) = number::integer(bytes.get(time_at..)?)?;
        if behind_blanks(time_at + length) != bytes.len() {
            return None;
        }
        Some(times.whole(time).ok()?)
    };
    Some(Sample { series: text.get(series)?, value, time, time_at, exemplar: None })
}

fn is_blank(byte: u8) -> bool {
    byte == b' ' || byte == b'\t'
}

fn is_name(c: char, first: bool) -> bool {
    c.is_ascii_alphabetic() || c == '_' || (!first && c.is_ascii_digit())
}

/// A position in a line.
struct Line<'b> {
    text: &'b str,
    at: usize,
}

impl<'b> Line<'b> {
    fn rest(&self) -> &'b str {
        self.text.get(self.at..).unwrap_or_default()
    }

    fn peek(&self) -> Option<char> {
        self.rest().chars().next()
    }

    /// The sample of `series`, whose value comes next.
    fn sample(mut self, series: &'b str, times: Times) -> Result<Sample<'b>, Fault> {
        let value = self.value()?;
        self.skip_blanks();
        let time_at = self.at;
        let time = self.time(times)?;
        let exemplar = self.exemplar()?;
        Ok(Sample { series, value, time, time_at, exemplar })
    }

    fn skip_blanks(&mut self) {
        self.take_while(|c, _| c == ' ' || c == '\t');
    }

    /// Takes `c` if it comes next, and blanks around it.
    fn take(&mut self, c: char) -> bool {
        self.skip_blanks();
        let found = self.peek() == Some(c);
        if found {
            self.at += c.len_utf8();
            self.skip_blanks();
        }
        found
    }

    fn take_while(&mut self, accept: impl Fn(char, bool) -> bool) -> &'b str {
        let rest = self.rest();
        let end = rest.char_indices().find(|&(at, c)| !accept(c, at == 0)).map_or(rest.len(), |(at, _)| at);
        self.at += end;
        rest.get(..end).unwrap_or_default()
    }

    fn expected(&self, what: &str) -> Fault {
        match self.peek() {
            Some(found) => Fault::at(self.at, format!("expected {what}, found {found:?}")),
            None => Fault::at(self.at, format!("expected {what}, the line ends here")),
        }
    }

    /// `{name="value",…}`; where a metric name may stand, a quoted string without `=` is one.
    fn labels(&mut self, pairs: &mut Vec<Pair<'b>>, with_name: bool) -> Result<(), Fault> {
        self.take('{');
        while self.peek() != Some('}') {
            let (at, quoted) = (self.at, self.peek() == Some('"'));
            let name = if quoted { self.quoted()? } else { Cow::Borrowed(self.take_while(is_name)) };
            if name.is_empty() && !quoted {
                return Err(self.expected("a label name or }"));
            }
            if self.take('=') {
                if self.peek() != Some('"') {
                    return Err(self.expected("a label value in quotes"));
                }
                pairs.push((name, self.quoted()?));
            } else if quoted && with_name {
                pairs.push((Cow::Borrowed(METRIC_NAME), name));
            } else {
                self.at = if quoted { at } else { self.at };
                return Err(self.expected("= behind a label name"));
            }
            if !self.take(',') && self.peek() != Some('}') {
                return Err(self.expected(", or }"));
            }
        }
        self.at += 1;
        Ok(())
    }

    fn quoted(&mut self) -> Result<Cow<'b, str>, Fault> {
        let begin = self.at;
        self.at += 1;
        let mut escaped = false;
        for (at, c) in self.rest().char_indices() {
            match c {
                '"' if !escaped => {
                    let inside = self.rest().get(..at).unwrap_or_default();
                    self.at += at + 1;
                    return Ok(unescape(inside, true));
                }
                '\\' => escaped = !escaped,
                _ => escaped = false,
            }
        }
        Err(Fault::at(begin, "these quotes are not closed"))
    }

    /// The next word: what stands before a blank.
    fn word(&mut self) -> (usize, &'b str) {
        self.skip_blanks();
        let at = self.at;
        (at, self.take_while(|c, _| c != ' ' && c != '\t'))
    }

    fn value(&mut self) -> Result<f64, Fault> {
        let (at, word) = self.word();
        if word.is_empty() {
            return Err(self.expected("a value"));
        }
        match values::parse(word) {
            Some(value) => Ok(value),
            None if word.parse::<f64>().is_ok() => Err(Fault::at(at, format!("{word:?} is beyond the largest number"))),
            None => Err(Fault::at(at, format!("{word:?} is no number"))),
        }
    }

    /// A time in ms, if there is one before the exemplar or the line's end.
    fn time(&mut self, times: Times) -> Result<Option<i64>, Fault> {
        self.skip_blanks();
        if self.peek().is_none_or(|c| c == '#') {
            return Ok(None);
        }
        let (at, word) = self.word();
        let time = times.parse(word).map_err(|why| Fault::at(at, why))?;
        Ok(Some(time))
    }

    /// What may follow a sample: nothing, or an exemplar.
    fn exemplar(&mut self) -> Result<Option<SentExemplar<'b>>, Fault> {
        self.skip_blanks();
        let at = self.at;
        if self.peek().is_none() {
            return Ok(None);
        }
        if !self.take('#') {
            return Err(self.expected("the end of the line or # and an exemplar"));
        }
        if self.peek() != Some('{') {
            return Err(self.expected("an exemplar's labels in {}"));
        }
        let mut labels = Vec::new();
        self.labels(&mut labels, false)?;
        let value = self.value()?;
        let time = self.time(Times::SECONDS)?;
        self.skip_blanks();
        if self.peek().is_some() {
            return Err(self.expected("the end of the line"));
        }
        Ok(Some(SentExemplar { labels, value, time, at }))
    }
}

/// Undoes `\\`, `\n` and, in quotes, `\"`.
pub(super) fn unescape(text: &str, quoted: bool) -> Cow<'_, str> {
    if !text.contains('\\') {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len());
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        if c != '\\' {
            out.push(c);
            continue;
        }
        match chars.next() {
            Some('n') => out.push('\n'),
            Some('\\') | None => out.push('\\'),
            Some('"') if quoted => out.push('"'),
            Some(other) => out.extend(['\\', other]),
        }
    }
    Cow::Owned(out)
}
