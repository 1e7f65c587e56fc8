//! Any bytes as metric families in protobuf, as a push and as an import.

use vctsdb::{
    ingest::{Declared, ImportLimits, OnError, format_at, receive},
    seams::append::fake::MemoryAppend,
};

/// Takes an input.
pub(crate) fn run(bytes: &[u8]) {
    let format = format_at("/api/v1/import/protobuf");
    let limits = ImportLimits { decoded: 1 << 20, ..ImportLimits::default() };
    let Ok(runtime) = tokio::runtime::Builder::new_current_thread().build() else { return };
    for (without_times, on_error) in [(true, OnError::Refuse), (false, OnError::Skip)] {
        let append = MemoryAppend::default();
        let declared = Declared { without_times, on_error, allow_old: true, ..Declared::default() };
        let answer = runtime.block_on(receive(format, bytes, &declared, 1_000_000, &limits, &append));
        let batches = append.batches();
        let stored: usize = batches.iter().map(|batch| batch.floats.len() + batch.histograms.len()).sum();
        match answer {
            Ok(imported) => assert_eq!(stored as u64, imported.samples),
            Err(error) => {
                assert_eq!(stored, 0, "{error}");
                assert!(error.to_string().len() < 4_096, "{} bytes of message", error.to_string().len());
            }
        }
    }
}
