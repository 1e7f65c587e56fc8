#![no_main]

#[path = "../bodies/write.rs"]
mod body;

libfuzzer_sys::fuzz_target!(|input: &[u8]| body::run(vctsdb::remote::write::Protocol::V1, input));
