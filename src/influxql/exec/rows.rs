//! The rows of a series of the answer.

use std::time::Instant;

use super::{
    Answer, Context, Cost, Operator, Series,
    calls::{Point, Running},
    fill, fold,
    gather::TagSet,
    sheet, slices,
};
use crate::{
    influxql::{
        ast::Fill,
        error::QueryError,
        plan::{Plan, Slot, Type},
        value::{Division, Value},
    },
    model::SeriesBuf,
};

/// Rows between which to look whether to go on.
const ROWS_A_CHECK: u64 = 4096;

/// Answers the series of these tag sets.
pub(super) fn answer(
    plan: &Plan,
    context: &Context<'_>,
    group: &[TagSet],
    series: &Series<'_>,
    answer: &mut dyn Answer,
) -> Result<(), QueryError> {
    let rows = Rows {
        plan,
        context,
        series,
        answer,
        begun: false,
        made: 0,
        skip: plan.offset,
        left: if plan.limit == 0 { u64::MAX } else { plan.limit },
        aux: vec![Value::Null; plan.aux.len()],
        calls: vec![Value::Null; plan.calls.len()],
    };
    if plan.calls.is_empty() { raw(rows, group) } else { called(rows, group) }
}

/// Writes rows, as many as are wanted.
struct Rows<'r> {
    plan: &'r Plan,
    context: &'r Context<'r>,
    series: &'r Series<'r>,
    answer: &'r mut dyn Answer,
    begun: bool,
    skip: u64,
    left: u64,
    /// Rows written.
    made: u64,
    /// The values of the row's slots.
    aux: Vec<Value>,
    calls: Vec<Value>,
}

/// Notes the rows.
impl Drop for Rows<'_> {
    fn drop(&mut self) {
        self.context.cost.spent(self.plan.id, Operator::Rows, self.made, Instant::now());
    }
}

impl Rows<'_> {
    /// Writes the row that the slots make; whether more are wanted.
    fn row(&mut self, time: i64) -> Result<bool, QueryError> {
        if self.skip > 0 {
            self.skip -= 1;
            return Ok(true);
        }
        if self.left.is_multiple_of(ROWS_A_CHECK) {
            self.context.check()?;
        }
        if !self.begun {
            self.answer.series(self.series)?;
            self.begun = true;
        }
        let mut values = Vec::with_capacity(1 + self.plan.columns.len());
        values.push(Value::Time(time));
        let slot = |slot| match slot {
            Slot::Aux(i) => self.aux.get(i).cloned().unwrap_or(Value::Null),
            Slot::Call(i) => self.calls.get(i).cloned().unwrap_or(Value::Null),
        };
        values.extend(self.plan.columns.iter().map(|column| column.cell.value(&slot, Division::Exact)));
        self.answer.row(&values)?;
        Cost::add(&self.context.cost.rows, 1);
        self.made += 1;
        self.left -= 1;
        Ok(self.left > 0)
    }

    /// Puts a value into a slot; what stands there where there is none depends on the fill.
    fn put(plan: &Plan, slot: &mut Value, value: Value, of: Option<Type>) {
        match (value, plan.fill) {
            (Value::Null, Fill::Previous) => {}
            (Value::Null, Fill::Number(number)) => *slot = fill::number(number, of.and_then(Type::field)),
            (value, _) => *slot = value,
        }
    }

    fn put_aux(&mut self, values: impl Iterator<Item = Value>) {
        for ((slot, of), value) in self.aux.iter_mut().zip(&self.plan.aux).zip(values) {
            Self::put(self.plan, slot, value, Some(of.of));
        }
    }
}

/// Rows of points as they are.
fn raw(mut rows: Rows<'_>, group: &[TagSet]) -> Result<(), QueryError> {
    let (plan, context) = (rows.plan, rows.context);
    match group.first() {
        Some(first) if slices::is_long(plan, group) => {
            slices::each(plan, context, first, &mut |part, sets| read(&mut rows, part, sets))
        }
        _ => read(&mut rows, plan, group).map(drop),
    }
}

