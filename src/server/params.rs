//! Request parameters: the URL's query, merged with an HTML form in the body.
//!
//! A parameter may be given several times. Where one value is wanted the first counts, and the form's come before the
//! URL's, as in Prometheus.

use hyper::{Method, Uri, body::Incoming, header::CONTENT_TYPE, http::request::Parts};

use super::{
    ServerState, error::ApiError, limits::MAX_FORM_BYTES, read_body, request_body::RequestBody,
    request_budget::Reservation,
};

mod multipart;
mod time;

pub(crate) use time::{parse_nanos, parse_time};

/// Decoded parameters.
#[derive(Debug, Default)]
pub(crate) struct Params {
    pairs: Vec<(String, String)>,
    /// The memory that they take.
    _reservation: Option<Reservation>,
}

/// All parameters that some route reads. An encoding error in another one is ignored.
const KNOWN: &[&str] = &[
    "allow_old",
    "analyze",
    "bucket",
    "chunk_size",
    "chunked",
    "consistency",
    "db",
    "dry_run",
    "end",
    "epoch",
    "extra_label",
    "format",
    "header",
    "histograms",
    "limit",
    "limit_per_metric",
    "lookback_delta",
    "match[]",
    "max_rows_per_line",
    "metric",
    "name",
    "nocache",
    "on_error",
    "params",
    "positions",
    "precision",
    "pretty",
    "q",
    "query",
    "quiet",
    "report",
    "requestId",
    "rp",
    "skip_head",
    "stale_markers",
    "start",
    "stats",
    "step",
    "time",
    "timeout",
    "type",
    "unit",
    "verbose",
];

/// Bytes of memory that a parameter takes beside its text.
const PARAMETER_BYTES: usize = 96;
/// Parameters in a URL that take less memory than this are not counted against the budget.
const UNCOUNTED_BYTES: usize = 8 << 10;

impl Params {
    /// Reads the parameters of a request, and its form if it posts one.
    pub(crate) async fn read(head: &Parts, body: Incoming, state: &ServerState) -> Result<Self, ApiError> {
        let query = head.uri.query().unwrap_or_default();
        let kind = head.headers.get(CONTENT_TYPE).and_then(|v| v.to_str().ok()).unwrap_or_default();
        let media = kind.split(';').next().unwrap_or_default().trim();
        let in_parts = media.eq_ignore_ascii_case("multipart/form-data");
        let is_form = in_parts || media.eq_ignore_ascii_case("application/x-www-form-urlencoded");
        let (bytes, mut reservation) = if is_form && head.method == Method::POST {
            let RequestBody { bytes, reservation } =
                read_body(body, MAX_FORM_BYTES, &state.query_budget, state).await?;
            (bytes, reservation)
        } else {
            (Vec::new(), state.query_budget.reserve_nothing())
        };
        let needs =
            memory(&bytes) + Some(memory(query.as_bytes())).filter(|bytes| *bytes > UNCOUNTED_BYTES).unwrap_or(0);
        reservation.grow((bytes.capacity() + needs) as u64).await?;
        let mut params = Self::default();
        if in_parts && !bytes.is_empty() {
            let pairs = multipart::pairs(&bytes, kind);
            params.pairs = pairs.map_err(|why| ApiError::BadData(format!("error parsing form values: {why}")))?;
        } else {
            params.add(&bytes)?;
        }
        params.add(query.as_bytes())?;
        drop(bytes);
        reservation.shrink(needs as u64);
        params._reservation = Some(reservation);
        Ok(params)
    }

    /// The parameters in the URL alone, for routes whose body is something else, whatever its type says.
    pub(crate) fn of_url(uri: &Uri) -> Result<Self, ApiError> {
        let mut params = Self::default();
        params.add(uri.query().unwrap_or_default().as_bytes())?;
        Ok(params)
    }

