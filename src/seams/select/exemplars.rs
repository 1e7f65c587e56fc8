//! Stored exemplars.

use super::SelectError;
use crate::{
    model::{Exemplar, Labels, Matcher, TimeRange},
    seams::interrupt::Interrupt,
};

/// The exemplars of one series.
pub type SeriesExemplars = (Labels, Vec<Exemplar>);

/// The stored exemplars, for reading.
pub trait SelectExemplars: Send + Sync {
    /// Exemplars in `range` of the series that pass any of `selectors`: series labels in order, times ascending.
    ///
    /// # Errors
    /// When stored data can't be read.
    fn exemplars(
        &self,
        selectors: &[Vec<Matcher>],
        range: TimeRange,
        interrupt: &dyn Interrupt,
    ) -> Result<Vec<SeriesExemplars>, SelectError>;
}
