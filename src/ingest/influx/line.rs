//! One line: `measurement[,tag=value …] field=value[,field=value …] [time]`, and where it ends.

use std::{borrow::Cow, ops::Range};

use memchr::{memchr, memchr_iter};

use super::value::{self, Value, Wrong};

/// The longest measurement with its tags.
const MAX_KEY: usize = 65_535;

/// What is wrong, in InfluxDB's words, and at which byte of the line.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Fault {
    pub(super) at: usize,
    pub(super) why: Wrong,
}

fn fault(at: usize, why: &'static str) -> Fault {
    Fault { at, why: Cow::Borrowed(why) }
}

/// A field: where its name stands in the line, escaped, and its value.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Field {
    pub(super) name: Range<usize>,
    pub(super) value: Value,
}

/// What a line holds beside its fields.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Point<'b> {
    /// Measurement and tags as they stand; they are not looked at yet.
    pub(super) key: &'b str,
    /// The time, if it has one, and where that stands.
    pub(super) time: Option<i64>,
    pub(super) time_at: usize,
}

/// Measurement and tags.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Key<'b> {
    pub(super) measurement: Cow<'b, str>,
    pub(super) tags: Vec<(Cow<'b, str>, Cow<'b, str>)>,
}

/// Where the first line of a text ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum End {
    /// Behind so many bytes, its line feed the last of them.
    At(usize),
    /// Not in this text.
    Open,
    /// Not in this text, as a text in quotes goes on.
    Quoted,
}

/// Finds the end of the first line: a text in quotes may have line feeds.
pub(super) fn end(text: &[u8]) -> End {
    let feed = memchr(b'\n', text);
    let first = feed.and_then(|at| text.get(..at)).unwrap_or(text);
    let begin = first.iter().position(|byte| !is_blank(*byte)).unwrap_or(first.len());
    let quotes = memchr(b'"', first).is_some() && first.get(begin) != Some(&b'#');
    let key = quotes.then(|| first.get(begin..).and_then(key_end)).flatten();
    let Some(key) = key else { return feed.map_or(End::Open, |at| End::At(at + 1)) };
    let (mut at, mut in_value, mut quoted) = (begin + key, false, false);
    while let Some(byte) = text.get(at) {
        match byte {
            b'\\' if quoted || text.get(at + 1) != Some(&b'\n') => at += 1,
            b'"' if in_value => quoted = !quoted,
            b'=' if !quoted => in_value = true,
            b',' if !quoted => in_value = false,
            b'\n' if !quoted => return End::At(at + 1),
            _ => {}
        }
        at += 1;
    }
    if quoted { End::Quoted } else { End::Open }
}

/// The bytes of measurement and tags, and the most fields that a line can have.
pub(super) fn weight(line: &[u8]) -> (usize, usize) {
    let key = key_end(line).unwrap_or(line.len());
    (key, 1 + memchr_iter(b',', line.get(key..).unwrap_or_default()).count())
}

/// What stands before a line and between its parts.
pub(super) fn is_blank(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | 0)
}

/// Where the measurement and its tags end.
fn key_end(line: &[u8]) -> Option<usize> {
    let spaces = memchr_iter(b' ', line);
    spaces.into_iter().find(|at| at.checked_sub(1).and_then(|before| line.get(before)) != Some(&b'\\'))
}

/// Reads a line that begins with its measurement; its fields replace what is in `fields`.
pub(super) fn parse<'b>(line: &'b str, fields: &mut Vec<Field>) -> Result<Point<'b>, Fault> {
    fields.clear();
    let bytes = line.as_bytes();
    let Some(key_end) = key_end(bytes) else {
        key(line)?;
        return Err(fault(line.len(), "missing fields"));
    };
    let key_text = line.get(..key_end).unwrap_or_default();
    // What is wrong first is named first, and a key is looked at only when it is new.
    let first = |later: Fault| key(key_text).err().unwrap_or(later);
    let at = read_fields(bytes, skip_blanks(bytes, key_end), fields).map_err(first)?;
    let time_at = skip_blanks(bytes, at);
    let time = read_time(bytes, time_at).map_err(first)?;
    Ok(Point { key: key_text, time, time_at })
}

