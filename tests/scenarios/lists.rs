//! Lists of series, label names and values in a range, before and after what they list is on disk.

use std::collections::BTreeSet;

use proptest::prelude::*;
use vctsdb::{
    model::{Labels, MatchOp, Matcher, TimeRange},
    seams::{
        env::SimDisk,
        select::{Lookup, SelectLabels},
    },
    storage::Storage,
};

use super::{
    http_client::get,
    process::{free_address, vctsdb},
    sender::{now, write_one},
    store::{Sample, Value, histogram, open, read, series, write},
};

const HOUR: i64 = 3_600_000;
const DAY: i64 = 24 * HOUR;

fn labels(name: &str, of_its_own: &str) -> Labels {
    Labels::from_pairs([("__name__", name), (of_its_own, "x")]).unwrap()
}

/// Names, values of `__name__` and series between `start` and `end`.
fn listed(storage: &Storage, start: i64, end: i64) -> (BTreeSet<String>, BTreeSet<String>) {
    let ask = || Lookup { range: TimeRange::new(start, end), ..Lookup::all(Vec::new()) };
    let series = storage.series(&ask()).unwrap().items;
    let names: BTreeSet<String> = storage.label_names(&ask()).unwrap().items.into_iter().collect();
    let values: BTreeSet<String> = storage.label_values("__name__", &ask()).unwrap().items.into_iter().collect();
    let of_series: BTreeSet<String> = series.iter().filter_map(|s| s.metric_name()).map(str::to_owned).collect();
    assert_eq!(of_series, values);
    (names, values)
}

#[test]
fn a_flush_changes_no_list() {
    let now = 1_000 * DAY;
    let storage = open(&SimDisk::new()).unwrap();
    let (ended, lives, flickers) = (labels("ended", "a"), labels("lives", "b"), labels("flickers", "c"));
    let mut samples: Vec<Sample> = Vec::new();
    let float = |labels: &Labels, time| (labels.clone(), time, Value::Float(0));
    for i in 0..200 {
        samples.push(float(&ended, now - 365 * DAY + i * 60_000));
        samples.push(float(&lives, now - i * 60_000));
    }
    samples.push(float(&flickers, now - 30 * DAY));
    samples.push((flickers, now - 20 * DAY, Value::Histogram(histogram(7))));
    write(&storage, &samples).unwrap();
    let ranges = [
        (now - HOUR, now),
        (now - 30 * DAY, now - DAY),
        (now - 30 * DAY, now - 20 * DAY),
        (now - 366 * DAY, now - 364 * DAY),
        (now - 400 * DAY, now),
        (now - 365 * DAY + 1, now - 365 * DAY + 1_000),
        (now + 1, i64::MAX),
    ];
    let before = ranges.map(|(start, end)| listed(&storage, start, end));
    assert_eq!(before[0].1, BTreeSet::from(["lives".to_owned()]));
    storage.flush().unwrap();
    for ((start, end), before) in ranges.into_iter().zip(before) {
        let after = listed(&storage, start, end);
        // Memory tells from when to when, and disk each sample.
        assert!(after.0.is_subset(&before.0) && after.1.is_subset(&before.1), "{start} {end}: {after:?} of {before:?}");
    }
    let names = |start, end| listed(&storage, start, end).1.into_iter().collect::<Vec<_>>();
    assert_eq!(names(now - HOUR, now), ["lives"]);
    assert_eq!(names(now - 366 * DAY, now - 364 * DAY), ["ended"]);
    assert_eq!(names(now - 30 * DAY, now - 20 * DAY), ["flickers"]);
    assert_eq!(names(now - 29 * DAY, now - 21 * DAY), [""; 0], "between its two samples");
}

