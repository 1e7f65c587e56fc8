//! Any bytes as JSON: from people, and in pieces that are stored as they come.

use vctsdb::{
    ingest::{Declared, Import, ImportLimits, OnError, format_at, reader, receive},
    seams::append::fake::MemoryAppend,
};

/// What a body of JSON and one of CSV have in common: it is taken or refused, and never both.
pub(crate) fn post(path: &str, bytes: &[u8], declared: &Declared) -> (MemoryAppend, bool) {
    let append = MemoryAppend::default();
    let limits = ImportLimits { decoded: 1 << 20, ..ImportLimits::default() };
    let Ok(runtime) = tokio::runtime::Builder::new_current_thread().build() else { return (append, false) };
    let answer = runtime.block_on(receive(format_at(path), bytes, declared, 1_000_000, &limits, &append));
    let stored: usize = append.batches().iter().map(|batch| batch.floats.len()).sum();
    match &answer {
        Ok(imported) => assert_eq!(stored as u64, imported.samples),
        Err(error) => {
            assert_eq!(stored, 0, "{error}");
            assert!(error.to_string().len() < 4_096, "{} bytes of message", error.to_string().len());
        }
    }
    (append, answer.is_ok())
}

/// What was stored: labels, times, and the bits of values.
fn stored(append: &MemoryAppend) -> Vec<(String, i64, u64)> {
    let batches = append.batches();
    let floats = batches.iter().flat_map(|batch| &batch.floats);
    let labels = |id| append.labels(id).map(|labels| labels.to_string()).unwrap_or_default();
    floats.map(|sample| (labels(sample.series), sample.time, sample.value.to_bits())).collect()
}

/// Takes an input.
pub(crate) fn run(bytes: &[u8]) {
    const PATH: &str = "/api/v1/import/json";
    post(PATH, bytes, &Declared::default());
    let declared = Declared { on_error: OnError::Skip, allow_old: true, ..Declared::default() };
    let (whole, taken) = post(PATH, bytes, &declared);
    // What isn't UTF-8 takes with it what came in the same piece.
    if std::str::from_utf8(bytes).is_err() {
        return;
    }
    let append = MemoryAppend::default();
    let Ok(reader) = reader(format_at(PATH), &declared) else { return };
    let Ok(runtime) = tokio::runtime::Builder::new_current_thread().build() else { return };
    let mut import = Import::new(reader, &declared, 1_000_000, &ImportLimits::default(), &append);
    let pieces = bytes.chunks(usize::from(bytes.first().copied().unwrap_or(7)) % 40 + 1);
    let mut refused = false;
    for piece in pieces {
        import.text().extend_from_slice(piece);
        while !refused {
            match import.step() {
                Ok(true) => {}
                Ok(false) => break,
                Err(_) => refused = true,
            }
        }
        if !refused && piece.len() % 2 == 1 {
            refused = runtime.block_on(import.store()).is_err();
        }
    }
    if taken {
        let answer = runtime.block_on(import.finish());
        assert!(!refused && answer.is_ok(), "in pieces: {answer:?}");
        assert_eq!(stored(&append), stored(&whole));
    }
}
