//! From a body to compiled queries.

use std::sync::Arc;

use prost::Message;

use super::ReadError;
use crate::{
    model::{Labels, MatchOp, Matcher, TimeRange},
    remote::{
        proto::v1,
        snappy,
        wire::{Fields, Value, WireError},
    },
    seams::{interrupt::Interrupt, memory_budget::MemoryBudget, select::SelectHints},
};

/// Clients ask one query a request; more than this are no honest request.
const MAX_QUERIES: usize = 100;
/// Matchers of all queries together, counted before anything is built of them.
const MAX_MATCHERS: usize = 500;
/// Bytes of hints and of accepted response types: each may become twelve in memory.
const MAX_HINTS: usize = 256 << 10;

/// What one request may ask for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ReadLimits {
    /// Bytes of the body as sent.
    pub compressed: usize,
    /// Bytes it may inflate to.
    pub decoded: usize,
    /// Samples of an answer that isn't streamed; a histogram is one.
    pub samples: u64,
    /// Bytes of such an answer before it is compressed.
    pub answer: usize,
}

/// Bytes of an answer for each sample that a query may hold: a float sample takes about 20, one in memory 16, and an
/// answer is a smaller matter than a query.
const ANSWER_BYTES_PER_SAMPLE: u64 = 4;

impl ReadLimits {
    /// Where queries may hold this many samples, which is half of the memory there is, an answer held whole gets an
    /// eighth of the memory.
    #[must_use]
    pub fn beside_queries_of(samples: u64) -> Self {
        let default = Self::default();
        let answer = usize::try_from(samples.saturating_mul(ANSWER_BYTES_PER_SAMPLE)).unwrap_or(usize::MAX);
        Self { samples: samples.min(default.samples), answer: answer.clamp(1 << 20, default.answer), ..default }
    }
}

impl Default for ReadLimits {
    fn default() -> Self {
        Self { compressed: 32 << 20, decoded: 32 << 20, samples: 50_000_000, answer: 256 << 20 }
    }
}

/// How a client wants its answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ResponseType {
    /// One message with plain samples: [`samples`](super::samples()).
    Samples,
    /// A stream of frames with chunks: [`chunks`](super::chunks).
    StreamedXorChunks,
}

/// One selection.
#[derive(Debug, Clone, PartialEq)]
pub struct Query {
    /// The samples' times.
    pub range: TimeRange,
    /// All must pass; none at all select nothing.
    pub matchers: Vec<Matcher>,
    /// What the client will do with the samples.
    pub hints: SelectHints,
}

/// Queries to be answered one after the other.
#[derive(Debug, Clone, PartialEq)]
pub struct ReadRequest {
    /// The queries.
    pub queries: Vec<Query>,
    /// The form of the answer: the first of those the client accepts that we know.
    pub response_type: ResponseType,
    /// Labels that every series of the answer gets unless it has its own.
    pub external_labels: Labels,
}

impl ReadRequest {
    /// Lets `interrupt` end the search for series.
    pub fn interrupt_by(&mut self, interrupt: &Arc<dyn Interrupt>) {
        for query in &mut self.queries {
            query.hints.interrupt = Some(Arc::clone(interrupt));
        }
    }

    /// Answers as a server whose every series carries `labels`, though none is stored with them.
    ///
    /// As Prometheus does: a matcher that asks for an external label's value asks for series without that label of
    /// their own, and the answer's series get the labels they don't have.
    #[must_use]
    pub fn with_external_labels(mut self, labels: &Labels) -> Self {
        for matcher in self.queries.iter_mut().flat_map(|query| &mut query.matchers) {
            if matcher.op() == MatchOp::Equal && labels.get(matcher.name()) == Some(matcher.value()) {
                *matcher = Matcher::equal(matcher.name(), "");
            }
        }
        self.external_labels = labels.clone();
        self
    }
}

/// Bytes that `body` says it inflates to.
///
/// # Errors
/// When it is no snappy block, or one too large.
pub fn inflated_len(body: &[u8], limits: &ReadLimits) -> Result<usize, ReadError> {
    Ok(snappy::inflated_len(body, limits.decoded)?)
}

/// Reads a request from `body`, a snappy block. It takes about as many bytes as the body inflates to.
///
/// # Errors
/// When the body is too large or no such request, a matcher doesn't compile or finds no room, or no response type is known.
pub fn decode(body: &[u8], limits: &ReadLimits, budget: &dyn MemoryBudget) -> Result<ReadRequest, ReadError> {
    if body.len() > limits.compressed {
        return Err(ReadError::TooLarge { bytes: body.len(), limit: limits.compressed });
    }
    let bytes = snappy::inflate(body, limits.decoded)?;
    check_size(&bytes)?;
    let message = v1::ReadRequest::decode(&bytes[..]).map_err(|error| ReadError::Message(error.to_string()))?;
    let response_type = response_type(&message.accepted_response_types)?;
    let queries = message.queries.into_iter().map(|asked| query(asked, budget)).collect::<Result<_, _>>()?;
    Ok(ReadRequest { queries, response_type, external_labels: Labels::empty() })
}

