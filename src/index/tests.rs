//! Stories of the whole index, and a naive model that it must agree with. Those of disks that fail are in [`faults`].

mod faults;

use std::{
    collections::{BTreeMap, BTreeSet},
    io::ErrorKind,
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use proptest::prelude::*;
use roaring::RoaringBitmap;

use super::*;
use crate::{
    model::{Labels, MatchOp, Matcher},
    seams::{
        append::SeriesId,
        env::{Cut, Disk, Op, SimDisk},
        interrupt::Never,
        memory_budget::Unlimited,
    },
};

fn labels(pairs: &[(&str, &str)]) -> Labels {
    Labels::from_pairs(pairs.iter().copied()).unwrap()
}

/// Series that are present. Of every `sure` ids one is told at a glance, if it is present.
struct Known<'k> {
    present: &'k RoaringBitmap,
    sure: u32,
    asked: AtomicU64,
}

impl Presence for Known<'_> {
    fn is_sure(&self, id: u32) -> bool {
        self.asked.fetch_add(1, Ordering::Relaxed);
        id.is_multiple_of(self.sure) && self.present.contains(id)
    }

    fn present(&self, ids: &RoaringBitmap) -> Result<RoaringBitmap, IndexError> {
        self.asked.fetch_add(ids.len(), Ordering::Relaxed);
        Ok(ids & self.present)
    }

    fn most(&self) -> u64 {
        self.present.len()
    }
}

fn matcher(op: MatchOp, name: &str, value: &str) -> Matcher {
    Matcher::new(op, name, value).unwrap()
}

fn path(n: usize) -> PathBuf {
    PathBuf::from(format!("{n}.idx"))
}

fn written(disk: &SimDisk, n: usize, series: Vec<(SeriesId, Labels)>) -> Arc<Segment> {
    let count = series.len() as u64;
    let summary = Segment::write(disk, &path(n), series).unwrap();
    let segment = Segment::open(disk, &path(n)).unwrap();
    assert_eq!(summary, segment.summary());
    assert_eq!((summary.series, summary.bytes), (count, disk.read_file(&path(n)).unwrap().len() as u64));
    Arc::new(segment)
}

