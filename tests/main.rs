//! Scenarios, all in one binary: one link instead of many.

// Said once more, so that lints know that all of this is tests.
#[cfg(test)]
mod scenarios {
    mod admin;
    mod bad_input;
    mod bit_rot;
    mod browser;
    mod catalog;
    mod client;
    mod command_line;
    mod deadlines;
    mod differential;
    mod docs;
    mod extras;
    mod formats;
    mod grafana;
    mod grafana_influxql;
    mod habits;
    mod hostile;
    mod http_client;
    mod import;
    mod import_command;
    mod influx;
    mod influxql;
    mod laptop_night;
    mod layers;
    mod lifecycle;
    mod listening;
    mod lists;
    mod live_files;
    mod logs;
    mod maintenance;
    mod memory;
    mod otlp;
    mod otlp_cases;
    mod packaging;
    mod power_cut;
    mod process;
    mod prometheus;
    mod promql_scripts;
    mod proxy;
    mod push;
    mod read_back;
    mod receiver;
    mod result_cache;
    mod saved_file;
    mod sender;
    mod senders;
    mod series_limits;
    mod simulation;
    mod start_times;
    mod storage_faults;
    mod storage_model;
    mod store;
    mod tampering;
    mod thanos;
    mod vmagent;
    mod vmctl;
    mod web_config;
    mod web_ui;
}
