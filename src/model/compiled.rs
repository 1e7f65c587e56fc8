//! Regular expressions over label values, as little of an automaton as each needs.
//!
//! Most expressions of dashboards are texts: [`Alternatives`] finds those without an automaton. For the others the memory of
//! parsing and compiling is bounded by the number of parts of the pattern, and taken of the caller's room before it is used.

use std::sync::OnceLock;

use regex_automata::{
    hybrid::dfa::{self, DFA},
    meta,
    nfa::thompson,
};
use regex_syntax::hir::{Hir, HirKind, Look, literal};

use super::{
    alternatives::Alternatives,
    matcher_error::{MAX_PATTERN, MatcherError, TakeBytes},
    re2::{Groups, Translated, go_regex},
    text_set::TextSet,
};

/// A pattern that is no list of texts may have this many characters, classes and repetitions. The program of one with more
/// would pass [`PROGRAM_LIMIT`] anyway, and only to parse it would take much more.
const MAX_PARTS: usize = 1 << 16;
/// Memory that parsing takes for each of them (bytes).
const PART_BYTES: usize = 320;
/// Memory that a list of texts takes for each of its bytes while it is read.
const LIST_FACTOR: usize = 8;
/// A program may take this much memory (bytes); beyond it the pattern is refused.
const PROGRAM_LIMIT: usize = 1 << 20;
/// States that are made as they are met may take this much memory (bytes) for each part of the pattern …
const STATES_FACTOR: usize = 512;
/// … within these bounds.
const STATES: (usize, usize) = (64 << 10, 1 << 20);
/// A regex that stands for at most this many literal values is looked up value by value instead of by scanning.
const LITERALS_LIMIT: usize = 256;

/// How values are told from others.
enum Accepts {
    Alternatives(Alternatives),
    Regex(meta::Regex),
}

/// An expression, ready to be asked.
pub(super) struct Compiled {
    accepts: Accepts,
    /// The expression with its anchors, for an automaton.
    anchored: Option<String>,
    /// Made when it is asked for.
    automaton: OnceLock<Option<DFA>>,
    /// What every matching value starts with.
    prefix: String,
}

impl Compiled {
    pub(super) fn new(pattern: &str, room: &TakeBytes<'_>) -> Result<Self, MatcherError> {
        let take = payer(pattern, room)?;
        take(pattern.len() * LIST_FACTOR)?;
        if let Some(texts) = Alternatives::parse(pattern) {
            take(texts.memory().saturating_sub(pattern.len() * LIST_FACTOR))?;
            let prefix = texts.prefix().to_owned();
            let anchored = (pattern.len() <= LITERALS_LIMIT).then(|| Ok(anchored(&go_regex(pattern)?))).transpose()?;
            return Ok(Self { accepts: Accepts::Alternatives(texts), anchored, automaton: OnceLock::new(), prefix });
        }
        Self::parsed(pattern, &take)
    }

    fn parsed(pattern: &str, take: &dyn Fn(usize) -> Result<(), MatcherError>) -> Result<Self, MatcherError> {
        let refused = |why: String| MatcherError::Regex { pattern: pattern.to_owned(), why };
        let translated = bounded(pattern, take)?;
        let (anchored, parts) = (anchored(&translated), translated.parts);
        let hir = regex_syntax::parse(inner(&anchored)).map_err(|error| refused(syntax_reason(&error)))?;
        let found = literal::Extractor::new().limit_total(LITERALS_LIMIT).extract(&hir);
        // The extractor takes conditions on places, as `\b`, for met.
        let exact = found.is_exact() && has_no_conditions(&hir);
        let literals = exact.then(|| texts(&found)).flatten();
        let prefix =
            found.longest_common_prefix().and_then(|p| std::str::from_utf8(p).ok()).unwrap_or_default().to_owned();
        drop((hir, found));
        let accepts = match literals {
            Some(literals) => Accepts::Alternatives(literals),
            None => Accepts::Regex(build(pattern, &anchored, parts, take)?),
        };
        Ok(Self { accepts, anchored: Some(anchored), automaton: OnceLock::new(), prefix })
    }

    pub(super) fn accepts(&self, value: &str) -> bool {
        match &self.accepts {
            Accepts::Alternatives(texts) => texts.accepts(value),
            Accepts::Regex(regex) => regex.is_match(value),
        }
    }

    /// All values that it accepts, when they are a list.
    pub(super) fn literals(&self) -> Option<&TextSet> {
        match &self.accepts {
            Accepts::Alternatives(texts) => texts.literals(),
            Accepts::Regex(_) => None,
        }
    }

    pub(super) fn is_prefix(&self) -> bool {
        matches!(&self.accepts, Accepts::Alternatives(texts) if texts.is_prefix())
    }

    pub(super) fn prefix(&self) -> &str {
        &self.prefix
    }

