//! Requests in OTLP/JSON with what is to be stored of them, held against what is: our own in `tests/data/otlp`, and each file of the folder
//! that `OTLP_CASES_DIR` names.
//!
//! ```text
//! {settings: {otlp, features}, requests: [{body, expect: {rejected_data_points}}],
//!  series: [{labels, metadata, samples: [[ms, value, start ms] …], histograms, exemplars}]}
//! ```

use std::{collections::BTreeMap, fs, path::Path};

use serde_json::{Value, json};
use vctsdb::{
    config::ConfigFile,
    model::{BucketCounts, BucketSpan, Histogram, Labels, ResetHint, is_stale},
    remote::otlp::{OtlpSettings, json::to_protobuf, take_in},
    seams::{append::fake::MemoryAppend, memory_budget::Unlimited},
};

#[test]
fn our_cases_are_stored_as_they_say() {
    check_all(&Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/otlp"));
}

#[test]
fn what_prometheus_translator_makes_of_requests_is_stored() {
    match std::env::var_os("OTLP_CASES_DIR") {
        Some(folder) => check_all(Path::new(&folder)),
        None => eprintln!("skipped: OTLP_CASES_DIR names no folder of OTLP cases"),
    }
}

fn check_all(folder: &Path) {
    let mut files: Vec<_> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.retain(|path| path.extension().is_some_and(|extension| extension == "json"));
    files.sort();
    assert!(!files.is_empty(), "{folder:?}");
    let faults: Vec<String> = files.iter().flat_map(|path| check(path)).collect();
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

/// What of a case is not as it should be.
fn check(path: &Path) -> Vec<String> {
    let name = path.file_stem().unwrap().to_string_lossy().into_owned();
    let case: Value = serde_json::from_str(&fs::read_to_string(path).unwrap()).unwrap();
    let settings = settings(&case["settings"]);
    let append = MemoryAppend::default();
    let mut faults = Vec::new();
    for request in case["requests"].as_array().unwrap() {
        let message = to_protobuf(request["body"].to_string().as_bytes()).unwrap();
        let taken = take_in(&message, &settings, i64::MAX, &append, &Unlimited).unwrap();
        let mut store = std::pin::pin!(taken.store(&append));
        let received = match store.as_mut().poll(&mut std::task::Context::from_waker(std::task::Waker::noop())) {
            std::task::Poll::Ready(received) => received.unwrap(),
            std::task::Poll::Pending => panic!("the fake store never waits"),
        };
        if Some(received.rejected()) != request["expect"]["rejected_data_points"].as_u64() {
            faults.push(format!("{name}: {} points were refused: {:?}", received.rejected(), received.message()));
        }
    }
    let (mut want, mut got) = (wanted(&case["series"]), stored(&append));
    for (labels, series) in &mut want {
        match got.remove(labels) {
            Some(found) if found == *series => {}
            Some(found) => faults.push(format!("{name}: {labels}\n  want {series}\n  got  {found}")),
            None => faults.push(format!("{name}: {labels} isn't stored")),
        }
    }
    faults.extend(got.keys().map(|labels| format!("{name}: {labels} should not be stored")));
    faults
}

fn settings(given: &Value) -> OtlpSettings {
    // JSON is YAML.
    let file = json!({"otlp": given["otlp"]}).to_string();
    let has = |name: &str| given["features"].as_array().unwrap().contains(&json!(name));
    OtlpSettings {
        native_delta: has("otlp-native-delta-ingestion"),
        type_and_unit: has("type-and-unit-labels"),
        ..ConfigFile::parse("case", &file).unwrap().otlp
    }
}

/// Series by their labels, as JSON that can be compared.
type Series = BTreeMap<String, Value>;

fn wanted(series: &Value) -> Series {
    let of = |one: &Value| {
        let samples = one["samples"].as_array().into_iter().flatten();
        // The last one of equal times wins.
        let samples: BTreeMap<i64, Value> = samples.map(|s| (s[0].as_i64().unwrap(), json!([s[1], s[2]]))).collect();
        let histograms: Vec<Value> = one["histograms"].as_array().into_iter().flatten().map(wanted_histogram).collect();
        let exemplars = one["exemplars"].as_array().cloned().unwrap_or_default();
        json!({"samples": samples, "histograms": histograms, "exemplars": exemplars, "metadata": one["metadata"]})
    };
    let labels = |one: &Value| {
        let pairs = one["labels"].as_object().unwrap().iter();
        key(&Labels::from_pairs(pairs.map(|(name, value)| (name.clone(), value.as_str().unwrap().to_owned()))).unwrap())
    };
    series.as_array().unwrap().iter().map(|one| (labels(one), of(one))).collect()
}

fn wanted_histogram(given: &Value) -> Value {
    if given["stale"] == true {
        return json!({"time": given["time"], "stale": true});
    }
    let mut kept = given.as_object().unwrap().clone();
    kept.remove("as_prometheus_lays_it_out");
    Value::Object(kept)
}

fn key(labels: &Labels) -> String {
    format!("{:?}", labels.iter().collect::<BTreeMap<_, _>>())
}

fn number(value: f64) -> String {
    if is_stale(value) {
        return "stale".to_owned();
    }
    match value {
        f64::INFINITY => "+Inf".to_owned(),
        f64::NEG_INFINITY => "-Inf".to_owned(),
        _ if value.is_nan() => "NaN".to_owned(),
        _ if value != 0.0 && !(1e-6..1e18).contains(&value.abs()) => {
            let text = format!("{value:e}");
            if value.abs() >= 1.0 { text.replace('e', "e+") } else { text }
        }
        _ => value.to_string(),
    }
}

fn stored(append: &MemoryAppend) -> Series {
    let mut found = Series::new();
    let mut families = BTreeMap::new();
    for batch in append.batches() {
        families.extend(batch.metadata.iter().map(|metadata| (metadata.family.clone(), metadata.clone())));
        for sample in &batch.floats {
            let series = entry(&mut found, &append.labels(sample.series).unwrap());
            series["samples"][sample.time.to_string()] = json!([number(sample.value), sample.start]);
        }
        for sample in &batch.histograms {
            let series = entry(&mut found, &append.labels(sample.series).unwrap());
            push(&mut series["histograms"], histogram(&sample.value, sample.time, sample.start));
        }
        for (id, exemplar) in &batch.exemplars {
            let labels: BTreeMap<&str, &str> = exemplar.labels.iter().collect();
            let series = entry(&mut found, &append.labels(*id).unwrap());
            push(
                &mut series["exemplars"],
                json!({"time": exemplar.time, "value": number(exemplar.value), "labels": labels}),
            );
        }
    }
    for series in found.values_mut() {
        let name = series["metadata"].as_str().unwrap().to_owned();
        let suffixes = ["", "_sum", "_count", "_bucket"];
        let family = suffixes.iter().find_map(|suffix| families.get(name.strip_suffix(suffix)?));
        series["metadata"] = family.map_or(Value::Null, |metadata| {
            let (family, unit, help) = (&metadata.family, &metadata.unit, &metadata.help);
            json!({"family": family, "type": metadata.metric_type.as_str(), "help": help, "unit": unit})
        });
    }
    found
}

/// A series, with its name in place of what is said of it.
fn entry<'f>(found: &'f mut Series, labels: &Labels) -> &'f mut Value {
    let empty = json!({"samples": {}, "histograms": [], "exemplars": [], "metadata": labels.metric_name()});
    found.entry(key(labels)).or_insert(empty)
}

