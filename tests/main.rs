//! All scenarios in one binary.

mod scenarios {
    mod promql_scripts;
}
