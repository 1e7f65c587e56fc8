#![no_main]

#[path = "../bodies/csv.rs"]
mod body;
#[path = "../bodies/json.rs"]
mod json;

libfuzzer_sys::fuzz_target!(|input: &[u8]| body::run(input));
