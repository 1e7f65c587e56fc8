//! The messages, generated from `proto/metrics.proto` by the build script. Their comments come from there.

#![expect(unreachable_pub, reason = "what generates them makes everything public")]

include!(concat!(env!("OUT_DIR"), "/io.prometheus.client.rs"));
