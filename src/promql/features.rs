//! Parts of the language that Prometheus has behind `--enable-feature`.

use std::collections::BTreeMap;

use super::{ast::AggregateOp, signature::Signature};

/// Which of them are on. By default none is, as in Prometheus.
///
/// ```
/// use vctsdb::promql::{Enabled, Features};
///
/// let mut features = Features::default();
/// assert_eq!(features.enable("promql-experimental-functions"), Enabled::Now);
/// assert_eq!(features.enable("promql-duration-expr"), Enabled::Always);
/// assert_eq!(features.enable("no-such-thing"), Enabled::Unknown);
/// assert!(features.experimental_functions);
/// ```
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Features {
    /// `promql-experimental-functions`: functions such as `info` and `sort_by_label`, `limitk` and `limit_ratio`.
    pub experimental_functions: bool,
    /// `promql-delayed-name-removal`: metric names are dropped at the very end instead of at each operation that calls
    /// for it.
    pub delayed_name_removal: bool,
    /// `promql-extended-range-selectors`: `anchored` and `smoothed`.
    pub extended_range_selectors: bool,
    /// `promql-binop-fill-modifiers`: `fill`, `fill_left` and `fill_right`.
    pub binop_fill_modifiers: bool,
    /// `type-and-unit-labels`: `rate` and `increase` judge by the label `__type__`, not by the name, whether a metric is
    /// a counter.
    pub type_and_unit_labels: bool,
    /// `use-start-timestamps`: `rate`, `increase`, `irate` and `resets` heed the start times of samples, and
    /// `start_timestamp` tells them.
    pub use_start_timestamps: bool,
    /// `promql-per-step-stats`: `stats=all` counts samples step by step.
    pub per_step_stats: bool,
}

/// What came of enabling a feature by name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Enabled {
    /// It is on now.
    Now,
    /// It is always on; Prometheus had it as a feature once, or has it still.
    Always,
    /// There is none of this name.
    Unknown,
}

/// Names that Prometheus knows for what is always there: in its later versions, or here.
const ALWAYS: [&str; 6] = [
    "exemplar-storage",
    "metadata-wal-records",
    "native-histograms",
    "ooo-native-histograms",
    "promql-duration-expr",
    "st-storage",
];

/// Parts of the language that are always there.
const LANGUAGE: [&str; 13] = [
    "at_modifier",
    "bool",
    "by",
    "duration_expr",
    "group_left",
    "group_right",
    "ignoring",
    "negative_offset",
    "offset",
    "on",
    "per_query_lookback_delta",
    "subqueries",
    "without",
];

/// Operators that are always there.
const OPERATORS: [&str; 21] = [
    "!=", "!~", "%", "*", "+", "-", "/", "<", "</", "<=", "==", "=~", ">", ">/", ">=", "@", "^", "and", "atan2", "or",
    "unless",
];

impl Features {
    /// All of them.
    pub const ALL: Self = Self {
        experimental_functions: true,
        delayed_name_removal: true,
        extended_range_selectors: true,
        binop_fill_modifiers: true,
        type_and_unit_labels: true,
        use_start_timestamps: true,
        per_step_stats: true,
    };

    /// Turns on the feature that Prometheus knows by this name.
    pub fn enable(&mut self, name: &str) -> Enabled {
        let switch = match name {
            "promql-experimental-functions" => &mut self.experimental_functions,
            "promql-delayed-name-removal" => &mut self.delayed_name_removal,
            "promql-extended-range-selectors" => &mut self.extended_range_selectors,
            "promql-binop-fill-modifiers" => &mut self.binop_fill_modifiers,
            "type-and-unit-labels" => &mut self.type_and_unit_labels,
            "use-start-timestamps" => &mut self.use_start_timestamps,
            "promql-per-step-stats" => &mut self.per_step_stats,
            name if ALWAYS.contains(&name) => return Enabled::Always,
            _ => return Enabled::Unknown,
        };
        *switch = true;
        Enabled::Now
    }

    /// Every part of the language and whether it can be used, under the names and in the categories of Prometheus'
    /// `/api/v1/features`.
    #[must_use]
    pub fn catalogue(self) -> BTreeMap<&'static str, BTreeMap<&'static str, bool>> {
        let switched = [
            ("anchored", self.extended_range_selectors),
            ("smoothed", self.extended_range_selectors),
            ("fill", self.binop_fill_modifiers),
            ("fill_left", self.binop_fill_modifiers),
            ("fill_right", self.binop_fill_modifiers),
            ("delayed_name_removal", self.delayed_name_removal),
            ("type_and_unit_labels", self.type_and_unit_labels),
            ("per_step_stats", self.per_step_stats),
        ];
        let aggregations =
            AggregateOp::all().map(|op| (op.as_str(), self.experimental_functions || !op.is_experimental()));
        let functions = Signature::all().iter().map(|f| (f.name, self.experimental_functions || !f.experimental));
        BTreeMap::from([
            ("promql", LANGUAGE.into_iter().map(|name| (name, true)).chain(switched).collect()),
            ("promql_operators", OPERATORS.into_iter().map(|name| (name, true)).chain(aggregations).collect()),
            ("promql_functions", functions.collect()),
        ])
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::promql::{parse, parse_with};

    #[test]
    fn what_is_off_is_refused_in_the_words_of_prometheus() {
        for (text, told, name) in [
            ("1 + info(x)", "1:5: parse error: function \"info\" is not enabled", "promql-experimental-functions"),
            ("range()", "1:1: parse error: function \"range\" is not enabled", "promql-experimental-functions"),
            (
                "sum(limitk(1, x))",
                "1:5: parse error: limitk() is experimental and must be enabled with \
                 --enable-feature=promql-experimental-functions",
                "promql-experimental-functions",
            ),
            (
                "rate(x[5m] smoothed)",
                "1:6: parse error: smoothed modifier is experimental and not enabled",
                "promql-extended-range-selectors",
            ),
            (
                "rate(x anchored [5m])",
                "1:6: parse error: anchored modifier is experimental and not enabled",
                "promql-extended-range-selectors",
            ),
            (
                "x + fill(0) y",
                "1:1: parse error: binop fill modifiers are experimental and not enabled",
                "promql-binop-fill-modifiers",
            ),
        ] {
            let mut features = Features::default();
            assert_eq!(parse_with(text, features, &|_| true).unwrap_err().to_string(), told);
            assert_eq!(features.enable(name), Enabled::Now);
            assert_eq!(parse_with(text, features, &|_| true).unwrap(), parse(text).unwrap(), "{text} with {name}");
        }
        for text in ["x[5m + step()]", "limitk", "x offset -(1m * 2)", "fill + anchored"] {
            assert!(parse_with(text, Features::default(), &|_| true).is_ok(), "{text} needs no feature");
        }
    }

    #[test]
    fn the_catalogue_follows_the_switches() {
        let (off, on) = (Features::default().catalogue(), Features::ALL.catalogue());
        for (category, name) in
            [("promql", "fill"), ("promql", "smoothed"), ("promql_functions", "info"), ("promql_operators", "limitk")]
        {
            assert_eq!((off[category][name], on[category][name]), (false, true), "{name}");
        }
        assert!(off["promql"]["offset"] && off["promql_functions"]["rate"] && off["promql_operators"]["atan2"]);
    }
}
