//! Series: their labels, their metadata, and how they are recognised.

use prost::Message;

use super::{NOW, Request2, Stored, TRACE, UP, labels, rejected, series1, write, write1, written};
use crate::{
    model::{Metadata, MetricType},
    remote::{
        proto::{v1, v2},
        write::Protocol,
    },
    seams::append::fake::MemoryAppend,
};

#[test]
fn a_series_with_too_many_labels_is_refused_and_the_rest_stored() {
    let append = MemoryAppend::default();
    let names: Vec<String> = (0..300).map(|i| format!("n{i}")).collect();
    let many: Vec<(&str, &str)> = names.iter().map(|n| (n.as_str(), "v")).chain(UP.iter().copied()).collect();
    let request = Request2::new().series(&many).sample(NOW, 1.0).series(UP).sample(NOW, 1.0);
    let (stored, message) = rejected(request.write(&append));
    assert_eq!(stored, written(1, 0, 0));
    assert!(message.contains("more than the 256 labels allowed"), "{message}");
    let answer = write1(&[series1(&many, &[(NOW, 1.0)]), series1(UP, &[(NOW, 1.0)])], &append);
    assert_eq!(rejected(answer).0, written(1, 0, 0));
}

#[test]
fn labels_in_any_order_are_one_series() {
    let append = MemoryAppend::default();
    let request = Request2::new().series(UP).sample(NOW - 1, 1.0).series(&[UP[1], UP[0]]).sample(NOW, 2.0);
    assert_eq!(request.write(&append), Ok(written(2, 0, 0)));
    assert_eq!(write1(&[series1(&[UP[1], UP[0]], &[(NOW, 3.0)])], &append), Ok(written(1, 0, 0)));
    assert!(Stored::since(&append, 0).floats.iter().all(|f| f.0 == labels(UP)));
    let series: Vec<_> = append.batches().iter().flat_map(|b| b.floats.clone()).map(|f| f.series).collect();
    assert_eq!(series, [series[0]; 3]);
}

#[test]
fn a_series_without_a_metric_name_is_refused_and_the_others_are_stored() {
    for nameless in [&[("job", "x")][..], &[], &[("__name__", ""), ("job", "x")]] {
        let append = MemoryAppend::default();
        let request = Request2::new().series(UP).sample(NOW, 1.0).series(nameless).sample(NOW, 2.0);
        let (stored, message) = rejected(request.series(UP).sample(NOW - 5, 3.0).write(&append));
        assert_eq!(stored, written(2, 0, 0));
        assert!(message.contains("has no metric name"), "{message}");
        let one = series1(nameless, &[(NOW, 2.0)]);
        assert_eq!(rejected(write1(&[one, series1(UP, &[(NOW, 1.0)])], &append)).0, written(1, 0, 0));
    }
}

#[test]
fn duplicate_and_empty_label_names_are_refused_and_empty_values_left_out() {
    let append = MemoryAppend::default();
    for (bad, why) in [(("job", "again"), "more than once"), (("", "x"), "empty name")] {
        let set = [UP[0], UP[1], bad];
        let (stored, message) = rejected(Request2::new().series(&set).sample(NOW, 1.0).write(&append));
        assert_eq!(stored, written(0, 0, 0));
        assert!(message.contains(why), "{message}");
        let (stored, message) = rejected(write1(&[series1(&set, &[(NOW, 1.0)])], &append));
        assert_eq!(stored, written(0, 0, 0));
        assert!(message.contains(why), "{message}");
    }
    let set = [UP[0], UP[1], ("zone", "")];
    assert_eq!(Request2::new().series(&set).sample(NOW, 1.0).write(&append), Ok(written(1, 0, 0)));
    assert_eq!(Stored::since(&append, 0).floats[0].0, labels(UP));
}

#[test]
fn text_that_is_not_utf8_costs_its_series_only() {
    let append = MemoryAppend::default();
    let mut message = Request2::new().series(UP).sample(NOW, 1.0).series(UP).sample(NOW, 2.0).message;
    message.symbols.push("BROKEN".into());
    let broken = message.symbols.len() as u32 - 1;
    message.timeseries[1].labels_refs.extend([1, broken]);
    let mut bytes = message.encode_to_vec();
    let at = bytes.windows(6).position(|w| w == b"BROKEN").unwrap();
    bytes[at] = 0xff;
    let (stored, text) = rejected(write(Protocol::V2, &bytes, &append));
    assert_eq!(stored, written(1, 0, 0));
    assert!(text.contains("not UTF-8"), "{text}");

    let mut bytes =
        v1::WriteRequest { timeseries: vec![series1(&[UP[0], ("x", "BROKEN")], &[(NOW, 1.0)])], metadata: vec![] }
            .encode_to_vec();
    let at = bytes.windows(6).position(|w| w == b"BROKEN").unwrap();
    bytes[at] = 0xff;
    assert_eq!(rejected(write(Protocol::V1, &bytes, &append)).0, written(0, 0, 0));
}

