//! Operations on one value at a time.

use super::{
    context::Context,
    dedup::{Overlap, distinct},
    operator::{Op, Operator, RowError, Scratch, Series, renamed},
};
use crate::{
    model::Span,
    promql::{
        QueryError,
        data::{
            annotations::AnnotationKind,
            row::{Row, Sample},
        },
        functions::native::FloatHistogram,
    },
    seams::select::{Projection, ProjectionVisitor},
};

/// What happens to a float.
pub(super) enum Change<'c> {
    /// The same whatever the step.
    Pure(fn(f64) -> f64),
    /// Depends on the step; `None` leaves no sample.
    Stepwise(Box<dyn Fn(usize, f64) -> Option<f64> + Sync + 'c>),
    /// Replaces the value, whatever it is, histograms included.
    Replaced(Box<dyn Fn(usize) -> f64 + Sync + 'c>),
}

/// From a step and a histogram to a sample.
pub(super) type HistogramChange<'c> = Box<dyn Fn(usize, &FloatHistogram) -> Option<Sample> + Sync + 'c>;

/// What happens to a histogram.
pub(super) enum Histograms<'c> {
    /// It is left out.
    Dropped,
    /// It is left out with an annotation.
    Annotated(AnnotationKind, Span),
    /// It passes as it is.
    Kept,
    /// It becomes this.
    Changed(HistogramChange<'c>),
}

struct Map<'c> {
    cx: &'c Context<'c>,
    inner: Op<'c>,
    change: Change<'c>,
    histograms: Histograms<'c>,
    renames: bool,
}

/// Applies `change` to every value of `inner`; `renames` when the result is no longer the metric.
pub(super) fn apply<'c>(
    cx: &'c Context<'c>,
    inner: Op<'c>,
    change: Change<'c>,
    histograms: Histograms<'c>,
    renames: bool,
) -> Result<Op<'c>, QueryError> {
    let stays_distinct = !renames || inner.one_name() || cx.settings.delayed_name_removal;
    let op: Op<'c> = Box::new(Map { cx, inner, change, histograms, renames });
    if stays_distinct { Ok(op) } else { distinct(cx, op, Overlap::Refuse, Ok) }
}

impl Operator for Map<'_> {
    fn len(&self) -> usize {
        self.inner.len()
    }

    fn series(&self, i: usize) -> Result<Series, QueryError> {
        let series = self.inner.series(i)?;
        Ok(if self.renames { series.renamed(self.cx) } else { series })
    }

    fn each_projection(
        &self,
        projection: &Projection<'_>,
        visit: &mut ProjectionVisitor<'_>,
    ) -> Result<(), QueryError> {
        if self.renames {
            self.inner.each_projection(&renamed(projection, self.cx), visit)
        } else {
            self.inner.each_projection(projection, visit)
        }
    }

    fn row(&self, i: usize, scratch: &mut Scratch, out: &mut Row) -> Result<(), RowError> {
        self.inner.row(i, scratch, out)?;
        if let Change::Replaced(f) = &self.change {
            out.histograms.clear();
            out.values.iter_mut().enumerate().for_each(|(step, v)| *v = f(step));
            return Ok(());
        }
        let mut changed: Vec<(usize, Sample)> = Vec::new();
        if out.has_histograms() {
            match &self.histograms {
                Histograms::Kept => {}
                Histograms::Dropped => _ = out.drop_histograms(),
                Histograms::Annotated(annotation, span) => {
                    if out.drop_histograms() {
                        self.cx.annotations.add(annotation.clone(), *span);
                    }
                }
                Histograms::Changed(change) => {
                    for step in out.present.ones() {
                        let Some(h) = out.histogram(step) else { continue };
                        changed.extend(change(step, &FloatHistogram::from_model(h)).map(|sample| (step, sample)));
                    }
                    out.drop_histograms();
                }
            }
        }
        match &self.change {
            // Values where there is no sample are changed too: that is cheaper than looking.
            Change::Pure(f) => out.values.iter_mut().for_each(|v| *v = f(*v)),
            Change::Stepwise(f) => {
                for (step, value) in out.values.iter_mut().enumerate() {
                    if out.present.get(step) && out.histograms.get(step).is_none_or(Option::is_none) {
                        match f(step, *value) {
                            Some(new) => *value = new,
                            None => out.present.clear(step),
                        }
                    }
                }
            }
            Change::Replaced(_) => {}
        }
        changed.into_iter().for_each(|(step, sample)| out.put(step, sample));
        Ok(())
    }

    fn one_name(&self) -> bool {
        self.inner.one_name()
    }
}