/// Counts queries and matchers before anything is built from them: an empty one is two bytes on the wire.
fn check_size(message: &[u8]) -> Result<(), ReadError> {
    let (queries, matchers, hints) = count(message).map_err(|error| ReadError::Message(error.to_string()))?;
    let counts =
        [("queries", queries, MAX_QUERIES), ("matchers", matchers, MAX_MATCHERS), ("bytes of hints", hints, MAX_HINTS)];
    for (what, found, limit) in counts {
        if found > limit {
            return Err(ReadError::Limit(format!("the request has {found} {what}, more than the limit of {limit}")));
        }
    }
    Ok(())
}

/// How many queries and matchers there are, and how many bytes beside those.
fn count(message: &[u8]) -> Result<(usize, usize, usize), WireError> {
    let size = |value: Value<'_>| if let Value::Bytes(bytes) = value { bytes.len() } else { 1 };
    let (mut queries, mut matchers, mut hints) = (0, 0, 0);
    let mut fields = Fields::new(message);
    while let Some(field) = fields.next()? {
        let (1, Value::Bytes(query)) = field else {
            hints += size(field.1);
            continue;
        };
        queries += 1;
        let mut fields = Fields::new(query);
        while let Some((number, value)) = fields.next()? {
            matchers += usize::from(number == 3);
            hints += if number == 4 { size(value) } else { 0 };
        }
    }
    Ok((queries, matchers, hints))
}

fn response_type(accepted: &[i32]) -> Result<ResponseType, ReadError> {
    if accepted.is_empty() {
        return Ok(ResponseType::Samples);
    }
    let known = accepted.iter().find_map(|&number| match v1::read_request::ResponseType::try_from(number) {
        Ok(v1::read_request::ResponseType::Samples) => Some(ResponseType::Samples),
        Ok(v1::read_request::ResponseType::StreamedXorChunks) => Some(ResponseType::StreamedXorChunks),
        Err(_) => None,
    });
    known.ok_or_else(|| ReadError::ResponseType(accepted.iter().copied().take(10).collect()))
}

fn query(query: v1::Query, budget: &dyn MemoryBudget) -> Result<Query, ReadError> {
    let asked = TimeRange::new(query.start_timestamp_ms, query.end_timestamp_ms);
    let hints = query.hints.unwrap_or_default();
    Ok(Query {
        range: narrowed(asked, TimeRange::new(hints.start_ms, hints.end_ms)),
        matchers: query.matchers.into_iter().map(|asked| matcher(asked, budget)).collect::<Result<_, _>>()?,
        hints: SelectHints { step: hints.step_ms, function: hints.func, ..SelectHints::default() },
    })
}

/// What the client will use of the time it asks for. A query with several selectors asks for the time of all of them
/// each time, and hints at the one that counts. Hints without a time say 0 to 0.
fn narrowed(asked: TimeRange, used: TimeRange) -> TimeRange {
    if used == TimeRange::new(0, 0) || used.start > used.end {
        return asked;
    }
    TimeRange::new(asked.start.max(used.start), asked.end.min(used.end))
}

