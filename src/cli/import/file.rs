//! One file on its way.

use std::{
    path::PathBuf,
    sync::atomic::{AtomicBool, Ordering},
    time::{Duration, Instant},
};

use super::{
    ImportArgs, OnFault,
    checkpoint::Checkpoint,
    source::{Identity, Source, SourceError},
    target::Target,
};
use crate::{
    cli::{progress::Progress, time},
    ingest::{Import, ImportError, ImportLimits, Imported, format_named, reader},
    seams::append::{Append, AppendError, AppendThrough, Appending, Batch},
};

/// A part ends at so many bytes of text, so that an interruption costs no more than that.
const PART_BYTES: usize = 8 << 20;
/// How long an import waits for the store to accept more: it may have to flush first.
const PATIENCE: Duration = Duration::from_secs(60);
/// How often it asks meanwhile.
const PAUSE: Duration = Duration::from_millis(20);

/// An import of one file.
pub(super) struct FileImport<'a> {
    pub(super) args: &'a ImportArgs,
    pub(super) file: &'a PathBuf,
    pub(super) identity: Option<Identity>,
    pub(super) target: &'a Target,
    pub(super) progress: &'a Progress,
}

/// What became of it.
#[derive(Debug, Default)]
pub(super) struct Outcome {
    pub(super) imported: Imported,
    /// Records that were left out.
    pub(super) skipped: u64,
    pub(super) guessed: Option<String>,
    /// Whether it was not stored to its end.
    pub(super) failed: bool,
}

