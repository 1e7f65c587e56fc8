//! Any bytes as an OTLP request, in protobuf and in JSON, under settings that differ in all they can.

use vctsdb::{
    remote::otlp::{
        OtlpSettings, Promoted, Strategy,
        answer::{self, Encoding},
        json, take_in,
    },
    seams::{append::fake::MemoryAppend, memory_budget::Unlimited},
};

/// Takes an input.
pub(crate) fn run(bytes: &[u8]) {
    take(bytes);
    if let Ok(message) = json::to_protobuf(bytes) {
        assert!(message.capacity() <= json::GROWTH * bytes.len() + 64, "{} of {}", message.capacity(), bytes.len());
        // What was made of JSON is well-formed.
        assert!(take(&message), "{}", String::from_utf8_lossy(bytes));
    }
}

/// Takes a message, and says whether it is well-formed.
fn take(message: &[u8]) -> bool {
    let other = OtlpSettings {
        strategy: Strategy::NoTranslation,
        promoted: Promoted::AllBut(Vec::new()),
        keep_identifying: true,
        custom_buckets: true,
        promote_scope: true,
        sanitize_underscores: false,
        keep_underscores: false,
        native_delta: true,
        type_and_unit: true,
        target_info_step: 1,
    };
    let Ok(runtime) = tokio::runtime::Builder::new_current_thread().build() else { return true };
    let mut well_formed = true;
    for settings in [OtlpSettings::default(), other] {
        let append = MemoryAppend::default();
        let Ok(taken) = take_in(message, &settings, i64::MAX, &append, &Unlimited) else {
            assert!(append.batches().is_empty());
            well_formed = false;
            continue;
        };
        let Ok(received) = runtime.block_on(taken.store(&append)) else { continue };
        let batches = append.batches();
        assert_eq!(batches.iter().map(|batch| batch.floats.len() as u64).sum::<u64>(), received.floats);
        assert_eq!(batches.iter().map(|batch| batch.histograms.len() as u64).sum::<u64>(), received.histograms);
        assert_eq!(received.rejected() > 0, !received.refused.is_empty());
        assert!(received.refused.is_empty() || received.message().is_some());
        for encoding in [Encoding::Protobuf, Encoding::Json] {
            assert!(answer::taken(&received, encoding).len() < 8_192);
        }
    }
    well_formed
}
