//! Any text as InfluxQL over a small store: it is read, planned and answered, or refused, within its bounds.

use std::{
    sync::{
        Arc, LazyLock,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use vctsdb::{
    influxql::{Answer, Database, Limits, Params, QueryError, Schema, Series, Value, parse},
    model::{FieldType, Labels, SeriesBuf},
    promql::{Cancel, Until},
    seams::{
        catalog::{Catalog, WantedField},
        memory_budget::MemoryBudget,
        select::MemorySelect,
    },
};

/// A statement may take this long before it has to notice, and may notice so late in this slow build.
const TIMEOUT: Duration = Duration::from_secs(2);
const GRACE: Duration = Duration::from_secs(8);
/// Bytes of memory for what a statement keeps.
const MEMORY: usize = 16 << 20;

static STORE: LazyLock<(MemorySelect, Schema)> = LazyLock::new(store);

fn store() -> (MemorySelect, Schema) {
    let (mut select, catalog, mut claims) = (MemorySelect::default(), Catalog::default(), Vec::new());
    for (field, metric, field_type) in
        [("v", "m_v", FieldType::Float), ("n", "m_n", FieldType::Integer), ("b", "m_b", FieldType::Boolean)]
    {
        let wanted = WantedField { database: "t", measurement: "m", field, metric, field_type };
        catalog.claim(&wanted, &mut claims).unwrap();
        for a in ["", "x", "y"] {
            let mut buffer = SeriesBuf::default();
            let times = [i64::MIN, -1, 0, 1, 60_000, 61_500, 1_700_000_000_000, i64::MAX];
            times.iter().enumerate().for_each(|(i, time)| buffer.push_float(*time, (i % 3) as f64 - 0.5));
            let pairs = [("__name__", metric), ("influx_db", "t"), ("a", a)];
            select.series.insert(Labels::from_pairs(pairs).unwrap(), buffer);
        }
    }
    catalog.commit(claims);
    (select, Schema::new(catalog.snapshot(), "influx_db".into()))
}

/// Room that ends.
#[derive(Debug)]
struct Room(AtomicUsize);

impl MemoryBudget for Room {
    fn take(&self, bytes: usize) -> bool {
        self.0.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(bytes)).is_ok()
    }
}

/// Looks at the shape of an answer.
#[derive(Default)]
struct Shape {
    columns: usize,
}

impl Answer for Shape {
    fn series(&mut self, series: &Series<'_>) -> Result<(), QueryError> {
        self.columns = series.columns.len();
        Ok(())
    }

    fn row(&mut self, values: &[Value]) -> Result<(), QueryError> {
        assert_eq!(values.len(), self.columns);
        Ok(())
    }
}

/// Takes an input.
pub(crate) fn run(text: &str) {
    let Ok(statements) = parse(text, &Params::default()) else { return };
    let (select, schema) = &*STORE;
    for statement in statements.iter().take(8) {
        let room = || Arc::new(Room(AtomicUsize::new(MEMORY))) as Arc<dyn MemoryBudget>;
        let database = Database {
            select,
            labels: select,
            schema,
            name: "t",
            policy: "",
            now: 1_700_000_000_000_000_000,
            retention: 0,
            room: &room,
            limits: Limits { query: MEMORY as u64, all: MEMORY as u64 },
            interrupt: Arc::new(Until::new(&Cancel::default(), TIMEOUT)),
        };
        let begun = Instant::now();
        let _ = database.answer(statement, &mut Shape::default());
        let _ = database.doomed(statement);
        assert!(begun.elapsed() < TIMEOUT + GRACE, "{text:?} took {:?}", begun.elapsed());
    }
}
