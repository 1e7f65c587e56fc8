//! What is on the simulated disk, settled and unsettled.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    io::{self, ErrorKind},
    ops::Range,
    path::{Path, PathBuf},
    sync::Arc,
};

use parking_lot::Mutex;

/// An operation that changes the disk or reads it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Op {
    /// Creating a directory.
    CreateDir,
    /// Creating a file.
    Create,
    /// Opening a file.
    Open,
    /// Reading or mapping an open file.
    Read,
    /// Appending to a file.
    Append,
    /// Syncing a file.
    Sync,
    /// Renaming a file.
    Rename,
    /// Giving a file a second name.
    Link,
    /// Removing a file.
    Remove,
    /// Listing a directory.
    List,
    /// Syncing a directory.
    SyncDir,
}

impl Op {
    /// Whether a power cut right after it can leave another disk than a cut right before it.
    pub(super) fn changes(self) -> bool {
        !matches!(self, Self::Open | Self::Read | Self::List)
    }
}

/// What becomes of unsynced changes when the power goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fate {
    /// All are lost.
    Lost,
    /// All are still there, but no more settled than before: only the process was killed.
    Kept,
    /// Some survive, by the seed: of a file's bytes a prefix, perhaps followed by zeros; of a directory's changes the
    /// first few.
    Torn(u64),
}

/// How the power goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cut {
    /// What becomes of appended bytes.
    pub data: Fate,
    /// What becomes of names.
    pub names: Fate,
}

impl Cut {
    /// Nothing unsynced survives.
    pub const LOST: Self = Self { data: Fate::Lost, names: Fate::Lost };
    /// The process dies, the machine stays up: the next start sees everything, but what was not synced then, and is not
    /// synced now, may still go with the next cut.
    pub const KILL: Self = Self { data: Fate::Kept, names: Fate::Kept };

    /// Some of everything survives.
    #[must_use]
    pub const fn torn(seed: u64) -> Self {
        Self { data: Fate::Torn(seed), names: Fate::Torn(seed ^ 0x5bd1_e995) }
    }
}

/// A file's bytes; shared by its names and its open handles.
#[derive(Debug, Default)]
pub(super) struct Node {
    pub(super) bytes: Vec<u8>,
    /// How many bytes survive a power cut.
    pub(super) synced: usize,
    /// Bytes that a failed sync gave up on.
    pub(super) given_up: Vec<Range<usize>>,
}

impl Node {
    fn after(&self, fate: Fate, rng: &mut Rng) -> Self {
        if fate == Fate::Kept {
            // Readable as before, and no more settled than before: the next cut may still take it.
            return Self { bytes: self.bytes.clone(), synced: self.synced, given_up: self.given_up.clone() };
        }
        let unsynced = self.bytes.len() - self.synced;
        let (kept, zeros) = match fate {
            Fate::Torn(_) => {
                let kept = rng.below(unsynced + 1);
                // A file system may have grown the file before the data arrived.
                let zeros = if rng.below(3) == 0 { rng.below(unsynced - kept + 1) } else { 0 };
                (kept, zeros)
            }
            Fate::Lost | Fate::Kept => (0, 0),
        };
        let mut bytes: Vec<u8> = self.bytes.iter().copied().take(self.synced + kept).collect();
        for range in &self.given_up {
            bytes.iter_mut().take(range.end).skip(range.start).for_each(|b| *b = 0);
        }
        bytes.resize(bytes.len() + zeros, 0);
        Self { synced: bytes.len(), bytes, given_up: Vec::new() }
    }
}

pub(super) type NodeRef = Arc<Mutex<Node>>;

/// An unsettled change of a directory.
#[derive(Debug, Clone)]
pub(super) enum Change {
    /// The name now means this file.
    Put(PathBuf, NodeRef),
    /// The name is gone.
    Drop(PathBuf),
    /// Both at once, within one directory.
    Move(PathBuf, PathBuf, NodeRef),
    /// A new directory.
    Dir(PathBuf),
    /// The directory is gone.
    DropDir(PathBuf),
}

