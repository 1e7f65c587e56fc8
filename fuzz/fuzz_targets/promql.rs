#![no_main]

#[path = "../bodies/promql.rs"]
mod body;

libfuzzer_sys::fuzz_target!(|input: &str| body::run(input));
