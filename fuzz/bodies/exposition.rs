//! Any bytes as a text exposition, in either dialect.

use vctsdb::{
    ingest::{Declared, ImportError, ImportLimits, encoding::Inflater, format_at, receive},
    seams::append::fake::MemoryAppend,
};

/// Takes an input.
pub(crate) fn run(bytes: &[u8]) {
    let format = format_at("/api/v1/import/prometheus");
    let limits = ImportLimits { decoded: 1 << 20, ..ImportLimits::default() };
    let Ok(runtime) = tokio::runtime::Builder::new_current_thread().build() else { return };
    for (content_type, allow_old) in
        [("text/plain", true), ("text/plain", false), ("application/openmetrics-text; version=1.0.0", false)]
    {
        let append = MemoryAppend::default();
        let declared = Declared { content_type: content_type.to_owned(), allow_old, ..Declared::default() };
        match runtime.block_on(receive(format, bytes, &declared, 1_000_000, &limits, &append)) {
            Ok(imported) => {
                let stored: usize = append.batches().iter().map(|batch| batch.floats.len()).sum();
                assert_eq!(stored as u64, imported.samples);
            }
            Err(ImportError::Faults(text)) => {
                assert!(append.batches().is_empty(), "all or nothing");
                assert!(text.len() < 4_096, "{} bytes of message", text.len());
            }
            Err(_) => assert!(append.batches().is_empty(), "all or nothing"),
        }
    }
    for name in ["gzip", "zstd"] {
        let Ok(mut inflater) = Inflater::new(name, 1 << 30) else { continue };
        let (mut left, mut out) = (bytes, Vec::new());
        while !left.is_empty() {
            let before = out.len();
            let Ok(taken) = inflater.inflate(left, &mut out) else { return };
            assert!(taken > 0 && out.len() - before <= 1 << 20, "{taken} bytes inflate to {}", out.len() - before);
            left = left.get(taken..).unwrap_or_default();
        }
        let _ = inflater.finish(&mut out);
    }
}
