//! Any bytes as InfluxDB's line protocol, from a client and from a person.

use vctsdb::{
    ingest::{Declared, ImportLimits, LINE_PROTOCOL_PATH, OnError, format_at, receive},
    seams::append::fake::MemoryAppend,
};

/// Takes an input.
pub(crate) fn run(bytes: &[u8]) {
    let format = format_at(LINE_PROTOCOL_PATH);
    let limits = ImportLimits { decoded: 1 << 20, ..ImportLimits::default() };
    let Ok(runtime) = tokio::runtime::Builder::new_current_thread().build() else { return };
    for (by_protocol, on_error) in [(true, OnError::Skip), (false, OnError::Refuse)] {
        let append = MemoryAppend::default();
        let declared = Declared { by_protocol, on_error, allow_old: true, ..Declared::default() };
        let answer = runtime.block_on(receive(format, bytes, &declared, 1_000_000, &limits, &append));
        let stored: usize = append.batches().iter().map(|batch| batch.floats.len()).sum();
        match answer {
            Ok(imported) => assert_eq!(stored as u64, imported.samples),
            Err(error) => {
                assert_eq!(stored, 0, "{error}");
                assert!(error.to_string().len() < 4_096, "{} bytes of message", error.to_string().len());
            }
        }
    }
}
