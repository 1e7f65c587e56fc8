//! The functions of PromQL (Prometheus 3.14), and all that is true of them: the only place that knows one by its name.
//!
//! A new function is a row of the table, and its code in `functions` or, for one that isn't computed row by row, a
//! [`Computation`] of its own.

use super::{
    functions::{
        date, elementary, math,
        native::FloatHistogram,
        window::{self, WindowFunction},
    },
    names::ValueType::{self, Matrix, Scalar, String, Vector},
};
use std::fmt;

/// A function: what it takes and gives, how it is computed, and what may be concluded from that.
#[derive(Clone, Copy)]
pub struct Signature {
    /// Its name.
    pub name: &'static str,
    /// Types of its arguments. When it is variadic, further arguments have the type of the last.
    pub args: &'static [ValueType],
    /// How many arguments may be left out or added.
    pub arity: Arity,
    /// The type of its value.
    pub returns: ValueType,
    /// Whether Prometheus has it only behind a feature flag.
    pub experimental: bool,
    /// How it is computed.
    pub(crate) computation: Computation,
    /// Whether its value depends on the evaluation time itself, whatever its arguments.
    pub(crate) evaluation_time: EvaluationTime,
    /// What it gives for the series it gets.
    pub(crate) output: Output,
    /// What it needs of native histograms.
    pub(crate) buckets: Buckets,
    /// Whether the order of the vector it gives carries meaning.
    pub(crate) sorts: bool,
    /// Whether its series are those of its argument but for their names, so that a matcher about other labels narrows
    /// both alike.
    pub(crate) keeps_labels: bool,
    /// Whether a selector as its argument is looked at itself, not only evaluated: for its times or its matchers.
    pub(crate) sees_selector: bool,
    /// Whether it gives labels that its argument doesn't have, so that samples of other times may come under the same
    /// name, or looks at series that its argument doesn't name. Then kept results can't be pieced together.
    pub(crate) is_opaque: bool,
    /// Whether a second argument is no vector to evaluate, but says which labels of which series to look up.
    pub(crate) looks_up_labels: bool,
}

/// How a function is computed.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Computation {
    /// A number that planning takes from the times of the query.
    QueryTime(QueryTime),
    /// The same number always.
    Constant(f64),
    /// A number from two.
    OfTwo(fn(f64, f64) -> f64),
    /// The evaluation time.
    Time,
    /// The only value of a vector as a number.
    Scalar,
    /// From one float to another; histograms are left out.
    Float(fn(f64) -> f64),
    /// From a time in seconds, by default the evaluation time.
    Date(fn(f64) -> f64),
    /// From a native histogram to a float; floats are left out.
    Histogram(fn(&FloatHistogram) -> f64),
    /// From the samples in a window.
    Window(&'static WindowFunction),
    /// Where a window function has no value for any series.
    AbsentOverTime(&'static WindowFunction),
    Absent,
    Vector,
    Timestamp,
    StartTimestamp,
    Round,
    Clamp,
    /// Takes the larger of value and argument, or the smaller.
    ClampOne(fn(f64, f64) -> f64),
    Sort {
        by_labels: bool,
        descending: bool,
    },
    LabelReplace,
    LabelJoin,
    Info,
    HistogramQuantile,
    HistogramQuantiles,
    HistogramFraction,
}

/// Which time of the query.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum QueryTime {
    Start,
    End,
    /// From the first step to the last.
    Range,
    Step,
}

/// Whether the evaluation time itself matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum EvaluationTime {
    Ignored,
    Used,
    /// Only where its argument is no selector, whose samples have times of their own.
    UsedWithoutSelector,
}

/// What comes out of a function for the series that go in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Output {
    /// As many series, with a sample wherever there is one to see.
    Same,
    /// As many series, but their values or labels decide where samples are.
    Fewer,
    /// One series.
    One,
    /// One series for all buckets of a classic histogram.
    OfBuckets,
}

/// What a function needs of native histograms.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Buckets {
    /// Their counts and sums.
    Unneeded,
    /// Their buckets.
    Needed,
    /// What is needed of its value.
    AsAbove,
}