    /// Refuses parameters that `who` doesn't know: were a misspelt one ignored, the request would do something else than was meant.
    pub(crate) fn only(&self, known: &[&str], who: &str) -> Result<(), ApiError> {
        match self.pairs.iter().find(|(name, _)| !known.contains(&name.as_str())) {
            Some((other, _)) => {
                let takes = if known.is_empty() { "none".to_owned() } else { known.join(", ") };
                Err(ApiError::BadData(format!("unknown parameter \"{other}\"; {who} takes {takes}")))
            }
            None => Ok(()),
        }
    }

    /// A boolean in the spellings that Prometheus takes; false when it isn't given. One given without a value is refused.
    pub(crate) fn boolean(&self, name: &str) -> Result<bool, ApiError> {
        match self.all(name).next() {
            None | Some("0" | "f" | "F" | "false" | "FALSE" | "False") => Ok(false),
            Some("1" | "t" | "T" | "true" | "TRUE" | "True") => Ok(true),
            Some(other) => Err(ApiError::invalid(name, format!("\"{other}\" is neither true nor false"))),
        }
    }

    /// The same, but for one given without a value, which says nothing, as in Prometheus.
    pub(crate) fn flag(&self, name: &str) -> Result<bool, ApiError> {
        Ok(!self.get(name).is_empty() && self.boolean(name)?)
    }

    /// All names and values, in order.
    pub(crate) fn pairs(&self) -> impl Iterator<Item = (&str, &str)> {
        self.pairs.iter().map(|(name, value)| (name.as_str(), value.as_str()))
    }

    /// Decodes `name=value&…`.
    fn add(&mut self, encoded: &[u8]) -> Result<(), ApiError> {
        for pair in encoded.split(|b| *b == b'&').filter(|pair| !pair.is_empty()) {
            let mut halves = pair.splitn(2, |b| *b == b'=');
            let name = halves.next().unwrap_or_default();
            let name = decode(name, true).unwrap_or_else(|_| String::from_utf8_lossy(name).into_owned());
            let value = match decode(halves.next().unwrap_or_default(), true) {
                Err(error) if KNOWN.contains(&&*name) => return Err(error),
                value => value.unwrap_or_default(),
            };
            self.pairs.push((name, value));
        }
        Ok(())
    }

    /// The first value of `name`; empty when it isn't given.
    pub(crate) fn get(&self, name: &str) -> &str {
        debug_assert!(KNOWN.contains(&name), "{name} is read and not known");
        self.pairs.iter().find(|(n, _)| n == name).map(|(_, v)| v.as_str()).unwrap_or_default()
    }

    /// All values of `name`.
    pub(crate) fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        debug_assert!(KNOWN.contains(&name), "{name} is read and not known");
        self.pairs.iter().filter(move |(n, _)| n == name).map(|(_, v)| v.as_str())
    }

    /// A time in ms that must be given.
    pub(crate) fn time(&self, name: &str) -> Result<i64, ApiError> {
        parse_time(self.get(name)).map_err(|why| ApiError::invalid(name, why))
    }

    /// A time in ms, or `default`.
    pub(crate) fn time_or(&self, name: &str, default: i64) -> Result<i64, ApiError> {
        match self.get(name) {
            "" => Ok(default),
            text => parse_time(text)
                .map_err(|why| ApiError::invalid(name, format!("invalid time value for '{name}': {why}"))),
        }
    }

    /// `limit`; 0 means no limit.
    pub(crate) fn limit(&self) -> Result<usize, ApiError> {
        let text = self.get("limit");
        if text.is_empty() {
            return Ok(0);
        }
        let digits = text.strip_prefix(['+', '-']).unwrap_or(text);
        if digits.is_empty() || !digits.bytes().all(|b| b.is_ascii_digit()) {
            return Err(ApiError::invalid("limit", format!("strconv.Atoi: parsing \"{text}\": invalid syntax")));
        }
        let limit: i64 = text
            .parse()
            .map_err(|_| ApiError::invalid("limit", format!("strconv.Atoi: parsing \"{text}\": value out of range")))?;
        usize::try_from(limit).map_err(|_| ApiError::invalid("limit", "limit must be non-negative"))
    }
}

