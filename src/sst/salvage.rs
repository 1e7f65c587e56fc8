//! Getting samples out of a table whose index, footer or blocks are damaged.
//!
//! A block says how long it is (its directory lists all columns) and has its own checksum, so the blocks of a table can be found
//! without the block index: where one ends the next begins, and behind damage the next one is searched byte by byte.

use std::{ops::Range, path::Path, sync::Arc};

use super::{SstError, TableWriter, block::Block, footer, footer::Footer};
use crate::{
    codec::checksum::crc32,
    model::{SeriesBuf, TimeRange},
    seams::{append::SeriesId, env::Disk},
};

/// What a salvage found.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Salvage {
    /// Whole blocks.
    pub blocks: u64,
    /// Samples in them.
    pub samples: u64,
    /// Bytes in front of, or between, whole blocks that are none.
    pub gaps: Vec<Range<u64>>,
    /// Bytes behind the last whole block whose meaning is not known, because the footer is damaged: index, bitmap and
    /// footer, and perhaps damaged blocks.
    pub unknown: Option<Range<u64>>,
}

/// Copies every sample that is in a whole block of `path` to a new table `to`, synced; without one, no table is left.
///
/// # Errors
/// When the disk refuses. Damage is no error here.
pub fn salvage(disk: &Arc<dyn Disk>, path: &Path, to: &Path) -> Result<Salvage, SstError> {
    let mut writer = TableWriter::create(disk, to)?;
    let found = scan(disk, path, &mut |id, samples| match writer.append(id, samples) {
        // Blocks that repeat or contradict earlier ones are none of this table's.
        Err(SstError::Order { .. }) => Ok(false),
        other => other.map(|()| true),
    });
    let finished = match &found {
        Ok(found) if found.samples > 0 => writer.finish().map(drop),
        _ => {
            drop(writer);
            disk.remove(to).map_err(SstError::io(to, "removing an empty table"))
        }
    };
    finished?;
    found
}

/// Looks for whole blocks without writing anything.
///
/// # Errors
/// When the disk refuses.
pub fn survey(disk: &Arc<dyn Disk>, path: &Path) -> Result<Salvage, SstError> {
    scan(disk, path, &mut |_, _| Ok(true))
}

fn scan(
    disk: &Arc<dyn Disk>,
    path: &Path,
    take: &mut dyn FnMut(SeriesId, &SeriesBuf) -> Result<bool, SstError>,
) -> Result<Salvage, SstError> {
    let file = disk.open(path).map_err(SstError::io(path, "opening the table"))?;
    let mapped = file.map().map_err(SstError::io(path, "mapping the table"))?;
    let bytes: &[u8] = mapped.as_ref();
    let footer = bytes.last_chunk::<{ footer::LEN }>().map(|f| Footer::decode(f, bytes.len() as u64, path));
    let blocks_end = footer.and_then(Result::ok).and_then(|f| usize::try_from(f.index_at).ok());
    let end = blocks_end.unwrap_or(bytes.len());
    let mut found = Salvage::default();
    let (mut at, mut good_until) = (0, 0);
    let mut samples = SeriesBuf::default();
    while at < end {
        let rest = bytes.get(at..end).unwrap_or_default();
        let Some((block, len)) = whole_block(rest) else {
            at += 1;
            continue;
        };
        if good_until < at {
            found.gaps.push(good_until as u64..at as u64);
        }
        let mut piece = 0;
        while let Some(id) = block.id(piece) {
            samples.clear();
            if block.read(piece, TimeRange::ALL, &mut samples).is_ok() && take(SeriesId(id), &samples)? {
                found.samples += samples.len() as u64;
            }
            piece += 1;
        }
        found.blocks += 1;
        at += len;
        good_until = at;
    }
    if good_until < end {
        let rest = good_until as u64..end as u64;
        match blocks_end {
            Some(_) => found.gaps.push(rest),
            None => found.unknown = Some(rest),
        }
    }
    Ok(found)
}

/// The block that `bytes` begin with, and its length.
fn whole_block(bytes: &[u8]) -> Option<(Block, usize)> {
    let len = Block::extent(bytes)?;
    let (body, rest) = bytes.split_at_checked(len)?;
    let crc = rest.first_chunk::<4>()?;
    if crc32(body) != u32::from_le_bytes(*crc) {
        return None;
    }
    Some((Block::parse(body.to_vec()).ok()?, len + 4))
}
