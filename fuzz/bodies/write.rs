//! Any bytes as the inflated body of a remote write.

use vctsdb::{
    remote::write::{Protocol, WriteLimits, receive},
    seams::append::fake::MemoryAppend,
};

/// Takes an input.
pub(crate) fn run(protocol: Protocol, message: &[u8]) {
    let Ok(body) = snap::raw::Encoder::new().compress_vec(message) else { return };
    let append = MemoryAppend::default();
    let limits = WriteLimits::default();
    let runtime = tokio::runtime::Builder::new_current_thread().build();
    if let Ok(runtime) = runtime {
        let _ = runtime.block_on(receive(protocol, &body, 0, &limits, &append));
    }
}
