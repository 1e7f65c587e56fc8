use proptest::prelude::*;

use super::*;
use crate::{
    ingest::{ImportLimits, Imported, OnError, format_at, receive},
    seams::append::fake::{MemoryAppend, finished},
};

const NOW: i64 = 1_700_000_000_000;

fn post(body: &str, declared: &Declared, append: &MemoryAppend) -> Result<Imported, ImportError> {
    let format = format_at("/api/v1/import/json");
    finished(receive(format, body.as_bytes(), declared, NOW, &ImportLimits::default(), append))
}

/// Labels, time and bits of each sample that a body stores.
fn stored(body: &str) -> Vec<(String, i64, u64)> {
    let append = MemoryAppend::default();
    post(body, &Declared::default(), &append).unwrap_or_else(|error| panic!("{body}: {error}"));
    samples(&append)
}

fn samples(append: &MemoryAppend) -> Vec<(String, i64, u64)> {
    let batches = append.batches();
    let floats = batches.iter().flat_map(|batch| &batch.floats);
    floats.map(|s| (append.labels(s.series).unwrap().to_string(), s.time, s.value.to_bits())).collect()
}

fn fault(body: &str) -> String {
    let append = MemoryAppend::default();
    let error = post(body, &Declared::default(), &append).unwrap_err().to_string();
    assert!(append.batches().is_empty(), "nothing is stored");
    error
}

