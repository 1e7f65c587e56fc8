//! A call over the points of a series of the answer.

use super::{
    Room, collect,
    fill::{self, Gaps},
    fold::{self, Fold},
    sheet::Sheet,
    transform,
};
use crate::influxql::{
    error::QueryError,
    functions::{Kind, Role},
    plan::{Call, Input, Plan},
    value::Value,
    window::{FIRST, LAST},
};

/// What a call gives at a time.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Point {
    pub(super) time: i64,
    pub(super) value: Value,
    /// The plan's aux slots in the row of the point, for a call that picks points.
    pub(super) aux: Option<Box<[Value]>>,
}

impl Point {
    /// Bytes of memory.
    fn memory(&self) -> usize {
        let aux: usize = self.aux.iter().flatten().map(|value| size_of::<Value>() + value.memory()).sum();
        size_of::<Self>() + self.value.memory() + aux
    }
}

/// Bounds of time in ns.
#[derive(Debug, Clone, Copy)]
pub(super) struct Range {
    pub(super) start: i64,
    pub(super) end: i64,
}

/// From when to when points are read.
pub(super) fn range(plan: &Plan) -> (i64, i64) {
    let ranges = plan.calls.iter().map(|call| read_range(plan, call));
    ranges.fold((plan.start, plan.end), |(start, end), own| (start.min(own.start), end.max(own.end)))
}

/// Functions of one bucket after the other look at the one before the first, too.
fn widened(plan: &Plan, call: &Call, range: Range) -> Range {
    let Some(window) = &plan.window else { return range };
    if call.function.role != Role::Transformation || call.function.kind == Kind::CumulativeSum {
        return range;
    }
    let (first, last) = plan.outer;
    match plan.descending {
        false if range.start != FIRST => {
            Range { start: range.start.saturating_sub(window.interval).max(first), ..range }
        }
        true if range.end != LAST => Range { end: range.end.saturating_add(window.interval).min(last), ..range },
        _ => range,
    }
}

fn read_range(plan: &Plan, call: &Call) -> Range {
    let mut range = Range { start: plan.start, end: plan.end };
    let mut call = call;
    loop {
        range = widened(plan, call, range);
        match &call.input {
            Input::Call(inner) => call = inner,
            Input::Driver(_) => return range,
        }
    }
}

/// The call that reads a field, in calls of calls.
fn innermost(call: &Call) -> (&Call, usize) {
    match &call.input {
        Input::Call(inner) => innermost(inner),
        Input::Driver(driver) => (call, *driver),
    }
}

/// A call as its points come.
pub(super) struct Running<'p> {
    plan: &'p Plan,
    call: &'p Call,
    base: &'p Call,
    driver: usize,
    range: Range,
    state: State,
    /// Bytes of its points that room was taken for.
    taken: usize,
}

enum State {
    Fold(Fold),
    Points(Vec<Point>),
    /// It is of nothing that has values.
    Nothing,
}

impl<'p> Running<'p> {
    pub(super) fn new(plan: &'p Plan, call: &'p Call) -> Self {
        let (base, driver) = innermost(call);
        let state = if base.gives.is_none() {
            State::Nothing
        } else if fold::folds(base.function.kind) && !base.distinct {
            State::Fold(Fold::new(base.function.kind))
        } else {
            State::Points(Vec::new())
        };
        Self { plan, call, base, driver, range: read_range(plan, call), state, taken: 0 }
    }

    /// Adds the points of a tag set.
    pub(super) fn add(&mut self, sheet: &Sheet, room: &Room) -> Result<(), QueryError> {
        let column = self.plan.aux.len() + self.driver;
        let wants_aux = self.base.function.role == Role::Selector && !self.plan.aux.is_empty();
        let aux = |row: usize| {
            wants_aux.then(|| (0..self.plan.aux.len()).map(|column| sheet.value(column, row)).collect::<Box<[Value]>>())
        };
        let rows = sheet.between(self.range.start, self.range.end);
        let rows = rows.filter(|row| sheet.keeps(*row)).filter_map(|row| {
            let value = sheet.value(column, row);
            let time = sheet.times.get(row).copied()?;
            (!value.is_null()).then_some((row, time, value))
        });
        match &mut self.state {
            State::Nothing => {}
            State::Fold(fold) => {
                let window = self.plan.window.as_ref();
                rows.for_each(|(row, time, value)| fold.push(time, value, window, || aux(row)));
                let now = fold.len() * 2 * size_of::<Point>();
                room.take(now.saturating_sub(self.taken))?;
                self.taken = self.taken.max(now);
            }
            State::Points(points) => {
                let before = points.len();
                points.extend(rows.map(|(row, time, value)| Point { time, value, aux: aux(row) }));
                room.take(points.iter().skip(before).map(Point::memory).sum())?;
            }
        }
        Ok(())
    }

    /// What the call gives, in the order of the answer.
    pub(super) fn finish(self, room: &Room) -> Result<Vec<Point>, QueryError> {
        let Self { plan, call, state, .. } = self;
        finish(plan, call, state, Range { start: plan.start, end: plan.end }, room)
    }
}

fn finish(plan: &Plan, call: &Call, state: State, range: Range, room: &Room) -> Result<Vec<Point>, QueryError> {
    let inside = widened(plan, call, range);
    if let Input::Call(inner) = &call.input {
        let points = finish(plan, inner, state, inside, room)?;
        return Ok(transform::apply(call, points, plan.descending));
    }
    let buckets: Vec<(i64, Point)> = match state {
        State::Nothing => Vec::new(),
        State::Fold(fold) => fold.finish().collect(),
        State::Points(mut points) => {
            let keeps_order = plan.keeps_order();
            if !keeps_order {
                points.sort_by_key(|point| point.time);
            }
            if call.function.role == Role::Transformation {
                if plan.descending && !keeps_order {
                    points.reverse();
                }
                return Ok(transform::apply(call, points, plan.descending));
            }
            collect::buckets(plan, call, points)
        }
    };
    let own_times = matches!(call.function.kind, Kind::Top | Kind::Bottom | Kind::Sample)
        || (plan.is_selector() && plan.window.is_none());
    // An integral has no bounds of time by itself.
    let unbounded = range.start == FIRST || call.function.kind == Kind::Integral;
    let lower = if unbounded { 0 } else { range.start };
    let dated = |(start, point): (i64, Point)| match (&plan.window, own_times) {
        (_, true) => point,
        (Some(_), false) => Point { time: if start == FIRST { 0 } else { start }, ..point },
        (None, false) => Point { time: lower, ..point },
    };
    let mut points: Vec<Point> = buckets.into_iter().map(dated).collect();
    if plan.descending {
        points.reverse();
    }
    match &plan.window {
        Some(window) if call.function.fills => {
            let gaps = Gaps { window, range, fill: plan.fill, call, descending: plan.descending };
            fill::fill(points, &gaps, room)
        }
        _ => Ok(points),
    }
}
