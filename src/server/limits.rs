//! Limits on what one client may take of connections, memory and time.

use std::time::Duration;

/// How long the server waits for a client, so that none can hold a connection for ever.
#[derive(Debug, Clone, Copy)]
pub struct Deadlines {
    /// A connection may stay without a complete request head for this long, be it idle or slow. It is longer than the interval of
    /// rules, and than clients keep connections they don't use; where connection slots are short, idle ones are closed before.
    pub head: Duration,
    /// A request's body may pause for this long between two chunks.
    pub body_pause: Duration,
    /// A request's body must be complete after this time, however busily it trickles.
    pub body: Duration,
    /// A client that lets an answer wait must read [`LEAST_TAKEN_BYTES`] of it, or the rest, in this time.
    pub write: Duration,
    /// After a signal to stop, requests in flight get this long.
    pub shutdown: Duration,
}

impl Default for Deadlines {
    fn default() -> Self {
        Self {
            head: Duration::from_secs(300),
            body_pause: Duration::from_secs(30),
            body: Duration::from_secs(120),
            write: Duration::from_secs(60),
            shutdown: Duration::from_secs(10),
        }
    }
}

/// Bytes that a slow client has to read of an answer in each [`Deadlines::write`].
pub(crate) const LEAST_TAKEN_BYTES: usize = 64 << 10;

/// Connections served at once; further ones wait to be accepted. Fewer where the process may open few files (`open_files`).
pub(crate) const MAX_CONNECTIONS: usize = 1024;

/// Connections that the system may have accepted and not handed over yet. With more of them a client waits a second before it tries
/// again.
pub(crate) const BACKLOG: u32 = 4096;

/// When fewer connection slots are left, the connection that has been idle longest is closed, so that the next client need not wait.
pub(crate) const SPARE_CONNECTIONS: usize = 16;

/// A request's line and headers may take this many bytes; up to twice as many pass when they come in one read, because
/// hyper looks at the length between reads only. It holds the longest URL that HTTP libraries send (64 KiB).
pub(crate) const MAX_HEAD_BYTES: usize = 128 << 10;

/// A request may have this many headers.
pub(crate) const MAX_HEADERS: usize = 100;

/// An HTML form (query parameters in a POST) may have this many bytes.
pub(crate) const MAX_FORM_BYTES: usize = 10 << 20;

/// A remote-write or remote-read body may have this many bytes as sent; the decoded size has a limit of its own.
pub(crate) const MAX_REMOTE_BYTES: usize = 32 << 20;

/// A body refused for its size is still read, and thrown away, for this long.
pub(crate) const DISCARD_TIMEOUT: Duration = Duration::from_secs(2);

/// A body waits this long for memory, then its sender is told to try again.
pub(crate) const MEMORY_TIMEOUT: Duration = Duration::from_secs(10);

/// A body for whose next [`LEAST_SENT_BYTES`] the server has waited this long lags, and is evicted when connection slots or memory
/// are short.
pub(crate) const LAG: Duration = Duration::from_secs(1);

/// Fewer bytes than this are no progress of a body that isn't complete.
pub(crate) const LEAST_SENT_BYTES: usize = 4 << 10;

/// While a request waits for a connection slot or for memory, lagging bodies are looked for this often.
pub(crate) const EVICTION_TICK: Duration = Duration::from_millis(50);

/// Remote reads answered at once.
pub(crate) const MAX_REMOTE_READS: usize = 10;

/// Remote reads answered at once whose answer has to be held whole: SAMPLES, which modern clients don't ask for.
pub(crate) const MAX_WHOLE_READS: usize = 2;

/// Lookups of series and labels answered at once.
pub(crate) const MAX_LOOKUPS: usize = 20;

/// The most steps a range query may have per series, as in Prometheus.
pub(crate) const MAX_STEPS: i64 = 11_000;

/// An answer is produced in chunks of about this many bytes, as fast as the client reads them.
pub(crate) const CHUNK_BYTES: usize = 64 << 10;

/// An answer below this many bytes is not worth compressing.
pub(crate) const MIN_COMPRESS_BYTES: usize = 1 << 10;

/// An answer lists this many warnings and this many infos; the rest is counted.
pub(crate) const MAX_ANNOTATIONS: usize = 10;
