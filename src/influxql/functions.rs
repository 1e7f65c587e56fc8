//! The functions of InfluxQL, by name: what each takes and gives. There is no other list.

use super::ast::FieldType;

/// What a function makes of points.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Role {
    /// One value of all points of a bucket.
    Aggregate,
    /// Some of the points.
    Selector,
    /// A value for each point, of it and those before.
    Transformation,
}

/// What its values are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Gives {
    /// Of the type of what it takes.
    Same,
    /// Always of this type.
    Always(FieldType),
}

/// A row of the table.
#[derive(Debug, Clone, Copy)]
pub(super) struct Function {
    pub(super) name: &'static str,
    pub(super) role: Role,
    pub(super) kind: Kind,
    pub(super) gives: Gives,
    /// Whether it takes booleans, and whether texts.
    pub(super) booleans: bool,
    pub(super) texts: bool,
    /// Whether buckets without points are filled.
    pub(super) fills: bool,
}

/// Which function it is, for whoever evaluates it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Kind {
    Count,
    Mean,
    Sum,
    Min,
    Max,
    First,
    Last,
    Spread,
    Median,
    Mode,
    Stddev,
    Variance,
    Distinct,
    Percentile,
    Sample,
    Top,
    Bottom,
    Integral,
    Derivative,
    NonNegativeDerivative,
    Difference,
    NonNegativeDifference,
    CumulativeSum,
    MovingAverage,
    Elapsed,
    Ema,
    Dema,
    Tema,
    TripleDerivative,
    RelativeStrength,
    Chande,
    KaufmansRatio,
    KaufmansAverage,
}

const FLOAT: Gives = Gives::Always(FieldType::Float);
const INTEGER: Gives = Gives::Always(FieldType::Integer);

const fn row(name: &'static str, role: Role, kind: Kind, gives: Gives) -> Function {
    let fills = !matches!(role, Role::Transformation);
    Function { name, role, kind, gives, booleans: false, texts: false, fills }
}

const fn any(function: Function) -> Function {
    Function { booleans: true, texts: true, ..function }
}

const fn ordered(function: Function) -> Function {
    Function { booleans: true, ..function }
}

const fn unfilled(function: Function) -> Function {
    Function { fills: false, ..function }
}

const FUNCTIONS: &[Function] = &[
    any(row("count", Role::Aggregate, Kind::Count, INTEGER)),
    row("mean", Role::Aggregate, Kind::Mean, FLOAT),
    row("sum", Role::Aggregate, Kind::Sum, Gives::Same),
    row("spread", Role::Aggregate, Kind::Spread, Gives::Same),
    row("median", Role::Aggregate, Kind::Median, FLOAT),
    any(row("mode", Role::Aggregate, Kind::Mode, Gives::Same)),
    row("stddev", Role::Aggregate, Kind::Stddev, FLOAT),
    row("variance", Role::Aggregate, Kind::Variance, FLOAT),
    unfilled(any(row("distinct", Role::Aggregate, Kind::Distinct, Gives::Same))),
    unfilled(row("integral", Role::Aggregate, Kind::Integral, FLOAT)),
    ordered(row("min", Role::Selector, Kind::Min, Gives::Same)),
    ordered(row("max", Role::Selector, Kind::Max, Gives::Same)),
    any(row("first", Role::Selector, Kind::First, Gives::Same)),
    any(row("last", Role::Selector, Kind::Last, Gives::Same)),
    row("percentile", Role::Selector, Kind::Percentile, Gives::Same),
    unfilled(any(row("sample", Role::Selector, Kind::Sample, Gives::Same))),
    unfilled(row("top", Role::Selector, Kind::Top, Gives::Same)),
    unfilled(row("bottom", Role::Selector, Kind::Bottom, Gives::Same)),
    row("derivative", Role::Transformation, Kind::Derivative, FLOAT),
    row("non_negative_derivative", Role::Transformation, Kind::NonNegativeDerivative, FLOAT),
    row("difference", Role::Transformation, Kind::Difference, Gives::Same),
    row("non_negative_difference", Role::Transformation, Kind::NonNegativeDifference, Gives::Same),
    row("cumulative_sum", Role::Transformation, Kind::CumulativeSum, Gives::Same),
    row("moving_average", Role::Transformation, Kind::MovingAverage, FLOAT),
    any(row("elapsed", Role::Transformation, Kind::Elapsed, INTEGER)),
    row("exponential_moving_average", Role::Transformation, Kind::Ema, FLOAT),
    row("double_exponential_moving_average", Role::Transformation, Kind::Dema, FLOAT),
    row("triple_exponential_moving_average", Role::Transformation, Kind::Tema, FLOAT),
    row("triple_exponential_derivative", Role::Transformation, Kind::TripleDerivative, FLOAT),
    row("relative_strength_index", Role::Transformation, Kind::RelativeStrength, FLOAT),
    row("chande_momentum_oscillator", Role::Transformation, Kind::Chande, FLOAT),
    row("kaufmans_efficiency_ratio", Role::Transformation, Kind::KaufmansRatio, FLOAT),
    row("kaufmans_adaptive_moving_average", Role::Transformation, Kind::KaufmansAverage, FLOAT),
];

impl Function {
    /// The function of this name.
    pub(super) fn named(name: &str) -> Option<&'static Self> {
        FUNCTIONS.iter().find(|function| function.name == name)
    }

    /// The names of all.
    pub(super) fn names() -> impl Iterator<Item = &'static str> {
        FUNCTIONS.iter().map(|function| function.name)
    }

    /// Whether it takes values of a type.
    pub(super) fn takes(&self, kind: FieldType) -> bool {
        match kind {
            FieldType::Float | FieldType::Integer | FieldType::Unsigned => true,
            FieldType::Boolean => self.booleans,
            FieldType::Text => self.texts,
        }
    }
}
