//! The walk over a remote write 2.0 message.
//!
//! A sender attaches metadata to every series it sends. So that it is looked at once, not with every sample, it belongs
//! to what is fingerprinted: a series that is known is known with this metadata, and when its help text changes the
//! fingerprint misses and the new text is stored.

use super::{
    builder::{Described, Parts, SentExemplar, Stop, WriteBuilder},
    fingerprint::Keys,
    histogram,
    labels::{LabelSource, Pair, exemplar_labels},
    rule::{Rule, SYMBOL},
};
use crate::{
    model::{
        MetricType,
        limits::{LabelLimit, MAX_LABELS},
    },
    remote::wire::{Fields, Value, WireError, sample},
    seams::batch_builder::Allowance,
};

/// Takes an `io.prometheus.write.v2.Request`; on failure the position of the top-level field comes along.
pub(super) fn take<'m>(message: &'m [u8], builder: &mut WriteBuilder<'m, '_>) -> Result<(), (usize, Stop)> {
    let keys = Keys::get();
    let mut symbols = Symbols::default();
    let mut parts = Parts::new(builder.budget());
    let mut allowance = Allowance::new(builder.budget());
    // Symbols first: nothing says that they stand in front.
    each_field(message, |number, value| {
        if number == 4 {
            parts.spend(SYMBOL)?;
            allowance.pay(SYMBOL_BYTES)?;
            symbols.push(value.bytes(4)?, keys);
        }
        Ok(())
    })?;
    let mut walk = Walk { keys, symbols: &symbols, parts, allowance, refs: Vec::new(), key: Vec::new() };
    each_field(message, |number, value| if number == 5 { walk.series(value.bytes(5)?, builder) } else { Ok(()) })
}

fn each_field<'m>(
    message: &'m [u8],
    mut visit: impl FnMut(u32, Value<'m>) -> Result<(), Stop>,
) -> Result<(), (usize, Stop)> {
    let mut fields = Fields::new(message);
    for position in 0.. {
        let Some((number, value)) = fields.next().map_err(|error| (position, error.into()))? else { break };
        visit(number, value).map_err(|stop| (position, stop))?;
    }
    Ok(())
}

/// What a symbol takes in lists that grow.
const SYMBOL_BYTES: usize = 2 * (size_of::<&[u8]>() + 16);

/// The request's strings with their hashes.
#[derive(Default)]
struct Symbols<'m> {
    strings: Vec<&'m [u8]>,
    hashes: Vec<[u8; 16]>,
}

impl<'m> Symbols<'m> {
    fn push(&mut self, symbol: &'m [u8], keys: Keys) {
        self.strings.push(symbol);
        self.hashes.push(keys.symbol(symbol));
    }

    fn get(&self, symbol: u32) -> Result<&'m [u8], Rule> {
        self.strings.get(symbol as usize).copied().ok_or_else(|| self.missing(symbol))
    }

    #[inline]
    fn hash(&self, symbol: u32) -> Result<&[u8; 16], Rule> {
        self.hashes.get(symbol as usize).ok_or_else(|| self.missing(symbol))
    }

    fn missing(&self, symbol: u32) -> Rule {
        Rule::Symbol { symbol, symbols: self.strings.len() }
    }
}

/// Labels as references to symbols.
struct References<'m, 'w> {
    refs: &'w [u32],
    symbols: &'w Symbols<'m>,
}

impl<'m> LabelSource<'m> for References<'m, '_> {
    fn pairs(&self, out: &mut Vec<Pair<'m>>) -> Result<Result<(), Rule>, WireError> {
        Ok(self.collect(out))
    }
}

impl<'m> References<'m, '_> {
    fn collect(&self, out: &mut Vec<Pair<'m>>) -> Result<(), Rule> {
        let (pairs, odd) = self.refs.as_chunks::<2>();
        for &[name, value] in pairs.iter().take(MAX_LABELS + 1) {
            out.push((self.symbols.get(name)?, self.symbols.get(value)?));
        }
        if odd.is_empty() { Ok(()) } else { Err(Rule::OddSymbols(self.refs.len())) }
    }
}

/// A Metadata message.
#[derive(Default)]
struct SentMetadata {
    metric_type: i32,
    help: u32,
    unit: u32,
}

struct Walk<'m, 'w, 's> {
    keys: Keys,
    symbols: &'w Symbols<'m>,
    parts: Parts<'s>,
    allowance: Allowance<'s>,
    refs: Vec<u32>,
    /// What is hashed for the fingerprint.
    key: Vec<u8>,
}

