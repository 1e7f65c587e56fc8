//! Prometheus' text format with a time for each sample.

use super::Writer;
use crate::{
    model::Labels,
    server::text_format::{is_classic, put_quoted, put_value},
};

/// Writes a line a sample.
#[derive(Default)]
pub(crate) struct Text {
    /// Name and labels of the series.
    series: Vec<u8>,
}

impl Writer for Text {
    fn write(&mut self, labels: &Labels, times: &[i64], values: &[f64], out: &mut Vec<u8>) {
        self.series.clear();
        put_series(&mut self.series, labels);
        for (time, value) in times.iter().zip(values) {
            out.extend_from_slice(&self.series);
            out.push(b' ');
            put_value(out, *value);
            out.push(b' ');
            out.extend_from_slice(itoa::Buffer::new().format(*time).as_bytes());
            out.push(b'\n');
        }
    }
}

fn put_series(out: &mut Vec<u8>, labels: &Labels) {
    let name = labels.metric_name().unwrap_or_default();
    let classic = is_classic(name, true) && !name.is_empty();
    if classic {
        out.extend_from_slice(name.as_bytes());
    }
    let rest = labels.without_metric_name();
    if classic && rest.is_empty() {
        return;
    }
    out.push(b'{');
    if !classic {
        put_quoted(out, name);
    }
    for (i, (name, value)) in rest.iter().enumerate() {
        if i > 0 || !classic {
            out.push(b',');
        }
        if is_classic(name, false) {
            out.extend_from_slice(name.as_bytes());
        } else {
            put_quoted(out, name);
        }
        out.push(b'=');
        put_quoted(out, value);
    }
    out.push(b'}');
}
