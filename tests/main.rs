//! Scenarios, all in one binary: one link instead of many.

// Said once more, so that lints know that all of this is tests.
#[cfg(test)]
mod scenarios {
    mod bad_input;
    mod docs;
    mod extras;
    mod grafana;
    mod hostile;
    mod http_client;
    mod import;
    mod layers;
    mod power_cut;
    mod process;
    mod prometheus;
    mod promql_scripts;
    mod read_back;
    mod receiver;
    mod sender;
    mod storage_faults;
    mod storage_model;
    mod store;
    mod thanos;
    mod vmagent;
}
