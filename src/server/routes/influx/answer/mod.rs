//! How answers to InfluxQL are written: piece by piece, as they come.

mod csv;
mod json;
mod value;

pub(super) use self::{
    csv::Csv,
    json::{Json, Layout},
};
use crate::{
    influxql::{Answer, QueryError},
    server::streaming::{Sink, Unread},
};

/// Pieces are sent when they have so many bytes.
const PIECE: usize = 128 << 10;

/// Writes the answers of all statements of a request.
pub(super) trait Writer: Answer {
    /// The answer of statement `id` begins.
    fn begin(&mut self, id: usize) -> Result<(), QueryError>;

    /// It has ended, with an error or not, and with what the asker should know.
    fn end(&mut self, error: Option<&str>, warnings: &[String]) -> Result<(), QueryError>;

    /// All have ended.
    fn finish(&mut self) -> Result<(), QueryError>;
}

/// How times are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Epoch {
    /// As RFC 3339.
    Text,
    /// As a number of units of so many ns.
    Units(i64),
}

impl Epoch {
    /// What the parameter `epoch` says. Any other word counts ns, as in InfluxDB.
    pub(super) fn of(text: &str) -> Self {
        match text {
            "" => Self::Text,
            "h" => Self::Units(3_600_000_000_000),
            "m" => Self::Units(60_000_000_000),
            "s" => Self::Units(1_000_000_000),
            "ms" => Self::Units(1_000_000),
            "u" => Self::Units(1_000),
            _ => Self::Units(1),
        }
    }
}

/// Text on its way to the client.
struct Out<'o> {
    text: Vec<u8>,
    sink: &'o mut Sink<'o>,
}

impl Out<'_> {
    /// Sends what there is, if it is enough for a piece or everything.
    fn send(&mut self, all: bool) -> Result<(), QueryError> {
        if self.text.is_empty() || (self.text.len() < PIECE && !all) {
            return Ok(());
        }
        let piece = std::mem::take(&mut self.text);
        (self.sink)(piece).map_err(|Unread| QueryError::Interrupted)
    }
}