/// About how many bytes of memory the parameters in `encoded` take.
fn memory(encoded: &[u8]) -> usize {
    let parameters = if encoded.is_empty() { 0 } else { 1 + encoded.iter().filter(|byte| **byte == b'&').count() };
    encoded.len() + parameters * PARAMETER_BYTES
}

/// Decodes percent encoding. In queries and forms, but not in paths, a plus is a space.
pub(crate) fn decode(encoded: &[u8], plus_is_space: bool) -> Result<String, ApiError> {
    let mut decoded = Vec::with_capacity(encoded.len());
    let mut rest = encoded;
    while let Some((&byte, after)) = rest.split_first() {
        rest = after;
        decoded.push(match byte {
            b'+' if plus_is_space => b' ',
            b'%' => {
                let hex = after.split_at_checked(2);
                let value = hex.and_then(|(hex, _)| {
                    let digit = |b: &u8| char::from(*b).to_digit(16);
                    Some(digit(hex.first()?)? * 16 + digit(hex.get(1)?)?)
                });
                match (value, hex) {
                    (Some(value), Some((_, after))) => {
                        rest = after;
                        value as u8
                    }
                    _ => {
                        let escape: Vec<u8> = std::iter::once(b'%').chain(after.iter().copied().take(2)).collect();
                        let escape = String::from_utf8_lossy(&escape);
                        let text = format!("error parsing form values: invalid URL escape \"{escape}\"");
                        return Err(ApiError::BadData(text));
                    }
                }
            }
            byte => byte,
        });
    }
    String::from_utf8(decoded)
        .map_err(|_| ApiError::BadData("error parsing form values: a parameter is not valid UTF-8".to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn params(query: &str) -> Params {
        let mut params = Params::default();
        params.add(query.as_bytes()).unwrap();
        params
    }

    #[test]
    fn parameters_are_decoded_and_the_first_value_counts() {
        let params = params("query=a%2Bb+c&&match[]=x&match%5B%5D=y&query=z&stats");
        assert_eq!(params.get("query"), "a+b c");
        assert_eq!(params.all("match[]").collect::<Vec<_>>(), ["x", "y"]);
        assert_eq!(params.get("stats"), "");
        assert_eq!(params.get("limit"), "");
    }

    #[test]
    fn a_broken_escape_is_refused_where_somebody_reads_it() {
        for (query, escape) in [("query=%zz", "%zz"), ("end=%", "%"), ("match[]=%4", "%4")] {
            let error = Params::default().add(query.as_bytes()).unwrap_err().to_string();
            assert_eq!(error, format!("error parsing form values: invalid URL escape \"{escape}\""));
        }
        assert!(Params::default().add(b"query=%ff").is_err());
        let other = params("a=%zz&%=1&query=up");
        assert_eq!(other.get("query"), "up");
        assert!(other.only(&["query"], "a test").is_err(), "who refuses others by name still sees them");
    }

    #[test]
    fn a_limit_is_a_whole_number_from_zero() {
        assert_eq!(params("limit=5").limit().unwrap(), 5);
        assert_eq!(params("").limit().unwrap(), 0);
        for (text, why) in [
            ("abc", "strconv.Atoi: parsing \"abc\": invalid syntax"),
            ("1.5", "strconv.Atoi: parsing \"1.5\": invalid syntax"),
            ("-1", "limit must be non-negative"),
            ("99999999999999999999", "strconv.Atoi: parsing \"99999999999999999999\": value out of range"),
        ] {
            let error = params(&format!("limit={text}")).limit().unwrap_err().to_string();
            assert_eq!(error, format!("invalid parameter \"limit\": {why}"));
        }
    }

    proptest! {
        #[test]
        fn decoding_arbitrary_bytes_never_panics(bytes in proptest::collection::vec(any::<u8>(), 0..50)) {
            let _ = Params::default().add(&bytes);
        }
    }
}
