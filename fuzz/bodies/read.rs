//! Any bytes as the inflated body of a remote read, answered in both forms.

use std::sync::{Arc, LazyLock};

use vctsdb::{
    model::{Histogram, Labels, SeriesBuf},
    remote::read::{ReadLimits, chunks, decode, samples},
    seams::{
        memory_budget::{MemoryBudget, Unlimited},
        select::MemorySelect,
    },
};

static STORE: LazyLock<MemorySelect> = LazyLock::new(|| {
    let mut select = MemorySelect::default();
    for (name, job) in [("up", "a"), ("up", "b"), ("down", "a")] {
        let mut buf = SeriesBuf::default();
        (0..5).for_each(|t| buf.push_float(t * 1_000, t as f64));
        buf.histograms.push((7_000, Histogram::stale().into()));
        let labels = Labels::from_pairs([("__name__", name), ("job", job)]).expect("these are labels");
        select.series.insert(labels, buf);
    }
    select
});

/// Takes an input.
pub(crate) fn run(message: &[u8]) {
    let Ok(body) = snap::raw::Encoder::new().compress_vec(message) else { return };
    let limits = ReadLimits { samples: 100, ..ReadLimits::default() };
    let _ = decode(message, &limits, &Unlimited);
    let Ok(request) = decode(&body, &limits, &Unlimited) else { return };
    let external = Labels::from_pairs([("job", "b"), ("zone", "z")]).expect("these are labels");
    let request = request.with_external_labels(&external);
    if let Ok(answer) = samples(&request, &*STORE, &|| true, &limits, &Unlimited) {
        snap::raw::Decoder::new().decompress_vec(&answer).expect("the answer is a snappy block");
    }
    let mut frames = 0;
    let room: Arc<dyn MemoryBudget> = Arc::new(Unlimited);
    chunks(&request, &*STORE, &|| true, &room, &mut |_| {
        frames += 1;
        Ok(())
    })
    .expect("a store in memory does not fail");
    assert!(frames <= 3 * request.queries.len(), "one frame for each short series");
}
