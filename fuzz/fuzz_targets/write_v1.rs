#![no_main]

#[path = "../bodies/write_v1.rs"]
mod body;

libfuzzer_sys::fuzz_target!(|input: &[u8]| body::run(input));
