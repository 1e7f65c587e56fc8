#!/bin/sh
# Runs one fuzz target on stable Rust: run.sh TARGET SECONDS
set -eu
cd "$(dirname "$0")"
target=$1 seconds=$2
host=$(rustc -vV | sed -n 's/^host: //p')
mkdir -p "corpus/$target" "artifacts/$target"
coverage="-Cpasses=sancov-module -Cllvm-args=-sanitizer-coverage-level=4 -Cllvm-args=-sanitizer-coverage-inline-8bit-counters"
coverage="$coverage -Cllvm-args=-sanitizer-coverage-pc-table -Cllvm-args=-sanitizer-coverage-trace-compares"
# Naming the target keeps the flags away from build scripts.
RUSTFLAGS="$coverage -Ccodegen-units=1 --cfg fuzzing" \
    cargo build --release --target "$host" --bin "$target"
exec "${CARGO_TARGET_DIR:-target}/$host/release/$target" "corpus/$target" \
    -artifact_prefix="artifacts/$target/" -max_total_time="$seconds" -print_final_stats=1
