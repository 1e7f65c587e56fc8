//! A call over the points of a series of the answer.

use super::{
    Context, Room, collect, counters,
    fill::{self, Gaps},
    fold::{self, Fold},
    pairs, rolling,
    sheet::Sheet,
    transform,
};
use crate::influxql::{
    error::QueryError,
    functions::{Kind, Role},
    plan::{Call, Input, Plan},
    value::Value,
    window::{FIRST, LAST, Window},
};

/// What a call gives at a time.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Point {
    pub(super) time: i64,
    pub(super) value: Value,
    /// The plan's aux slots in the row of the point, for a call that picks points; for one of pairs, the second number.
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

/// A point on its way into a call, with its row in the sheet.
pub(super) struct Taken {
    pub(super) row: usize,
    pub(super) time: i64,
    pub(super) value: Value,
    /// The number of the second field, for a call of pairs.
    pub(super) second: f64,
}

/// From when to when points are read.
pub(super) fn range(plan: &Plan) -> (i64, i64) {
    let ranges = plan.calls.iter().map(|call| Reach::of(plan, call).read);
    ranges.fold((plan.start, plan.end), |(start, end), own| (start.min(own.start), end.max(own.end)))
}

/// Functions of one bucket after the other look at the one before the first, too, and those of the points of a time that far back.
fn widened(plan: &Plan, call: &Call, range: Range) -> Range {
    if call.function.role != Role::Transformation || call.function.kind == Kind::CumulativeSum {
        return range;
    }
    let back = match (call.settings.span, &plan.window) {
        (None, None) => return range,
        (None, Some(window)) => window.interval,
        (Some(span), None) => span,
        (Some(span), Some(window)) => {
            let buckets = span / window.interval + i64::from(span % window.interval > 0);
            buckets.saturating_mul(window.interval)
        }
    };
    let (first, last) = plan.outer;
    match plan.descending {
        false if range.start != FIRST => Range { start: range.start.saturating_sub(back).max(first), ..range },
        true if range.end != LAST => Range { end: range.end.saturating_add(back).min(last), ..range },
        _ => range,
    }
}

/// The points that a call looks at.
#[derive(Debug, Clone, Copy)]
struct Reach {
    /// Those that count.
    counted: Range,
    /// And those beside that these are compared with.
    read: Range,
}

impl Reach {
    fn of(plan: &Plan, call: &Call) -> Self {
        let mut counted = Range { start: plan.start, end: plan.end };
        let mut call = call;
        loop {
            counted = widened(plan, call, counted);
            match &call.input {
                Input::Call(inner) => call = inner,
                Input::Driver(_) => break,
            }
        }
        let earlier = |range: Range, by: i64| match range.start {
            FIRST => range,
            start => Range { start: start.saturating_sub(by).max(FIRST + 1), ..range },
        };
        counted = earlier(counted, plan.window.as_ref().map_or(0, Window::before));
        let kind = call.function.kind;
        let mut read = counted;
        if kind.is_of_counters() {
            read = earlier(read, counters::lookback(plan));
        }
        if kind.is_of_pairs() {
            read = earlier(read, call.settings.lag.max(0));
            read.end = read.end.saturating_add(call.settings.lag.min(0).saturating_neg()).min(LAST);
        }
        Self { counted, read }
    }
}

/// A call as its points come.
pub(super) struct Running<'p> {
    plan: &'p Plan,
    call: &'p Call,
    base: &'p Call,
    driver: usize,
    reach: Reach,
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

/// Rows between which to look whether to go on.
const ROWS_A_CHECK: usize = 4096;

impl<'p> Running<'p> {
    pub(super) fn new(plan: &'p Plan, call: &'p Call) -> Self {
        let base = call.base();
        let driver = match &base.input {
            Input::Driver(driver) => *driver,
            Input::Call(_) => 0,
        };
        let whole_buckets = plan.window.as_ref().is_none_or(|window| !window.is_rolling());
        let own_times = base.function.kind.is_of_counters() && plan.window.is_none();
        let state = if base.gives.is_none() {
            State::Nothing
        } else if fold::folds(base) && whole_buckets && !own_times {
            State::Fold(Fold::new(base))
        } else {
            State::Points(Vec::new())
        };
        Self { plan, call, base, driver, reach: Reach::of(plan, call), state, taken: 0 }
    }

    /// Adds the points of a tag set.
    pub(super) fn add(&mut self, sheet: &Sheet, context: &Context<'_>, room: &Room<'_>) -> Result<(), QueryError> {
        if matches!(self.state, State::Nothing) {
            return Ok(());
        }
        let (plan, base, Reach { counted, read }) = (self.plan, self.base, self.reach);
        let column = plan.aux.len() + self.driver;
        let rows = sheet.between(read.start, read.end);
        let rows = rows.filter(|row| sheet.keeps(*row)).filter_map(|row| {
            let value = sheet.value(column, row);
            let time = sheet.times.get(row).copied()?;
            (!value.is_null()).then_some(Taken { row, time, value, second: f64::NAN })
        });
        if base.function.kind.is_of_counters() {
            let grown = counters::growth(plan, base, sheet, column, rows, (read, counted));
            return self.push(grown.into_iter(), sheet, context, room);
        }
        let inside = |taken: &Taken| (counted.start..=counted.end).contains(&taken.time) || sheet.is_of_query();
        if let Some(second) = base.second {
            let pairs = pairs::pairs(base, sheet, plan.aux.len() + second, rows.filter(inside));
            return self.push(pairs.into_iter(), sheet, context, room);
        }
        if sheet.is_constant(column) && base.distinct {
            // One point of each bucket tells as much as all.
            let mut end = i64::MIN;
            let rows = rows.filter(|taken| match &plan.window {
                Some(window) if window.is_rolling() => true,
                _ if taken.time < end => false,
                window => {
                    end = window.as_ref().map_or(i64::MAX, |window| window.bounds(taken.time).1);
                    true
                }
            });
            return self.push(rows, sheet, context, room);
        }
        self.push(rows, sheet, context, room)
    }

