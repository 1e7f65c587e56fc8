//! Scenarios, all in one binary: one link instead of many.

// Said once more, so that lints know that all of this is tests.
#[cfg(test)]
mod scenarios {
    mod bad_input;
    mod bit_rot;
    mod care;
    mod command_line;
    mod differential;
    mod docs;
    mod formats;
    mod grafana;
    mod http_client;
    mod layers;
    mod lifecycle;
    mod power_cut;
    mod process;
    mod prometheus;
    mod promql_scripts;
    mod sender;
    mod simulation;
    mod storage_faults;
    mod storage_model;
    mod store;
}