impl<'m> Walk<'m, '_, '_> {
    fn series(&mut self, message: &'m [u8], builder: &mut WriteBuilder<'m, '_>) -> Result<(), Stop> {
        self.parts.clear();
        self.refs.clear();
        let mut metadata = SentMetadata::default();
        let mut fields = Fields::new(message);
        while let Some((number, value)) = fields.next()? {
            match number {
                1 => references(value, &mut self.refs, &mut self.allowance)?,
                2 => self.parts.sample(sample(value.bytes(2)?, true)?)?,
                3 => self.parts.histogram(value.bytes(3)?, |message| histogram::decode(message, Some(17)))?,
                4 => {
                    let exemplar = self.exemplar(value.bytes(4)?)?;
                    self.parts.exemplar(exemplar)?;
                }
                5 => metadata.merge(value.bytes(5)?)?,
                _ => {}
            }
        }
        let source = References { refs: &self.refs, symbols: self.symbols };
        let native = self.parts.has_histograms();
        match identity(&mut self.key, &source, &metadata, native) {
            Ok(described) => builder.series(self.keys.v2(&self.key), &source, &mut self.parts, described),
            Err(rule) => builder.refuse(&source, rule),
        }
    }

    fn exemplar(&mut self, message: &'m [u8]) -> Result<SentExemplar, Stop> {
        let (mut refs, mut value, mut time) = (Vec::new(), 0.0, 0);
        let mut fields = Fields::new(message);
        while let Some((number, field)) = fields.next()? {
            match number {
                1 => references(field, &mut refs, &mut self.allowance)?,
                2 => value = field.double(2)?,
                3 => time = field.varint(3)? as i64,
                _ => {}
            }
        }
        let mut pairs = Vec::new();
        let source = References { refs: &refs, symbols: self.symbols };
        let labels = source.collect(&mut pairs).and_then(|()| exemplar_labels(&pairs, time));
        Ok(SentExemplar { labels, value, time })
    }
}

/// Reads references to symbols. Far more than any series may have are paid for before.
fn references(value: Value<'_>, refs: &mut Vec<u32>, allowance: &mut Allowance<'_>) -> Result<(), Stop> {
    let most = if let Value::Bytes(packed) = value { packed.len() } else { 1 };
    if refs.len() + most > 4 * MAX_LABELS {
        allowance.pay(3 * most * size_of::<u32>())?;
    }
    Ok(value.varints(1, refs, |symbol| symbol as u32)?)
}

/// Writes to `key` what makes this series what it is:
///
/// ```text
/// number of label references (8 bytes), the hash of each symbol (16 bytes each)
/// with metadata: 1 or, when it is about native histograms, 2; the type (4 bytes), the hashes of help text and unit
/// ```
fn identity<'m>(
    key: &mut Vec<u8>,
    labels: &References<'m, '_>,
    metadata: &SentMetadata,
    native: bool,
) -> Result<Option<Described<'m>>, Rule> {
    let symbols = labels.symbols;
    if labels.refs.len() > 2 * MAX_LABELS {
        return Err(LabelLimit::ManyLabels.into());
    }
    key.clear();
    key.extend_from_slice(&(labels.refs.len() as u64).to_le_bytes());
    key.resize(size_of::<u64>() + 16 * labels.refs.len(), 0);
    let (hashes, _) = key.get_mut(size_of::<u64>()..).unwrap_or_default().as_chunks_mut();
    for (hash, &symbol) in hashes.iter_mut().zip(labels.refs) {
        *hash = *symbols.hash(symbol)?;
    }
    if labels.refs.len() % 2 == 1 {
        return Err(Rule::OddSymbols(labels.refs.len()));
    }
    // Reference 0 stands for an absent text, also where a sender has no symbols or another first one.
    let text = |symbol| if symbol == 0 { Ok(&b""[..]) } else { symbols.get(symbol) };
    let described = Described {
        metric_type: MetricType::from_number(metadata.metric_type),
        help: text(metadata.help)?,
        unit: text(metadata.unit)?,
    };
    if described.metric_type == MetricType::Unknown && described.help.is_empty() && described.unit.is_empty() {
        return Ok(None);
    }
    key.push(1 + u8::from(native));
    key.extend_from_slice(&(described.metric_type as u32).to_le_bytes());
    for symbol in [metadata.help, metadata.unit] {
        key.extend_from_slice(if symbol == 0 { &[0; 16] } else { symbols.hash(symbol)? });
    }
    Ok(Some(described))
}

impl SentMetadata {
    /// Reads the message over what is there: a field that occurs again wins.
    fn merge(&mut self, message: &[u8]) -> Result<(), WireError> {
        let mut fields = Fields::new(message);
        while let Some((number, value)) = fields.next()? {
            match number {
                1 => self.metric_type = value.varint(1)? as i32,
                3 => self.help = value.varint(3)? as u32,
                4 => self.unit = value.varint(4)? as u32,
                _ => {}
            }
        }
        Ok(())
    }
}