/// Files and directories by path.
#[derive(Debug, Default, Clone)]
pub(super) struct Tree {
    pub(super) files: BTreeMap<PathBuf, NodeRef>,
    pub(super) dirs: BTreeSet<PathBuf>,
}

impl Tree {
    fn apply(&mut self, change: Change) {
        match change {
            Change::Put(path, node) => drop(self.files.insert(path, node)),
            Change::Drop(path) => drop(self.files.remove(&path)),
            Change::Move(from, to, node) => {
                self.files.remove(&from);
                self.files.insert(to, node);
            }
            Change::Dir(path) => drop(self.dirs.insert(path)),
            Change::DropDir(path) => drop(self.dirs.remove(&path)),
        }
    }

    pub(super) fn need_dir(&self, dir: &Path) -> io::Result<()> {
        if dir.as_os_str().is_empty() || self.dirs.contains(dir) { Ok(()) } else { Err(missing(dir)) }
    }

    pub(super) fn file(&self, path: &Path) -> io::Result<NodeRef> {
        self.files.get(path).cloned().ok_or_else(|| missing(path))
    }

    /// Whether every directory above `path` is there.
    fn reaches(&self, path: &Path) -> bool {
        path.ancestors().skip(1).all(|dir| self.need_dir(dir).is_ok())
    }
}

fn missing(path: &Path) -> io::Error {
    io::Error::new(ErrorKind::NotFound, format!("{}: no such file or directory", path.display()))
}

pub(super) fn parent(path: &Path) -> PathBuf {
    path.parent().unwrap_or(Path::new("")).to_owned()
}

/// A scripted failure of one call.
#[derive(Debug, Clone)]
pub(super) struct Fault {
    pub(super) op: Op,
    pub(super) path_part: String,
    /// What the call answers; without one it panics.
    pub(super) kind: Option<ErrorKind>,
}

/// The whole disk.
#[derive(Debug, Default)]
pub(super) struct State {
    /// What running programs see.
    pub(super) now: Tree,
    /// What is settled.
    pub(super) durable: Tree,
    /// What lies between, per directory in order.
    pending: BTreeMap<PathBuf, Vec<Change>>,
    pub(super) locks: BTreeSet<PathBuf>,
    /// What a held lock says, if it isn't well.
    pub(super) taken: Option<ErrorKind>,
    pub(super) capacity: Option<u64>,
    pub(super) faults: Vec<Fault>,
    /// Changing operations so far.
    pub(super) ops: u64,
    pub(super) cut_at: Option<u64>,
    pub(super) dead: bool,
}

impl State {
    /// Counts the operation and fails it when the power is gone or a fault was scripted.
    pub(super) fn begin(&mut self, op: Op, path: &Path) -> io::Result<()> {
        if op.changes() && !self.dead {
            if self.cut_at.is_some_and(|at| self.ops >= at) {
                self.dead = true;
            } else {
                self.ops += 1;
            }
        }
        if self.dead {
            return Err(io::Error::other(format!("{op:?} {}: the power is off", path.display())));
        }
        let text = path.to_string_lossy();
        let hit = self.faults.iter().position(|f| f.op == op && text.contains(&f.path_part));
        match hit.map(|i| self.faults.remove(i)) {
            Some(Fault { kind: Some(kind), .. }) => {
                Err(io::Error::new(kind, format!("{op:?} {}: scripted failure", path.display())))
            }
            Some(Fault { kind: None, .. }) => {
                std::panic::resume_unwind(Box::new(format!("{op:?} {}: scripted panic", path.display())))
            }
            None => Ok(()),
        }
    }

    /// Makes a change of directory `dir` visible, not yet settled.
    pub(super) fn change(&mut self, dir: PathBuf, change: Change) {
        self.now.apply(change.clone());
        self.pending.entry(dir).or_default().push(change);
    }

