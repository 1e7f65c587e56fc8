//! The protocols' messages, generated from `proto/` by the build script. Their comments come from there.

/// Remote write 1.0 and remote read.
pub mod v1 {
    include!(concat!(env!("OUT_DIR"), "/prometheus.rs"));
}

// The name by which generated code calls the package.
use v1 as prometheus;

/// Query results.
pub mod query {
    include!(concat!(env!("OUT_DIR"), "/vctsdb.rs"));
}

/// Remote write 2.0.
pub mod v2 {
    include!(concat!(env!("OUT_DIR"), "/io.prometheus.write.v2.rs"));
}
