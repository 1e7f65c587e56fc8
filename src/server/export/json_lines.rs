//! JSON lines as VictoriaMetrics exports them: an object for some thousand samples of a series.

use super::Writer;
use crate::{
    model::{Labels, is_stale},
    server::{json, text_format::put_value},
};

/// Writes lines of at most so many samples.
pub(crate) struct JsonLines {
    most: usize,
}

impl JsonLines {
    /// Samples of a line unless it is said otherwise: a line has some 100 KB then.
    pub(crate) const USUAL: usize = 4096;

    pub(crate) fn new(most: usize) -> Self {
        Self { most: most.max(1) }
    }
}

impl Writer for JsonLines {
    fn has_stale(&self) -> bool {
        true
    }

    fn write(&mut self, labels: &Labels, times: &[i64], values: &[f64], out: &mut Vec<u8>) {
        for (times, values) in times.chunks(self.most).zip(values.chunks(self.most)) {
            out.extend_from_slice(b"{\"metric\":");
            json::labels(out, labels);
            out.extend_from_slice(b",\"values\":");
            json::list(out, values, |out, value| put_json(out, *value));
            out.extend_from_slice(b",\"timestamps\":");
            json::list(out, times, |out, time| out.extend_from_slice(itoa::Buffer::new().format(*time).as_bytes()));
            out.extend_from_slice(b"}\n");
        }
    }
}

fn put_json(out: &mut Vec<u8>, value: f64) {
    if is_stale(value) {
        out.extend_from_slice(b"\"StaleNaN\"");
    } else if value.is_nan() {
        out.extend_from_slice(b"null");
    } else if value.is_infinite() {
        out.extend_from_slice(if value > 0.0 { b"\"Infinity\"" } else { b"\"-Infinity\"" });
    } else {
        put_value(out, value);
    }
}