#[test]
fn objects_of_both_shapes_stand_in_lines_in_rows_and_in_arrays() {
    let up = |time, value: f64| (r#"{__name__="up", job="a"}"#.to_owned(), time, value.to_bits());
    let line = r#"{"metric":{"__name__":"up","job":"a"},"values":[1,0.5],"timestamps":[1700000000000,1699999990000]}"#;
    assert_eq!(stored(line), [up(NOW, 1.0), up(NOW - 10_000, 0.5)]);
    let plain = r#"{"name":"up","labels":{"job":"a"},"time":1700000000000,"value":2}"#;
    let untimed = r#" { "value" : "3" , "labels" : { "job" : "a" } , "name" : "up" } "#;
    let dated = r#"{"__name__":"up","labels":{"job":"a"},"timestamp":"2023-11-14T22:13:20Z","value":4}"#;
    let four = [up(NOW, 1.0), up(NOW - 10_000, 0.5), up(NOW, 2.0), up(NOW, 3.0), up(NOW, 4.0)];
    for body in [
        format!("{line}\n{plain}\n{untimed}\n{dated}"),
        format!("{line}{plain}{untimed}{dated}\r\n"),
        format!("[{line}, {plain},{untimed}\n,{dated}]\n"),
        format!("[{line}][]{plain}[{untimed},{dated}]"),
    ] {
        assert_eq!(stored(&body), four, "{body}");
    }
}

#[test]
fn values_are_numbers_of_any_kind_and_texts_may_be_escaped() {
    for (value, want) in [
        ("1", 1.0),
        ("-0", -0.0),
        ("1e3", 1000.0),
        ("2.5E-3", 0.0025),
        ("5e-324", 5e-324),
        ("null", f64::from_bits(0x7ff8_0000_0000_0001)),
        ("\"NaN\"", f64::from_bits(0x7ff8_0000_0000_0001)),
        ("\"Infinity\"", f64::INFINITY),
        ("\"-Inf\"", f64::NEG_INFINITY),
        ("\"+Inf\"", f64::INFINITY),
        ("\"StaleNaN\"", crate::model::STALE_NAN),
        ("\"1.5\"", 1.5),
        ("true", 1.0),
        ("false", 0.0),
    ] {
        let got = stored(&format!("{{\"name\":\"a\",\"value\":{value}}}"));
        assert_eq!(got, [(r#"{__name__="a"}"#.to_owned(), NOW, want.to_bits())], "{value}");
    }
    let escaped = r#"{"name":"a","labels":{"b":"\"\\\/\n\u00e9\ud83d\ude00é","c":1,"d":true,"e":""},"value":1}"#;
    let labels = &stored(escaped)[0].0;
    for part in ["\\\"\\\\/\\né😀é", "c=\"1\"", "d=\"true\""] {
        assert!(labels.contains(part), "{part}: {labels}");
    }
    assert!(!labels.contains("e="), "a label with an empty value is none: {labels}");
}

#[test]
fn what_is_wrong_is_named_by_line_column_and_rule() {
    for (body, says) in [
        (r#"{"name":"a","value":x}"#, "line 1:21: \"x\" is no number"),
        (r#"{"name":"a","value":}"#, "line 1:21: expected a number, found '}'"),
        (r#"{"name":"a","value":1e999}"#, "is no number"),
        (r#"{"name":"a","value":NaN}"#, "\"NaN\" is no number"),
        (r#"{"name":"a"}"#, "line 1:1: the object has no value"),
        (r#"{"value":1}"#, "line 1:1: the series has no metric name"),
        (r#"{"name":"a","values":[1,2]}"#, "needs as many timestamps"),
        (r#"{"name":"a","values":[1,2],"timestamps":[1700000000000]}"#, "there are 1 times for 2 values"),
        (r#"{"name":"a","value":1,"value":2}"#, "a second time"),
        (r#"{"name":"a","name":"b","value":1}"#, "__name__"),
        (r#"{"name":"a","valeu":1}"#, "line 1:21: \"valeu\" means nothing here"),
        (r#"{"name":"a","value":1,"time":1700000000}"#, "line 1:30: the time 1700000000 looks like seconds"),
        (r#"{"name":"a","value":1,"time":1800000000000}"#, "line 1:30: the time 1800000000000 ms lies too far"),
        (r#"{"name":"a","value":1,"time":"soon"}"#, "line 1:30: \"soon\" is no time"),
        (r#"{"name":"a","labels":{"b":["c"]},"value":1}"#, "line 1:27: expected a text as a label's value"),
        (r#"{"name":"a","labels":{"b":"c","b":"d"},"value":1}"#, "\"b\""),
        (r#"{"name":"a" "value":1}"#, "line 1:13: expected , or }, found '\"'"),
        (r#"{"name":"a","value":1"#, "line 1:22: expected , or }, the object ends here"),
        (r#"{"name":"a\ud800","value":1}"#, "half a surrogate"),
        (r#"{"name":"a\q","value":1}"#, "line 1:11: no such escape"),
        ("{\"name\":\"a\nb\",\"value\":1}", "line 1:11: expected an escape"),
        (r#"[{"name":"a","value":1} {"name":"b","value":1}]"#, "line 1:25: expected ,"),
        (r#"[{"name":"a","value":1},]"#, "line 1:25: expected an object"),
        (r#"[{"name":"a","value":1}"#, "expected ], the body ends here"),
        ("[]", "the body holds no object"),
        ("", "the body is empty"),
        ("7", "line 1:1: expected an object"),
        ("{\"name\":\"é\",\"value\":1}\n é{\"name\":\"a\",\"value\":1}", "line 2:2: expected an object"),
    ] {
        assert!(fault(body).contains(says), "{body}: {}", fault(body));
    }
    let broken = [&b"{\"name\":\"a\",\"value\":1}\n{\"name\":\""[..], &[0xff], b"\",\"value\":1}"].concat();
    let append = MemoryAppend::default();
    let limits = ImportLimits::default();
    let format = format_at("/api/v1/import/json");
    let error = finished(receive(format, &broken, &Declared::default(), NOW, &limits, &append)).unwrap_err();
    assert!(error.to_string().contains("line 2:10: this is not UTF-8"), "{error}");
}

#[test]
fn an_object_that_is_wrong_is_left_out_whole_and_those_beside_it_stay() {
    let declared = Declared { on_error: OnError::Skip, ..Declared::default() };
    let append = MemoryAppend::default();
    let body = r#"[{"name":"a","value":1},
        {"name":"b","values":[1,x],"timestamps":[1700000000000,1700000000001]},
        {"name":"c","labels":{"}":"{"},"value":oops,"more":{"deep":[{}]}},
        {"name":"d","value":4}, 5, {"name":"e","value":5}]"#;
    post(body, &declared, &append).unwrap();
    let names: Vec<String> = samples(&append).into_iter().map(|(labels, ..)| labels).collect();
    assert_eq!(names, ["a", "d", "e"].map(|name| format!("{{__name__={name:?}}}")));
}

#[test]
fn deep_and_endless_values_are_refused() {
    let deep = format!("{{\"name\":\"a\",\"value\":{}1{}}}", "[".repeat(100_000), "]".repeat(100_000));
    assert!(fault(&deep).contains("expected a number"), "{}", fault(&deep));
    assert!(fault(&"{\"a\":".repeat(100_000)).contains("means nothing"));
    assert!(fault(&format!("{{\"name\":\"{}", "x".repeat(MAX_OBJECT + 1))).contains("record has more than"));
}

proptest! {
    #[test]
    fn a_body_that_comes_in_any_pieces_stores_what_a_whole_one_does(piece in 1usize..50) {
        let object = |i| format!(" {{\"name\":\"a}}\\\"{{\",\"labels\":{{\"é\":\"{i}\"}},\"values\":[{i},2],\"timestamps\":[1,{i}]}}");
        let body = format!("[{}]\n{}", [object(2), object(3)].join(",\n"), object(4).repeat(3));
        let (whole, pieces) = (MemoryAppend::default(), MemoryAppend::default());
        let declared = Declared { allow_old: true, ..Declared::default() };
        post(&body, &declared, &whole).unwrap();
        let reader = crate::ingest::reader(format_at("/api/v1/import/json"), &declared).unwrap();
        let mut import = crate::ingest::Import::new(reader, &declared, NOW, &ImportLimits::default(), &pieces);
        for piece in body.as_bytes().chunks(piece) {
            import.text().extend_from_slice(piece);
            while import.step().unwrap() {}
        }
        finished(import.finish()).unwrap();
        prop_assert_eq!(samples(&pieces), samples(&whole));
        prop_assert_eq!(samples(&whole).len(), 10);
    }

    #[test]
    fn any_text_is_taken_or_refused_and_never_both(body in r#"[\[\]{}",:a\\ \n0-9.eE+-]{0,60}"#) {
        let append = MemoryAppend::default();
        match post(&body, &Declared::default(), &append) {
            Ok(imported) => prop_assert_eq!(samples(&append).len() as u64, imported.samples),
            Err(_) => prop_assert!(append.batches().is_empty()),
        }
    }

    #[test]
    fn what_serde_reads_is_read_the_same(names in proptest::collection::vec(".{1,8}", 1..5), values in proptest::collection::vec(any::<f64>(), 1..9)) {
        let finite: Vec<f64> = values.into_iter().filter(|value| value.is_finite()).collect();
        prop_assume!(!finite.is_empty());
        let times: Vec<i64> = (0..finite.len() as i64).map(|i| NOW - i).collect();
        let mut labels = serde_json::Map::new();
        labels.insert("__name__".to_owned(), "m".into());
        for (i, name) in names.iter().enumerate() {
            labels.insert(format!("l{i}"), name.as_str().into());
        }
        let text = serde_json::json!({"metric": labels, "values": finite, "timestamps": times}).to_string();
        let got = stored(&text);
        let bits: Vec<(i64, u64)> = got.iter().map(|(_, time, bits)| (*time, *bits)).collect();
        let want: Vec<(i64, u64)> = times.iter().copied().zip(finite.iter().map(|value| value.to_bits())).collect();
        prop_assert_eq!(bits, want);
        let pairs = labels.iter().map(|(name, value)| (name.as_str(), value.as_str().unwrap()));
        prop_assert_eq!(&got[0].0, &crate::model::Labels::from_pairs(pairs).unwrap().to_string());
    }
}
