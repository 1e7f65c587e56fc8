use proptest::prelude::*;

use super::*;
use crate::{
    ingest::{ImportLimits, Imported, OnError, format_at, receive},
    seams::append::fake::{MemoryAppend, finished},
};

const NOW: i64 = 1_700_000_100_000;

fn with_format(format: &str) -> Declared {
    Declared { parameters: vec![("format".to_owned(), format.to_owned())], ..Declared::default() }
}

fn post(body: &str, declared: &Declared, append: &MemoryAppend) -> Result<Imported, ImportError> {
    let format = format_at("/api/v1/import/csv");
    finished(receive(format, body.as_bytes(), declared, NOW, &ImportLimits::default(), append))
}

/// Labels, time and value of each sample that a body stores.
fn stored(body: &str, declared: &Declared) -> Vec<(String, i64, f64)> {
    let append = MemoryAppend::default();
    post(body, declared, &append).unwrap_or_else(|error| panic!("{body}: {error}"));
    samples(&append)
}

fn samples(append: &MemoryAppend) -> Vec<(String, i64, f64)> {
    let batches = append.batches();
    let floats = batches.iter().flat_map(|batch| &batch.floats);
    floats.map(|s| (append.labels(s.series).unwrap().to_string(), s.time, s.value)).collect()
}

fn fault(body: &str, declared: &Declared) -> String {
    let append = MemoryAppend::default();
    let error = post(body, declared, &append).unwrap_err().to_string();
    assert!(append.batches().is_empty(), "nothing is stored");
    error
}

#[test]
fn rows_are_samples_of_each_column_that_holds_values() {
    let t = 1_700_000_000_000;
    let attic = |name: &str, value: f64| (format!("{{__name__=\"{name}\", room=\"attic\"}}"), t, value);
    let want = [attic("temperature", 21.5), attic("humidity", 40.0)];
    for body in [
        "time,room,temperature,humidity\n1700000000,attic,21.5,40\n",
        "\u{feff}time;room;temperature;humidity\r\n1700000000.000;\"attic\";21.5;40\r\n\r\n",
        "date\troom\ttemperature\thumidity\n2023-11-14T22:13:20Z\tattic\t21.5\t40",
        "ts,room,temperature,humidity\n1700000000000000000,attic,21.5,40",
    ] {
        assert_eq!(stored(body, &Declared::default()), want, "{body}");
    }
    let untimed = stored("a,b\n1,\n,2\n", &Declared::default());
    assert_eq!(untimed, [("{__name__=\"a\"}".to_owned(), NOW, 1.0)], "b begins with nothing, and so is a label");
    let said = with_format("1:time:unix_ms,3:metric:temperature,2:label:room");
    for body in ["1700000000000,attic,21.5,anything\n", "when,where,what\n1700000000000,attic,21.5\n"] {
        assert_eq!(stored(body, &said), want[..1], "{body}");
    }
}

#[test]
fn what_is_wrong_is_named_by_line_column_and_rule() {
    let guess = Declared::default();
    for (body, says) in [
        ("", "the body is empty"),
        ("time,a\n", "no rows behind its head"),
        ("a,b\nx,y\n", "no column holds values; format in the URL"),
        ("time,a\n1700000000,1\n1700000001\n", "line 3:1: the row has 1 fields, not 2"),
        ("time,a\n1700000000,1\n1700000001,1,2\n", "line 3:1: the row has 3 fields"),
        ("time,a\n1700000000,1\n1700000001,x\n", "line 3:12: \"x\" is no number"),
        ("time,a\n1700000000,1\nsoon,1\n", "line 3:1: \"soon\" is no time in seconds"),
        ("time,a\n1700000000,1\n1800000000,1\n", "line 3:1: the time 1800000000000 ms lies too far"),
        ("room,a\n\"x\ny\",1\nz,\"1\n", "line 4:3: these quotes are not closed"),
        ("room,a\n\"x\"y,1\n", "line 2:4: expected a separator"),
        ("time,a\n7,1\n", "unit=s"),
    ] {
        assert!(fault(body, &guess).contains(says), "{body:?}: {}", fault(body, &guess));
    }
    let said = with_format("1:time:rfc3339,2:metric:a");
    assert!(fault("2023-11-14T22:13:20Z,1\nx,1\n", &said).contains("line 2:1: \"x\" is no time as RFC 3339"));
    assert!(fault("a,1\n", &with_format("1:metric")).contains("invalid parameter \"format\""));
}

#[test]
fn a_row_that_is_wrong_is_left_out_whole() {
    let declared = Declared { on_error: OnError::Skip, ..Declared::default() };
    let found = stored("room,a,b\nx,1,2\ny,3,oops\nz,5,6\n", &declared);
    let values: Vec<f64> = found.into_iter().map(|(_, _, value)| value).collect();
    assert_eq!(values, [1.0, 2.0, 5.0, 6.0]);
}

proptest! {
    #[test]
    fn any_text_is_taken_or_refused_and_never_both(body in "[a,;\t\"\n 0-9.e-]{0,60}", said: bool) {
        let append = MemoryAppend::default();
        let declared = if said { with_format("1:metric:a,2:label:b") } else { Declared::default() };
        match post(&body, &declared, &append) {
            Ok(imported) => prop_assert_eq!(samples(&append).len() as u64, imported.samples),
            Err(_) => prop_assert!(append.batches().is_empty()),
        }
    }

    #[test]
    fn labels_and_values_come_back(rows in prop::collection::vec(("[a-z,\"\n é]{1,6}", any::<f64>()), 1..6)) {
        let finite: Vec<&(String, f64)> = rows.iter().filter(|(_, value)| value.is_finite()).collect();
        prop_assume!(!finite.is_empty());
        let row = |(label, value): &&(String, f64)| format!("\"{}\",{value}\n", label.replace('"', "\"\""));
        let body: String = ["room,a\n".to_owned()].into_iter().chain(finite.iter().map(row)).collect();
        let got: Vec<f64> = stored(&body, &Declared::default()).into_iter().map(|(_, _, value)| value).collect();
        let want: Vec<f64> = finite.iter().map(|(_, value)| *value).collect();
        prop_assert_eq!(got, want);
    }
}