#[test]
fn bad_symbol_references_cost_their_series_only() {
    for (refs, why) in
        [(vec![1, 2, 1], "no whole number of pairs"), (vec![1, 99], "symbol 99"), (vec![u32::MAX, 1], "refers")]
    {
        let append = MemoryAppend::default();
        let mut request = Request2::new().series(UP).sample(NOW, 1.0).series(UP).sample(NOW, 2.0);
        request.last().labels_refs = refs;
        let (stored, message) = rejected(request.write(&append));
        assert_eq!(stored, written(1, 0, 0));
        assert!(message.contains(why), "{message}");
    }
    let append = MemoryAppend::default();
    let no_symbols = v2::Request {
        symbols: vec![],
        timeseries: vec![v2::TimeSeries { labels_refs: vec![0, 0], ..Default::default() }],
    };
    assert_eq!(rejected(write(Protocol::V2, &no_symbols.encode_to_vec(), &append)).0, written(0, 0, 0));
    let mut request = Request2::new().series(UP).sample(NOW, 1.0);
    request.last().metadata = Some(v2::Metadata { r#type: 1, help_ref: 77, unit_ref: 0 });
    assert!(rejected(request.write(&append)).1.contains("symbol 77"));
    let mut request = Request2::new().series(UP).sample(NOW, 1.0).exemplar(TRACE, NOW, 1.0);
    request.last().exemplars[0].labels_refs.push(1);
    assert_eq!(rejected(request.write(&append)).0, written(1, 0, 0));
}

#[test]
fn a_request_whose_first_symbol_is_not_empty_is_accepted() {
    let append = MemoryAppend::default();
    let symbols = ["__name__", "up", "job", "test"].map(str::to_owned).to_vec();
    let samples = vec![v2::Sample { value: 1.0, timestamp: NOW, start_timestamp: 0 }];
    let timeseries = vec![v2::TimeSeries { labels_refs: vec![0, 1, 2, 3], samples, ..Default::default() }];
    let message = v2::Request { symbols, timeseries }.encode_to_vec();
    assert_eq!(write(Protocol::V2, &message, &append), Ok(written(1, 0, 0)));
    assert_eq!(Stored::since(&append, 0).floats[0].0, labels(UP));
    assert_eq!(Stored::since(&append, 0).metadata, []);
}

#[test]
fn a_series_with_exemplars_only_is_created_and_one_with_metadata_only_is_not() {
    let append = MemoryAppend::default();
    assert_eq!(Request2::new().series(UP).exemplar(TRACE, NOW, 1.0).write(&append), Ok(written(0, 0, 1)));
    assert_eq!(append.batches()[0].series.len(), 1);
    let request = Request2::new().series(&[("__name__", "b_sum")]).metadata(5, "Help.", "s");
    assert_eq!(request.write(&append), Ok(written(0, 0, 0)));
    assert!(append.batches()[1].series.is_empty());
    let want =
        Metadata { family: "b".into(), metric_type: MetricType::Summary, help: "Help.".into(), unit: "s".into() };
    assert_eq!(append.batches()[1].metadata, [want]);
}

#[test]
fn a_series_with_nothing_is_a_no_op_but_its_references_are_checked() {
    let append = MemoryAppend::default();
    assert_eq!(Request2::new().series(UP).write(&append), Ok(written(0, 0, 0)));
    assert_eq!(write1(&[series1(UP, &[]), series1(&[], &[])], &append), Ok(written(0, 0, 0)));
    assert!(append.batches().is_empty());
    assert_eq!(rejected(Request2::new().series(&[]).write(&append)).0, written(0, 0, 0));
}

#[test]
fn metadata_of_every_type_is_stored_once_a_request_and_never_counted() {
    for (number, metric_type) in (1..8).map(|n| (n, MetricType::from_number(n))) {
        let append = MemoryAppend::default();
        let request = Request2::new().series(UP).sample(NOW, 1.0).metadata(number, "a \"help\"\nin lines", "");
        let request = request.series(&[UP[0]]).sample(NOW, 1.0).metadata(number, "a \"help\"\nin lines", "");
        assert_eq!(request.write(&append), Ok(written(2, 0, 0)));
        let want =
            Metadata { family: "up".into(), metric_type, help: "a \"help\"\nin lines".into(), unit: String::new() };
        assert_eq!(Stored::since(&append, 0).metadata, [want]);
    }
}

#[test]
fn metadata_is_sent_on_again_only_when_it_changes() {
    let append = MemoryAppend::default();
    let request = |help| Request2::new().series(UP).sample(NOW, 1.0).metadata(1, help, "");
    for (help, times) in [("one", 1), ("one", 0), ("two", 1), ("two", 0), ("one", 0)] {
        let before = append.batches().len();
        assert_eq!(request(help).write(&append), Ok(written(1, 0, 0)));
        assert_eq!(Stored::since(&append, before).metadata.len(), times, "{help}");
    }
}

#[test]
fn metadata_of_a_1_0_request_is_stored() {
    let append = MemoryAppend::default();
    let entry = |family: &str, kind| v1::MetricMetadata {
        r#type: kind,
        metric_family_name: family.into(),
        help: "Help.".into(),
        unit: "bytes".into(),
    };
    let metadata = vec![entry("a_total", 1), entry("", 1), entry("b", 99), entry("a_total", 1)];
    let message = v1::WriteRequest { timeseries: vec![], metadata }.encode_to_vec();
    assert_eq!(write(Protocol::V1, &message, &append), Ok(written(0, 0, 0)));
    let found: Vec<_> = Stored::since(&append, 0).metadata.into_iter().map(|m| (m.family, m.metric_type)).collect();
    assert_eq!(found, [("a_total".into(), MetricType::Counter), ("b".into(), MetricType::Unknown)]);
}

#[test]
fn a_new_series_is_defined_once_a_request_and_known_afterwards() {
    let append = MemoryAppend::default();
    let one = |t| series1(UP, &[(t, 1.0)]);
    let other = series1(&[("__name__", "other")], &[(NOW, 1.0)]);
    write1(&[one(NOW), other.clone(), one(NOW - 1), other, one(NOW - 2)], &append).unwrap();
    assert_eq!(append.batches()[0].series.len(), 2);
    write1(&[one(NOW)], &append).unwrap();
    assert!(append.batches()[1].series.is_empty());
    assert_eq!(append.batches()[1].floats[0].series, append.batches()[0].floats[0].series);
}

#[test]
fn labels_with_samples_between_them_are_known_by_the_labels_alone() {
    let append = MemoryAppend::default();
    for (time, defined) in [(NOW, 1), (NOW + 15_000, 0)] {
        let mut series = Vec::new();
        for label in UP {
            series.extend(series1(&[*label], &[]).encode_to_vec());
            series.extend(series1(&[], &[(time, 1.0)]).encode_to_vec());
        }
        let mut message = vec![0x0a];
        prost::encoding::encode_varint(series.len() as u64, &mut message);
        message.extend(series);
        assert_eq!(write(Protocol::V1, &message, &append), Ok(written(2, 0, 0)));
        assert_eq!(append.batches().last().unwrap().series.len(), defined);
    }
    assert!(Stored::since(&append, 0).floats.iter().all(|f| f.0 == labels(UP)));
}

#[test]
fn a_series_that_begins_like_the_one_that_came_here_before_is_told_apart() {
    let append = MemoryAppend::default();
    let first = series1(&[("__name__", "first")], &[(NOW, 1.0)]);
    write1(&[first.clone(), series1(UP, &[(NOW, 1.0)])], &append).unwrap();
    let more = [UP, &[("zone", "a")]].concat();
    let (whole, less) = (series1(&more, &[(NOW, 2.0)]), series1(&UP[..1], &[(NOW, 3.0)]));
    let mut apart = series1(UP, &[(NOW, 4.0)]).encode_to_vec();
    apart.extend(series1(&[("zone", "b")], &[]).encode_to_vec());
    for (message, set) in [
        (whole.encode_to_vec(), labels(&more)),
        (less.encode_to_vec(), labels(&UP[..1])),
        (apart, labels(&[UP, &[("zone", "b")]].concat())),
        (series1(UP, &[(NOW, 5.0)]).encode_to_vec(), labels(UP)),
    ] {
        let mut bytes = v1::WriteRequest { timeseries: vec![first.clone()], metadata: vec![] }.encode_to_vec();
        bytes.push(0x0a);
        prost::encoding::encode_varint(message.len() as u64, &mut bytes);
        bytes.extend(message);
        let before = append.batches().len();
        assert_eq!(write(Protocol::V1, &bytes, &append), Ok(written(2, 0, 0)));
        assert_eq!(Stored::since(&append, before).floats[1].0, set);
    }
}

#[test]
fn series_in_whatever_order_are_known() {
    let append = MemoryAppend::default();
    let all: Vec<v1::TimeSeries> =
        (0..500).map(|i| series1(&[("__name__", "up"), ("n", &i.to_string())], &[(NOW, f64::from(i))])).collect();
    write1(&all, &append).unwrap();
    for step in [1, 499, 7, 250] {
        let mut order: Vec<usize> = (0..500).map(|i| i * step % 500).collect();
        order.sort_by_key(|i| i * step % 500 / 100);
        let sent: Vec<v1::TimeSeries> = order.iter().map(|i| all[*i].clone()).collect();
        let before = append.batches().len();
        write1(&sent, &append).unwrap();
        assert!(append.batches()[before].series.is_empty());
        let found: Vec<u64> = Stored::since(&append, before).floats.iter().map(|f| f.2).collect();
        assert_eq!(found, order.iter().map(|i| (*i as f64).to_bits()).collect::<Vec<_>>(), "step {step}");
    }
}
