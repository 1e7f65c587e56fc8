//! Loaded data that stays, so that questions can be asked again without loading.
//!
//! ```text
//! DIR/load        what was loaded: size, hours, seed and number of series, then the end of the data (ms)
//! DIR/NAME        where the server of that name has its data, once it is loaded and settled
//! DIR/NAME.part   while it is being loaded
//! ```

use std::path::{Path, PathBuf};

use crate::{Fallible, flags::Flags, measure, serve::Kind};

/// A directory of loaded data.
#[derive(Debug)]
pub(crate) struct Kept {
    dir: PathBuf,
    /// The last time in the data (ms).
    pub(crate) end: i64,
}

impl Kept {
    /// The data in `dir`, or an empty directory for the load that `flags` ask for.
    pub(crate) fn in_dir(dir: &Path, flags: &Flags) -> Fallible<Self> {
        std::fs::create_dir_all(dir)?;
        let series = flags.series.map(|series| format!(" of {series} series")).unwrap_or_default();
        let what = format!("{:?} {:?} {}{series}", flags.size, flags.hours, flags.seed);
        let file = dir.join("load");
        let Ok(text) = std::fs::read_to_string(&file) else {
            let end = measure::now_ms() - 60_000;
            std::fs::write(&file, format!("{what}\n{end}\n"))?;
            return Ok(Self { dir: dir.to_owned(), end });
        };
        match text.split_once('\n') {
            Some((loaded, end)) if loaded == what => Ok(Self { dir: dir.to_owned(), end: end.trim().parse()? }),
            _ => Err(format!("{} holds another load than {what}:\n{text}", dir.display()).into()),
        }
    }

    /// The directory of a server whose load is there.
    pub(crate) fn loaded(&self, kind: Kind) -> Option<PathBuf> {
        Some(self.dir.join(kind.name())).filter(|dir| dir.is_dir())
    }

    /// Where to load; what an interrupted run left there goes.
    pub(crate) fn begin(&self, kind: Kind) -> Fallible<PathBuf> {
        let dir = self.dir.join(format!("{}.part", kind.name()));
        if dir.exists() {
            std::fs::remove_dir_all(&dir)?;
        }
        Ok(dir)
    }

    /// What [`Self::begin`] gave is loaded, and its server has ended.
    pub(crate) fn finish(&self, kind: Kind) -> Fallible<PathBuf> {
        let dir = self.dir.join(kind.name());
        std::fs::rename(self.dir.join(format!("{}.part", kind.name())), &dir)?;
        Ok(dir)
    }
}
