use std::sync::Arc;

use super::{FAILURE_TIME, Group, Grouping, How, LOOK_BACK, LookError, Named, PUSH_TIME, look, time};
use crate::{
    model::{Labels, STALE_NAN, SeriesBuf},
    seams::{
        interrupt::{Interrupt, Never},
        memory_budget::{MemoryBudget, Unlimited, fake::Bytes},
        select::MemorySelect,
    },
};

const NOW: i64 = 1_700_000_000_000;

fn labels(text: &[(&str, &str)]) -> Labels {
    Labels::from_pairs(text.iter().copied()).unwrap()
}

fn grouping(path: &str) -> Grouping {
    Grouping::of(&path.split('/').map(str::to_owned).collect::<Vec<_>>()).unwrap()
}

/// Series as `name job=x …` with their samples.
fn store(series: &[(&str, &[(i64, f64)])]) -> MemorySelect {
    let mut select = MemorySelect::default();
    for (text, samples) in series {
        let mut words = text.split(' ');
        let name = ("__name__", words.next().unwrap());
        let pairs: Vec<_> = [name].into_iter().chain(words.map(|word| word.split_once('=').unwrap())).collect();
        let mut buf = SeriesBuf::default();
        samples.iter().for_each(|(time, value)| buf.push_float(NOW + time, *value));
        select.series.insert(labels(&pairs), buf);
    }
    select
}

fn looked(
    select: &MemorySelect,
    path: &str,
    how: How,
    named: &[&str],
    budget: &dyn MemoryBudget,
) -> Result<Group, LookError> {
    let grouping = grouping(path);
    let named: Named = named
        .iter()
        .map(|name| {
            let mut labels = grouping.labels().builder();
            labels.set("__name__", name);
            labels.build()
        })
        .collect();
    let interrupt: Arc<dyn Interrupt> = Arc::new(Never);
    look(select, &grouping, how, &named, NOW, budget, &interrupt)
}

/// The names of the series that leave the group.
fn gone(select: &MemorySelect, path: &str, how: How, named: &[&str]) -> Vec<String> {
    let group = looked(select, path, how, named, &Unlimited).unwrap();
    group.gone.iter().map(|labels| labels.metric_name().unwrap().to_owned()).collect()
}

#[test]
fn series_that_a_replacing_push_lacks_leave_and_an_adding_one_takes_those_of_its_metrics() {
    let select = store(&[
        (&format!("{PUSH_TIME} job=x"), &[(-9, 1.0), (-5, 2.0)]),
        (&format!("{FAILURE_TIME} job=x"), &[(-9, 0.0), (-5, 0.5)]),
        ("a job=x", &[(-5, 1.0)]),
        ("a job=x l=1", &[(-9, 1.0)]),
        ("b job=x", &[(-9, 1.0)]),
        ("stale job=x", &[(-9, 1.0), (-5, STALE_NAN)]),
        ("elsewhere job=x", &[(-7, 1.0)]),
        ("other job=y", &[(-5, 1.0)]),
    ]);
    assert_eq!(gone(&select, "job/x", How::Replace, &["a"]), ["a", "b"]);
    assert_eq!(gone(&select, "job/x", How::Add, &["a"]), ["a"]);
    assert_eq!(gone(&select, "job/x", How::Add, &["c"]), [""; 0]);
    assert_eq!(gone(&select, "job/x", How::Delete, &[]), ["a", "a", "b", FAILURE_TIME, PUSH_TIME]);
    assert_eq!(gone(&select, "job/y", How::Delete, &[]), [""; 0], "nobody ever pushed to it");
    let group = looked(&select, "job/x", How::Replace, &["a"], &Unlimited).unwrap();
    assert_eq!((group.push_time, group.failure_time, group.newest), (Some(2.0), Some(0.5), Some(NOW - 5)));
    let refused = looked(&select, "job/x", How::Replace, &[], &Bytes::new(90));
    assert!(matches!(refused, Err(LookError::NoRoom(_))), "{refused:?}");
}

#[test]
fn a_group_with_more_labels_has_its_own_series_also_when_both_were_pushed_to_at_once() {
    let select = store(&[
        (&format!("{PUSH_TIME} job=x"), &[(-9, 1.0), (-5, 2.0)]),
        (&format!("{PUSH_TIME} job=x instance=i"), &[(-9, 1.0), (-7, 2.0)]),
        ("a job=x instance=i", &[(-9, 1.0)]),
        ("b job=x instance=i", &[(-7, 1.0)]),
        ("c job=x instance=i", &[(-5, 1.0)]),
        ("d job=x", &[(-9, 1.0)]),
    ]);
    assert_eq!(gone(&select, "job/x", How::Replace, &[]), ["c", "d"], "c came in the body of a push to the job");
    assert_eq!(gone(&select, "job/x/instance/i", How::Replace, &[]), ["a", "b"]);
}

#[test]
fn a_group_that_was_deleted_or_is_long_gone_has_no_series() {
    let old = -LOOK_BACK - 1;
    let select = store(&[
        (&format!("{PUSH_TIME} job=x"), &[(-9, 1.0), (-5, STALE_NAN)]),
        ("a job=x", &[(-9, 1.0)]),
        (&format!("{PUSH_TIME} job=y"), &[(old, 1.0)]),
        ("a job=y", &[(old, 1.0)]),
    ]);
    let deleted = Group { newest: Some(NOW - 5), ..Group::default() };
    assert_eq!(looked(&select, "job/x", How::Delete, &[], &Unlimited).unwrap(), deleted);
    assert_eq!(looked(&select, "job/y", How::Delete, &[], &Unlimited).unwrap(), Group::default());
}

#[test]
fn pushes_to_a_group_each_have_a_time_of_their_own() {
    let group = |newest| Group { newest, ..Group::default() };
    let latest = NOW + 600_000;
    assert_eq!(time(&group(None), NOW, latest), NOW);
    assert_eq!(time(&group(Some(NOW - 5)), NOW, latest), NOW);
    assert_eq!(time(&group(Some(NOW)), NOW, latest), NOW + 1, "in the same millisecond");
    assert_eq!(time(&group(Some(NOW + 70)), NOW, latest), NOW + 71, "the clock went back");
    assert_eq!(time(&group(Some(latest)), NOW, latest), NOW, "as far as samples may be ahead");
}