/// How many arguments a function takes, compared to its list of types.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Arity {
    /// Exactly the listed ones.
    Fixed,
    /// From one less than listed up to this many more than that.
    Optional(usize),
    /// From one less than listed up to any number.
    Unbounded,
}

/// A function is known by its name.
impl PartialEq for Signature {
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name
    }
}

impl Eq for Signature {}

impl std::hash::Hash for Signature {
    fn hash<H: std::hash::Hasher>(&self, state: &mut H) {
        self.name.hash(state);
    }
}

impl fmt::Debug for Signature {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name)
    }
}

impl Signature {
    /// The function of this name; case matters.
    #[must_use]
    pub fn find(name: &str) -> Option<&'static Self> {
        let at = FUNCTIONS.binary_search_by(|f| f.name.cmp(name)).ok()?;
        FUNCTIONS.get(at)
    }

    /// All functions by name.
    #[must_use]
    pub fn all() -> &'static [Self] {
        FUNCTIONS
    }

    /// The fewest arguments it takes.
    #[must_use]
    pub fn min_args(&self) -> usize {
        match self.arity {
            Arity::Fixed => self.args.len(),
            Arity::Optional(_) | Arity::Unbounded => self.args.len().saturating_sub(1),
        }
    }

    /// The most arguments it takes; `None` when there is no limit.
    #[must_use]
    pub fn max_args(&self) -> Option<usize> {
        match self.arity {
            Arity::Fixed => Some(self.args.len()),
            Arity::Optional(more) => Some(self.min_args() + more),
            Arity::Unbounded => None,
        }
    }

    /// The type of argument `i`.
    #[must_use]
    pub fn arg_type(&self, i: usize) -> Option<ValueType> {
        self.args.get(i).or_else(|| self.args.last()).copied()
    }

    /// Whether its value depends on when it is asked, though its arguments don't.
    pub(crate) fn depends_on_query_time(&self) -> bool {
        matches!(self.computation, Computation::QueryTime(_)) || self.evaluation_time != EvaluationTime::Ignored
    }

    /// The function over windows, for one that is.
    pub(crate) fn window(&self) -> Option<&'static WindowFunction> {
        match self.computation {
            Computation::Window(function) | Computation::AbsentOverTime(function) => Some(function),
            _ => None,
        }
    }

    /// The names of the functions over windows that `are` so, as errors list them.
    pub(crate) fn windows(are: impl Fn(&WindowFunction) -> bool) -> std::string::String {
        let names = FUNCTIONS.iter().filter(|f| f.window().is_some_and(&are)).map(|f| f.name);
        names.collect::<Vec<_>>().join(", ")
    }

    const fn experimental(self) -> Self {
        Self { experimental: true, ..self }
    }
}

const fn function(
    name: &'static str,
    args: &'static [ValueType],
    returns: ValueType,
    computation: Computation,
) -> Signature {
    Signature {
        name,
        args,
        arity: Arity::Fixed,
        returns,
        experimental: false,
        computation,
        evaluation_time: EvaluationTime::Ignored,
        output: Output::Same,
        buckets: Buckets::AsAbove,
        sorts: false,
        keeps_labels: false,
        sees_selector: false,
        is_opaque: false,
        looks_up_labels: false,
    }
}

/// A number that needs no vector.
const fn number(name: &'static str, args: &'static [ValueType], computation: Computation) -> Signature {
    Signature { output: Output::One, ..function(name, args, Scalar, computation) }
}

/// A number that the times of the query give.
const fn query_time(name: &'static str, which: QueryTime) -> Signature {
    number(name, &[], Computation::QueryTime(which)).experimental()
}

/// A function over an instant vector.
const fn vector(name: &'static str, computation: Computation) -> Signature {
    function(name, &[Vector], Vector, computation)
}

/// A function from one float to another.
const fn map(name: &'static str, f: fn(f64) -> f64) -> Signature {
    vector(name, Computation::Float(f))
}

/// A function of a time, by default the evaluation time.
const fn date(name: &'static str, f: fn(f64) -> f64) -> Signature {
    Signature { arity: Arity::Optional(1), evaluation_time: EvaluationTime::Used, ..vector(name, Computation::Date(f)) }
}

