//! Samples as JSON: one object a series, or a sample.
//!
//! ```text
//! {"metric":{"__name__":"up","job":"node"},"values":[1,0],"timestamps":[1700000000000,1700000015000]}
//! {"name":"up","labels":{"job":"node"},"value":1,"time":1700000000000}
//! ```
//!
//! - The first shape is that of VictoriaMetrics' export, the second what people guess; both may be mixed. Objects stand one a line,
//!   one behind the other, or in arrays.
//! - `metric` and `labels` are the labels, `name` is the metric name. `value` and `values`, `time`, `timestamp` and `timestamps`
//!   say the samples; of both lists there are as many. Without a time a single value has that of the request. Any other name is a
//!   fault, since what is misspelt would be lost.
//! - A value is a number, a number in quotes, `true` (1) or `false` (0), `null` (the ordinary NaN), or `"NaN"`, `"Infinity"`,
//!   `"-Infinity"` and what else Prometheus writes for these; `"StaleNaN"` is the marker of a series that has ended.
//! - A time is a whole number of ms, in other units when the sender says so, or RFC 3339 in quotes.
//! - An object is taken or refused as a whole. Where one isn't closed, the next begins with a line that begins with `{` behind one
//!   that ends with `}`.

mod cursor;
mod record;
mod scan;

use memchr::memchr_iter;

use self::{cursor::Cursor, record::Record, scan::Scan};
use super::{Declared, Format, ImportBuilder, ImportError, Unit, times::Times};
use crate::seams::batch_builder::{BatchError, FLOAT_BYTES};

/// The longest object, in bytes: what VictoriaMetrics writes for a few hundred thousand samples.
const MAX_OBJECT: usize = 16 << 20;

/// The format.
pub(super) struct Json;

impl Format for Json {
    fn name(&self) -> &'static str {
        "json"
    }

    fn title(&self) -> &'static str {
        "JSON"
    }

    fn paths(&self) -> &'static [&'static str] {
        &["/api/v1/import/json"]
    }

    fn content_types(&self) -> &'static [&'static str] {
        &["application/json", "application/x-ndjson", "application/jsonl", "application/stream+json"]
    }

    fn is_likely(&self, beginning: &[u8]) -> bool {
        let mut rest = beginning.trim_ascii_start();
        if let Some(inside) = rest.strip_prefix(b"[") {
            rest = inside.trim_ascii_start();
            if rest.is_empty() || rest.starts_with(b"]") {
                return true;
            }
        }
        // A label of the text format is followed by = or a comma.
        let Some(name) =
            rest.strip_prefix(b"{").map(<[u8]>::trim_ascii_start).and_then(|rest| rest.strip_prefix(b"\""))
        else {
            return rest.strip_prefix(b"{").is_some_and(|rest| rest.trim_ascii_start().starts_with(b"}"));
        };
        let end = name.iter().position(|byte| *byte == b'"');
        end.and_then(|end| name.get(end + 1..)).is_some_and(|rest| rest.trim_ascii_start().starts_with(b":"))
    }

    fn reader(&self, declared: &Declared) -> Result<Box<dyn super::Reader>, ImportError> {
        Ok(Box::new(Reader {
            times: Times::of(declared, Unit::Milliseconds, None),
            record: Record::default(),
            line: 1,
            column: 1,
            scan: Scan::default(),
            commas: 0,
            open: false,
            objects: false,
            behind: Behind::Start,
        }))
    }
}

/// Reads a body.
struct Reader {
    times: Times,
    record: Record,
    /// Where the next byte stands, from 1.
    line: usize,
    column: usize,
    /// What was looked at of an object whose end has not come yet.
    scan: Scan,
    /// The most commas that the records have which were cut last.
    commas: usize,
    /// Whether an array is open.
    open: bool,
    /// Whether there was an object.
    objects: bool,
    behind: Behind,
}

/// What was read last.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Behind {
    /// Nothing of this array, or of the body.
    Start,
    Object,
    Comma,
}

impl super::Reader for Reader {
    fn cut(&mut self, text: &[u8], most: usize) -> Option<usize> {
        // Where each object has lines of its own, nobody has to look for the ends of all.
        let end = scan::last_line(text, most).or_else(|| self.objects_end(text, most))?;
        self.scan = Scan::default();
        // Between two commas there is something. Only where that would be much, they are counted.
        self.commas = if end > most { scan::commas(text.get(..end).unwrap_or_default()) } else { end / 2 };
        Some(end)
    }

