//! Exemplars: single observations with labels of their own (a trace id, say).

use super::Labels;

/// One exemplar of a series.
#[derive(Debug, Clone, PartialEq)]
pub struct Exemplar {
    /// Its own labels, not those of its series.
    pub labels: Labels,
    /// The observed value.
    pub value: f64,
    /// When it was observed, in ms; 0 when the sender did not say.
    pub time: i64,
}
