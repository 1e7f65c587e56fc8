//! What is the same at every step, computed once per series.

use super::operator::{Op, Operator, RowError, Scratch, Series};
use crate::{
    promql::{QueryError, data::row::Row},
    seams::select::{Projection, ProjectionVisitor},
};

/// Repeats the one step of `inner` over `steps`.
pub(super) struct StepInvariant<'c> {
    pub(super) inner: Op<'c>,
    pub(super) steps: usize,
}

impl Operator for StepInvariant<'_> {
    fn len(&self) -> usize {
        self.inner.len()
    }

    fn series(&self, i: usize) -> Result<Series, QueryError> {
        self.inner.series(i)
    }

    fn each_projection(
        &self,
        projection: &Projection<'_>,
        visit: &mut ProjectionVisitor<'_>,
    ) -> Result<(), QueryError> {
        self.inner.each_projection(projection, visit)
    }

    fn row(&self, i: usize, scratch: &mut Scratch, out: &mut Row) -> Result<(), RowError> {
        self.inner.row(i, scratch, out)?;
        let sample = out.sample(0);
        out.reset(self.steps);
        if let Some(sample) = sample {
            for step in 0..self.steps {
                out.put(step, sample.clone());
            }
        }
        Ok(())
    }

    fn one_name(&self) -> bool {
        self.inner.one_name()
    }
}
