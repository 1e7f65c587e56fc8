use proptest::prelude::*;

use super::*;
use crate::{
    ingest::{ImportError, ImportLimits, Imported, format_at, receive},
    model::Labels,
    seams::append::fake::{MemoryAppend, finished},
};

const NOW: i64 = 1_700_000_000_000;

/// Posts times of any age.
fn post_as(content_type: &str, body: &[u8], append: &MemoryAppend) -> Result<Imported, ImportError> {
    let format = format_at("/api/v1/import/prometheus");
    let limits = ImportLimits::default();
    let declared = Declared { content_type: content_type.to_owned(), allow_old: true, ..Declared::default() };
    finished(receive(format, body, &declared, NOW, &limits, append))
}

/// What one body stores: labels, time and bits of each sample.
fn stored(body: &str) -> Vec<(String, i64, u64)> {
    let append = MemoryAppend::default();
    post_as("text/plain", body.as_bytes(), &append).unwrap_or_else(|error| panic!("{body:?}: {error}"));
    let batch = append.batches().pop().unwrap();
    batch.floats.iter().map(|s| (append.labels(s.series).unwrap().to_string(), s.time, s.value.to_bits())).collect()
}

fn fault(body: &str) -> String {
    let append = MemoryAppend::default();
    let error = post_as("", body.as_bytes(), &append).unwrap_err();
    assert!(append.batches().is_empty(), "nothing is stored");
    error.to_string()
}

fn labels(pairs: &[(&str, &str)]) -> String {
    Labels::from_pairs(pairs.iter().copied()).unwrap().to_string()
}

