//! The store's writing side: series get their ids, batches go to the queue.

use super::{backpressure, options::Threads, queue::unavailable, store::Storage};
use crate::{
    index::{IndexError, Resolved},
    model::Labels,
    seams::{
        append::{Append, AppendError, Appending, Batch, Fingerprint, SeriesCursor, SeriesId},
        catalog::Catalog,
        cause::Cause,
    },
};

/// Memory for labels is looked at before each of so many new series of a batch.
const SERIES_PER_LOOK: usize = 256;

fn failed(error: IndexError) -> AppendError {
    match error {
        IndexError::Exhausted => AppendError::SeriesExhausted,
        other => AppendError::Storage(Cause::new(other)),
    }
}

impl Storage {
    /// The id of the series with these labels, unless it would be a new one too many.
    fn resolve_within_limits(&self, labels: &Labels, time: Option<i64>) -> Result<Resolved, AppendError> {
        let (limits, now) = (&self.shared.series_limits, self.shared.clock.now());
        let mut answer = None;
        let mut admit = |series: &dyn Fn() -> u64| answer.insert(limits.admit(now, series)).is_ok();
        let resolved = self.shared.index.resolve_if(labels, time, &mut admit).map_err(failed)?;
        match (resolved, answer) {
            (None, Some(Err(limit))) => Err(AppendError::SeriesLimit(limits.refuse(limit, labels, now))),
            (None, _) => Err(AppendError::SeriesExhausted),
            (Some(resolved), answer) => {
                if answer.is_some() {
                    limits.note(labels, now);
                }
                Ok(resolved)
            }
        }
    }
}

impl Append for Storage {
    fn known(&self, fingerprint: Fingerprint, cursor: &mut SeriesCursor) -> Option<SeriesId> {
        self.shared.known.get(fingerprint, cursor)
    }

    fn followers(&self, cursor: &mut SeriesCursor, most: usize, next: &mut Vec<(Fingerprint, SeriesId)>) {
        self.shared.known.followers(cursor, most, next);
    }

    fn series(
        &self,
        labels: &Labels,
        fingerprint: Option<Fingerprint>,
        batch: &mut Batch,
    ) -> Result<SeriesId, AppendError> {
        // Its first sample will be about as old as what was sent along.
        let time = batch.floats.last().map(|sample| sample.time);
        let resolved = if self.shared.series_limits.are_set() {
            self.resolve_within_limits(labels, time)
        } else {
            self.shared.index.resolve(labels, time).map_err(failed)
        }?;
        if resolved.durable {
            self.shared.known.insert(fingerprint.map(|f| (f, resolved.id)));
        } else {
            if batch.series.len().is_multiple_of(SERIES_PER_LOOK) {
                backpressure::make_room_for_series(&self.shared)?;
            }
            batch.series.push((resolved.id, labels.clone()));
            batch.fingerprints.extend(fingerprint.map(|f| (f, resolved.id)));
        }
        Ok(resolved.id)
    }

    fn catalog(&self) -> &Catalog {
        &self.shared.catalog
    }

    fn admits(&self) -> Result<(), AppendError> {
        backpressure::refuse_when_full(&self.shared)
    }

    fn append(&self, mut batch: Batch) -> Appending<'_> {
        if batch.witnessed && self.shared.options.retention_time.is_some() {
            let newest = batch.floats.last().map(|s| s.time).max(batch.histograms.last().map(|s| s.time));
            newest.into_iter().for_each(|time| self.shared.timekeeper.witness(time, &*self.shared.clock));
        }
        self.shared.drop_expired(&mut batch);
        if batch.is_empty() {
            return Box::pin(std::future::ready(Ok(())));
        }
        let submitted = backpressure::refuse_when_full(&self.shared)
            .and_then(|()| self.shared.queue.submit(batch, self.shared.options.queue_bytes));
        let answer = match submitted {
            Ok(answer) => answer,
            Err(refusal) => return Box::pin(std::future::ready(Err(refusal))),
        };
        if self.shared.options.threads == Threads::Manual {
            self.shared.committer.lock().commit_waiting(&self.shared);
        }
        Box::pin(async move {
            // Whether it got to the disk isn't known; sent again it changes nothing.
            answer.await.unwrap_or_else(|_| Err(unavailable("the writer stopped before it answered")))
        })
    }
}