/// A fleet of pods: ten labels, the metric name varying fastest, as scrapes bring them.
fn realistic(i: usize) -> Labels {
    let (target, metric) = (i / 200, i % 200);
    let hash = (target as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    labels(&[
        ("__name__", &format!("http_server_component_{:02}_requests_seconds_{}", metric / 5, metric % 5)),
        ("cluster", "production-eu-west-1"),
        ("container", &format!("container-{}", target % 7)),
        ("instance", &format!("10.{}.{}.{}:9100", target / 65536 % 256, target / 256 % 256, target % 256)),
        ("job", &format!("kubernetes-pods-{}", target % 12)),
        ("le", &format!("{}", [0.005, 0.01, 0.1, 1.0, 10.0][metric % 5])),
        ("method", ["GET", "POST", "PUT"][metric % 3]),
        ("namespace", &format!("team-{:02}", target % 40)),
        ("node", &format!("ip-10-0-{}-{}.eu-west-1.compute.internal", target / 30 % 256, target % 30)),
        ("pod", &format!("checkout-service-{:010x}-{:05x}", hash >> 24, hash & 0xfffff)),
    ])
}

fn resolve_all(index: &Index, series: impl IntoIterator<Item = usize>) {
    for i in series {
        index.resolve(&realistic(i), None).unwrap();
    }
}

#[test]
fn a_series_keeps_its_id_from_head_to_segment_and_over_a_restart() {
    let disk = SimDisk::new();
    let index = Index::new(Vec::new(), 7);
    let (a, b) = (labels(&[("a", "1")]), labels(&[("b", "2")]));
    let first = index.resolve(&a, None).unwrap();
    assert_eq!(first, Resolved { id: SeriesId(7), durable: false });
    assert_eq!(index.resolve(&a, None).unwrap(), first, "not durable until it is said to be");
    index.mark_durable([first.id]);
    assert_eq!(index.resolve(&a, None).unwrap(), Resolved { durable: true, ..first });
    assert_eq!(index.labels(first.id).unwrap(), Some(a.clone()));

    let snapshot = index.head_snapshot().series();
    assert_eq!(snapshot, [(SeriesId(7), a.clone())]);
    let second = index.resolve(&b, None).unwrap();
    assert_eq!(second.id, SeriesId(8));
    assert_eq!(index.find(&[Matcher::equal("a", "1")]).unwrap().iter().collect::<Vec<_>>(), [7], "sealed, not gone");
    let segment = written(&disk, 1, snapshot);
    index.install(Arc::clone(&segment));
    assert_eq!(index.counts().head_series, 1);
    assert_eq!(index.resolve(&a, None).unwrap(), Resolved { id: SeriesId(7), durable: true });
    assert_eq!(index.resolve(&b, None).unwrap(), second);
    assert_eq!(index.head_snapshot().series(), [(SeriesId(8), b.clone())]);

    let again = Index::new(vec![segment], 0);
    assert_eq!(again.next_id(), 8);
    again.define(SeriesId(7), &a).unwrap();
    again.define(SeriesId(20), &b).unwrap();
    again.define(SeriesId(20), &b).unwrap();
    assert_eq!(again.counts().head_series, 1, "a definition that a segment has is not taken again");
    assert_eq!(again.resolve(&b, None).unwrap(), Resolved { id: SeriesId(20), durable: false });
    assert_eq!(again.resolve(&labels(&[]), None).unwrap().id, SeriesId(21));
    assert!(matches!(again.define(SeriesId(20), &a), Err(IndexError::Conflict { .. })));
    assert!(matches!(again.define(SeriesId(22), &b), Err(IndexError::Conflict { .. })));
    assert_eq!(again.ids().iter().collect::<Vec<_>>(), [7, 20, 21]);
}

#[test]
fn a_failed_flush_is_tried_again_with_everything() {
    let disk = SimDisk::new();
    let index = Index::new(Vec::new(), 0);
    index.resolve(&realistic(0), None).unwrap();
    let snapshot = index.head_snapshot().series();
    for op in [Op::Create, Op::Append, Op::Sync, Op::SyncDir] {
        disk.fail_next(op, "", ErrorKind::StorageFull);
        assert!(matches!(Segment::write(&disk, &path(1), snapshot.clone()), Err(IndexError::Io { .. })));
        assert!(disk.list_all().is_empty(), "{op:?} left something behind");
    }
    index.resolve(&realistic(1), None).unwrap();
    let snapshot = index.head_snapshot().series();
    assert_eq!(snapshot.len(), 2);
    index.install(written(&disk, 1, snapshot));
    assert_eq!((index.counts().head_series, index.counts().series), (0, 2));
    assert!(Segment::open(&disk.restart(Cut::LOST), &path(1)).is_ok(), "a written segment survives a power cut");
}

#[test]
fn the_last_id_is_given_out_and_then_none() {
    let index = Index::new(Vec::new(), u64::from(u32::MAX));
    assert_eq!(index.resolve(&realistic(0), None).unwrap().id, SeriesId(u32::MAX));
    assert!(matches!(index.resolve(&realistic(1), None), Err(IndexError::Exhausted)));
    assert_eq!(index.resolve(&realistic(0), None).unwrap().id, SeriesId(u32::MAX));
}

#[test]
fn ids_that_do_not_ascend_are_refused() {
    let disk = SimDisk::new();
    let series = [(SeriesId(2), realistic(0)), (SeriesId(2), realistic(1))];
    let error = Segment::write(&disk, &path(1), series).unwrap_err();
    assert_eq!(error.to_string(), "1.idx: series 2 can't follow series 2: ids must ascend");
}

#[test]
fn threads_that_meet_the_same_series_agree_while_the_head_is_flushed() {
    let disk = SimDisk::new();
    let index = Index::new(Vec::new(), 0);
    let ids: Vec<Vec<SeriesId>> = std::thread::scope(|scope| {
        let resolve = || (0..2000).map(|i| index.resolve(&realistic(i), None).unwrap().id).collect();
        let threads: Vec<_> = (0..4).map(|_| scope.spawn(resolve)).collect();
        for n in 0..6 {
            let snapshot = index.head_snapshot().series();
            let (count, first) = (snapshot.len() as u64, snapshot.first().cloned());
            index.install(written(&disk, n, snapshot));
            if let Some((id, labels)) = first {
                assert_eq!(index.labels(id).unwrap(), Some(labels));
            }
            assert!(index.counts().series >= count);
        }
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    assert!(ids.iter().all(|other| *other == ids[0]));
    assert_eq!(ids[0].iter().collect::<BTreeSet<_>>().len(), 2000);
    assert_eq!(index.counts().series, 2000);
}

#[test]
fn a_segment_of_many_pages_answers_for_each_series() {
    let disk = SimDisk::new();
    let all: Vec<(SeriesId, Labels)> = (0..3000).map(|i| (SeriesId(i as u32 * 3 + 5), realistic(i))).collect();
    let segment = written(&disk, 1, all.clone());
    for (id, labels) in &all {
        assert_eq!(segment.find_id(labels).unwrap(), Some(*id));
        assert_eq!(segment.labels(*id).unwrap().as_ref(), Some(labels));
        assert_eq!(segment.labels(SeriesId(id.0 + 1)).unwrap(), None);
    }
    assert_eq!(segment.find_id(&realistic(3000)).unwrap(), None);
    assert_eq!(segment.label_names().unwrap().len(), 10);
    assert_eq!(segment.label_values("le").unwrap(), ["0.005", "0.01", "0.1", "1", "10"]);
    assert_eq!(segment.postings(&Matcher::equal("method", "PUT")).unwrap().len(), 990);
    segment.verify().unwrap();

    let index = Index::new(vec![segment], 0);
    let ids: Vec<u32> = [5, 8, 9002, 8, 302].to_vec();
    let got = index.labels_of(&ids).unwrap();
    assert_eq!(got, [0, 1, 2999, 1, 99].map(realistic));
    assert!(matches!(index.labels_of(&[5, 6]), Err(IndexError::Unknown(6))));
}

#[test]
fn cardinality_counts_each_pair_once_over_all_parts() {
    let disk = SimDisk::new();
    let index = Index::new(Vec::new(), 0);
    for part in 0..3 {
        for i in 0..4 {
            index.resolve(&labels(&[("__name__", "up"), ("job", "x"), ("i", &format!("{part}{i}"))]), None).unwrap();
        }
        index.resolve(&labels(&[("__name__", "down"), ("only", &"v".repeat(part + 1))]), None).unwrap();
        if part < 2 {
            index.install(written(&disk, part, index.head_snapshot().series()));
        }
    }
    let top = index.cardinality(2, &Never).unwrap();
    let own = |list: &[(&str, u64)]| list.iter().map(|(n, c)| ((*n).to_owned(), *c)).collect::<Vec<_>>();
    assert_eq!(top.series_by_metric, own(&[("up", 12), ("down", 3)]));
    assert_eq!(top.series_by_pair, own(&[("__name__=up", 12), ("job=x", 12)]));
    assert_eq!(top.values_by_label, own(&[("i", 12), ("only", 3)]));
    assert_eq!(top.bytes_by_label, own(&[("i", 24), ("__name__", 6)]));
    assert_eq!(index.cardinality(0, &Never).unwrap(), Default::default());
}

#[test]
fn a_merge_keeps_what_it_is_told_and_takes_the_place_of_the_old() {
    let disk = SimDisk::new();
    let index = Index::new(Vec::new(), 0);
    for n in 0..3 {
        resolve_all(&index, n * 500..n * 500 + 500);
        index.install(written(&disk, n, index.head_snapshot().series()));
    }
    let old = index.segments();
    let by_id: BTreeMap<u32, usize> =
        (0..1500).map(|i| (index.resolve(&realistic(i), None).unwrap().id.0, i)).collect();
    let keep: RoaringBitmap = by_id.keys().copied().filter(|id| id % 7 != 0).collect();
    let summary = Segment::merge(&disk, &path(9), &old, &keep).unwrap();
    assert_eq!(summary.series, keep.len());
    let merged = Arc::new(Segment::open(&disk, &path(9)).unwrap());
    merged.verify().unwrap();
    let whole = written(&disk, 10, keep.iter().map(|id| (SeriesId(id), realistic(by_id[&id]))).collect());
    assert_eq!(
        disk.read_file(&path(9)).unwrap(),
        disk.read_file(&path(10)).unwrap(),
        "a merge gives the file that writing the same series gives"
    );
    index.replace(&old, Some(merged));
    assert_eq!(index.segments().len(), 1);
    assert_eq!(index.ids(), keep);
    assert_eq!(index.labels(SeriesId(8)).unwrap(), Some(realistic(by_id[&8])));
    assert_eq!(index.labels(SeriesId(7)).unwrap(), None);
    assert_eq!(whole.summary().pairs, index.counts().label_pairs);
    let none = Segment::merge(&disk, &path(11), &old, &RoaringBitmap::new()).unwrap();
    assert_eq!((none.series, none.pairs), (0, 0));
    let empty = Segment::open(&disk, &path(11)).unwrap();
    assert!(empty.find_id(&realistic(0)).unwrap().is_none() && empty.label_names().unwrap().is_empty());
}

/// Names with common prefixes, values likewise, and a few odd ones.
fn some_labels() -> impl Strategy<Value = Labels> {
    let name = prop::sample::select(vec!["__name__", "a", "ab", "job", "ü"]);
    let value = prop::sample::select(vec!["1", "10", "x", "xy", "xyz", "y\n", "é", "~"]);
    prop::collection::btree_map(name, value, 0..5).prop_map(|pairs| Labels::from_pairs(&pairs).unwrap())
}

fn some_matcher() -> impl Strategy<Value = Matcher> {
    let name = prop::sample::select(vec!["__name__", "a", "ab", "job", "ü", "none"]);
    let ops = || prop::sample::select(vec![MatchOp::Equal, MatchOp::NotEqual]);
    let regexes = || prop::sample::select(vec![MatchOp::Regex, MatchOp::NotRegex]);
    let literal = prop::sample::select(vec!["", "1", "x", "xy", "q"]);
    let pattern = prop::sample::select(vec![
        "", ".*", ".+", "x.*", "x|1", "1|", "xy?", "(x|y).", "[^x]+", "y.", "1.*|x", "é", "none",
    ]);
    prop_oneof![
        (ops(), name.clone(), literal).prop_map(|(op, n, v)| matcher(op, n, v)),
        (regexes(), name, pattern).prop_map(|(op, n, v)| matcher(op, n, v)),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn the_index_agrees_with_a_naive_model(
        series in prop::collection::vec((some_labels(), 0..12u8), 0..60),
        queries in prop::collection::vec(prop::collection::vec(some_matcher(), 0..4), 1..8),
        filter in prop::collection::btree_set(0..60u32, 0..20),
        merge: bool,
    ) {
        let disk = SimDisk::new();
        let index = Index::new(Vec::new(), 0);
        let mut model: BTreeMap<u32, Labels> = BTreeMap::new();
        for (n, (labels, action)) in series.iter().enumerate() {
            let known = model.iter().find(|(_, other)| *other == labels).map(|(id, _)| *id);
            let id = index.resolve(labels, None).unwrap().id.0;
            prop_assert!(known.map_or(!model.contains_key(&id), |known| known == id));
            prop_assert!(u64::from(id) < index.next_id());
            model.insert(id, labels.clone());
            match action {
                0 => index.install(written(&disk, n, index.head_snapshot().series())),
                1 => drop(index.head_snapshot()),
                _ => {}
            }
        }
        if merge {
            let old = index.segments();
            Segment::merge(&disk, &path(999), &old, &RoaringBitmap::full()).unwrap();
            index.replace(&old, Some(Arc::new(Segment::open(&disk, &path(999)).unwrap())));
        }
        for matchers in &queries {
            let passes = |labels: &Labels| matchers.iter().all(|m| m.matches(labels.get(m.name()).unwrap_or_default()));
            let want: Vec<u32> = model.iter().filter(|(_, l)| passes(l)).map(|(id, _)| *id).collect();
            prop_assert_eq!(index.find(matchers).unwrap().iter().collect::<Vec<_>>(), want, "{:?}", matchers);
        }
        let bitmap: RoaringBitmap = filter.iter().copied().collect();
        let known = Known { present: &bitmap, sure: 2, asked: AtomicU64::new(0) };
        for filter in [Filter::All, Filter::Only(&bitmap), Filter::Present(&known)] {
            let all = matches!(filter, Filter::All);
            let inside = || model.iter().filter(|(id, _)| all || bitmap.contains(**id)).map(|(_, l)| l);
            let names: BTreeSet<&str> = inside().flat_map(|l| l.iter().map(|(n, _)| n)).collect();
            prop_assert_eq!(index.label_names(filter, 0, &Unlimited, &Never).unwrap().items, names.into_iter().collect::<Vec<_>>());
            for name in ["__name__", "a", "ab", "none"] {
                let values: BTreeSet<&str> = inside().filter_map(|l| l.get(name)).collect();
                prop_assert_eq!(index.label_values(name, filter, 0, &Unlimited, &Never).unwrap().items, values.into_iter().collect::<Vec<_>>());
            }
        }
        let ids: Vec<u32> = model.keys().copied().rev().collect();
        prop_assert_eq!(index.labels_of(&ids).unwrap(), model.values().rev().cloned().collect::<Vec<_>>());
        prop_assert_eq!(index.counts().series, model.len() as u64);
    }
}

#[test]
fn with_few_wanted_series_names_and_values_come_from_their_labels() {
    // More values than the scan may look at: it changes over to walking labels, and must not lose or add any.
    let disk = SimDisk::new();
    let index = Index::new(Vec::new(), 0);
    for i in 0..2000 {
        index.resolve(&labels(&[("id", &format!("{i:04}")), (&format!("n{i:04}"), "x")]), None).unwrap();
        if i == 1000 {
            index.install(written(&disk, 0, index.head_snapshot().series()));
        }
    }
    let wanted: RoaringBitmap = [3, 999, 1999].into_iter().collect();
    assert_eq!(
        index.label_values("id", Filter::Only(&wanted), 0, &Unlimited, &Never).unwrap().items,
        ["0003", "0999", "1999"]
    );
    assert_eq!(
        index.label_names(Filter::Only(&wanted), 0, &Unlimited, &Never).unwrap().items,
        ["id", "n0003", "n0999", "n1999"]
    );
    assert_eq!(index.label_names(Filter::Only(&RoaringBitmap::new()), 0, &Unlimited, &Never).unwrap().items, [""; 0]);
}

#[test]
fn names_and_values_of_present_series_are_told_by_a_few_series_of_each_label() {
    let disk = SimDisk::new();
    let index = Index::new(Vec::new(), 0);
    for i in 0..20_000u32 {
        let metric = format!("m{}", i % 10);
        index.resolve(&labels(&[("__name__", &metric), ("id", &i.to_string()), ("job", "x")]), None).unwrap();
        if i == 10_000 {
            index.install(written(&disk, 0, index.head_snapshot().series()));
        }
    }
    let gone = Matcher::equal("__name__", "m3");
    let all = index.ids();
    let but_m3 = &all - index.find(&[gone]).unwrap();
    let newest: RoaringBitmap = all.iter().rev().take(10).collect();
    let asked = |present: &RoaringBitmap, name: Option<&str>| {
        let known = Known { present, sure: 1, asked: AtomicU64::new(0) };
        let filter = Filter::Present(&known);
        let listed = match name {
            Some(name) => index.label_values(name, filter, 0, &Unlimited, &Never),
            None => index.label_names(filter, 0, &Unlimited, &Never),
        };
        (listed.unwrap().items.len(), known.asked.into_inner())
    };
    for (present, metrics, most) in [(&all, 10, 20), (&but_m3, 9, 2_100)] {
        let (values, series) = asked(present, Some("__name__"));
        assert!(values == metrics && series <= most, "{values} metrics by looking at {series} series");
    }
    let (names, series) = asked(&but_m3, None);
    assert!(names == 3 && series <= 100, "{names} names by looking at {series} series");
    // Where hardly any is present, looking at all of them is the end of it.
    let (values, series) = asked(&newest, Some("id"));
    assert!(values == 10 && series <= 22_000, "{values} ids by looking at {series} series");
}

#[test]
fn with_many_wanted_series_names_and_values_come_from_postings() {
    let disk = SimDisk::new();
    let series = (0..4000u32).map(|i| {
        let group = if i < 2000 { "low" } else { "high" };
        (
            SeriesId(i * 2),
            labels(&[("group", group), (group, "x"), ("n", &format!("{}", i % 7)), ("id", &i.to_string())]),
        )
    });
    let in_segment: Vec<_> = series.collect();
    Segment::write(&disk, &path(1), in_segment.clone()).unwrap();
    // Without a cache every page would have to be read.
    let segment = Arc::new(Segment::open_with(&disk, &path(1), Arc::new(PageCache::new(0))).unwrap());
    let index = Index::new(vec![segment], 0);
    let wanted: RoaringBitmap = (0..3000).map(|i| i * 2).collect();
    let values = |name: &str| index.label_values(name, Filter::Only(&wanted), 0, &Unlimited, &Never).unwrap().items;
    assert_eq!(values("group"), ["high", "low"]);
    assert_eq!(values("n"), ["0", "1", "2", "3", "4", "5", "6"]);
    assert_eq!(values("id").len(), 3000);
    let of_low: RoaringBitmap = (0..1999).map(|i| i * 2).collect();
    assert_eq!(
        index.label_names(Filter::Only(&of_low), 0, &Unlimited, &Never).unwrap().items,
        ["group", "id", "low", "n"]
    );
    for (pattern, odd) in [("[135]", true), ("[0246]", false)] {
        let found = index.find(&[Matcher::equal("group", "low"), matcher(MatchOp::Regex, "n", pattern)]).unwrap();
        let want = (0..2000).filter(|i| (i % 7 % 2 == 1) == odd).map(|i| i * 2);
        assert_eq!(found, want.collect::<RoaringBitmap>());
        let not = index.find(&[Matcher::equal("group", "low"), matcher(MatchOp::NotRegex, "n", pattern)]).unwrap();
        assert_eq!(not, (0..2000).map(|i| i * 2).filter(|id| !found.contains(*id)).collect::<RoaringBitmap>());
    }
}

#[test]
fn the_head_takes_less_than_500_bytes_a_series_and_a_segment_less_than_25() {
    let disk = SimDisk::new();
    let index = Index::new(Vec::new(), 0);
    let count = 20_000;
    resolve_all(&index, 0..count);
    let head = index.counts().head_bytes / count as u64;
    assert!(head < 500, "{head} bytes a series in the head");
    let bytes = written(&disk, 1, index.head_snapshot().series()).summary().bytes / count as u64;
    assert!(bytes < 25, "{bytes} bytes a series on disk");
}

#[test]
fn a_segment_on_the_machines_disk_is_mapped_and_answers() {
    let dir = tempfile::tempdir().unwrap();
    let disk = crate::seams::env::RealDisk::new(dir.path().to_owned());
    let series = (0..500).map(|i| (SeriesId(i), realistic(i as usize)));
    Segment::write(&disk, &path(1), series).unwrap();
    let segment = Segment::open(&disk, &path(1)).unwrap();
    segment.verify().unwrap();
    disk.remove(&path(1)).unwrap();
    assert_eq!(segment.find_id(&realistic(321)).unwrap(), Some(SeriesId(321)));
    assert_eq!(segment.postings(&matcher(MatchOp::Regex, "method", "P.+T|x.*")).unwrap().len(), 332);
    assert_eq!(Segment::open(&disk, &path(1)).err().map(|e| e.is_damage()), Some(true), "gone is gone");
}
