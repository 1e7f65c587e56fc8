//! All scenarios in one binary.

// Said once more, so that lints know that all of this is tests.
#[cfg(test)]
mod scenarios {
    mod promql_scripts;
}
