//! Memory, time and cancellation.

use std::sync::atomic::{AtomicUsize, Ordering};

use super::*;
use crate::{
    model::{Matcher, TimeRange},
    seams::{
        interrupt::{Interrupted, fake::After},
        memory_budget::fake::Bytes,
        select::{IndexPath, LookupCost, Select, SelectError, SelectHints, SeriesSet},
    },
};

/// Points every 10 ms that are made as they are asked for, of several hosts.
struct Long {
    hosts: usize,
    points: i64,
    /// The most points that were read at once.
    most: Arc<AtomicUsize>,
    range: TimeRange,
}

const STEP: i64 = 10;

impl Long {
    fn new(hosts: usize, points: i64) -> Self {
        Self { hosts, points, most: Arc::default(), range: TimeRange::ALL }
    }

    fn inside(&self) -> std::ops::Range<i64> {
        let first = self.range.start.clamp(0, self.points * STEP);
        let last = self.range.end.clamp(-1, self.points * STEP - 1);
        first.div_euclid(STEP) + i64::from(first % STEP > 0)..last.div_euclid(STEP) + 1
    }
}

impl SeriesSet for Long {
    fn len(&self) -> usize {
        self.hosts
    }

    fn labels(&self, i: usize) -> Result<Labels, SelectError> {
        Ok(Labels::from_pairs([("__name__", "m"), ("host", &format!("h{i}"))]).unwrap())
    }

    fn read(&self, i: usize, out: &mut SeriesBuf) -> Result<(), SelectError> {
        out.clear();
        self.inside().for_each(|n| out.push_float(n * STEP, (n * 10 + i as i64) as f64));
        self.most.fetch_max(out.len(), Ordering::Relaxed);
        Ok(())
    }

    fn samples(&self) -> Option<u64> {
        let inside = self.inside();
        Some((inside.end - inside.start).max(0).unsigned_abs() * self.hosts as u64)
    }
}

impl Select for Long {
    fn select(
        &self,
        matchers: &[Matcher],
        range: TimeRange,
        _: &SelectHints,
    ) -> Result<Arc<dyn SeriesSet>, SelectError> {
        let host = matchers.iter().find(|matcher| matcher.name() == "host");
        // Of a matcher only the first host is known here.
        let hosts = if host.is_some_and(|host| host.matches("h0")) { 1 } else { self.hosts };
        Ok(Arc::new(Self { hosts, range, points: self.points, most: Arc::clone(&self.most) }))
    }

    fn cost(&self, _: &[Matcher]) -> LookupCost {
        LookupCost::Unknown
    }

    fn explain(&self, _: &[Matcher], _: &dyn Interrupt) -> Result<IndexPath, SelectError> {
        Ok(IndexPath { steps: Vec::new(), series: self.hosts as u64 })
    }
}

/// Looks at the times of rows, and keeps none.
#[derive(Default)]
struct Times {
    rows: u64,
    first: Option<(i64, f64)>,
    last: Option<(i64, f64)>,
    /// Whether a time was before the one before it, and whether one was behind it.
    falls: bool,
    rises: bool,
}

impl Answer for Times {
    fn series(&mut self, _: &Series<'_>) -> Result<(), QueryError> {
        Ok(())
    }

    fn row(&mut self, values: &[Value]) -> Result<(), QueryError> {
        let [Value::Time(time), value] = values else { panic!("{values:?}") };
        let own = (*time / 1_000_000, value.number().unwrap());
        self.rows += 1;
        self.first = self.first.or(Some(own));
        self.falls |= self.last.is_some_and(|last| own.0 < last.0);
        self.rises |= self.last.is_some_and(|last| own.0 > last.0);
        self.last = Some(own);
        Ok(())
    }
}

fn of_long(long: &Long, query: &str, most: u64) -> Result<Times, QueryError> {
    let store = Store::default();
    let schema = Schema::new(store.catalog.snapshot(), "".into());
    let room = || Arc::new(Unlimited) as Arc<dyn MemoryBudget>;
    let database = Database {
        select: long,
        labels: &store.select,
        schema: &schema,
        name: "prometheus",
        policy: "",
        now: NOW * S,
        retention: 0,
        room: &room,
        limits: Limits { query: most, all: u64::MAX },
        interrupt: Arc::new(Never),
    };
    let mut times = Times::default();
    let statements = parse(query, &Params::default()).unwrap();
    database.answer(&statements[0], &mut times)?;
    Ok(times)
}

