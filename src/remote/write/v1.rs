//! The walk over a remote write 1.0 message.

use super::{
    builder::{Parts, SentExemplar, Stop, WriteBuilder},
    family,
    fingerprint::Keys,
    histogram,
    labels::{LabelSource, Pair, exemplar_labels},
    rule::Rule,
};
use crate::{
    model::{
        MetricType,
        limits::{HEAVY, MAX_LABELS},
    },
    remote::wire::{Fields, WireError, sample},
};

/// Takes a `prometheus.WriteRequest`; on failure the position of the top-level field comes along.
pub(super) fn take<'m>(message: &'m [u8], builder: &mut WriteBuilder<'m, '_>) -> Result<(), (usize, Stop)> {
    let parts = Parts::new(builder.budget());
    let mut walk = Walk { keys: Keys::get(), parts, scattered: Vec::new(), pairs: Vec::new() };
    let mut fields = Fields::new(message);
    for position in 0.. {
        let at = |stop| (position, stop);
        let Some((number, value)) = fields.next().map_err(|error| at(error.into()))? else { break };
        match number {
            1 => value.bytes(1).map_err(Stop::from).and_then(|series| walk.series(series, builder)).map_err(at)?,
            3 => {
                walk.parts.spend(HEAVY).map_err(at)?;
                value.bytes(3).map_err(Stop::from).and_then(|entry| metadata(entry, builder)).map_err(at)?;
            }
            _ => {}
        }
    }
    Ok(())
}

struct Walk<'m, 's> {
    keys: Keys,
    parts: Parts<'s>,
    /// Label fields of a message that has other fields between them.
    scattered: Vec<u8>,
    pairs: Vec<Pair<'m>>,
}

impl<'m> Walk<'m, '_> {
    fn series(&mut self, message: &'m [u8], builder: &mut WriteBuilder<'m, '_>) -> Result<(), Stop> {
        self.parts.clear();
        // Those of the series that is likely to come next need no walk: their hash says that they are these bytes.
        let known = builder.likely().and_then(|likely| Some((self.keys.v1_end(message, likely)?, likely)));
        // Label fields in a row, as every encoder writes them, are hashed where they stand.
        let (mut start, mut end, mut in_a_row) = (0, known.map_or_else(|| short_labels(message), |(end, _)| end), true);
        let mut fields = Fields::new(message.get(end..).unwrap_or_default());
        loop {
            let at = message.len() - fields.left();
            let Some((number, value)) = fields.next()? else { break };
            match number {
                1 => {
                    value.bytes(1)?;
                    if end == 0 {
                        start = at;
                    }
                    in_a_row &= end == 0 || end == at;
                    end = message.len() - fields.left();
                }
                2 => self.parts.sample(sample(value.bytes(2)?, false)?)?,
                3 => {
                    let exemplar = self.exemplar(value.bytes(3)?)?;
                    self.parts.exemplar(exemplar)?;
                }
                4 => self.parts.histogram(value.bytes(4)?, |message| histogram::decode(message, None))?,
                _ => {}
            }
        }
        let source = LabelFields(message);
        if self.parts.is_empty() {
            self.pairs.clear();
            // No sample to store: only that the message is one matters.
            let _labels = source.pairs(&mut self.pairs)?;
            return Ok(());
        }
        let fingerprint = match known {
            Some((known_end, likely)) if known_end == end => likely,
            _ if in_a_row => self.keys.v1(message.get(start..end).unwrap_or_default()),
            _ => self.keys.v1(self.gather(message)?),
        };
        builder.series(fingerprint, &source, &mut self.parts, None)
    }

    /// The label fields of `message` put together.
    fn gather(&mut self, message: &[u8]) -> Result<&[u8], WireError> {
        self.scattered.clear();
        let mut fields = Fields::new(message);
        loop {
            let at = message.len() - fields.left();
            let Some((number, _)) = fields.next()? else { return Ok(&self.scattered) };
            if number == 1 {
                let end = message.len() - fields.left();
                self.scattered.extend_from_slice(message.get(at..end).unwrap_or_default());
            }
        }
    }

    fn exemplar(&mut self, message: &'m [u8]) -> Result<SentExemplar, WireError> {
        self.pairs.clear();
        let labels = LabelFields(message).pairs(&mut self.pairs)?;
        let (mut value, mut time) = (0.0, 0);
        let mut fields = Fields::new(message);
        while let Some((number, field)) = fields.next()? {
            match number {
                2 => value = field.double(2)?,
                3 => time = field.varint(3)? as i64,
                _ => {}
            }
        }
        let labels = labels.and_then(|()| exemplar_labels(&self.pairs, time));
        Ok(SentExemplar { labels, value, time })
    }
}

/// How far the message begins with label fields of less than 128 bytes. Most of a request is just that, so this loop is
/// worth having beside the general walk; it stops at anything else, damage included.
#[inline]
fn short_labels(message: &[u8]) -> usize {
    /// Field 1, bytes.
    const LABEL: u8 = 0x0a;
    let mut rest = message;
    while let [LABEL, len @ ..0x80, after @ ..] = rest
        && let Some(next) = after.get(usize::from(*len)..)
    {
        rest = next;
    }
    message.len() - rest.len()
}

/// The labels of a TimeSeries or Exemplar message: its fields with number 1.
struct LabelFields<'m>(&'m [u8]);

impl<'m> LabelSource<'m> for LabelFields<'m> {
    fn pairs(&self, out: &mut Vec<Pair<'m>>) -> Result<Result<(), Rule>, WireError> {
        let mut fields = Fields::new(self.0);
        while let Some((number, value)) = fields.next()? {
            if number == 1 {
                let pair = label(value.bytes(1)?)?;
                if out.len() <= MAX_LABELS {
                    out.push(pair);
                }
            }
        }
        Ok(Ok(()))
    }
}

fn label(message: &[u8]) -> Result<Pair<'_>, WireError> {
    let mut pair: Pair<'_> = (b"", b"");
    let mut fields = Fields::new(message);
    while let Some((number, value)) = fields.next()? {
        match number {
            1 => pair.0 = value.bytes(1)?,
            2 => pair.1 = value.bytes(2)?,
            _ => {}
        }
    }
    Ok(pair)
}

fn metadata(message: &[u8], builder: &mut WriteBuilder<'_, '_>) -> Result<(), Stop> {
    let (mut metric_type, mut name, mut help, mut unit): (_, &[u8], &[u8], &[u8]) = (0, b"", b"", b"");
    let mut fields = Fields::new(message);
    while let Some((number, value)) = fields.next()? {
        match number {
            1 => metric_type = value.varint(1)? as i32,
            2 => name = value.bytes(2)?,
            4 => help = value.bytes(4)?,
            5 => unit = value.bytes(5)?,
            _ => {}
        }
    }
    if let Ok(name) = std::str::from_utf8(name) {
        builder.metadata(family::metadata(name, MetricType::from_number(metric_type), help, unit))?;
    }
    Ok(())
}