    fn push(
        &mut self,
        mut rows: impl Iterator<Item = Taken>,
        sheet: &Sheet,
        context: &Context<'_>,
        room: &Room<'_>,
    ) -> Result<(), QueryError> {
        let (plan, base) = (self.plan, self.base);
        let wants_aux = base.function.role == Role::Selector && !plan.aux.is_empty();
        let aux = |row: usize| {
            wants_aux.then(|| (0..plan.aux.len()).map(|column| sheet.value(column, row)).collect::<Box<[Value]>>())
        };
        let scarce = |error: QueryError| match error {
            QueryError::Limit(why) if base.function.kind == Kind::Percentile => {
                QueryError::Limit(format!("{why}; approx_percentile() keeps no points either"))
            }
            error => error,
        };
        loop {
            context.check()?;
            let mut some = rows.by_ref().take(ROWS_A_CHECK).peekable();
            if some.peek().is_none() {
                return Ok(());
            }
            match &mut self.state {
                State::Nothing => return Ok(()),
                State::Fold(fold) => {
                    let window = plan.window.as_ref();
                    some.for_each(|Taken { row, time, value, second }| {
                        fold.push(time, value, second, window, || aux(row));
                    });
                    let now = fold.memory();
                    room.take(now.saturating_sub(self.taken)).map_err(scarce)?;
                    self.taken = self.taken.max(now);
                }
                State::Points(points) => {
                    let before = points.len();
                    // Growing, a list is there twice.
                    let needed = before.saturating_add(ROWS_A_CHECK);
                    if needed > points.capacity() {
                        room.take(needed.max(2 * points.capacity()).saturating_sub(before) * size_of::<Point>())
                            .map_err(scarce)?;
                        points.reserve(ROWS_A_CHECK);
                    }
                    points.extend(some.map(|Taken { row, time, value, second }| {
                        let pair = || Box::from([Value::Float(second)]);
                        Point { time, value, aux: aux(row).or_else(|| base.second.map(|_| pair())) }
                    }));
                    let beside = points.iter().skip(before).map(|point| point.memory() - size_of::<Point>());
                    room.take(beside.sum()).map_err(scarce)?;
                }
            }
        }
    }

    /// What the call gives, in the order of the answer.
    pub(super) fn finish(self, context: &Context<'_>, room: &Room<'_>) -> Result<Vec<Point>, QueryError> {
        let Self { plan, call, state, .. } = self;
        finish(plan, call, state, Range { start: plan.start, end: plan.end }, (context, room))
    }
}

/// Leaves out the rows of times that a call only looked back at.
fn within(plan: &Plan, call: &Call, mut points: Vec<Point>, range: Range) -> Vec<Point> {
    if call.settings.span.is_some() {
        let start = match &plan.window {
            Some(window) if range.start != FIRST => window.start(range.start),
            _ => range.start,
        };
        points.retain(|point| (start..=range.end).contains(&point.time));
    }
    points
}

fn finish(
    plan: &Plan,
    call: &Call,
    state: State,
    range: Range,
    at: (&Context<'_>, &Room<'_>),
) -> Result<Vec<Point>, QueryError> {
    let (context, room) = at;
    context.check()?;
    let inside = widened(plan, call, range);
    if let Input::Call(inner) = &call.input {
        let points = finish(plan, inner, state, inside, at)?;
        return Ok(within(plan, call, transform::apply(call, points, plan.descending), range));
    }
    let kind = call.function.kind;
    let mut buckets: Vec<(i64, Point)> = match state {
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
                return Ok(within(plan, call, transform::apply(call, points, plan.descending), range));
            }
            match &plan.window {
                None if kind.is_of_counters() => {
                    let mut points = counters::added_up(points);
                    if plan.descending {
                        points.reverse();
                    }
                    return Ok(points);
                }
                Some(window) if window.is_rolling() => rolling::buckets(window, call, &points, range, at)?,
                _ => collect::buckets(plan, call, points),
            }
        }
    };
    if kind == Kind::Rate {
        counters::per_unit(plan, call, &mut buckets, range);
    }
    let own_times =
        matches!(kind, Kind::Top | Kind::Bottom | Kind::Sample) || (plan.is_selector() && plan.window.is_none());
    // An integral has no bounds of time by itself.
    let unbounded = range.start == FIRST || kind == Kind::Integral;
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
