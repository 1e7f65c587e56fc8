//! What the head and a segment have in common.

use std::ops::ControlFlow;

use roaring::RoaringBitmap;

use super::{
    IndexError,
    pair::{self, Pair},
    postings::Postings,
};
use crate::{model::Matcher, seams::select::Projection};

/// Takes one value of a label and its postings; says whether to go on.
pub(super) type ValueVisitor<'a> = dyn FnMut(&str, Postings<'_>) -> Result<ControlFlow<()>, IndexError> + 'a;

/// Takes the postings of one value.
pub(super) type PostingsVisitor<'a> = dyn FnMut(Postings<'_>) -> Result<(), IndexError> + 'a;

/// Fails when a search should end.
pub(super) type Step<'a> = dyn FnMut() -> Result<(), IndexError> + 'a;

/// A set of series with all that is known about them.
pub(super) trait Part {
    /// The ids of its series.
    fn ids(&self) -> &RoaringBitmap;

    /// The series with this label pair, if there are any.
    fn postings(&self, name: &str, value: &str) -> Result<Option<Postings<'_>>, IndexError>;

    /// Visits the values of `name` that start with `prefix`, in no promised order.
    fn scan(&self, name: &str, prefix: &str, visit: &mut ValueVisitor<'_>) -> Result<(), IndexError>;

    /// Hands over the postings of each value that [`Matcher::selects`] accepts, some perhaps twice. Before each value that is
    /// looked at by itself `step` says whether to go on.
    fn select(&self, matcher: &Matcher, step: &mut Step<'_>, take: &mut PostingsVisitor<'_>) -> Result<(), IndexError> {
        self.scan(matcher.name(), matcher.prefix(), &mut |value, postings| {
            step()?;
            if matcher.selects(value) {
                take(postings)?;
            }
            Ok(ControlFlow::Continue(()))
        })
    }

    /// The names of its labels, in no promised order.
    fn names(&self) -> Result<Vec<String>, IndexError>;

    /// Those of `ids` whose labels can be read.
    fn with_labels(&self, ids: RoaringBitmap) -> Result<RoaringBitmap, IndexError> {
        Ok(ids)
    }

    /// Notes damage that the caller has another way around; any other error comes back.
    fn work_around(&self, error: IndexError) -> Result<(), IndexError> {
        Err(error)
    }

    /// Visits the labels of those of `ids` that are here and can be read, equal ones of several series perhaps only once.
    fn each_pair(&self, ids: &RoaringBitmap, visit: &mut dyn FnMut(Pair<'_>)) -> Result<(), IndexError> {
        self.each_labels(ids, &mut |_, labels| pair::pairs(labels).for_each(&mut *visit))
    }

    /// Visits the values of label `name` of those of `ids` that are here and can be read, equal ones of several series
    /// perhaps only once.
    fn each_value(&self, name: &str, ids: &RoaringBitmap, visit: &mut dyn FnMut(&str)) -> Result<(), IndexError> {
        self.each_labels(ids, &mut |_, labels| match pair::value_of(labels, name) {
            "" => {}
            value => visit(value),
        })
    }

    /// Those of `ids` that are here, can be read, and have labels that the matcher passes.
    fn filter(&self, ids: &RoaringBitmap, matcher: &Matcher) -> Result<RoaringBitmap, IndexError> {
        let mut passed = RoaringBitmap::new();
        self.each_labels(ids, &mut |id, labels| {
            if matcher.matches(pair::value_of(labels, matcher.name())) {
                passed.insert(id);
            }
        })?;
        Ok(passed)
    }

    /// Visits the canonical bytes of those labels that `projection` keeps, of those of `ids` that are here and can be read, by
    /// ascending id.
    fn each_projection(
        &self,
        ids: &RoaringBitmap,
        projection: &Projection<'_>,
        visit: &mut dyn FnMut(u32, &[u8]),
    ) -> Result<(), IndexError>;

    /// What one of these three takes, in units of [`super::names`].
    fn cost_of_pairs(&self, ids: &RoaringBitmap) -> u64;

    /// Visits the canonical label bytes of those of `ids` that are here and can be read, by ascending id.
    fn each_labels(&self, ids: &RoaringBitmap, visit: &mut dyn FnMut(u32, &[u8])) -> Result<(), IndexError>;
}