fn push(list: &mut Value, item: Value) {
    list.as_array_mut().unwrap().push(item);
}

fn histogram(value: &Histogram, time: i64, start: i64) -> Value {
    if value.is_stale() {
        return json!({"time": time, "stale": true});
    }
    let BucketCounts::Integer { count, zero, positive, negative } = &value.counts else { panic!("{value:?}") };
    let hint = match value.reset_hint {
        ResetHint::Unknown => "unknown",
        ResetHint::Reset => "reset",
        ResetHint::NotReset => "not_reset",
        ResetHint::Gauge => "gauge",
    };
    let mut found = json!({
        "time": time,
        "start": start,
        "count": count,
        "sum": number(value.sum),
        "schema": value.schema,
        "zero_threshold": number(value.zero_threshold),
        "zero_count": zero,
        "reset_hint": hint,
        "positive": buckets(&value.positive_spans, positive),
        "negative": buckets(&value.negative_spans, negative),
    });
    if value.has_custom_buckets() {
        found["custom_values"] = json!(value.custom_values.iter().map(|bound| number(*bound)).collect::<Vec<_>>());
    }
    found
}

/// Buckets by index, without empty ones.
fn buckets(spans: &[BucketSpan], deltas: &[i64]) -> BTreeMap<String, i64> {
    let (mut index, mut count) = (0_i64, 0);
    let mut deltas = deltas.iter();
    let mut found = BTreeMap::new();
    for span in spans {
        index += i64::from(span.offset);
        for _ in 0..span.length {
            count += deltas.next().unwrap();
            if count != 0 {
                found.insert(index.to_string(), count);
            }
            index += 1;
        }
    }
    found
}
