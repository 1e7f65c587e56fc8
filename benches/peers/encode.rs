//! Remote-write 1.0 requests, made ahead and kept in files, so that sending costs next to nothing.
//!
//! Series are spread over [`SHARDS`] by host, as a sender's shards do; a series stays in its shard, so its samples
//! arrive in order. A request holds up to [`PER_REQUEST`] samples, the default of Prometheus' `max_samples_per_send`.

use std::{
    fs::File,
    io::{BufWriter, Write},
    path::{Path, PathBuf},
};

use crate::{Fallible, generate::Fleet};

/// Connections of the sender.
pub(crate) const SHARDS: usize = 4;
/// Samples in a request.
const PER_REQUEST: u32 = 2_000;

/// A request in the file of its shard.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Request {
    /// Where it starts.
    pub(crate) at: u64,
    /// Its length in bytes, compressed.
    pub(crate) len: usize,
    /// The scrape round it belongs to.
    pub(crate) round: usize,
}

/// All requests of one shard in the order of sending.
#[derive(Debug)]
pub(crate) struct Shard {
    pub(crate) path: PathBuf,
    pub(crate) requests: Vec<Request>,
}

/// All requests.
#[derive(Debug)]
pub(crate) struct Spool {
    pub(crate) shards: Vec<Shard>,
}

impl Spool {
    /// Encodes the whole load into `dir`, all shards at once.
    pub(crate) fn write(fleet: &Fleet, dir: &Path) -> Fallible<Self> {
        std::fs::create_dir_all(dir)?;
        let shards = std::thread::scope(|scope| {
            let threads: Vec<_> = (0..SHARDS)
                .map(|shard| {
                    let path = dir.join(format!("shard-{shard}"));
                    scope.spawn(move || write_shard(fleet, shard, path))
                })
                .collect();
            threads.into_iter().map(|t| t.join().map_err(|_| "encoding failed")?).collect::<Fallible<Vec<_>>>()
        })?;
        Ok(Self { shards })
    }

    pub(crate) fn requests(&self) -> usize {
        self.shards.iter().map(|s| s.requests.len()).sum()
    }

    pub(crate) fn bytes(&self) -> u64 {
        self.shards.iter().flat_map(|s| &s.requests).map(|r| r.len as u64).sum()
    }
}

fn write_shard(fleet: &Fleet, shard: usize, path: PathBuf) -> Fallible<Shard> {
    let mut out = Writer { file: BufWriter::new(File::create(&path)?), at: 0, requests: Vec::new(), failed: None };
    let (mut message, mut samples) = (Vec::new(), 0);
    let mut sources = fleet.sources(shard, SHARDS);
    for round in 0..fleet.rounds() {
        for source in &mut sources {
            source.scrape(round, &mut |labels, time, value| {
                time_series(labels, time, value, &mut message);
                samples += 1;
                if samples == PER_REQUEST {
                    out.request(&message, round);
                    message.clear();
                    samples = 0;
                }
            });
        }
        // A sender doesn't keep a rest for the next scrape.
        if samples > 0 {
            out.request(&message, round);
            message.clear();
            samples = 0;
        }
    }
    if let Some(error) = out.failed {
        return Err(format!("{}: {error}", path.display()).into());
    }
    out.file.flush()?;
    Ok(Shard { path, requests: out.requests })
}

struct Writer {
    file: BufWriter<File>,
    at: u64,
    requests: Vec<Request>,
    failed: Option<String>,
}

impl Writer {
    fn request(&mut self, message: &[u8], round: usize) {
        let written = snap::raw::Encoder::new()
            .compress_vec(message)
            .map_err(|e| e.to_string())
            .and_then(|body| self.file.write_all(&body).map(|()| body.len()).map_err(|e| e.to_string()));
        match written {
            Ok(len) => {
                self.requests.push(Request { at: self.at, len, round });
                self.at += len as u64;
            }
            Err(error) => self.failed = Some(error),
        }
    }
}

/// The labels of a series as repeated `Label` fields of a `TimeSeries`. They must be sorted.
pub(crate) fn labels<'a>(pairs: impl IntoIterator<Item = (&'a str, &'a str)>) -> Vec<u8> {
    let mut out = Vec::with_capacity(320);
    for (name, value) in pairs {
        let field = |text: &str| 1 + varint_len(text.len() as u64) + text.len();
        out.push(0x0a);
        varint((field(name) + field(value)) as u64, &mut out);
        for (tag, text) in [(0x0a, name), (0x12, value)] {
            out.push(tag);
            varint(text.len() as u64, &mut out);
            out.extend_from_slice(text.as_bytes());
        }
    }
    // There may be millions.
    out.shrink_to_fit();
    out
}

/// One `TimeSeries` field of a `WriteRequest`, with one sample.
fn time_series(labels: &[u8], time: i64, value: f64, out: &mut Vec<u8>) {
    let sample = 9 + 1 + varint_len(time as u64);
    out.push(0x0a);
    varint((labels.len() + 2 + sample) as u64, out);
    out.extend_from_slice(labels);
    out.extend_from_slice(&[0x12, sample as u8, 0x09]);
    out.extend_from_slice(&value.to_le_bytes());
    out.push(0x10);
    varint(time as u64, out);
}

fn varint(mut value: u64, out: &mut Vec<u8>) {
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

fn varint_len(value: u64) -> usize {
    (64 - (value | 1).leading_zeros() as usize).div_ceil(7)
}