#[test]
fn samples_have_labels_in_any_spelling_values_of_any_kind_and_maybe_a_time() {
    let one = |value: f64| vec![(labels(&[("__name__", "up")]), NOW, value.to_bits())];
    for (line, value) in [
        ("up 1", 1.0),
        ("up 1\r\n", 1.0),
        ("  up\t1.5e3  ", 1500.0),
        ("up{} -0", -0.0),
        ("up{ } +Inf", f64::INFINITY),
        ("up -inf", f64::NEG_INFINITY),
        ("up NaN", f64::from_bits(0x7ff8_0000_0000_0001)),
        ("{\"up\"} 5e-324", 5e-324),
        ("{__name__=\"up\"} 1", 1.0),
        ("# just words\n\nup 1\n# EOF\n", 1.0),
    ] {
        assert_eq!(stored(line), one(value), "{line:?}");
    }
    let wide = labels(&[("__name__", "a:b"), ("x", "1"), ("y", "q\"\\\nz\\d,}")]);
    assert_eq!(stored(r#"a:b { x = "1" , y = "q\"\\\nz\d,}", } 2 -17"#), [(wide, -17, 2f64.to_bits())]);
    let utf8 = labels(&[("__name__", "a.b c"), ("ä ö", "😀")]);
    assert_eq!(stored(r#"{"a.b c", "ä ö"="😀"} 2 1700000000001"#), [(utf8, NOW + 1, 2f64.to_bits())]);
    assert_eq!(stored("up{gone=\"\"} 1"), one(1.0), "an empty value is no label");
}

#[test]
fn one_series_in_many_lines_keeps_its_order() {
    let found = stored("a{x=\"1\"} 1 10\nb 5 10\na{x=\"1\"} 2 20\na{x=\"1\",} 3 20\n");
    assert_eq!(
        found.iter().map(|s| (s.1, f64::from_bits(s.2))).collect::<Vec<_>>(),
        [(10, 1.0), (10, 5.0), (20, 2.0), (20, 3.0)]
    );
    assert_eq!(found[0].0, found[3].0, "spelled differently, the same series");
}

#[test]
fn each_fault_is_named_with_its_line_and_column_and_nothing_is_stored() {
    for (body, want) in [
        ("up 1\nup x\n", "line 2:4: \"x\" is no number"),
        ("up", "line 1:3: expected a blank and a value"),
        ("up ", "line 1:4: expected a value, the line ends here"),
        ("up{a=\"1\" 1", "line 1:10: expected , or }, found '1'"),
        ("up{a=1} 1", "line 1:6: expected a label value in quotes, found '1'"),
        ("up{a} 1", "line 1:5: expected = behind a label name, found '}'"),
        ("up{1=\"a\"} 1", "line 1:4: expected a label name or }, found '1'"),
        ("up{ä=\"1\", b=\"\u{e4}} 1", "line 1:4: expected a label name"),
        ("{\"ä\", b=\"x} 1", "line 1:9: these quotes are not closed"),
        ("up 1 2 3", "line 1:8: expected the end of the line or #"),
        ("up 1 1700000000.5", "line 1:6: \"1700000000.5\" is no time in whole milliseconds; seconds"),
        ("up 1 1800000000000", "line 1:6: the time 1800000000000 ms lies too far in the future"),
        ("0up 1", "line 1:1: expected a metric name or {, found '0'"),
        ("up{a=\"1\",a=\"2\"} 1", "line 1:1: label name \"a\" is given more than once"),
        ("{a=\"1\"} 1", "line 1:1: the series has no metric name"),
        ("up{__name__=\"down\"} 1", "line 1:1: label name \"__name__\" is given more than once"),
        ("# TYPE up cuonter", "line 1:1: \"cuonter\" is no metric type"),
        ("# HELP", "line 1:1: # HELP names no metric"),
        ("up 1e400", "line 1:4: \"1e400\" is beyond the largest number"),
        ("up -2e308", "line 1:4: \"-2e308\" is beyond the largest number"),
        ("up 1 # {a=\"1\"} 1e400", "line 1:16: \"1e400\" is beyond the largest number"),
        ("# EOF\nup 1", "line 2:1: text after # EOF"),
        ("up 1 # {a=\"1\"}", "line 1:15: expected a value"),
        ("up 1 # a", "line 1:8: expected an exemplar's labels"),
    ] {
        let found = fault(body);
        assert!(found.starts_with("nothing was stored: ") && found.contains(want), "{body:?}: {found}");
    }
    let append = MemoryAppend::default();
    let error = post_as("", b"ok 1\n\xc3\xa4\xff 1", &append).unwrap_err().to_string();
    assert!(error.contains("line 2:2: this is not UTF-8"), "{error}");
    let many = fault(&"bad\n".repeat(100));
    assert!(many.contains("line 5:4") && !many.contains("line 6:") && many.ends_with("and 95 more lines"), "{many}");
    let long = fault(&format!("up {}", "x".repeat(100_000)));
    assert!(long.len() < 500, "{} bytes", long.len());
}

#[test]
fn openmetrics_counts_in_seconds_and_brings_exemplars() {
    let append = MemoryAppend::default();
    let body = "# TYPE a counter\n# UNIT a bytes\n# HELP a Two\\nlines, \\\\ and \\\".\n\
                a_total 17 1600000000.123 # {trace_id=\"x\"} 0.5 1600000000.1\n\
                b_bucket{le=\"1\"} 2 # {} 3\n# EOF\n";
    let kind = "application/openmetrics-text; version=1.0.0";
    assert_eq!(
        post_as(kind, body.as_bytes(), &append).unwrap(),
        Imported { series: 2, samples: 2, exemplars: 2, metadata: 1, ..Imported::default() }
    );
    let batch = append.batches().pop().unwrap();
    assert_eq!(batch.floats.iter().map(|s| s.time).collect::<Vec<_>>(), [1_600_000_000_123, NOW]);
    assert_eq!(batch.exemplars.iter().map(|(_, e)| e.time).collect::<Vec<_>>(), [1_600_000_000_100, NOW]);
    assert_eq!(batch.exemplars[0].1.labels.get("trace_id"), Some("x"));
    let (family, help, unit) = ("a".to_owned(), "Two\nlines, \\ and \\\".".to_owned(), "bytes".to_owned());
    assert_eq!(batch.metadata, [Metadata { family, metric_type: MetricType::Counter, help, unit }]);
    for bad in ["a 1 1e300", "a 1 NaN", "a 1 x"] {
        assert!(post_as(kind, bad.as_bytes(), &append).is_err(), "{bad}");
    }
    let long = format!("a 1 # {{x=\"{}\"}} 1", "y".repeat(128));
    let error = post_as(kind, long.as_bytes(), &append).unwrap_err().to_string();
    assert!(error.contains("line 1:5") && error.contains("129 characters"), "{error}");
}

#[test]
fn metadata_alone_is_stored() {
    let append = MemoryAppend::default();
    post_as("", b"# HELP a Help.\n# TYPE a gauge\n# a comment\n", &append).unwrap();
    assert_eq!(append.batches()[0].metadata[0].metric_type, MetricType::Gauge);
    let nothing = post_as("", b"", &append).unwrap_err().to_string();
    assert_eq!(nothing, "nothing was stored: the body is empty");
}

proptest! {
    #[test]
    fn a_series_is_found_where_its_labels_are_read(line in "[ \t]{0,2}[a-z]{0,2}[ ]{0,2}[{]?[a-z=\",{}\\\\ ]{0,12}[}]?[ ]{0,2}[0-9]{0,2}") {
        let mut pairs = Vec::new();
        if let Ok(found) = line::sample(&line, Times::SECONDS, &mut pairs) {
            let range = line::series_range(&line).unwrap();
            prop_assert_eq!(&line[range.clone()], found.series);
            prop_assert_eq!(line::known_sample(&line, range, Times::SECONDS).unwrap(), found);
        }
    }

    #[test]
    fn whatever_is_posted_is_answered(body in proptest::collection::vec(any::<u8>(), 0..200)) {
        let _ = post_as("", &body, &MemoryAppend::default());
    }

    #[test]
    fn whatever_looks_like_the_format_is_answered(body in "[a-z{}\"=, #0-9.\\\\\n]{0,80}") {
        let _ = post_as("application/openmetrics-text", body.as_bytes(), &MemoryAppend::default());
    }

    #[test]
    fn labels_and_bits_come_back(
        name in "\\PC{1,20}", label in "[a-z_][a-z0-9]{0,8}", text in "(\\PC|\n|\"|\\\\){1,20}", bits: u64, time in -1i64 << 50..NOW,
    ) {
        let value = f64::from_bits(bits);
        prop_assume!(!value.is_nan() && label != "__name__");
        let quote = |text: &str| format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n"));
        let line = format!("{{{},{label}={}}} {value:?} {time}", quote(&name), quote(&text));
        let want = labels(&[("__name__", &name), (&label, &text)]);
        prop_assert_eq!(stored(&line), [(want, time, bits)]);
    }
}
