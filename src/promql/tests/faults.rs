//! Which of several faults is told, and what finding it costs; what is looked up once.

use std::sync::atomic::{AtomicUsize, Ordering};

use super::*;
use crate::{
    model::{Matcher, TimeRange},
    seams::{
        interrupt::Interrupt,
        select::{IndexPath, LookupCost, Select, SelectError, SelectHints, SeriesSet},
    },
};

/// A store that counts how often series are looked up, and how often the samples of one are read.
struct Counting {
    data: MemorySelect,
    lookups: AtomicUsize,
    reads: Arc<AtomicUsize>,
}

struct CountingSet {
    set: Arc<dyn SeriesSet>,
    reads: Arc<AtomicUsize>,
}

impl Select for Counting {
    fn select(
        &self,
        matchers: &[Matcher],
        range: TimeRange,
        hints: &SelectHints,
    ) -> Result<Arc<dyn SeriesSet>, SelectError> {
        self.lookups.fetch_add(1, Ordering::Relaxed);
        let set = self.data.select(matchers, range, hints)?;
        Ok(Arc::new(CountingSet { set, reads: Arc::clone(&self.reads) }))
    }

    fn cost(&self, matchers: &[Matcher]) -> LookupCost {
        self.data.cost(matchers)
    }

    fn explain(&self, matchers: &[Matcher], interrupt: &dyn Interrupt) -> Result<IndexPath, SelectError> {
        self.data.explain(matchers, interrupt)
    }
}

impl SeriesSet for CountingSet {
    fn len(&self) -> usize {
        self.set.len()
    }

    fn labels(&self, i: usize) -> Result<Labels, SelectError> {
        self.set.labels(i)
    }

    fn samples(&self) -> Option<u64> {
        self.set.samples()
    }

    fn read(&self, i: usize, out: &mut SeriesBuf) -> Result<(), SelectError> {
        self.reads.fetch_add(1, Ordering::Relaxed);
        self.set.read(i, out)
    }
}

/// Evaluation where one chain of a hundred is looked through again for each of its terms would not end in this time.
const PATIENCE: Duration = Duration::from_secs(30);

impl Counting {
    /// Two series of `a` and one of `b`.
    fn new() -> Self {
        let values: Vec<f64> = (0..20).map(f64::from).collect();
        let data = store(
            15,
            &[
                (&[("__name__", "a"), ("i", "1")], &values),
                (&[("__name__", "a"), ("i", "2")], &values),
                (&[("__name__", "b"), ("i", "2")], &values),
            ],
        );
        Self { data, lookups: AtomicUsize::new(0), reads: Arc::default() }
    }
}

/// The fault of `query`, and how often a series was read to find it.
fn fault(query: Query<'_>) -> (String, usize) {
    let store = Counting::new();
    let query = Query { timeout: Some(PATIENCE), ..query };
    let fault = engine().run(&store, &query, &Cancel::default()).unwrap_err().to_string();
    (fault, store.reads.load(Ordering::Relaxed))
}

/// `rate` over two metrics drops the names that tell their series apart.
const FAULTY: &str = r#"rate({__name__=~"a|b"}[1m])"#;
const EQUAL_LABELS: &str = "vector cannot contain metrics with the same labelset";
const TERMS: usize = 100;
/// More brackets than about this are too deep to parse.
const BRACKETS: usize = 45;

#[test]
fn a_fault_deep_inside_a_chain_is_found_by_evaluating_each_side_once_more_at_most() {
    // The leftmost term fails, the rightmost one, and one with operations around it on both sides.
    let left = format!("{FAULTY}{}", " + a".repeat(TERMS));
    let right = format!("{}{FAULTY}{}", "a + (".repeat(BRACKETS), ")".repeat(BRACKETS));
    let both = format!("{}{FAULTY}{}", "(a + ".repeat(BRACKETS), " + a)".repeat(BRACKETS));
    for text in [left, right, both] {
        for query in [at(&text, 200), over(&text, 60, 200, 60)] {
            let (error, reads) = fault(query);
            assert_eq!(error, EQUAL_LABELS, "{text:.60}");
            // Each of the terms has two series, read for the answer and at most once more for the fault.
            assert!(reads <= 2 * 2 * TERMS + 12, "{reads} reads for {text:.60}");
        }
    }
}

#[test]
fn a_fault_inside_set_operators_and_many_to_one_matches_is_found_as_cheaply() {
    for (term, faulty) in [
        (" + on (i) group_left a", FAULTY.to_owned()),
        (" and a", FAULTY.to_owned()),
        (" or a", FAULTY.to_owned()),
        (" unless on (i) b", FAULTY.to_owned()),
        (" + a", format!("max_over_time({FAULTY}[1m:15s])")),
    ] {
        let text = format!("{faulty}{}", term.repeat(TERMS));
        let (error, reads) = fault(over(&text, 60, 200, 60));
        assert_eq!(error, EQUAL_LABELS, "{text:.60}");
        assert!(reads <= 2 * 2 * TERMS + 24, "{reads} reads for {text:.60}");
    }
}

#[test]
fn of_two_faults_the_one_that_prometheus_meets_first_is_told() {
    let ambiguous = "(a + on (j) a)";
    let duplicate = "found duplicate series for the match group {}";
    for (text, told) in [
        (format!("{FAULTY} + {ambiguous}"), EQUAL_LABELS),
        (format!("{ambiguous} + {FAULTY}"), duplicate),
        (format!("(a + {FAULTY}) + {ambiguous}"), EQUAL_LABELS),
        (format!("a + (a + {ambiguous}) + {FAULTY}"), duplicate),
        (format!("(a and {ambiguous}) + {FAULTY}"), duplicate),
    ] {
        let (error, _) = fault(over(&text, 60, 200, 60));
        assert!(error.starts_with(told), "{text}: {error}");
    }
}

#[test]
fn series_that_were_looked_up_to_tell_whether_a_query_is_cheap_are_not_looked_up_again() {
    for text in ["sum(a) / sum(b)", "rate(a[1m])"] {
        let (store, query) = (Counting::new(), over(text, 60, 200, 60));
        let lookups = || store.lookups.load(Ordering::Relaxed);
        let prepared = engine().prepare(&query).unwrap();
        assert!(prepared.is_cheap(&store, &[prepared.steps()]), "{text}");
        let needed = lookups();
        assert!(needed > 0, "{text}");
        prepared.run(&store, &Cancel::default()).unwrap();
        assert_eq!(lookups(), needed, "{text}");
        engine().run(&store, &query, &Cancel::default()).unwrap();
        assert_eq!(lookups(), 2 * needed, "another query looks them up itself: {text}");
    }
}
