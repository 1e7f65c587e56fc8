//! Reading a table.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

use roaring::RoaringBitmap;

use super::{
    BlockCache, Pass, SstError, TableScan, TableSummary,
    block::Block,
    buffers,
    damage::DamagedBlocks,
    footer::{self, Footer},
    index::{self, BlockMeta},
};
use crate::{
    codec::checksum::crc32,
    model::{SeriesBuf, TimeRange},
    seams::{
        append::SeriesId,
        env::{Disk, DiskFile},
    },
};

/// What the cache of a table opened without one may hold: a few blocks.
const OWN_CACHE: usize = 4 << 20;

/// An open table. Any number of threads may read it.
pub struct Table {
    path: PathBuf,
    file: Arc<dyn DiskFile>,
    summary: TableSummary,
    index: Vec<BlockMeta>,
    series: RoaringBitmap,
    /// Blocks read before, under this table's number there.
    cache: Arc<BlockCache>,
    cached_as: u64,
    pub(super) damaged: DamagedBlocks,
}

/// What opening reads.
struct Tail {
    footer: Footer,
    index: Vec<BlockMeta>,
    series: RoaringBitmap,
}

impl Tail {
    fn read(file: &dyn DiskFile, path: &Path) -> Result<Self, SstError> {
        let need = footer::LEN as u64;
        let len = file.len();
        let Some(at) = len.checked_sub(need) else {
            return Err(SstError::Short { path: path.to_owned(), len, need });
        };
        let mut bytes = [0; footer::LEN];
        file.read_at(&mut bytes, at).map_err(SstError::io(path, "reading the footer"))?;
        let footer = Footer::decode(&bytes, len, path)?;
        let part = |what, at: u64, len: u64, want: u32| {
            // The footer's parts add up to the file, so a length is none that the file doesn't have.
            let mut bytes = vec![0; len as usize];
            file.read_at(&mut bytes, at).map_err(SstError::io(path, "reading the table's end"))?;
            let got = crc32(&bytes);
            if got == want { Ok(bytes) } else { Err(SstError::Crc { path: path.to_owned(), what, at, got, want }) }
        };
        let index = part("the block index", footer.index_at, footer.index_len, footer.index_crc)?;
        let bitmap_at = footer.index_at + footer.index_len;
        let bitmap = part("the series bitmap", bitmap_at, footer.bitmap_len, footer.bitmap_crc)?;
        let index = index::decode(&index, footer.version, footer.index_at, path)?;
        let series = RoaringBitmap::deserialize_from(&bitmap[..])
            .map_err(|_| SstError::inconsistent(path, "the series bitmap", bitmap_at, "it is no roaring bitmap"))?;
        if series.len() != footer.series {
            let why = "it has another number of series than the footer";
            return Err(SstError::inconsistent(path, "the series bitmap", bitmap_at, why));
        }
        Ok(Self { footer, index, series })
    }
}

impl Table {
    /// Opens the table `path` by itself, with a small cache of its own.
    ///
    /// # Errors
    /// See [`Table::open_with`].
    pub fn open(disk: &Arc<dyn Disk>, path: &Path) -> Result<Self, SstError> {
        Self::open_with(disk, path, Arc::new(BlockCache::new(OWN_CACHE)))
    }

    /// Opens the table `path`: reads and checks its footer, block index and series bitmap. Blocks read later stay in
    /// `cache`, which tables share.
    ///
    /// # Errors
    /// When it can't be read, is damaged, or has another format version.
    pub fn open_with(disk: &Arc<dyn Disk>, path: &Path, cache: Arc<BlockCache>) -> Result<Self, SstError> {
        let file = disk.open(path).map_err(SstError::io(path, "opening the table"))?;
        let Tail { footer, index, series } = Tail::read(&*file, path)?;
        let (summary, path) = (footer.summary(), path.to_owned());
        let cached_as = cache.table_number();
        Ok(Self { path, file, summary, index, series, cache, cached_as, damaged: DamagedBlocks::default() })
    }

    /// Its path, as given to [`Table::open`].
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The table in numbers.
    #[must_use]
    pub fn summary(&self) -> &TableSummary {
        &self.summary
    }

    /// The ids of its series.
    #[must_use]
    pub fn series(&self) -> &RoaringBitmap {
        &self.series
    }

    /// Replaces what `out` holds by the samples of series `id` in `range`.
    ///
    /// # Errors
    /// When a block with such samples can't be read or is damaged; `out` is then empty.
    pub fn read(&self, id: SeriesId, range: TimeRange, out: &mut SeriesBuf) -> Result<(), SstError> {
        out.clear();
        let pass = Pass::new();
        for (number, meta) in self.blocks_of(id, range) {
            if let Err(error) = self.read_block((number, meta), id, range, pass, out) {
                out.clear();
                return Err(error);
            }
        }
        Ok(())
    }

