//! A part whose searches end when somebody says so.
//!
//! Who searches knows nothing of it: visitors are called through this, and fail when the work should end.

use std::ops::ControlFlow;

use roaring::RoaringBitmap;

use super::{
    IndexError,
    pair::Pair,
    part::{Part, PostingsVisitor, Step, ValueVisitor},
    postings::Postings,
};
use crate::{
    model::Matcher,
    seams::{
        interrupt::{Interrupt, Ticks},
        select::Projection,
    },
};

/// Label sets are visited in runs of so many ids.
const RUN: u32 = 1 << 16;

/// A part and who may end the work.
pub(super) struct Interruptible<'p> {
    part: &'p dyn Part,
    ticks: Ticks<'p>,
}

impl<'p> Interruptible<'p> {
    pub(super) fn new(part: &'p dyn Part, interrupt: &'p dyn Interrupt) -> Self {
        Self { part, ticks: Ticks::of(interrupt) }
    }

    /// Does `visit` for a run of `ids` after the other.
    fn in_runs(
        &self,
        ids: &RoaringBitmap,
        mut visit: impl FnMut(&RoaringBitmap) -> Result<(), IndexError>,
    ) -> Result<(), IndexError> {
        self.ticks.check()?;
        if ids.len() <= u64::from(RUN) {
            return visit(ids);
        }
        let mut rest = ids.iter().peekable();
        while let Some(first) = rest.peek().copied() {
            let mut run = RoaringBitmap::new();
            while let Some(id) = rest.next_if(|id| id / RUN == first / RUN) {
                run.insert(id);
            }
            visit(&run)?;
            self.ticks.check()?;
        }
        Ok(())
    }
}

impl Part for Interruptible<'_> {
    fn ids(&self) -> &RoaringBitmap {
        self.part.ids()
    }

    fn postings(&self, name: &str, value: &str) -> Result<Option<Postings<'_>>, IndexError> {
        self.part.postings(name, value)
    }

    fn scan(&self, name: &str, prefix: &str, visit: &mut ValueVisitor<'_>) -> Result<(), IndexError> {
        self.ticks.check()?;
        self.part.scan(name, prefix, &mut |value, postings| -> Result<ControlFlow<()>, IndexError> {
            self.ticks.tick()?;
            visit(value, postings)
        })
    }

    fn select(&self, matcher: &Matcher, step: &mut Step<'_>, take: &mut PostingsVisitor<'_>) -> Result<(), IndexError> {
        self.ticks.check()?;
        let mut step = || {
            self.ticks.tick()?;
            step()
        };
        self.part.select(matcher, &mut step, &mut |postings| {
            self.ticks.tick()?;
            take(postings)
        })
    }

    fn names(&self) -> Result<Vec<String>, IndexError> {
        self.part.names()
    }

    fn with_labels(&self, ids: RoaringBitmap) -> Result<RoaringBitmap, IndexError> {
        self.part.with_labels(ids)
    }

    fn work_around(&self, error: IndexError) -> Result<(), IndexError> {
        self.part.work_around(error)
    }

    fn each_pair(&self, ids: &RoaringBitmap, visit: &mut dyn FnMut(Pair<'_>)) -> Result<(), IndexError> {
        self.in_runs(ids, |run| self.part.each_pair(run, visit))
    }

    fn each_value(&self, name: &str, ids: &RoaringBitmap, visit: &mut dyn FnMut(&str)) -> Result<(), IndexError> {
        self.in_runs(ids, |run| self.part.each_value(name, run, visit))
    }

    fn filter(&self, ids: &RoaringBitmap, matcher: &Matcher) -> Result<RoaringBitmap, IndexError> {
        let mut passed = RoaringBitmap::new();
        self.in_runs(ids, |run| {
            passed |= self.part.filter(run, matcher)?;
            Ok(())
        })?;
        Ok(passed)
    }

    fn each_projection(
        &self,
        ids: &RoaringBitmap,
        projection: &Projection<'_>,
        visit: &mut dyn FnMut(u32, &[u8]),
    ) -> Result<(), IndexError> {
        self.in_runs(ids, |run| self.part.each_projection(run, projection, visit))
    }

    fn cost_of_pairs(&self, ids: &RoaringBitmap) -> u64 {
        self.part.cost_of_pairs(ids)
    }

    fn each_labels(&self, ids: &RoaringBitmap, visit: &mut dyn FnMut(u32, &[u8])) -> Result<(), IndexError> {
        self.in_runs(ids, |run| self.part.each_labels(run, visit))
    }
}
