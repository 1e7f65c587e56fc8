//! Getting samples out of a table whose index, footer or blocks are damaged.
//!
//! A block says how long it is (its directory lists all columns) and has its own checksum, so the blocks of a table can be found
//! without the block index: where one ends the next begins, and behind damage the next one is searched byte by byte.

use std::{io, ops::Range, path::Path, sync::Arc};

use super::{SstError, TableWriter, block::Block, footer, footer::Footer};
use crate::{
    codec::checksum::crc32,
    model::{SeriesBuf, TimeRange},
    seams::{
        append::SeriesId,
        env::{Disk, Window},
    },
};

/// A block's directory takes no more than this.
const DIRECTORY: usize = 256 << 10;
/// Nor does a block, which is closed soon after 16 KiB, but has at least one histogram.
const BLOCK: usize = 64 << 20;

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
    let reading = |error| SstError::io(path, "reading the table")(error);
    let mut window = Window::new(file);
    let len = window.file_len();
    let footer = window.get(len.saturating_sub(footer::LEN as u64), footer::LEN).map_err(reading)?;
    let footer = footer.last_chunk::<{ footer::LEN }>().map(|footer| Footer::decode(footer, len, path));
    let blocks_end = footer.and_then(Result::ok).map(|footer| footer.index_at);
    let end = blocks_end.unwrap_or(len);
    let mut found = Salvage::default();
    let (mut at, mut good_until) = (0, 0);
    let mut samples = SeriesBuf::default();
    while at < end {
        let Some((block, len)) = whole_block(&mut window, at, end).map_err(reading)? else {
            at += 1;
            continue;
        };
        if good_until < at {
            found.gaps.push(good_until..at);
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
        let rest = good_until..end;
        match blocks_end {
            Some(_) => found.gaps.push(rest),
            None => found.unknown = Some(rest),
        }
    }
    Ok(found)
}

/// The block at `at` that ends before `end`, and its length with its checksum.
fn whole_block(window: &mut Window, at: u64, end: u64) -> io::Result<Option<(Block, u64)>> {
    let left = usize::try_from(end - at).unwrap_or(usize::MAX);
    let begun = window.get(at, left.min(DIRECTORY))?;
    let Some(len) = Block::extent(begun, left.saturating_sub(4).min(BLOCK)) else { return Ok(None) };
    let bytes = window.get(at, len + 4)?;
    let Some((body, crc)) = bytes.split_last_chunk::<4>() else { return Ok(None) };
    if crc32(body) != u32::from_le_bytes(*crc) {
        return Ok(None);
    }
    Ok(Block::parse(body.to_vec()).ok().map(|block| (block, len as u64 + 4)))
}
