//! What the index costs: matchers over names with very many values, labels of many series, and label values of a few recent
//! series among a million. Says at first how many bytes a series takes on disk.

#![expect(clippy::expect_used, reason = "a benchmark that can't be set up has nothing to measure")]
#![expect(clippy::indexing_slicing, reason = "a remainder is below what it was divided by")]

use std::{hint::black_box, path::Path, sync::Arc};

use criterion::{Criterion, criterion_group, criterion_main};
use roaring::RoaringBitmap;
use vctsdb::{
    index::{Filter, Index, PageCache, Segment},
    model::{Labels, MatchOp, Matcher},
    seams::{append::SeriesId, env::RealDisk, interrupt::Never, memory_budget::Unlimited},
};

/// Series of a short-lived pod.
const POD: u64 = 50;

/// Series of pods that come and go, as the `churn` size of the benchmark against peers sends them.
fn pod_series(i: u64) -> Labels {
    let (number, metric) = (i / POD, i % POD);
    let random = |salt: u64| {
        (number ^ salt << 40).wrapping_mul(0x9e37_79b9_7f4a_7c15).rotate_left(29).wrapping_mul(0xbf58_476d_1ce4_e5b9)
    };
    let name = ["cart", "frontend", "orders", "search", "worker"][number as usize % 5];
    Labels::from_pairs([
        ("__name__", format!("container_metric_{metric}")),
        ("cluster", "eu-west-1".to_owned()),
        ("container", name.to_owned()),
        ("id", format!("/kubepods/burstable/pod{:016x}{:016x}", random(1), random(2))),
        ("image", format!("registry.example.com/shop/{name}:1.{}", number / 4000)),
        ("job", "kubelet".to_owned()),
        ("namespace", "shop".to_owned()),
        ("node", format!("node-{:03}", number % 40)),
        ("pod", format!("{name}-{:08x}-{number:05x}", random(3) >> 32)),
    ])
    .expect("valid labels")
}

/// A name of its own for each series.
fn named_series(i: u64) -> Labels {
    let unit = ["bytes", "seconds", "requests_total", "ratio"][i as usize % 4];
    let service = ["Http", "grpc", "kafka", "redis", "node"][i as usize / 4 % 5];
    Labels::from_pairs([("__name__", format!("{service}_component_{i:06}_{unit}")), ("job", "api".to_owned())])
        .expect("valid labels")
}

fn index_of(dir: &Path, name: &str, count: u64, series: fn(u64) -> Labels) -> Index {
    let disk = RealDisk::new(dir.to_owned());
    let path = Path::new(name);
    let summary =
        Segment::write(&disk, path, (0..count).map(|i| (SeriesId(i as u32), series(i)))).expect("it is written");
    eprintln!("{name}: {count} series, {:.2} bytes each", summary.bytes as f64 / count as f64);
    let segment = Segment::open_with(&disk, path, Arc::new(PageCache::new(8 << 20))).expect("it opens");
    Index::new(vec![Arc::new(segment)], 0)
}

fn regexes(c: &mut Criterion) {
    let dir = tempfile::tempdir().expect("a directory");
    for count in [100_000, 1_000_000] {
        let index = index_of(dir.path(), &format!("names-{count}"), count, named_series);
        let mut group = c.benchmark_group(format!("regex_over_{count}_names"));
        for (what, pattern) in [
            ("literals", "grpc_component_000005_seconds|node_component_000017_seconds"),
            ("prefix", "kafka_component_0000.*"),
            ("suffix", ".*_000042_requests_total"),
            ("contains", ".*component_00004.*"),
            ("any_case", "(?i).*HTTP_COMPONENT_0000.*"),
            ("general", "(redis|kafka)_.+_0[0-3]+(1|2)_(bytes|seconds)"),
            ("half", ".*[02468]_(bytes|seconds|requests_total|ratio)"),
        ] {
            let matcher = Matcher::new(MatchOp::Regex, "__name__", pattern).expect("a valid pattern");
            group.bench_function(what, |b| b.iter(|| black_box(index.find(std::slice::from_ref(&matcher)))));
        }
    }
}

fn lookups(c: &mut Criterion) {
    let dir = tempfile::tempdir().expect("a directory");
    let count = 1_000_000;
    let index = index_of(dir.path(), "pods", count, pod_series);
    let mut group = c.benchmark_group("a_million_pod_series");
    let host: Vec<u32> = (400_000..400_500).collect();
    group.bench_function("labels_of_500_neighbours", |b| b.iter(|| black_box(index.labels_of(&host))));
    let metric: Vec<u32> = (0..20_000).map(|pod| pod * POD as u32).collect();
    group.bench_function("labels_of_20000_spread", |b| b.iter(|| black_box(index.labels_of(&metric))));
    let known: Vec<Labels> = (400_000..400_500).map(pod_series).collect();
    group.bench_function("resolve_500_known", |b| {
        b.iter(|| known.iter().for_each(|labels| drop(black_box(index.resolve(labels, None)))))
    });
    let recent: RoaringBitmap = (count as u32 - 50_000..count as u32).collect();
    group.bench_function("label_names_of_the_recent", |b| {
        b.iter(|| black_box(index.label_names(Filter::Only(&recent), 0, &Unlimited, &Never)))
    });
    for name in ["__name__", "node", "pod", "id"] {
        let values = || black_box(index.label_values(name, Filter::Only(&recent), 0, &Unlimited, &Never));
        group.bench_function(format!("values_of_{name}_of_the_recent"), |b| b.iter(values));
    }
    let matchers = [Matcher::equal("__name__", "container_metric_7"), Matcher::equal("node", "node-003")];
    group.bench_function("find_metric_and_node", |b| b.iter(|| black_box(index.find(&matchers))));
}

criterion_group! {
    name = benches;
    config = Criterion::default().sample_size(10).measurement_time(std::time::Duration::from_secs(2)).warm_up_time(std::time::Duration::from_millis(300));
    targets = lookups, regexes
}
criterion_main!(benches);
