//! Writing a table.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

use roaring::RoaringBitmap;

use super::{
    SstError, TableSummary,
    builder::BlockBuilder,
    footer::{Footer, VERSION},
    index::{self, BlockMeta},
    piece::Piece,
};
use crate::{
    codec::checksum::crc32,
    model::{SeriesBuf, TimeRange},
    seams::{
        append::SeriesId,
        env::{Disk, DiskWriter},
    },
};

/// Writes a table from its first to its last series. Keeps a block, the index and the bitmap in memory, not the table.
///
/// After an error, or when it is dropped unfinished, the file is garbage that the caller removes.
pub struct TableWriter {
    path: PathBuf,
    file: Box<dyn DiskWriter>,
    /// Bytes written so far.
    at: u64,
    block: BlockBuilder,
    /// The last block's bytes: memory used again.
    bytes: Vec<u8>,
    index: Vec<BlockMeta>,
    series: RoaringBitmap,
    samples: u64,
    times: TimeRange,
    /// The newest piece's series and its last time.
    last: Option<(SeriesId, i64)>,
}

impl TableWriter {
    /// Begins the table `path`, a file that must not exist yet.
    ///
    /// # Errors
    /// When the file can't be created.
    pub fn create(disk: &Arc<dyn Disk>, path: &Path) -> Result<Self, SstError> {
        let file = disk.create(path).map_err(SstError::io(path, "creating the table"))?;
        Ok(Self {
            path: path.to_owned(),
            file,
            at: 0,
            block: BlockBuilder::default(),
            bytes: Vec::new(),
            index: Vec::new(),
            series: RoaringBitmap::new(),
            samples: 0,
            times: TimeRange::new(i64::MAX, i64::MIN),
            last: None,
        })
    }

    /// Adds samples of series `id`, of which there may be none.
    ///
    /// Ids must ascend. A long series may come in several calls, each with later samples than the one before.
    ///
    /// # Errors
    /// When series or samples come out of order, nothing is added; when writing fails, the table is lost.
    pub fn append(&mut self, id: SeriesId, samples: &SeriesBuf) -> Result<(), SstError> {
        let all = Piece::whole(samples);
        let Some(times) = all.time_range() else { return Ok(()) };
        let early = match self.last {
            Some((last, _)) if last > id => Some(times.start),
            Some((last, end)) if last == id && end >= times.start => Some(times.start),
            _ => all.disorder(),
        };
        if let Some(time) = early {
            return Err(SstError::Order { path: self.path.clone(), series: id, time });
        }
        for piece in all {
            self.block.push(id.0, &piece);
            if self.block.is_full() {
                self.write_block()?;
            }
        }
        self.last = Some((id, times.end));
        self.series.insert(id.0);
        self.samples += samples.len() as u64;
        self.times = self.times.join(times);
        Ok(())
    }

    /// Bytes written so far; the open block is not among them.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.at
    }

    fn write_block(&mut self) -> Result<(), SstError> {
        let too_long = |bytes| SstError::BlockSize { path: self.path.clone(), bytes };
        let meta = self.block.finish(self.at, &mut self.bytes).map_err(too_long)?;
        self.file.append(&self.bytes).map_err(SstError::io(&self.path, "writing a block"))?;
        self.at += u64::from(meta.len);
        self.index.push(meta);
        Ok(())
    }

    /// Writes what is left and syncs the file. Syncing the directory is up to the caller.
    ///
    /// # Errors
    /// When writing or syncing fails.
    pub fn finish(mut self) -> Result<TableSummary, SstError> {
        if !self.block.is_empty() {
            self.write_block()?;
        }
        let index = index::encode(&self.index);
        let mut bitmap = Vec::with_capacity(self.series.serialized_size());
        self.series.serialize_into(&mut bitmap).map_err(SstError::io(&self.path, "serializing the series"))?;
        let footer = Footer {
            index_at: self.at,
            index_len: index.len() as u64,
            bitmap_len: bitmap.len() as u64,
            series: self.series.len(),
            samples: self.samples,
            times: self.times,
            index_crc: crc32(&index),
            bitmap_crc: crc32(&bitmap),
            version: VERSION,
        };
        for part in [index, bitmap, footer.encode()] {
            self.file.append(&part).map_err(SstError::io(&self.path, "writing the table's end"))?;
        }
        self.file.sync().map_err(SstError::io(&self.path, "syncing the table"))?;
        Ok(footer.summary())
    }
}