    /// Settles the changes of `dir`.
    pub(super) fn settle(&mut self, dir: &Path) {
        for change in self.pending.remove(dir).unwrap_or_default() {
            self.durable.apply(change);
        }
    }

    /// Bytes in all named files.
    pub(super) fn used(&self) -> u64 {
        // Two names of one file take its bytes once.
        let mut seen = BTreeSet::new();
        let once = self.now.files.values().filter(|node| seen.insert(Arc::as_ptr(node)));
        once.map(|node| node.lock().bytes.len() as u64).sum()
    }

    /// Bytes that still fit.
    pub(super) fn free(&self) -> u64 {
        // Without a limit there is still less than u64::MAX, so that sums of it stay in range.
        self.capacity.map_or(1 << 50, |capacity| capacity.saturating_sub(self.used()))
    }

    /// The disk as the next start finds it.
    pub(super) fn after(&self, cut: Cut) -> Self {
        let mut copy = Copier { fate: cut.data, rng: Rng::new(cut.data), done: HashMap::new() };
        if cut.names == Fate::Kept {
            // Nothing happened to the names: all are there, and no more settled than before.
            let now = copy.tree(&self.now);
            let durable = copy.tree(&self.durable);
            let unsettled = |(dir, changes): (&PathBuf, &Vec<Change>)| {
                (dir.clone(), changes.iter().map(|change| copy.change(change)).collect())
            };
            let pending = self.pending.iter().map(unsettled).collect();
            return Self { now, durable, pending, capacity: self.capacity, ..Self::default() };
        }
        let mut tree = self.durable.clone();
        let mut rng = Rng::new(cut.names);
        for changes in self.pending.values() {
            let settled = if cut.names == Fate::Lost { 0 } else { rng.below(changes.len() + 1) };
            changes.iter().take(settled).for_each(|change| tree.apply(change.clone()));
        }
        let reached = tree.clone();
        tree.dirs.retain(|dir| reached.reaches(dir));
        tree.files.retain(|path, _| reached.reaches(path));
        let tree = copy.tree(&tree);
        Self { now: tree.clone(), durable: tree, capacity: self.capacity, ..Self::default() }
    }
}

/// Copies files as a cut leaves them; a file with several names stays one.
struct Copier {
    fate: Fate,
    rng: Rng,
    done: HashMap<*const Mutex<Node>, NodeRef>,
}

impl Copier {
    fn node(&mut self, node: &NodeRef) -> NodeRef {
        let (fate, rng) = (self.fate, &mut self.rng);
        let copy = || Arc::new(Mutex::new(node.lock().after(fate, rng)));
        Arc::clone(self.done.entry(Arc::as_ptr(node)).or_insert_with(copy))
    }

    fn tree(&mut self, tree: &Tree) -> Tree {
        let files = tree.files.iter().map(|(path, node)| (path.clone(), self.node(node))).collect();
        Tree { files, dirs: tree.dirs.clone() }
    }

    fn change(&mut self, change: &Change) -> Change {
        match change {
            Change::Put(path, node) => Change::Put(path.clone(), self.node(node)),
            Change::Move(from, to, node) => Change::Move(from.clone(), to.clone(), self.node(node)),
            Change::Drop(_) | Change::Dir(_) | Change::DropDir(_) => change.clone(),
        }
    }
}

/// Splitmix64: enough for choosing where to tear.
#[derive(Debug)]
pub(super) struct Rng(u64);

impl Rng {
    fn new(fate: Fate) -> Self {
        match fate {
            Fate::Torn(seed) => Self(seed),
            Fate::Lost | Fate::Kept => Self(0),
        }
    }

    /// A number below `bound`, which must not be 0.
    fn below(&mut self, bound: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((z ^ (z >> 31)) % bound as u64) as usize
    }
}