/// A number told by native histograms.
const fn histogram(name: &'static str, buckets: Buckets, f: fn(&FloatHistogram) -> f64) -> Signature {
    Signature { output: Output::Fewer, buckets, ..vector(name, Computation::Histogram(f)) }
}

/// A function over classic or native histograms.
const fn histograms(name: &'static str, args: &'static [ValueType], computation: Computation) -> Signature {
    Signature { output: Output::OfBuckets, buckets: Buckets::Needed, ..function(name, args, Vector, computation) }
}

/// A function over a range vector that has no value for some windows with samples.
const fn window(name: &'static str, function_over: &'static WindowFunction) -> Signature {
    Signature { output: Output::Fewer, ..function(name, &[Matrix], Vector, Computation::Window(function_over)) }
}

/// A function over a range vector that needs no more than one sample.
const fn over_time(name: &'static str, function_over: &'static WindowFunction) -> Signature {
    Signature { output: Output::Same, keeps_labels: true, ..window(name, function_over) }
}

const fn sort(name: &'static str, by_labels: bool, descending: bool) -> Signature {
    Signature { sorts: true, ..vector(name, Computation::Sort { by_labels, descending }) }
}

const fn sort_by_labels(name: &'static str, descending: bool) -> Signature {
    Signature { arity: Arity::Unbounded, args: &[Vector, String], ..sort(name, true, descending) }.experimental()
}