/// Why it wasn't.
#[derive(Debug, thiserror::Error)]
enum Stopped {
    #[error(transparent)]
    Source(#[from] SourceError),
    #[error(transparent)]
    Import(#[from] ImportError),
}

impl FileImport<'_> {
    /// Imports it.
    pub(super) async fn run(&self) -> Outcome {
        let mut notes = self.checkpoint();
        let before = notes.as_ref().filter(|_| !self.args.restart).and_then(Checkpoint::read);
        if let (Some((_, line)), Some(notes)) = (before, &notes) {
            self.say(&format!("going on behind line {line}, as {} says", notes.path().display()));
        }
        let gate = Gate { store: self.target.append(), closed: AtomicBool::new(false) };
        let declared = self.args.declared();
        let now = (time::now() * 1e3) as i64;
        let mut stored = before.map_or(0, |(text, _)| text);
        let mut patience = Patience::new(stored);
        loop {
            let reader = match reader(self.args.format.and_then(format_named), &declared) {
                Ok(reader) => reader,
                Err(error) => {
                    self.say(&error.to_string());
                    return Outcome { failed: true, ..Outcome::default() };
                }
            };
            let mut import = Import::new(reader, &declared, now, &ImportLimits::default(), &gate);
            let taken = self.take(&mut import, &gate, &mut stored, &mut notes).await;
            let refused = matches!(taken, Err(Stopped::Import(ImportError::Append(AppendError::Unavailable { .. }))));
            // A store of our own asks for what it refuses to be sent again; a server was asked again already.
            if refused && self.target.is_directory() && self.identity.is_some() && patience.lasts(stored) {
                tokio::time::sleep(PAUSE).await;
                continue;
            }
            return self.outcome(taken, &import, notes);
        }
    }

    /// Tells what was wrong, and what became of the file.
    fn outcome(&self, taken: Result<Imported, Stopped>, import: &Import<'_>, mut notes: Option<Checkpoint>) -> Outcome {
        let faults = import.faults();
        for fault in faults.first() {
            let (line, column) = (fault.line, fault.column);
            self.progress.say(&format!("{}:{line}:{column}: {}", self.file.display(), fault.why));
        }
        let shown = faults.first().len() as u64;
        if faults.count() > shown {
            self.say(&format!("and {} more", faults.count() - shown));
        }
        let skips = self.args.on_error == OnFault::Skip;
        let mut outcome = Outcome {
            imported: import.stored().map(|(imported, _)| imported).unwrap_or_default(),
            skipped: if skips { faults.count() } else { 0 },
            guessed: import.guessed(),
            failed: taken.is_err(),
        };
        match (taken, &mut notes) {
            (Ok(imported), notes) => {
                outcome.imported = imported;
                if let Some(notes) = notes {
                    notes.remove();
                }
            }
            (Err(stopped), notes) => {
                self.explain(&stopped, import);
                if let Some(Err(why)) = notes.as_mut().map(Checkpoint::write) {
                    self.say(&why);
                }
            }
        }
        outcome
    }

    fn say(&self, text: &str) {
        self.progress.say(&format!("{}: {text}", self.file.display()));
    }

    /// Says why the file was not stored to its end, and how far it was.
    fn explain(&self, stopped: &Stopped, import: &Import<'_>) {
        let why = match stopped {
            Stopped::Import(ImportError::Append(error)) => self.target.failure().unwrap_or_else(|| error.to_string()),
            // They were named one by one.
            Stopped::Import(ImportError::Faults(_)) if import.faults().count() > 0 && !import.is_senseless() => {
                String::new()
            }
            other => other.to_string(),
        };
        let stored = match import.stored() {
            _ if self.args.dry_run => String::new(),
            Some((_, line)) => format!("stored up to line {line}; the rest can be imported with the same command"),
            None if why.starts_with("nothing was stored") => String::new(),
            None => "nothing was stored".to_owned(),
        };
        let words: Vec<&str> = [why.as_str(), stored.as_str()].into_iter().filter(|words| !words.is_empty()).collect();
        self.say(&words.join("; "));
    }

    /// The notes on how far it has come, where it can be read again and is stored somewhere.
    fn checkpoint(&self) -> Option<Checkpoint> {
        let (identity, target) = (self.identity?, self.target.name()?);
        Some(Checkpoint::new(self.file, identity, &format!("{target} {}", self.args.how())))
    }

    /// Stores the file, part by part; of its text the first `stored` bytes are stored already, and at the end some more.
    async fn take(
        &self,
        import: &mut Import<'_>,
        gate: &Gate<'_>,
        stored: &mut u64,
        notes: &mut Option<Checkpoint>,
    ) -> Result<Imported, Stopped> {
        let mut source = Source::open(self.file, self.target.memory)?;
        let mut ended = false;
        while !ended {
            match source.read(import.text())? {
                Some(bytes) => self.progress.advance(bytes),
                None => ended = true,
            }
            while import.step()? {
                let full = import.is_full() || import.unstored() >= PART_BYTES;
                if full || (import.memory() + import.bite()) as u64 > self.target.memory {
                    gate.set(import.read() as u64 <= *stored);
                    self.wait().await?;
                    import.store().await?;
                    self.note(import, stored, notes);
                }
            }
        }
        gate.set(false);
        self.wait().await?;
        Ok(import.finish().await?)
    }

    /// Notes how far the file is stored.
    fn note(&self, import: &Import<'_>, stored: &mut u64, notes: &mut Option<Checkpoint>) {
        let refused = import.faults().count() > 0 && self.args.on_error == OnFault::Refuse;
        let text = import.read() as u64;
        if refused || text <= *stored {
            return;
        }
        *stored = text;
        if let Some(notes) = notes
            && let Err(why) = notes.note(text, import.line() as u64)
        {
            self.say(&why);
        }
    }

    /// Waits for the store to accept more.
    async fn wait(&self) -> Result<(), ImportError> {
        let end = Instant::now() + PATIENCE;
        while let Err(error) = self.target.append().admits() {
            if Instant::now() >= end {
                return Err(error.into());
            }
            tokio::time::sleep(PAUSE).await;
        }
        Ok(())
    }
}

/// How long a store that refuses is asked again: [`PATIENCE`] from each part on that it took.
struct Patience {
    stored: u64,
    end: Instant,
}

impl Patience {
    fn new(stored: u64) -> Self {
        Self { stored, end: Instant::now() + PATIENCE }
    }

    /// Whether it still lasts, with so much of the file stored.
    fn lasts(&mut self, stored: u64) -> bool {
        if stored > self.stored {
            *self = Self::new(stored);
        }
        Instant::now() < self.end
    }
}

/// A store that isn't given what it has already.
struct Gate<'s> {
    store: &'s dyn Append,
    closed: AtomicBool,
}

impl Gate<'_> {
    fn set(&self, closed: bool) {
        self.closed.store(closed, Ordering::Relaxed);
    }
}

impl AppendThrough for Gate<'_> {
    fn behind(&self) -> &dyn Append {
        self.store
    }

    fn pass(&self, batch: Batch) -> Appending<'_> {
        if self.closed.load(Ordering::Relaxed) {
            return Box::pin(std::future::ready(Ok(())));
        }
        self.store.append(batch)
    }
}
