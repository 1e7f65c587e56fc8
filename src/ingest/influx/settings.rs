//! What the parameters of a body say: its database and the unit of its times.

use super::line::OUT_OF_RANGE;
use crate::ingest::{
    Declared, ImportError, Unit,
    times::{Times, unit_of_now},
};

/// The only retention policy.
pub const POLICY: &str = "autogen";
/// The database whose series have no label: what Prometheus writes.
pub const UNLABELED: &str = "prometheus";
/// The longest name of a database, in bytes: each series has it.
const MAX_DATABASE: usize = 255;

/// The name of the database; empty: none is given.
pub(super) fn database(declared: &Declared) -> Result<String, ImportError> {
    let bucket = declared.parameter("bucket").unwrap_or_default();
    let (bucket, bucket_policy) = bucket.split_once('/').unwrap_or((bucket, ""));
    let database = declared.parameter("db").filter(|name| !name.is_empty()).unwrap_or(bucket);
    let policy = declared.parameter("rp").filter(|name| !name.is_empty()).unwrap_or(bucket_policy);
    if !matches!(policy, "" | POLICY) {
        return Err(ImportError::Parameter(format!("retention policy not found: {policy}")));
    }
    if database.len() > MAX_DATABASE {
        let bytes = database.len();
        return Err(ImportError::Parameter(format!(
            "the name of the database has {bytes} bytes, more than {MAX_DATABASE}"
        )));
    }
    if !matches!(declared.parameter("consistency"), None | Some("" | "any" | "one" | "quorum" | "all")) {
        return Err(ImportError::Parameter("invalid consistency level".to_owned()));
    }
    Ok(database.to_owned())
}

/// How the times of a body are read.
#[derive(Debug, Clone, Copy)]
pub(super) struct Precision {
    times: Times,
    /// How many of the unit that `times` reads are one.
    factor: i64,
    /// What times of the server are cut to, in ms.
    cut: i64,
    /// Whether times that would be of now in another unit are refused.
    guess: bool,
}

impl Precision {
    pub(super) fn of(declared: &Declared) -> Result<Self, ImportError> {
        let (said, factor) = match declared.parameter("precision").unwrap_or_default() {
            "" => (None, 1),
            "n" | "ns" => (Some(Unit::Nanoseconds), 1),
            "u" | "us" => (Some(Unit::Microseconds), 1),
            "ms" => (Some(Unit::Milliseconds), 1),
            "s" => (Some(Unit::Seconds), 1),
            "m" => (Some(Unit::Seconds), 60),
            "h" => (Some(Unit::Seconds), 3_600),
            other => {
                let why = format!("invalid precision \"{other}\" (use n, u, ms, s, m or h)");
                return Err(ImportError::Parameter(why));
            }
        };
        let cut = match said.or(declared.unit) {
            Some(Unit::Seconds) => 1_000 * factor,
            _ => 1,
        };
        let times = Times::of(declared, Unit::Nanoseconds, said).said_by("precision");
        let guess = declared.by_protocol && times.is_doubted();
        Ok(Self { times: if declared.by_protocol { times.undoubted() } else { times }, factor, cut, guess })
    }

    /// A time in ms, of a body that came at `now`.
    pub(super) fn milliseconds(self, time: i64, now: i64) -> Result<i64, String> {
        if self.guess
            && let Some((words, short)) = unit_of_now(time, now).filter(|(_, short)| *short != "ns")
        {
            return Err(format!(
                "the time {time} looks like {words} and would count as nanoseconds: say precision={short} in the URL; if it is meant so, allow_old=1 stores it"
            ));
        }
        let time = time.checked_mul(self.factor).ok_or_else(|| OUT_OF_RANGE.to_owned())?;
        self.times.milliseconds(time)
    }

    /// The time of points that have none.
    pub(super) fn now(self, now: i64) -> i64 {
        now - now.rem_euclid(self.cut)
    }
}
