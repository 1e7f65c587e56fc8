#![no_main]

#[path = "../bodies/query.rs"]
mod body;

libfuzzer_sys::fuzz_target!(|input: (u8, &str)| body::run(input.0, input.1));