/// Sorted by name.
static FUNCTIONS: &[Signature] = &[
    map("abs", f64::abs),
    Signature { output: Output::One, sees_selector: true, ..vector("absent", Computation::Absent) },
    Signature {
        computation: Computation::AbsentOverTime(&window::PRESENT),
        output: Output::One,
        keeps_labels: false,
        ..over_time("absent_over_time", &window::PRESENT)
    },
    map("acos", elementary::acos),
    map("acosh", elementary::acosh),
    map("asin", elementary::asin),
    map("asinh", elementary::asinh),
    map("atan", elementary::atan),
    map("atanh", elementary::atanh),
    over_time("avg_over_time", &window::AVG),
    map("ceil", f64::ceil),
    window("changes", &window::CHANGES),
    function("clamp", &[Vector, Scalar, Scalar], Vector, Computation::Clamp),
    function("clamp_max", &[Vector, Scalar], Vector, Computation::ClampOne(math::min)),
    function("clamp_min", &[Vector, Scalar], Vector, Computation::ClampOne(math::max)),
    map("cos", elementary::cos),
    map("cosh", elementary::cosh),
    over_time("count_over_time", &window::COUNT),
    date("day_of_month", date::day_of_month),
    date("day_of_week", date::day_of_week),
    date("day_of_year", date::day_of_year),
    date("days_in_month", date::days_in_month),
    map("deg", math::degrees),
    Signature { keeps_labels: true, ..window("delta", &window::DELTA) },
    window("deriv", &window::DERIV),
    Signature { args: &[Matrix, Scalar, Scalar], ..window("double_exponential_smoothing", &window::SMOOTHING) }
        .experimental(),
    query_time("end", QueryTime::End),
    map("exp", elementary::exp),
    over_time("first_over_time", &window::FIRST),
    map("floor", f64::floor),
    histogram("histogram_avg", Buckets::Unneeded, |h| h.sum.total() / h.count.total()),
    histogram("histogram_count", Buckets::Unneeded, |h| h.count.total()),
    histograms("histogram_fraction", &[Scalar, Scalar, Vector], Computation::HistogramFraction),
    histograms("histogram_quantile", &[Scalar, Vector], Computation::HistogramQuantile),
    Signature {
        arity: Arity::Optional(9),
        ..histograms("histogram_quantiles", &[Vector, String, Scalar, Scalar], Computation::HistogramQuantiles)
    }
    .experimental(),
    histogram("histogram_stddev", Buckets::AsAbove, |h| h.variance().sqrt()),
    histogram("histogram_stdvar", Buckets::AsAbove, FloatHistogram::variance),
    histogram("histogram_sum", Buckets::Unneeded, |h| h.sum.total()),
    date("hour", date::hour),
    window("idelta", &window::IDELTA),
    Signature { keeps_labels: true, ..window("increase", &window::INCREASE) },
    Signature {
        arity: Arity::Optional(1),
        output: Output::Fewer,
        is_opaque: true,
        looks_up_labels: true,
        ..function("info", &[Vector, Vector], Vector, Computation::Info)
    }
    .experimental(),
    window("irate", &window::IRATE),
    Signature {
        arity: Arity::Unbounded,
        is_opaque: true,
        ..function("label_join", &[Vector, String, String, String], Vector, Computation::LabelJoin)
    },
    Signature {
        is_opaque: true,
        ..function("label_replace", &[Vector, String, String, String, String], Vector, Computation::LabelReplace)
    },
    over_time("last_over_time", &window::LAST),
    map("ln", elementary::ln),
    map("log10", elementary::log10),
    map("log2", elementary::log2),
    over_time("mad_over_time", &window::MAD).experimental(),
    number("max_of", &[Scalar, Scalar], Computation::OfTwo(math::max)).experimental(),
    over_time("max_over_time", &window::MAX),
    number("min_of", &[Scalar, Scalar], Computation::OfTwo(math::min)).experimental(),
    over_time("min_over_time", &window::MIN),
    date("minute", date::minute),
    date("month", date::month),
    number("pi", &[], Computation::Constant(std::f64::consts::PI)),
    Signature {
        args: &[Matrix, Scalar],
        evaluation_time: EvaluationTime::Used,
        ..window("predict_linear", &window::PREDICT_LINEAR)
    },
    over_time("present_over_time", &window::PRESENT),
    Signature { args: &[Scalar, Matrix], ..over_time("quantile_over_time", &window::QUANTILE) },
    map("rad", math::radians),
    query_time("range", QueryTime::Range),
    Signature { keeps_labels: true, ..window("rate", &window::RATE) },
    window("resets", &window::RESETS),
    Signature { arity: Arity::Optional(1), ..function("round", &[Vector, Scalar], Vector, Computation::Round) },
    number("scalar", &[Vector], Computation::Scalar),
    map("sgn", math::sign),
    map("sin", elementary::sin),
    map("sinh", elementary::sinh),
    sort("sort", false, false),
    sort_by_labels("sort_by_label", false),
    sort_by_labels("sort_by_label_desc", true),
    sort("sort_desc", false, true),
    map("sqrt", f64::sqrt),
    query_time("start", QueryTime::Start),
    Signature { sees_selector: true, ..vector("start_timestamp", Computation::StartTimestamp) }.experimental(),
    over_time("stddev_over_time", &window::STDDEV),
    over_time("stdvar_over_time", &window::STDVAR),
    query_time("step", QueryTime::Step),
    over_time("sum_over_time", &window::SUM),
    map("tan", elementary::tan),
    map("tanh", elementary::tanh),
    Signature { evaluation_time: EvaluationTime::Used, ..number("time", &[], Computation::Time) },
    Signature {
        evaluation_time: EvaluationTime::UsedWithoutSelector,
        sees_selector: true,
        ..vector("timestamp", Computation::Timestamp)
    },
    over_time("ts_of_first_over_time", &window::TIME_OF_FIRST).experimental(),
    over_time("ts_of_last_over_time", &window::TIME_OF_LAST).experimental(),
    over_time("ts_of_max_over_time", &window::TIME_OF_MAX).experimental(),
    over_time("ts_of_min_over_time", &window::TIME_OF_MIN).experimental(),
    Signature { output: Output::One, ..function("vector", &[Scalar], Vector, Computation::Vector) },
    date("year", date::year),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_sorted_so_that_each_function_is_found() {
        assert!(FUNCTIONS.is_sorted_by(|a, b| a.name < b.name));
        for f in FUNCTIONS {
            assert_eq!(Signature::find(f.name), Some(f));
        }
        assert_eq!(Signature::find("Rate"), None);
    }

    #[test]
    fn optional_arguments_widen_the_range() {
        let bounds = |name| Signature::find(name).map(|f| (f.min_args(), f.max_args()));
        assert_eq!(bounds("rate"), Some((1, Some(1))));
        assert_eq!(bounds("hour"), Some((0, Some(1))));
        assert_eq!(bounds("label_join"), Some((3, None)));
        assert_eq!(bounds("histogram_quantiles"), Some((3, Some(12))));
    }
}