    /// Number and meta of the blocks that may have samples of series `id` in `range`.
    pub(super) fn blocks_of(
        &self,
        id: SeriesId,
        range: TimeRange,
    ) -> impl Iterator<Item = (usize, &BlockMeta)> + use<'_> {
        let any = range.overlaps(self.summary.times) && range.start <= range.end && self.series.contains(id.0);
        let first = if any { self.index.partition_point(|block| block.last < id.0) } else { self.index.len() };
        let blocks = self.index.iter().enumerate().skip(first).take_while(move |(_, block)| block.first <= id.0);
        blocks.filter(move |(_, block)| block.times.overlaps(range))
    }

    /// Appends a block's samples of series `id` in `range`; on an error `out` has an unknown part of them.
    pub(super) fn read_block(
        &self,
        (number, meta): (usize, &BlockMeta),
        id: SeriesId,
        range: TimeRange,
        pass: Pass,
        out: &mut SeriesBuf,
    ) -> Result<(), SstError> {
        let block = self.cache.get(self.cached_as, number, pass, || self.load(meta))?;
        block.pieces(id.0).try_for_each(|piece| self.decode(&block, meta, piece, range, out))
    }

    /// The last sample of series `id` in a block, if that is surely a float.
    pub(super) fn last_float_in_block(
        &self,
        (number, meta): (usize, &BlockMeta),
        id: SeriesId,
        pass: Pass,
    ) -> Result<Option<(i64, f64)>, SstError> {
        let block = self.cache.get(self.cached_as, number, pass, || self.load(meta))?;
        let error = |source| SstError::Decode { path: self.path.clone(), at: meta.at, source };
        block.pieces(id.0).last().map_or(Ok(None), |piece| block.last_float(piece)).map_err(error)
    }

    /// Those of the ascending `ids` that have samples in `range` in a block.
    pub(super) fn present_in_block(
        &self,
        (number, meta): (usize, &BlockMeta),
        ids: &[u32],
        range: TimeRange,
        pass: Pass,
    ) -> Result<Vec<u32>, SstError> {
        let block = self.cache.get(self.cached_as, number, pass, || self.load(meta))?;
        let error = |source| SstError::Decode { path: self.path.clone(), at: meta.at, source };
        block.present(ids, range).map_err(error)
    }

    /// About how many of its bytes samples before `time` take: those of a block are taken to be spread evenly over its times.
    #[must_use]
    pub fn bytes_before(&self, time: i64) -> u64 {
        let TableSummary { times, bytes, .. } = self.summary;
        if times.end < time || times.start >= time {
            return if times.end < time { bytes } else { 0 };
        }
        let before = |block: &BlockMeta| {
            let share = |from: i64, to: i64| (to as f64 - from as f64).max(0.0) + 1.0;
            let TimeRange { start, end } = block.times;
            match () {
                () if end < time => f64::from(block.len),
                () if start >= time => 0.0,
                () => f64::from(block.len) * share(start, time.saturating_sub(1)) / share(start, end),
            }
        };
        self.index.iter().map(before).sum::<f64>() as u64
    }

    /// Reads all series in order.
    #[must_use]
    pub fn scan(&self) -> TableScan<'_> {
        TableScan::new(self)
    }

    /// Reads the whole file again and checks every checksum.
    ///
    /// # Errors
    /// Names the first part that is damaged.
    pub fn verify(&self) -> Result<(), SstError> {
        Tail::read(&*self.file, &self.path)?;
        self.index.iter().try_for_each(|meta| self.load(meta).map(drop))
    }

    pub(super) fn index(&self) -> &[BlockMeta] {
        &self.index
    }

    /// Reads and checks a block.
    pub(super) fn load(&self, meta: &BlockMeta) -> Result<Block, SstError> {
        let mut bytes = buffers::take(meta.len as usize);
        self.file.read_at(&mut bytes, meta.at).map_err(SstError::io(&self.path, "reading a block"))?;
        let Some((body, stored)) = bytes.split_last_chunk::<4>() else {
            return Err(SstError::inconsistent(&self.path, "a block", meta.at, "it is shorter than its checksum"));
        };
        let (got, want) = (crc32(body), u32::from_le_bytes(*stored));
        if got != want {
            return Err(SstError::Crc { path: self.path.clone(), what: "the block", at: meta.at, got, want });
        }
        bytes.truncate(bytes.len() - 4);
        Block::parse(bytes).map_err(|source| SstError::Decode { path: self.path.clone(), at: meta.at, source })
    }

    /// Appends the samples of a piece in `range`, and checks that they come after those already there.
    pub(super) fn decode(
        &self,
        block: &Block,
        meta: &BlockMeta,
        piece: usize,
        range: TimeRange,
        out: &mut SeriesBuf,
    ) -> Result<(), SstError> {
        let (floats, histograms) = (out.times.len(), out.histograms.len());
        block.read(piece, range, out).map_err(|source| SstError::Decode {
            path: self.path.clone(),
            at: meta.at,
            source,
        })?;
        let new_times = out.times.get(floats.saturating_sub(1)..).unwrap_or_default();
        let new_histograms = out.histograms.get(histograms.saturating_sub(1)..).unwrap_or_default();
        if new_times.is_sorted_by(|a, b| a < b) && new_histograms.is_sorted_by(|a, b| a.0 < b.0) {
            return Ok(());
        }
        Err(SstError::inconsistent(&self.path, "the block", meta.at, "the times of a series don't ascend"))
    }
}

impl Drop for Table {
    fn drop(&mut self) {
        self.cache.forget(self.cached_as);
    }
}

impl std::fmt::Debug for Table {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Table").field("path", &self.path).field("summary", &self.summary).finish_non_exhaustive()
    }
}
