//! The functions of PromQL (Prometheus 3.14): what they take and give.

use super::ast::ValueType::{self, Matrix, Scalar, String, Vector};

/// What a function takes and gives.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
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
}

const fn function(name: &'static str, args: &'static [ValueType], returns: ValueType) -> Signature {
    Signature { name, args, arity: Arity::Fixed, returns, experimental: false }
}

const fn experimental(name: &'static str, args: &'static [ValueType], returns: ValueType) -> Signature {
    Signature { name, args, arity: Arity::Fixed, returns, experimental: true }
}

/// A function over an instant vector.
const fn map(name: &'static str) -> Signature {
    function(name, &[Vector], Vector)
}

/// A function over a range vector.
const fn window(name: &'static str) -> Signature {
    function(name, &[Matrix], Vector)
}

/// A function of a time, by default the evaluation time.
const fn date(name: &'static str) -> Signature {
    Signature { arity: Arity::Optional(1), ..map(name) }
}

/// Sorted by name.
static FUNCTIONS: &[Signature] = &[
    map("abs"),
    map("absent"),
    window("absent_over_time"),
    map("acos"),
    map("acosh"),
    map("asin"),
    map("asinh"),
    map("atan"),
    map("atanh"),
    window("avg_over_time"),
    map("ceil"),
    window("changes"),
    function("clamp", &[Vector, Scalar, Scalar], Vector),
    function("clamp_max", &[Vector, Scalar], Vector),
    function("clamp_min", &[Vector, Scalar], Vector),
    map("cos"),
    map("cosh"),
    window("count_over_time"),
    date("day_of_month"),
    date("day_of_week"),
    date("day_of_year"),
    date("days_in_month"),
    map("deg"),
    window("delta"),
    window("deriv"),
    experimental("double_exponential_smoothing", &[Matrix, Scalar, Scalar], Vector),
    experimental("end", &[], Scalar),
    map("exp"),
    window("first_over_time"),
    map("floor"),
    map("histogram_avg"),
    map("histogram_count"),
    function("histogram_fraction", &[Scalar, Scalar, Vector], Vector),
    function("histogram_quantile", &[Scalar, Vector], Vector),
    Signature {
        arity: Arity::Optional(9),
        ..experimental("histogram_quantiles", &[Vector, String, Scalar, Scalar], Vector)
    },
    map("histogram_stddev"),
    map("histogram_stdvar"),
    map("histogram_sum"),
    date("hour"),
    window("idelta"),
    window("increase"),
    Signature { arity: Arity::Optional(1), ..experimental("info", &[Vector, Vector], Vector) },
    window("irate"),
    Signature { arity: Arity::Unbounded, ..function("label_join", &[Vector, String, String, String], Vector) },
    function("label_replace", &[Vector, String, String, String, String], Vector),
    window("last_over_time"),
    map("ln"),
    map("log10"),
    map("log2"),
    experimental("mad_over_time", &[Matrix], Vector),
    experimental("max_of", &[Scalar, Scalar], Scalar),
    window("max_over_time"),
    experimental("min_of", &[Scalar, Scalar], Scalar),
    window("min_over_time"),
    date("minute"),
    date("month"),
    function("pi", &[], Scalar),
    function("predict_linear", &[Matrix, Scalar], Vector),
    window("present_over_time"),
    function("quantile_over_time", &[Scalar, Matrix], Vector),
    map("rad"),
    experimental("range", &[], Scalar),
    window("rate"),
    window("resets"),
    Signature { arity: Arity::Optional(1), ..function("round", &[Vector, Scalar], Vector) },
    function("scalar", &[Vector], Scalar),
    map("sgn"),
    map("sin"),
    map("sinh"),
    map("sort"),
    Signature { arity: Arity::Unbounded, ..experimental("sort_by_label", &[Vector, String], Vector) },
    Signature { arity: Arity::Unbounded, ..experimental("sort_by_label_desc", &[Vector, String], Vector) },
    map("sort_desc"),
    map("sqrt"),
    experimental("start", &[], Scalar),
    experimental("start_timestamp", &[Vector], Vector),
    window("stddev_over_time"),
    window("stdvar_over_time"),
    experimental("step", &[], Scalar),
    window("sum_over_time"),
    map("tan"),
    map("tanh"),
    function("time", &[], Scalar),
    map("timestamp"),
    experimental("ts_of_first_over_time", &[Matrix], Vector),
    experimental("ts_of_last_over_time", &[Matrix], Vector),
    experimental("ts_of_max_over_time", &[Matrix], Vector),
    experimental("ts_of_min_over_time", &[Matrix], Vector),
    function("vector", &[Scalar], Vector),
    date("year"),
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
