//! Names in a data directory.
//!
//! ```text
//! LOCK             held, as the directory itself is, by the process that has it open
//! MANIFEST         what is live (see `manifest`)
//! MANIFEST.new     the next manifest until it is renamed
//! EXTRAS           exemplars and metadata (see `extras`)
//! EXTRAS.new       the next EXTRAS until it is renamed
//! CATALOG          databases, and the metric and type of each of their fields (see `catalog`)
//! CATALOG.new      the next CATALOG until it is renamed
//! wal/NNNNNNNN.wal log segments
//! tables/NNNNNNNN.table
//! index/NNNNNNNN.index
//! quarantine/      damaged files, kept for inspection
//! snapshots/NAME/  snapshots, each a data directory of its own whose files are hard links to these
//! NEWEST-NNNNNNNN  an empty file: the newest log segment is that one (see `wal_marker`)
//! CLOCK            the time that was last believed (see `timekeeper`)
//! CLOCK.new        the next CLOCK until it is renamed
//! UNFINISHED       a backup or restore is filling this directory (see `unfinished`)
//! RESERVE          space kept for a flush on a full disk
//! queries.active   the server's: which queries are running
//! ```

use std::path::{Path, PathBuf};

pub(super) const LOCK: &str = "LOCK";
pub(super) const MANIFEST: &str = "MANIFEST";
pub(super) const MANIFEST_NEW: &str = "MANIFEST.new";
pub(super) const EXTRAS: &str = "EXTRAS";
pub(super) const EXTRAS_NEW: &str = "EXTRAS.new";
pub(super) const CATALOG: &str = "CATALOG";
pub(super) const CATALOG_NEW: &str = "CATALOG.new";
pub(super) const WAL: &str = "wal";
pub(super) const TABLES: &str = "tables";
pub(super) const INDEX: &str = "index";
pub(super) const QUARANTINE: &str = "quarantine";

pub(super) const SNAPSHOTS: &str = "snapshots";
pub(super) const RESERVE: &str = "RESERVE";
pub(super) const CLOCK: &str = "CLOCK";
pub(super) const CLOCK_NEW: &str = "CLOCK.new";
pub(super) const UNFINISHED: &str = "UNFINISHED";
pub(super) const UNFINISHED_NEW: &str = "UNFINISHED.new";

/// The server's, not the store's.
const ACTIVE_QUERIES: &str = "queries.active";
const WAL_MARKER: &str = "NEWEST-";

const AT_THE_TOP: [&str; 18] = [
    LOCK,
    MANIFEST,
    MANIFEST_NEW,
    EXTRAS,
    EXTRAS_NEW,
    CATALOG,
    CATALOG_NEW,
    RESERVE,
    CLOCK,
    CLOCK_NEW,
    UNFINISHED,
    UNFINISHED_NEW,
    SNAPSHOTS,
    WAL,
    TABLES,
    INDEX,
    QUARANTINE,
    ACTIVE_QUERIES,
];

/// Whether a name at the top of a data directory is one that vctsdb gives.
pub(super) fn is_ours(name: &str) -> bool {
    AT_THE_TOP.contains(&name) || wal_marker_number(name).is_some()
}

/// Names that file systems, and tools that look after them, leave at the root of a mount: they are nobody's data.
const HOUSEKEEPING: [&str; 9] = [
    "lost+found",
    ".snapshot",
    ".snapshots",
    "@eaDir",
    ".DS_Store",
    ".Spotlight-V100",
    ".gitkeep",
    "System Volume Information",
    "$RECYCLE.BIN",
];

/// Whether a name at the top of a directory is one of those.
pub(super) fn is_housekeeping(name: &str) -> bool {
    HOUSEKEEPING.contains(&name)
}

/// The directories a data directory has.
pub(super) const DIRECTORIES: [&str; 4] = [WAL, TABLES, INDEX, QUARANTINE];
/// Those whose files are checked and copied.
pub const LIVE_DIRECTORIES: [&str; 3] = [WAL, TABLES, INDEX];

/// The path of table `number`.
pub(super) fn table(number: u64) -> PathBuf {
    Path::new(TABLES).join(format!("{number:08}.table"))
}

/// The path of index segment `number`.
pub(super) fn segment(number: u64) -> PathBuf {
    Path::new(INDEX).join(format!("{number:08}.index"))
}

/// The path of the note that log segment `number` is the newest.
pub(super) fn wal_marker(number: u64) -> PathBuf {
    format!("{WAL_MARKER}{number:08}").into()
}

/// The number in a name that [`wal_marker`] made.
pub(super) fn wal_marker_number(name: &str) -> Option<u64> {
    let number = name.strip_prefix(WAL_MARKER)?.parse().ok()?;
    (wal_marker(number) == Path::new(name)).then_some(number)
}

/// The number in a file name that [`table`] or [`segment`] made.
pub(super) fn file_number(name: &str) -> Option<u64> {
    name.strip_suffix(".table").or_else(|| name.strip_suffix(".index"))?.parse().ok()
}