    fn growth(&self, bytes: usize) -> usize {
        // Half of the commas stand between values, and each value takes a place in a list that grows, and one in the batch.
        4 * bytes + (self.commas / 2 + 1) * (FLOAT_BYTES + 4 * size_of::<f64>())
    }

    fn max_record(&self) -> usize {
        MAX_OBJECT
    }

    fn take(&mut self, text: &[u8], builder: &mut ImportBuilder<'_>) -> Result<(), BatchError> {
        let text = match std::str::from_utf8(text) {
            Ok(text) => text,
            Err(error) => {
                let good = text.get(..error.valid_up_to()).unwrap_or_default();
                let (line, column) = self.place(&String::from_utf8_lossy(good));
                builder.fault(line, column, "this is not UTF-8");
                self.pass(&String::from_utf8_lossy(text));
                self.behind = Behind::Object;
                return Ok(());
            }
        };
        let mut cursor = Cursor::new(text);
        while let Some(begin) = self.next_object(&mut cursor, builder) {
            match self.record.read(&mut cursor, self.times, builder) {
                Ok(()) => {
                    if let Err(fault) = self.record.store(text, builder)? {
                        self.fault(text, begin + fault.at, &fault.why, builder);
                    }
                }
                Err(fault) => {
                    self.fault(text, fault.at, &fault.why, builder);
                    cursor.leave_object(begin);
                }
            }
            (self.behind, self.objects) = (Behind::Object, true);
        }
        self.pass(text);
        Ok(())
    }

    fn end_part(&mut self, last: bool, builder: &mut ImportBuilder<'_>) -> Result<(), BatchError> {
        if last && self.open {
            builder.fault(self.line, self.column, "expected ], the body ends here");
        }
        if last && !self.objects {
            builder.refuse("the body holds no object");
        }
        Ok(())
    }

    fn memory(&self) -> usize {
        self.record.memory()
    }

    fn line(&self) -> usize {
        self.line
    }
}

impl Reader {
    /// Where the last of the first objects ends that have about `most` bytes.
    fn objects_end(&mut self, text: &[u8], most: usize) -> Option<usize> {
        let mut end = self.scan.end(text)?;
        while end < most {
            let rest = text.get(end..most.min(text.len())).unwrap_or_default();
            match Scan::default().end(rest) {
                Some(length) => end += length,
                None => break,
            }
        }
        Some(end)
    }

    /// Goes to the next object and says where it begins. What else stands between objects is a fault, and passed over.
    fn next_object(&mut self, cursor: &mut Cursor<'_>, builder: &mut ImportBuilder<'_>) -> Option<usize> {
        loop {
            cursor.skip_blanks();
            let at = cursor.at();
            let wrong = match cursor.peek()? {
                b'{' if !self.open || self.behind != Behind::Object => return Some(at),
                b'{' => {
                    self.fault(cursor.text(), at, "expected , between the objects of an array", builder);
                    return Some(at);
                }
                b'[' if !self.open => {
                    (self.open, self.behind) = (true, Behind::Start);
                    None
                }
                b']' if self.open => {
                    let wrong = (self.behind == Behind::Comma).then_some("expected an object behind the comma");
                    (self.open, self.behind) = (false, Behind::Start);
                    wrong
                }
                b',' if self.open && self.behind == Behind::Object => {
                    self.behind = Behind::Comma;
                    None
                }
                _ => Some("expected an object"),
            };
            match wrong {
                None => cursor.skip(1),
                Some(why) => {
                    self.fault(cursor.text(), at, why, builder);
                    cursor.skip_to_object();
                }
            }
        }
    }

    fn fault(&self, text: &str, at: usize, why: &str, builder: &mut ImportBuilder<'_>) {
        let (line, column) = self.place(text.get(..at).unwrap_or(text));
        builder.fault(line, column, why);
    }

    /// Where that stands which follows `before`, itself the next in the body.
    fn place(&self, before: &str) -> (usize, usize) {
        match before.rsplit_once('\n') {
            Some((lines, last)) => {
                (self.line + 1 + memchr_iter(b'\n', lines.as_bytes()).count(), last.chars().count() + 1)
            }
            None => (self.line, self.column + before.chars().count()),
        }
    }

    /// Notes that `text` was read.
    fn pass(&mut self, text: &str) {
        (self.line, self.column) = self.place(text);
    }
}

#[cfg(test)]
mod tests;
