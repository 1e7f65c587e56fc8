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
    Increase,
    Rate,
    MovingStddev,
    MovingVariance,
    MovingMin,
    MovingMax,
    MovingSum,
    ApproxPercentile,
    Corr,
    Covar,
}

impl Kind {
    /// Whether it counts what counters have grown, of each series by itself.
    pub(super) fn is_of_counters(self) -> bool {
        matches!(self, Self::Increase | Self::Rate)
    }

    /// Whether it is of two fields.
    pub(super) fn is_of_pairs(self) -> bool {
        matches!(self, Self::Corr | Self::Covar)
    }

    /// Whether it looks at the last so many points, or at those of the last so long.
    pub(super) fn is_moving(self) -> bool {
        matches!(
            self,
            Self::MovingAverage
                | Self::MovingStddev
                | Self::MovingVariance
                | Self::MovingMin
                | Self::MovingMax
                | Self::MovingSum
        )
    }

    /// Whether its rows have the times of points even where time is cut into buckets, or its buckets depend on each other: there a
    /// point can't be in several.
    pub(super) fn wants_buckets_apart(self) -> bool {
        matches!(self, Self::Top | Self::Bottom | Self::Sample | Self::Integral)
    }
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
    row("increase", Role::Aggregate, Kind::Increase, Gives::Same),
    row("rate", Role::Aggregate, Kind::Rate, FLOAT),
    row("approx_percentile", Role::Aggregate, Kind::ApproxPercentile, FLOAT),
    row("corr", Role::Aggregate, Kind::Corr, FLOAT),
    row("covar", Role::Aggregate, Kind::Covar, FLOAT),
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
    row("moving_sum", Role::Transformation, Kind::MovingSum, Gives::Same),
    row("moving_min", Role::Transformation, Kind::MovingMin, Gives::Same),
    row("moving_max", Role::Transformation, Kind::MovingMax, Gives::Same),
    row("moving_stddev", Role::Transformation, Kind::MovingStddev, FLOAT),
    row("moving_variance", Role::Transformation, Kind::MovingVariance, FLOAT),
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