    pub(super) fn automaton(&self) -> Option<&DFA> {
        let anchored = self.anchored.as_ref()?;
        let made = self.automaton.get_or_init(|| {
            let limits = DFA::config()
                .cache_capacity(PROGRAM_LIMIT)
                .skip_cache_capacity_check(true)
                .minimum_cache_clear_count(Some(0));
            let nfa = thompson::Config::new().nfa_size_limit(Some(PROGRAM_LIMIT));
            dfa::Builder::new().configure(limits).thompson(nfa).build(anchored).ok()
        });
        made.as_ref()
    }
}

/// An expression for whole values whose groups are asked for, and their names.
///
/// # Errors
/// When it is none, is too large, or `room` has no room for it.
pub fn capturing(pattern: &str, room: &TakeBytes<'_>) -> Result<(meta::Regex, Groups), MatcherError> {
    let take = payer(pattern, room)?;
    let translated = bounded(pattern, &take)?;
    let regex = build(pattern, &anchored(&translated), translated.parts, &take)?;
    Ok((regex, Groups::new(pattern, &translated.names)))
}

/// What takes memory for a pattern, which is not too long for that, of `room`.
fn payer<'t>(
    pattern: &'t str,
    room: &'t TakeBytes<'_>,
) -> Result<impl Fn(usize) -> Result<(), MatcherError> + 't, MatcherError> {
    let length = pattern.len();
    if length > MAX_PATTERN {
        return Err(MatcherError::Long(length));
    }
    Ok(move |bytes| if room(bytes) { Ok(()) } else { Err(MatcherError::NoRoom(length)) })
}

/// The expression in the syntax of the library, for whose parts there is room.
fn bounded(pattern: &str, take: &dyn Fn(usize) -> Result<(), MatcherError>) -> Result<Translated, MatcherError> {
    let translated = go_regex(pattern)?;
    if translated.parts > MAX_PARTS {
        let why = format!("expression is too large ({} parts, more than the limit of {MAX_PARTS})", translated.parts);
        return Err(MatcherError::Regex { pattern: pattern.to_owned(), why });
    }
    take(translated.parts * PART_BYTES)?;
    Ok(translated)
}

fn anchored(translated: &Translated) -> String {
    format!("^(?s:{})$", translated.text)
}

/// Without the anchors.
fn inner(anchored: &str) -> &str {
    anchored.strip_prefix('^').and_then(|rest| rest.strip_suffix('$')).unwrap_or(anchored)
}

/// The expression compiled.
fn build(
    pattern: &str,
    anchored: &str,
    parts: usize,
    take: &dyn Fn(usize) -> Result<(), MatcherError>,
) -> Result<meta::Regex, MatcherError> {
    let states = (parts * STATES_FACTOR).clamp(STATES.0, STATES.1);
    take(states)?;
    // Automata that are made as a whole take longer to make than most queries use them; states made as they are met do.
    let limits =
        meta::Config::new().dfa(false).onepass(false).nfa_size_limit(Some(PROGRAM_LIMIT)).hybrid_cache_capacity(states);
    let regex = meta::Builder::new()
        .configure(limits)
        .build(anchored)
        .map_err(|error| MatcherError::Regex { pattern: pattern.to_owned(), why: reason(&error) })?;
    take(regex.memory_usage())?;
    Ok(regex)
}

fn texts(seq: &literal::Seq) -> Option<Alternatives> {
    let texts: Option<Vec<&str>> = seq.literals()?.iter().map(|l| std::str::from_utf8(l.as_bytes()).ok()).collect();
    Alternatives::of(texts?)
}

/// Whether an expression for whole values has no conditions on places but anchors around it.
fn has_no_conditions(hir: &Hir) -> bool {
    let mut parts = Vec::new();
    flatten(hir, &mut parts);
    let is = |part: &&Hir, look| matches!(part.kind(), HirKind::Look(found) if *found == look);
    let anchors = parts.iter().take_while(|part| is(part, Look::Start)).count();
    parts.drain(..anchors);
    while parts.pop_if(|part| is(part, Look::End)).is_some() {}
    parts.iter().all(|part| part.properties().look_set().is_empty())
}

fn flatten<'h>(hir: &'h Hir, out: &mut Vec<&'h Hir>) {
    match hir.kind() {
        HirKind::Concat(parts) => parts.iter().for_each(|part| flatten(part, out)),
        HirKind::Capture(group) => flatten(&group.sub, out),
        HirKind::Empty => {}
        _ => out.push(hir),
    }
}

fn reason(error: &meta::BuildError) -> String {
    match error.syntax_error() {
        Some(syntax) => syntax_reason(syntax),
        None if error.size_limit().is_some() => {
            format!("expression is too large (more than {PROGRAM_LIMIT} bytes compiled)")
        }
        None => error.to_string(),
    }
}

fn syntax_reason(error: &regex_syntax::Error) -> String {
    match error {
        regex_syntax::Error::Parse(error) => error.kind().to_string(),
        regex_syntax::Error::Translate(error) => error.kind().to_string(),
        other => other.to_string(),
    }
}