#[test]
fn raw_rows_of_a_long_time_take_the_memory_of_a_slice() {
    let one = Long::new(1, 2_000_000);
    let all = of_long(&one, "SELECT value FROM m", 4 << 20).unwrap();
    assert_eq!((all.rows, all.first, all.last), (2_000_000, Some((0, 0.0)), Some((19_999_990, 19_999_990.0))));
    assert!(one.most.swap(0, Ordering::Relaxed) <= 1 << 16);
    let back = of_long(&one, "SELECT value FROM m WHERE time >= 5s ORDER BY time DESC", 4 << 20).unwrap();
    assert_eq!((back.rows, back.first, back.last), (1_999_500, all.last, Some((5_000, 5_000.0))));
    assert!(back.falls && !back.rises && all.rises && !all.falls);
    let few = of_long(&one, "SELECT value FROM m LIMIT 10 OFFSET 5", 4 << 20).unwrap();
    assert_eq!((few.rows, few.first, few.last), (10, Some((50, 50.0)), Some((140, 140.0))));
    let some = Long::new(3, 400_000);
    let together = of_long(&some, "SELECT value FROM m", 24 << 20).unwrap();
    assert_eq!((together.rows, together.last.unwrap().0), (1_200_000, 3_999_990));
    assert!(together.rises && !together.falls);
    let kept = of_long(&some, "SELECT median(value) FROM m", 24 << 20);
    let why = kept.map(|_| ()).unwrap_err().to_string();
    assert!(why.contains("limit 25165824 bytes"), "{why}");
}

#[test]
fn what_a_query_keeps_is_limited_and_given_back() {
    let store = Store::default().points("m", "v", "a", &noise(0, 50_000, 1, 1));
    let within = |bytes: usize, most: u64, query: &str| {
        let room = move || Arc::new(Bytes::new(bytes)) as Arc<dyn MemoryBudget>;
        store.ask_within("t", query, &room, Arc::new(Never), most).map(drop)
    };
    for query in ["percentile(v, 50)", "derivative(v)", "distinct(v)", "increase(v)", "top(v, 5)"] {
        let query = format!("SELECT {query} FROM m");
        within(usize::MAX, u64::MAX, &query).unwrap();
        let own = within(usize::MAX, 600_000, &query).unwrap_err();
        assert!(matches!(own, QueryError::Limit(_)), "{query}: {own}");
        let of_others = within(600_000, u64::MAX, &query).unwrap_err();
        assert!(matches!(of_others, QueryError::NoRoom(_)), "{query}: {of_others}");
    }
    for query in ["mean(v)", "approx_percentile(v, 99)", "max(v)", "count(distinct(host))", "covar(v, v)"] {
        within(usize::MAX, 1 << 20, &format!("SELECT {query} FROM m")).unwrap_or_else(|why| panic!("{query}: {why}"));
    }
    let why = within(usize::MAX, 1_000_000, "SELECT percentile(v, 50) FROM m").unwrap_err().to_string();
    assert!(why.contains("approx_percentile()"), "{why}");
}

/// Is asked, and ends at the n-th question.
#[derive(Debug)]
struct Canceled(After);

impl Interrupt for Canceled {
    fn check(&self) -> Result<(), Interrupted> {
        self.0.check().map_err(|_| Interrupted::Canceled)
    }
}

#[test]
fn a_query_ends_wherever_it_is_when_it_is_asked_to() {
    let store =
        Store::default().points("m", "v", "a", &noise(0, 4_000, 1, 1)).points("m", "v", "b", &noise(0, 4_000, 1, 2));
    for query in [
        "SELECT v FROM m",
        "SELECT median(v) FROM m GROUP BY host",
        "SELECT mean(v) FROM m WHERE time < 4000s GROUP BY time(1m, 0s, 10m)",
        "SELECT max(x) FROM (SELECT increase(v) AS x FROM m GROUP BY host)",
    ] {
        let room = || Arc::new(Unlimited) as Arc<dyn MemoryBudget>;
        let mut asked = 0;
        loop {
            let late = Arc::new(After(AtomicUsize::new(asked)));
            let canceled = Arc::new(Canceled(After(AtomicUsize::new(asked))));
            match store.ask_within("t", query, &room, late, u64::MAX) {
                Ok(_) => break,
                Err(error) => assert!(matches!(error, QueryError::TimedOut), "{query}: {error}"),
            }
            let error = store.ask_within("t", query, &room, canceled, u64::MAX).map(drop).unwrap_err();
            assert_eq!(error.to_string(), "query interrupted", "{query}");
            asked += 1 + asked / 4;
            assert!(asked < 100_000, "{query}");
        }
        assert!(asked > 3, "{query} was asked {asked} times");
    }
}