fn skip_blanks(bytes: &[u8], at: usize) -> usize {
    let rest = bytes.get(at..).unwrap_or_default();
    at + rest.iter().position(|byte| !is_blank(*byte)).unwrap_or(rest.len())
}

/// Reads the fields that begin at `at`, and says where they end.
fn read_fields(bytes: &[u8], mut at: usize, fields: &mut Vec<Field>) -> Result<usize, Fault> {
    if at >= bytes.len() {
        return Err(fault(at, "missing fields"));
    }
    loop {
        let begin = at;
        loop {
            match bytes.get(at) {
                Some(b'=') => break,
                Some(b'\\') => at += 2,
                None | Some(b' ' | b',') => return Err(fault(begin, "invalid field format")),
                Some(_) => at += 1,
            }
        }
        if at == begin {
            return Err(fault(at, "missing field key"));
        }
        let name = begin..at;
        at += 1;
        let (end, value) = read_value(bytes, at)?;
        fields.push(Field { name, value });
        at = end;
        match bytes.get(at) {
            Some(b',') => at += 1,
            None | Some(b' ') => return Ok(at),
            Some(_) => return Err(fault(at, "invalid field format")),
        }
    }
}

/// Reads the value at `at`, and says where it ends.
fn read_value(bytes: &[u8], at: usize) -> Result<(usize, Value), Fault> {
    let rest = bytes.get(at..).unwrap_or_default();
    if let Some((value, length)) = value::plain(rest) {
        return Ok((at + length, value));
    }
    let read = match rest.first() {
        None | Some(b',' | b' ') => return Err(fault(at, "missing field value")),
        Some(b'"') => {
            let end = closing_quote(bytes, at + 1).ok_or_else(|| fault(at, "unbalanced quotes"))?;
            return Ok((end + 1, Value::Text));
        }
        Some(b'0'..=b'9' | b'.' | b'-' | b'N' | b'n') => value::number,
        Some(_) => value::boolean,
    };
    let length = rest.iter().position(|byte| matches!(byte, b',' | b' ')).unwrap_or(rest.len());
    let value = read(rest.get(..length).unwrap_or_default()).map_err(|why| Fault { at, why })?;
    Ok((at + length, value))
}

fn closing_quote(bytes: &[u8], mut at: usize) -> Option<usize> {
    loop {
        match bytes.get(at)? {
            b'"' => return Some(at),
            b'\\' => at += 2,
            _ => at += 1,
        }
    }
}

/// Reads the time at `at`, if there is one.
fn read_time(bytes: &[u8], at: usize) -> Result<Option<i64>, Fault> {
    let rest = bytes.get(at..).unwrap_or_default();
    if rest.is_empty() {
        return Ok(None);
    }
    let length = rest.iter().position(|byte| is_blank(*byte)).unwrap_or(rest.len());
    let (word, behind) = rest.split_at_checked(length).unwrap_or((rest, &[]));
    let digits = word.strip_prefix(b"-").unwrap_or(word);
    if digits.is_empty() || !digits.iter().all(u8::is_ascii_digit) {
        let number = digits.iter().take_while(|byte| byte.is_ascii_digit()).count();
        let letter_follows = number > 0 && digits.get(number).is_some_and(u8::is_ascii_alphabetic);
        let joined = "bad timestamp; curl -d @FILE joins lines: use curl --data-binary @FILE";
        return Err(fault(at, if letter_follows { joined } else { "bad timestamp" }));
    }
    let time = std::str::from_utf8(word).ok().and_then(|word| word.parse::<i64>().ok());
    let time = time.ok_or_else(|| fault(at, OUT_OF_RANGE))?;
    match behind.iter().position(|byte| !is_blank(*byte)) {
        Some(more) => Err(fault(at + length + more, "point is invalid")),
        None => Ok(Some(time)),
    }
}

