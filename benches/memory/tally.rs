//! How often each kind of request was answered with which status.

use std::{collections::BTreeMap, fmt};

use parking_lot::Mutex;

/// Statuses by kind of request. 0 stands for no answer.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    counts: Mutex<BTreeMap<(&'static str, u16), u64>>,
    /// The first answer with a status that should not be, in words.
    unexpected: Mutex<Option<String>>,
}

impl Tally {
    /// Counts an answer to a request of this kind; `body` is what it said.
    pub(crate) fn count(&self, kind: &'static str, status: u16, body: &str) {
        *self.counts.lock().entry((kind, status)).or_default() += 1;
        // Prometheus answers a remote read that is too large with 400, and so do we.
        let refused = if kind == "remote reads" { 400 } else { 422 };
        if !matches!(status, 200 | 204 | 503) && status != refused {
            let short: String = body.chars().take(300).collect();
            self.unexpected.lock().get_or_insert(format!("{kind}: status {status}: {short}"));
        }
    }

    /// An answer that should not have been.
    pub(crate) fn unexpected(&self) -> Option<String> {
        self.unexpected.lock().clone()
    }
}

/// `questions 200: 31, 422: 7; lists 200: 12`.
impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut before = "";
        for ((kind, status), count) in self.counts.lock().iter() {
            match (before == *kind, before.is_empty()) {
                (true, _) => write!(f, ", {status}: {count}")?,
                (false, true) => write!(f, "{kind} {status}: {count}")?,
                (false, false) => write!(f, "; {kind} {status}: {count}")?,
            }
            before = kind;
        }
        Ok(())
    }
}