#[test]
fn a_variable_of_a_dashboard_lists_what_lives_after_a_restart_as_before() {
    let dir = tempfile::tempdir().unwrap();
    let (data, address) = (dir.path().join("data"), free_address());
    let now = now();
    for restarted in [false, true] {
        let mut server = vctsdb(&data, &address, &["--self-scrape.interval", "0"]);
        if !restarted {
            write_one(&address, "ended", now - 365 * DAY, 1.0).unwrap();
            write_one(&address, "lives", now, 1.0).unwrap();
        }
        let range = format!("start={}&end={}", (now - HOUR) / 1000, now / 1000 + 1);
        for (path, want) in [
            (format!("/api/v1/label/__name__/values?{range}"), "[\"lives\"]"),
            (format!("/api/v1/series?match[]={{__name__=~\".%2B\"}}&{range}"), "[{\"__name__\":\"lives\"}]"),
        ] {
            assert_eq!(get(&address, &path).unwrap().json()["data"].to_string(), want, "restarted: {restarted}");
        }
        assert!(server.terminate());
    }
}

/// A series, a time, and whether it is a histogram.
fn samples() -> impl Strategy<Value = Vec<(usize, i64, bool)>> {
    prop::collection::vec((0..8usize, 0..100i64, any::<bool>()), 1..60)
}

fn ranges() -> impl Strategy<Value = Vec<(i64, i64)>> {
    prop::collection::vec((-5..105i64, 0..60i64), 1..12)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn a_list_has_the_series_whose_samples_can_be_read(
        flushes in prop::collection::vec(samples(), 1..4),
        (deleted, from, length) in (0..8usize, 0..100i64, -1..60i64),
        compact: bool,
        in_memory in samples(),
        ranges in ranges(),
    ) {
        let storage = open(&SimDisk::new()).unwrap();
        for (round, samples) in flushes.iter().enumerate() {
            let sample = |(number, time, is_histogram): &(usize, i64, bool)| {
                let value = if *is_histogram { Value::Histogram(histogram(*time)) } else { Value::Float(0) };
                (series(*number), *time, value)
            };
            write(&storage, &samples.iter().map(sample).collect::<Vec<Sample>>()).unwrap();
            storage.flush().unwrap();
            if round == 0 && length >= 0 {
                let host = Matcher::new(MatchOp::Equal, "host", format!("host-{deleted}")).unwrap();
                storage.delete(&[vec![host]], TimeRange::new(from, from + length), false).unwrap();
            }
        }
        if compact {
            storage.compact().unwrap();
        }
        for &(start, length) in &ranges {
            let range = TimeRange::new(start, start + length);
            let readable: Vec<Labels> = read(&storage, range).into_keys().collect();
            let listed = storage.series(&Lookup { range, ..Lookup::all(Vec::new()) }).unwrap().items;
            prop_assert_eq!(listed, readable, "{:?}", range);
            labels_are_those_of_the_series(&storage, range)?;
        }
        let float = |(number, time, _): &(usize, i64, bool)| (series(*number), *time, Value::Float(0));
        write(&storage, &in_memory.iter().map(float).collect::<Vec<Sample>>()).unwrap();
        for (start, length) in ranges {
            labels_are_those_of_the_series(&storage, TimeRange::new(start, start + length))?;
        }
    }
}

/// Names and values listed are those of the series listed, also where a limit cuts them.
fn labels_are_those_of_the_series(storage: &Storage, range: TimeRange) -> Result<(), TestCaseError> {
    let ask = |limit| Lookup { range, limit, ..Lookup::all(Vec::new()) };
    let listed = storage.series(&ask(0)).unwrap().items;
    for limit in [0, 2] {
        let most = if limit == 0 { usize::MAX } else { limit };
        let names: BTreeSet<&str> = listed.iter().flat_map(|labels| labels.iter().map(|(name, _)| name)).collect();
        let told = storage.label_names(&ask(limit)).unwrap();
        prop_assert_eq!(told.items, names.iter().copied().take(most).collect::<Vec<_>>(), "{:?}", range);
        prop_assert_eq!(told.truncated, names.len() > most);
        for name in ["__name__", "host", "none"] {
            let values: BTreeSet<&str> = listed.iter().filter_map(|labels| labels.get(name)).collect();
            let told = storage.label_values(name, &ask(limit)).unwrap();
            prop_assert_eq!(told.items, values.iter().copied().take(most).collect::<Vec<_>>(), "{} {:?}", name, range);
        }
    }
    Ok(())
}