fn matcher(matcher: v1::LabelMatcher, budget: &dyn MemoryBudget) -> Result<Matcher, ReadError> {
    let op = match v1::label_matcher::Type::try_from(matcher.r#type) {
        Ok(v1::label_matcher::Type::Eq) => MatchOp::Equal,
        Ok(v1::label_matcher::Type::Neq) => MatchOp::NotEqual,
        Ok(v1::label_matcher::Type::Re) => MatchOp::Regex,
        Ok(v1::label_matcher::Type::Nre) => MatchOp::NotRegex,
        Err(_) => return Err(ReadError::MatcherType(matcher.r#type)),
    };
    Ok(Matcher::within(op, matcher.name, matcher.value, &|bytes| budget.take(bytes))?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::seams::memory_budget::Unlimited;

    fn decode_message(message: &v1::ReadRequest) -> Result<ReadRequest, ReadError> {
        decode(&snappy::deflate(&message.encode_to_vec()).unwrap(), &ReadLimits::default(), &Unlimited)
    }

    fn with_types(types: &[i32]) -> Result<ResponseType, ReadError> {
        let message = v1::ReadRequest { queries: vec![], accepted_response_types: types.to_vec() };
        decode_message(&message).map(|r| r.response_type)
    }

    fn with_matcher(kind: i32, value: &str) -> Result<ReadRequest, ReadError> {
        let matchers = vec![v1::LabelMatcher { r#type: kind, name: "a".into(), value: value.into() }];
        let query = v1::Query { start_timestamp_ms: -5, end_timestamp_ms: 7, matchers, hints: None };
        decode_message(&v1::ReadRequest { queries: vec![query], accepted_response_types: vec![] })
    }

    #[test]
    fn hints_narrow_the_time_and_never_widen_it() {
        let range = |hints: Option<(i64, i64)>| {
            let hints = hints.map(|(start_ms, end_ms)| v1::ReadHints { start_ms, end_ms, ..Default::default() });
            let query = v1::Query { start_timestamp_ms: 100, end_timestamp_ms: 900, matchers: vec![], hints };
            let message = v1::ReadRequest { queries: vec![query], accepted_response_types: vec![] };
            decode_message(&message).unwrap().queries[0].range
        };
        assert_eq!(range(None), TimeRange::new(100, 900));
        assert_eq!(range(Some((0, 0))), TimeRange::new(100, 900), "a hint that says nothing");
        assert_eq!(range(Some((300, 200))), TimeRange::new(100, 900), "nor one that makes no sense");
        assert_eq!(range(Some((200, 300))), TimeRange::new(200, 300));
        assert_eq!(range(Some((0, 300))), TimeRange::new(100, 300));
        assert_eq!(range(Some((500, i64::MAX))), TimeRange::new(500, 900));
    }

    #[test]
    fn the_first_known_response_type_is_taken() {
        assert_eq!(with_types(&[]).unwrap(), ResponseType::Samples);
        assert_eq!(with_types(&[1, 0]).unwrap(), ResponseType::StreamedXorChunks);
        assert_eq!(with_types(&[0, 1]).unwrap(), ResponseType::Samples);
        assert_eq!(with_types(&[7, 1]).unwrap(), ResponseType::StreamedXorChunks);
        assert!(matches!(with_types(&[7, 8]), Err(ReadError::ResponseType(types)) if types == [7, 8]));
    }

    #[test]
    fn queries_keep_their_range_matchers_and_hints() {
        for (kind, op) in [(0, MatchOp::Equal), (1, MatchOp::NotEqual), (2, MatchOp::Regex), (3, MatchOp::NotRegex)] {
            let request = with_matcher(kind, "b.c").unwrap();
            assert_eq!(request.queries[0].range, TimeRange::new(-5, 7));
            assert_eq!(request.queries[0].matchers, [Matcher::new(op, "a", "b.c").unwrap()]);
        }
        let hints = v1::ReadHints { step_ms: 15, func: "rate".into(), ..Default::default() };
        let query = v1::Query { hints: Some(hints), ..Default::default() };
        let request = decode_message(&v1::ReadRequest { queries: vec![query], ..Default::default() }).unwrap();
        assert_eq!(
            request.queries[0].hints,
            SelectHints { step: 15, function: "rate".into(), ..SelectHints::default() }
        );
    }

    #[test]
    fn a_matcher_for_an_external_label_asks_for_series_without_it() {
        let external = Labels::from_pairs([("a", "b.c"), ("z", "1")]).unwrap();
        let with = |kind, value| with_matcher(kind, value).unwrap().with_external_labels(&external);
        assert_eq!(with(0, "b.c").queries[0].matchers, [Matcher::equal("a", "")]);
        assert_eq!(with(0, "other").queries[0].matchers, [Matcher::equal("a", "other")]);
        assert_eq!(with(2, "b.c").queries[0].matchers, [Matcher::new(MatchOp::Regex, "a", "b.c").unwrap()]);
        assert_eq!(with(0, "other").external_labels, external);
    }

    #[test]
    fn a_bad_expression_or_matcher_type_is_refused() {
        assert!(matches!(with_matcher(2, "a("), Err(ReadError::Matcher(_))));
        assert!(matches!(with_matcher(9, "a"), Err(ReadError::MatcherType(9))));
    }

    #[test]
    fn broken_bodies_are_refused() {
        let limits = ReadLimits { compressed: 8, ..Default::default() };
        assert!(matches!(decode(&[0; 9], &limits, &Unlimited), Err(ReadError::TooLarge { bytes: 9, limit: 8 })));
        assert!(matches!(decode(b"\x05ab", &limits, &Unlimited), Err(ReadError::Snappy(_))));
        let body = snappy::deflate(b"\x0a\x05").unwrap();
        assert!(matches!(decode(&body, &limits, &Unlimited), Err(ReadError::Message(_))));
    }

    #[test]
    fn floods_of_queries_or_matchers_are_refused() {
        let many = v1::ReadRequest { queries: vec![v1::Query::default(); 101], ..Default::default() };
        assert!(matches!(decode_message(&many), Err(ReadError::Limit(why)) if why.contains("101 queries")));
        let matchers = vec![v1::LabelMatcher::default(); 501];
        let many =
            v1::ReadRequest { queries: vec![v1::Query { matchers, ..Default::default() }], ..Default::default() };
        assert!(matches!(decode_message(&many), Err(ReadError::Limit(why)) if why.contains("501 matchers")));
    }
}