/// A time that has no place in InfluxDB.
pub(super) const OUT_OF_RANGE: &str = "time outside range -9223372036854775806 - 9223372036854775806";

/// The measurement as it stands at the beginning of a key.
pub(super) fn measurement(key: &str) -> &str {
    until(key, 0, b",").1
}

/// Reads measurement and tags.
pub(super) fn key(text: &str) -> Result<Key<'_>, Fault> {
    let bytes = text.as_bytes();
    if bytes.len() > MAX_KEY {
        let why = Cow::Owned(format!("max key length exceeded: {} > {MAX_KEY}", bytes.len()));
        return Err(Fault { at: 0, why });
    }
    let (mut at, measurement) = until(text, 0, b",");
    if measurement.is_empty() {
        return Err(fault(0, "missing measurement"));
    }
    let mut tags = Vec::new();
    while at < bytes.len() {
        let begin = at + 1;
        let (name_end, name) = until(text, begin, b",=");
        match bytes.get(name_end) {
            _ if name.is_empty() => return Err(fault(begin, "missing tag key")),
            Some(b'=') => {}
            _ => return Err(fault(name_end, "missing tag value")),
        }
        // InfluxDB takes an equals sign where a value begins, and nowhere else in it.
        let value_begin = name_end + 1;
        let signs = usize::from(bytes.get(value_begin) == Some(&b'='));
        let (value_end, _) = until(text, value_begin + signs, b",=");
        let value = text.get(value_begin..value_end).unwrap_or_default();
        match bytes.get(value_end) {
            _ if value.is_empty() => return Err(fault(name_end + 1, "missing tag value")),
            Some(b'=') => return Err(fault(value_end, "invalid tag format")),
            _ => {}
        }
        tags.push((unescape(name, b",= "), unescape(value, b",= ")));
        at = value_end;
    }
    let mut names: Vec<&str> = tags.iter().map(|(name, _)| &**name).collect();
    names.sort_unstable();
    if names.windows(2).any(|pair| matches!(pair, [a, b] if a == b)) {
        return Err(fault(0, "duplicate tags"));
    }
    Ok(Key { measurement: unescape(measurement, b", "), tags })
}

/// What stands from `begin` up to one of `stops` without a backslash before it, and where that is.
fn until<'b>(text: &'b str, begin: usize, stops: &[u8]) -> (usize, &'b str) {
    let bytes = text.as_bytes();
    let is_escaped = |at: usize| at > begin && at.checked_sub(1).and_then(|before| bytes.get(before)) == Some(&b'\\');
    let end = (begin..bytes.len())
        .find(|at| bytes.get(*at).is_some_and(|byte| stops.contains(byte)) && !is_escaped(*at))
        .unwrap_or(bytes.len());
    (end, text.get(begin..end).unwrap_or_default())
}

/// Takes away backslashes before any of `escaped`; another one stands for itself.
pub(super) fn unescape<'b>(text: &'b str, escaped: &[u8]) -> Cow<'b, str> {
    if memchr(b'\\', text.as_bytes()).is_none() {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len());
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        let escapes =
            c == '\\' && chars.peek().is_some_and(|next| escaped.iter().any(|byte| char::from(*byte) == *next));
        if !escapes {
            out.push(c);
        } else if let Some(next) = chars.next() {
            out.push(next);
        }
    }
    Cow::Owned(out)
}

/// Whether a line that may be cut off at its end looks like this format: its first field tells.
pub(super) fn is_likely(line: &[u8]) -> bool {
    let Some(end) = key_end(line) else { return false };
    let is_key = line.get(..end).and_then(|key| std::str::from_utf8(key).ok()).is_some_and(|text| key(text).is_ok());
    let begin = skip_blanks(line, end);
    let name =
        line.get(begin..).and_then(|rest| rest.iter().position(|byte| matches!(byte, b'=' | b' ' | b',' | b'{')));
    let value_at = name.filter(|length| *length > 0).map(|length| begin + length);
    is_key && value_at.is_some_and(|at| line.get(at) == Some(&b'=') && read_value(line, at + 1).is_ok())
}
