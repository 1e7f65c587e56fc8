//! JSON as Prometheus writes it: times in seconds, values as strings.

use std::io::Write;

use crate::model::{BucketCounts, Histogram, Labels, decimal};

/// A string, quoted and escaped.
pub(crate) fn string(out: &mut Vec<u8>, text: &str) {
    text_of(out, text.as_bytes());
}

/// The same for a text of which only the bytes are at hand.
fn text_of(out: &mut Vec<u8>, text: &[u8]) {
    if !is_plain(text) {
        // Writing to a Vec can't fail, and a str is always valid JSON text.
        let _ = serde_json::to_writer(out, &String::from_utf8_lossy(text));
        return;
    }
    out.push(b'"');
    out.extend_from_slice(text);
    out.push(b'"');
}

/// Whether no byte has to be escaped. Looks at eight at a time; the last may be looked at twice.
fn is_plain(text: &[u8]) -> bool {
    let Some(last) = text.last_chunk() else {
        return !text.iter().any(|byte| *byte < b' ' || *byte == b'"' || *byte == b'\\');
    };
    let (words, _) = text.as_chunks::<8>();
    words.iter().fold(special(*last), |any, word| any | special(*word)) == 0
}

/// Nonzero if a byte is a control character, a quote or a backslash. A byte is below n, itself below 128, when taking n away
/// borrows into its high bit and that was not set; the lowest such byte, at least, is found rightly.
fn special(word: [u8; 8]) -> u64 {
    const EACH: u64 = 0x0101_0101_0101_0101;
    let word = u64::from_le_bytes(word);
    let below = |word: u64, n: u8| word.wrapping_sub(EACH * u64::from(n)) & !word;
    let is = |byte: u8| below(word ^ (EACH * u64::from(byte)), 1);
    (below(word, b' ') | is(b'"') | is(b'\\')) & (EACH << 7)
}

/// A sample's time: seconds with three decimals, or none when they are zero.
pub(crate) fn time(out: &mut Vec<u8>, ms: i64) {
    if ms < 0 {
        out.push(b'-');
    }
    let ms = ms.unsigned_abs();
    out.extend_from_slice(itoa::Buffer::new().format(ms / 1000).as_bytes());
    let fraction = ms % 1000;
    if fraction > 0 {
        let digits = [fraction / 100, fraction / 10 % 10, fraction % 10].map(|digit| b'0' + digit as u8);
        out.push(b'.');
        out.extend_from_slice(&digits);
    }
}

/// A scalar's time: the shortest number of seconds.
pub(crate) fn plain_time(out: &mut Vec<u8>, ms: i64) {
    let _ = write!(out, "{}", ms as f64 / 1000.0);
}

/// A sample's value: the shortest decimal that reads back the same, with an exponent below 1e-6 and from 1e21 on.
pub(crate) fn value(out: &mut Vec<u8>, value: f64) {
    let size = value.abs();
    if value.is_finite() && size != 0.0 && !(1e-6..1e21).contains(&size) {
        exponent_form(out, value);
    } else {
        plain_value(out, value);
    }
}

/// A value without exponent, whatever its size, as scalars are written.
pub(crate) fn plain_value(out: &mut Vec<u8>, value: f64) {
    if value.is_nan() {
        out.extend_from_slice(b"\"NaN\"");
    } else if value.is_infinite() {
        out.extend_from_slice(if value > 0.0 { b"\"+Inf\"" } else { b"\"-Inf\"" });
    } else {
        out.push(b'"');
        decimal::put_plain(out, value);
        out.push(b'"');
    }
}

/// `1.5e-07`: the exponent has a sign and at least two digits.
fn exponent_form(out: &mut Vec<u8>, value: f64) {
    let (digits, exponent) = decimal::scientific(value);
    let sign = if exponent < 0 { '-' } else { '+' };
    let _ = write!(out, "\"{digits}e{sign}{:02}\"", exponent.abs());
}

/// An array of what `write` makes of each item.
pub(crate) fn list<I>(out: &mut Vec<u8>, items: impl IntoIterator<Item = I>, write: impl Fn(&mut Vec<u8>, I)) {
    out.push(b'[');
    for (i, item) in items.into_iter().enumerate() {
        if i > 0 {
            out.push(b',');
        }
        write(out, item);
    }
    out.push(b']');
}

/// A label set as an object, by ascending name.
pub(crate) fn labels(out: &mut Vec<u8>, labels: &Labels) {
    out.push(b'{');
    for (i, (name, value)) in labels.iter_bytes().enumerate() {
        if i > 0 {
            out.push(b',');
        }
        text_of(out, name);
        out.push(b':');
        text_of(out, value);
    }
    out.push(b'}');
}

/// A native histogram: count, sum and the buckets that count something.
///
/// A bucket is `[rule, lower, upper, count]`; the rule says which bounds are inside: 0 the upper, 1 the lower,
/// 2 none, 3 both.
pub(crate) fn histogram(out: &mut Vec<u8>, histogram: &Histogram) {
    let count = match &histogram.counts {
        BucketCounts::Integer { count, .. } => *count as f64,
        BucketCounts::Float { count, .. } => *count,
    };
    out.extend_from_slice(b"{\"count\":");
    value(out, count);
    out.extend_from_slice(b",\"sum\":");
    value(out, histogram.sum);
    let mut separator: &[u8] = b",\"buckets\":[[";
    let mut end: &[u8] = b"}";
    for bucket in histogram.buckets().iter().filter(|b| b.count != 0.0) {
        out.extend_from_slice(separator);
        let rule = match (bucket.lower_inclusive, bucket.upper_inclusive) {
            (false, true) => b'0',
            (true, false) => b'1',
            (false, false) => b'2',
            (true, true) => b'3',
        };
        out.push(rule);
        for number in [bucket.lower, bucket.upper, bucket.count] {
            out.push(b',');
            value(out, number);
        }
        out.push(b']');
        (separator, end) = (b",[", b"]}");
    }
    out.extend_from_slice(end);
}