/// Writes the rows that points of these tag sets make between the bounds of a plan; whether more are wanted.
fn read(rows: &mut Rows<'_>, plan: &Plan, sets: &[TagSet]) -> Result<bool, QueryError> {
    let context = rows.context;
    let columns = plan.aux.len();
    let mut buffer = SeriesBuf::default();
    let room = context.room();
    if let [set] = sets {
        let begun = Instant::now();
        let sheet = sheet::read(set, context, &mut buffer)?;
        context.cost.spent(plan.id, Operator::Read, sheet.times.len() as u64, begun);
        room.take(sheet.memory())?;
        let mut all = sheet.between(plan.start, plan.end);
        let mut next = || if plan.descending { all.next_back() } else { all.next() };
        while let Some(row) = next() {
            if sheet.keeps(row) && sheet.has_point(columns, row) {
                rows.put_aux((0..columns).map(|column| sheet.value(column, row)));
                if !rows.row(sheet.times.get(row).copied().unwrap_or(0))? {
                    return Ok(false);
                }
            }
        }
        return Ok(true);
    }
    let mut all: Vec<(i64, Box<[Value]>)> = Vec::new();
    for set in sets {
        context.check()?;
        let begun = Instant::now();
        let sheet = sheet::read(set, context, &mut buffer)?;
        context.cost.spent(plan.id, Operator::Read, sheet.times.len() as u64, begun);
        let reading = context.room();
        reading.take(sheet.memory())?;
        let inside = sheet.between(plan.start, plan.end);
        let before = all.len();
        for row in inside.filter(|row| sheet.keeps(*row) && sheet.has_point(columns, *row)) {
            let values: Box<[Value]> = (0..columns).map(|column| sheet.value(column, row)).collect();
            all.push((sheet.times.get(row).copied().unwrap_or(0), values));
        }
        room.take((all.len() - before) * (columns + 2) * size_of::<Value>())?;
    }
    if !plan.keeps_order() {
        all.sort_by_key(|(time, _)| *time);
        if plan.descending {
            all.reverse();
        }
    }
    for (time, values) in all {
        rows.put_aux(values.into_iter());
        if !rows.row(time)? {
            return Ok(false);
        }
    }
    Ok(true)
}

/// Rows of what calls give, joined by time.
fn called(mut rows: Rows<'_>, group: &[TagSet]) -> Result<(), QueryError> {
    let (plan, context) = (rows.plan, rows.context);
    let room = context.room();
    let keeps_points = plan.calls.iter().any(|call| !fold::folds(call.base()));
    let mut running: Vec<Running<'_>> = plan.calls.iter().map(|call| Running::new(plan, call)).collect();
    let mut buffer = SeriesBuf::default();
    for set in group {
        context.check()?;
        let begun = Instant::now();
        let sheet = sheet::read(set, context, &mut buffer)?;
        context.cost.spent(plan.id, Operator::Read, sheet.times.len() as u64, begun);
        // Functions that keep no points are answered however long a series is, as long as the process has room for one.
        let reading = context.room();
        if keeps_points {
            reading.take(sheet.memory())?;
        }
        let begun = Instant::now();
        for call in &mut running {
            call.add(&sheet, context, &room)?;
        }
        context.cost.spent(plan.id, Operator::Compute, 0, begun);
    }
    let mut lists: Vec<std::iter::Peekable<std::vec::IntoIter<Point>>> = Vec::with_capacity(running.len());
    let begun = Instant::now();
    for call in running {
        let points = call.finish(context, &room)?;
        context.cost.spent(plan.id, Operator::Compute, points.len() as u64, begun);
        lists.push(points.into_iter().peekable());
    }
    loop {
        let times = lists.iter_mut().filter_map(|list| list.peek().map(|point| point.time));
        let Some(time) = (if plan.descending { times.max() } else { times.min() }) else { return Ok(()) };
        let mut aux: Option<Box<[Value]>> = None;
        for (i, list) in lists.iter_mut().enumerate() {
            let (value, own) = match list.next_if(|point| point.time == time) {
                Some(point) => (point.value, point.aux),
                None => (Value::Null, None),
            };
            let of = plan.calls.get(i).and_then(|call| call.gives).map(Type::Field);
            if let Some(slot) = rows.calls.get_mut(i) {
                Rows::put(plan, slot, value, of);
            }
            aux = aux.or(own);
        }
        let nothing = || std::iter::repeat_n(Value::Null, plan.aux.len());
        match aux {
            Some(values) => rows.put_aux(values.into_iter()),
            None => rows.put_aux(nothing()),
        }
        if !rows.row(time)? {
            return Ok(());
        }
    }
}