#[test]
fn what_series_are_made_of_and_which_are_new_is_told_of_a_selection() {
    let dir = tempfile::tempdir().unwrap();
    let options = ["--self-scrape.interval", "0"];
    let server = vctsdb(&dir.path().join("data"), &free_address(), &options);
    let now = now();
    // Three pods that are gone, two that stay and four new ones, and something else.
    let hours: [(&str, std::ops::Range<i64>); 3] = [("gone", 90..100), ("stays", 10..100), ("new", 0..50)];
    for (kind, minutes) in hours {
        let pods = match kind {
            "gone" => 0..3,
            "stays" => 3..5,
            _ => 5..9,
        };
        for pod in pods {
            let labels = [("__name__", "cpu"), ("pod", &*format!("pod-{pod}")), ("zone", "a")];
            let samples: Vec<(i64, f64)> = minutes.clone().rev().map(|ago| (now - ago * 60_000, 1.0)).collect();
            assert_eq!(super::sender::write(&server.address, &labels, &samples).unwrap(), 204);
        }
    }
    write_one(&server.address, "other", now, 1.0).unwrap();
    let told = |path: &str| {
        let answer = get(&server.address, path).unwrap();
        assert_eq!(answer.status, 200, "{path}: {}", answer.text());
        answer.json()["data"].clone()
    };
    let of = |data: &serde_json::Value, list: &str, name: &str| {
        let row = data[list].as_array().unwrap().iter().find(|row| row["name"] == name).cloned();
        row.unwrap_or_else(|| panic!("{name}: {data}"))
    };
    let all = told("/api/v1/status/tsdb");
    let pods = told("/api/v1/status/tsdb?match[]=cpu");
    assert_eq!((&all["headStats"]["numSeries"], &pods["headStats"]["numSeries"]), (&10.into(), &9.into()));
    assert_eq!(of(&pods, "labelValueCountByLabelName", "pod")["value"], 9);
    assert_eq!(of(&pods, "seriesCountByLabelValuePair", "zone=a")["value"], 9);
    assert_eq!(pods["seriesCountByMetricName"].as_array().unwrap().len(), 1);
    let whole = told(&format!("/api/v1/status/tsdb?start={}", (now - 200 * 60_000) / 1_000));
    for list in ["seriesCountByMetricName", "labelValueCountByLabelName", "memoryInBytesByLabelName"] {
        assert_eq!(whole[list], all[list], "counted as the index counts: {list}");
    }
    let hour_ago = (now - HOUR) / 1_000;
    assert_eq!(told(&format!("/api/v1/status/tsdb?match[]=cpu&start={hour_ago}"))["headStats"]["numSeries"], 6);

    let churn = told("/api/v1/status/churn");
    let numbers = ["series", "appeared", "disappeared"].map(|name| churn[name].as_u64().unwrap());
    assert_eq!(numbers, [7, 5, 3], "{churn}");
    let cpu = of(&churn, "byMetricName", "cpu");
    assert_eq!((&cpu["appeared"], &cpu["disappeared"]), (&4.into(), &3.into()));
    let pod = of(&churn, "byLabelName", "pod");
    assert_eq!((&pod["newValues"], &pod["examples"][0]), (&4.into(), &"pod-5".into()));
    assert_eq!(pod["appeared"], 4, "of so many new series: {churn}");
    assert_eq!(of(&churn, "byLabelName", "__name__")["appeared"], 1, "{churn}");
    assert!(!churn["byLabelName"].as_array().unwrap().iter().any(|row| row["name"] == "zone"), "{churn}");
    // Where nothing came and something went, the metrics that it went from are told.
    let lost = told(&format!("/api/v1/status/churn?start={}&end={}", now / 1_000 - 89 * 60, now / 1_000 - 80 * 60));
    assert_eq!((&lost["appeared"], &lost["disappeared"]), (&0.into(), &3.into()), "{lost}");
    assert_eq!(of(&lost, "byMetricName", "cpu")["disappeared"], 3);
    for bad in ["churn?start=2&end=1", "churn?limit=0", "churn?match[]=cpu%7B", "tsdb?match[]=%7B%7D"] {
        assert_eq!(get(&server.address, &format!("/api/v1/status/{bad}")).unwrap().status, 400, "{bad}");
    }
}
