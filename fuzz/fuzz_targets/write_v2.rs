//! Any bytes as the inflated body of a remote write 2.0.
#![no_main]

use libfuzzer_sys::fuzz_target;
use vctsdb::{
    remote::write::{Protocol, WriteLimits, receive},
    seams::append::fake::MemoryAppend,
};

fuzz_target!(|message: &[u8]| {
    let Ok(body) = snap::raw::Encoder::new().compress_vec(message) else { return };
    let append = MemoryAppend::default();
    let limits = WriteLimits::default();
    let runtime = tokio::runtime::Builder::new_current_thread().build();
    if let Ok(runtime) = runtime {
        let _ = runtime.block_on(receive(Protocol::V2, &body, 0, &limits, &append));
    }
});