/// A time in ms as text.
pub(crate) fn rfc_3339(ms: i64) -> String {
    jiff::Timestamp::from_millisecond(ms).map_or_else(|_| ms.to_string(), |time| time.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{BucketSpan, CUSTOM_BUCKETS_SCHEMA, STALE_NAN};

    fn text(write: impl FnOnce(&mut Vec<u8>)) -> String {
        let mut out = Vec::new();
        write(&mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn values_are_written_as_prometheus_writes_them() {
        for (number, want) in [
            (0.0, "0"),
            (-0.0, "-0"),
            (1.0, "1"),
            (-1.5, "-1.5"),
            (0.1, "0.1"),
            (1e-6, "0.000001"),
            (9.999999e-7, "9.999999e-07"),
            (1e-7, "1e-07"),
            (-1.5e-7, "-1.5e-07"),
            (123_456_789_012.0, "123456789012"),
            (999_999_999_999_999_900_000.0, "999999999999999900000"),
            (1e21, "1e+21"),
            (-2.5e300, "-2.5e+300"),
            (5e-324, "5e-324"),
            (f64::MAX, "1.7976931348623157e+308"),
            (f64::NAN, "NaN"),
            (STALE_NAN, "NaN"),
            (f64::INFINITY, "+Inf"),
            (f64::NEG_INFINITY, "-Inf"),
        ] {
            assert_eq!(text(|out| value(out, number)), format!("\"{want}\""), "{number:?}");
        }
    }

    #[test]
    fn scalars_never_have_an_exponent() {
        assert_eq!(text(|out| plain_value(out, 1e30)), "\"1000000000000000000000000000000\"");
        assert_eq!(text(|out| plain_value(out, 1e-7)), "\"0.0000001\"");
        assert_eq!(text(|out| plain_time(out, 1100)), "1.1");
        assert_eq!(text(|out| plain_time(out, 1_795_238_935_370)), "1795238935.37");
        assert_eq!(text(|out| plain_time(out, 5000)), "5");
    }

    #[test]
    fn times_have_three_decimals_or_none() {
        for (ms, want) in [
            (0, "0"),
            (1100, "1.100"),
            (1, "0.001"),
            (-1, "-0.001"),
            (-12_345, "-12.345"),
            (60_000, "60"),
            (i64::MIN, "-9223372036854775.808"),
        ] {
            assert_eq!(text(|out| time(out, ms)), want);
        }
    }

    #[test]
    fn each_byte_is_escaped_or_not_as_serde_json_does_wherever_it_stands() {
        for byte in '\0'..='\u{ff}' {
            for (before, behind) in (0..12).flat_map(|before| (0..12).map(move |behind| (before, behind))) {
                let plain = format!("{}{byte}{}", "é".repeat(before), "~".repeat(behind));
                assert_eq!(text(|out| string(out, &plain)), serde_json::to_string(&plain).unwrap());
            }
        }
    }

    #[test]
    fn names_and_values_of_labels_are_escaped() {
        let set = Labels::from_pairs([("b", "line\n\"quoted\""), ("ü.x", "☃"), ("__name__", "up")]).unwrap();
        assert_eq!(text(|out| labels(out, &set)), r#"{"__name__":"up","b":"line\n\"quoted\"","ü.x":"☃"}"#);
        assert_eq!(text(|out| labels(out, &Labels::empty())), "{}");
    }

    #[test]
    fn a_histogram_lists_the_buckets_that_count_something() {
        let mut sample = Histogram {
            zero_threshold: 0.5,
            sum: 18.5,
            positive_spans: vec![BucketSpan { offset: 1, length: 3 }],
            negative_spans: vec![BucketSpan { offset: 1, length: 1 }],
            counts: BucketCounts::Integer { count: 10, zero: 2, positive: vec![1, -1, 3], negative: vec![4] },
            ..Histogram::stale()
        };
        assert_eq!(
            text(|out| histogram(out, &sample)),
            concat!(
                r#"{"count":"10","sum":"18.5","buckets":[[1,"-2","-1","4"],[3,"-0.5","0.5","2"],"#,
                r#"[0,"1","2","1"],[0,"4","8","3"]]}"#
            )
        );
        sample.counts = BucketCounts::Float { count: 0.0, zero: 0.0, positive: vec![], negative: vec![] };
        assert_eq!(text(|out| histogram(out, &sample)), r#"{"count":"0","sum":"18.5"}"#);
        let custom = Histogram {
            schema: CUSTOM_BUCKETS_SCHEMA,
            sum: 1.0,
            custom_values: vec![0.25],
            positive_spans: vec![BucketSpan { offset: 0, length: 2 }],
            counts: BucketCounts::Float { count: 1.5, zero: 0.0, positive: vec![1.0, 0.5], negative: vec![] },
            ..Histogram::stale()
        };
        assert_eq!(
            text(|out| histogram(out, &custom)),
            r#"{"count":"1.5","sum":"1","buckets":[[3,"-Inf","0.25","1"],[0,"0.25","+Inf","0.5"]]}"#
        );
    }
}
