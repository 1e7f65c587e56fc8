//! `vctsdb export`: stored samples as text, from a running server or straight out of a data directory.

use std::{
    fs::File,
    io::{self, BufWriter, Write},
    path::{Path, PathBuf},
    sync::Arc,
};

use clap::{Args, ValueEnum};

use super::{
    Failure,
    client::{self, ServerArgs},
    progress::Progress,
    runtime, time,
};
use crate::{
    config::OfflineOptions,
    model::TimeRange,
    promql::parse_selector,
    seams::{
        env::{RealDisk, SystemClock},
        interrupt::{Interrupt, Never},
    },
    server::export::{ExportError, JsonLines, Table, Text, Unread, Wanted, Writer, export},
    storage::{Storage, StorageOptions},
};

/// Selects all series.
const EVERYTHING: &str = "{__name__!=\"\"}";

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    /// JSON lines, as VictoriaMetrics has them.
    Json,
    /// A table with the columns that --columns names.
    Csv,
    /// The text format that exporters speak.
    Text,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Compression {
    None,
    Gzip,
    Zstd,
}

/// What to export, and where to.
#[derive(Debug, Args)]
pub(super) struct ExportArgs {
    /// Which series, as in up{job="node"}; series that pass any of them [default: all].
    #[arg(value_name = "SELECTOR")]
    selectors: Vec<String>,

    /// From this time on: -1d for a day ago, seconds since 1970, or RFC 3339 [default: all there are] …
    #[arg(long, value_name = "TIME", allow_hyphen_values = true)]
    start: Option<String>,

    /// … to this time.
    #[arg(long, value_name = "TIME", allow_hyphen_values = true)]
    end: Option<String>,

    /// The format. JSON lines keep everything but native histograms, exemplars and start times.
    #[arg(long, value_enum, default_value = "json", value_name = "FORMAT")]
    format: Format,

    /// The columns of a table, such as __name__,job,__value__,__timestamp__:unix_ms.
    #[arg(long, value_name = "COLUMNS", required_if_eq("format", "csv"))]
    columns: Option<String>,

    /// Leave native histograms out, which no format has, instead of stopping at one.
    #[arg(long)]
    omit_histograms: bool,

    /// The file to write [default: standard output]. It has its name once it is whole.
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,

    /// How to compress [default: as the name of the file says: .gz, .zst].
    #[arg(long, value_enum, value_name = "HOW")]
    compress: Option<Compression>,

    #[command(flatten)]
    server: ServerArgs,

    /// Read this data directory, which no server has open; nothing is changed in it.
    #[arg(long, value_name = "DIR")]
    offline: Option<PathBuf>,

    /// Show no progress.
    #[arg(long, short)]
    quiet: bool,
}

/// Exports.
pub(super) fn run(args: &ExportArgs) -> Result<(), Failure> {
    let mut out = Output::create(args)?;
    // On standard output a bar would stand amidst what is exported.
    let progress = Progress::new("exporting", args.quiet || args.output.is_none());
    let mut write = |bytes: &[u8]| {
        progress.advance(bytes.len() as u64);
        out.writer.write_all(bytes)
    };
    let written = match &args.offline {
        Some(dir) => offline(dir, args, &mut write),
        None => online(args, &mut write),
    };
    progress.end();
    match written {
        Ok(()) => out.finish(),
        Err(failure) => {
            out.discard();
            Err(failure)
        }
    }
}

/// Takes pieces of an export.
type Take<'a> = dyn FnMut(&[u8]) -> io::Result<()> + 'a;

fn online(args: &ExportArgs, write: &mut Take<'_>) -> Result<(), Failure> {
    let (path, mut form) = match args.format {
        Format::Json => ("/api/v1/export", vec![]),
        Format::Csv => {
            let columns = args.columns.clone().unwrap_or_default();
            ("/api/v1/export/csv", vec![("format", columns), ("header", "1".to_owned())])
        }
        Format::Text => ("/api/v1/export/prometheus", vec![]),
    };
    form.extend(selectors(args).map(|selector| ("match[]", selector.to_owned())));
    let now = time::now();
    for (name, time) in [("start", &args.start), ("end", &args.end)] {
        if let Some(time) = time {
            form.push((name, time::parse(time, now)?.to_string()));
        }
    }
    if args.omit_histograms {
        form.push(("histograms", "omit".to_owned()));
    }
    let form: Vec<(&str, &str)> = form.iter().map(|(name, value)| (*name, value.as_str())).collect();
    let server = args.server.url()?;
    runtime()?.block_on(client::stream(&server, path, &form, |piece| Ok(write(&piece)?)))
}

fn offline(dir: &Path, args: &ExportArgs, write: &mut Take<'_>) -> Result<(), Failure> {
    let now = time::now();
    let ms = |time: &Option<String>, none: i64| match time {
        Some(text) => time::parse(text, now).map(|seconds| (seconds * 1e3).round() as i64),
        None => Ok(none),
    };
    let wanted = Wanted {
        selectors: selectors(args)
            .map(|text| parse_selector(text, &|_| true).map_err(|error| Failure::Said(format!("{text}: {error}"))))
            .collect::<Result<_, _>>()?,
        range: TimeRange::new(ms(&args.start, i64::MIN)?, ms(&args.end, i64::MAX)?),
        omit_histograms: args.omit_histograms,
        omit_stale: false,
    };
    let mut writer: Box<dyn Writer> = match args.format {
        Format::Json => Box::new(JsonLines::new(JsonLines::USUAL)),
        Format::Csv => Box::new(Table::new(args.columns.as_deref().unwrap_or_default(), true).map_err(Failure::Usage)?),
        Format::Text => Box::new(Text::default()),
    };
    let options = StorageOptions { read_only: true, ..OfflineOptions::new(None).storage };
    let said = |error: &dyn std::fmt::Display| Failure::Said(format!("{}: {error}", dir.display()));
    let storage = Storage::open(Arc::new(RealDisk::new(dir.to_owned())), Arc::new(SystemClock), options)
        .map_err(|error| said(&error))?;
    let interrupt: Arc<dyn Interrupt> = Arc::new(Never);
    let mut failed = None;
    let exported = export(&wanted, &storage, &mut *writer, &interrupt, &mut |piece| {
        write(&piece).map_err(|error| {
            failed = Some(error);
            Unread
        })
    });
    match (exported, failed) {
        (_, Some(error)) => Err(error.into()),
        (Err(ExportError::Histograms(series)), None) => Err(said(&format!(
            "{series} has native histograms, which no format of exports has: --omit-histograms leaves them out; backups have them"
        ))),
        (exported, None) => exported.map_err(|error| said(&error)),
    }
}

fn selectors(args: &ExportArgs) -> impl Iterator<Item = &str> {
    let everything = args.selectors.is_empty().then_some(EVERYTHING);
    args.selectors.iter().map(String::as_str).chain(everything)
}

/// Where the export goes. A file has another name until it is whole.
struct Output {
    writer: Compressed,
    /// The name it has now, and that which it is to have.
    file: Option<(PathBuf, PathBuf)>,
}

/// What compresses.
enum Compressed {
    Not(Box<dyn Write>),
    Gzip(flate2::write::GzEncoder<Box<dyn Write>>),
    Zstd(zstd::stream::write::Encoder<'static, Box<dyn Write>>),
}

impl Output {
    fn create(args: &ExportArgs) -> Result<Self, Failure> {
        let mut file = None;
        let plain: Box<dyn Write> = match &args.output {
            None => Box::new(BufWriter::new(io::stdout())),
            Some(path) => {
                let mut part = path.as_os_str().to_owned();
                part.push(".part");
                let part = PathBuf::from(part);
                let created = File::create(&part);
                let created = created.map_err(|error| Failure::Said(format!("{}: {error}", part.display())))?;
                file = Some((part, path.clone()));
                Box::new(BufWriter::new(created))
            }
        };
        let by_name = || match args.output.as_ref().and_then(|path| path.extension()?.to_str()) {
            Some("gz") => Compression::Gzip,
            Some("zst") => Compression::Zstd,
            _ => Compression::None,
        };
        let writer = match args.compress.unwrap_or_else(by_name) {
            Compression::None => Compressed::Not(plain),
            Compression::Gzip => Compressed::Gzip(flate2::write::GzEncoder::new(plain, flate2::Compression::default())),
            Compression::Zstd => {
                Compressed::Zstd(zstd::stream::write::Encoder::new(plain, zstd::DEFAULT_COMPRESSION_LEVEL)?)
            }
        };
        Ok(Self { writer, file })
    }

    /// Ends it.
    fn finish(self) -> Result<(), Failure> {
        let mut plain = match self.writer {
            Compressed::Not(plain) => plain,
            Compressed::Gzip(encoder) => encoder.finish()?,
            Compressed::Zstd(encoder) => encoder.finish()?,
        };
        plain.flush()?;
        drop(plain);
        if let Some((part, whole)) = self.file {
            File::open(&part)?.sync_all()?;
            std::fs::rename(part, whole)?;
        }
        Ok(())
    }

    /// Removes what was written of it.
    fn discard(self) {
        if let Some((part, _)) = self.file {
            // What is left has a name that says what it is.
            let _ = std::fs::remove_file(part);
        }
    }
}

impl Write for Compressed {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Self::Not(plain) => plain.write(bytes),
            Self::Gzip(encoder) => encoder.write(bytes),
            Self::Zstd(encoder) => encoder.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match self {
            Self::Not(plain) => plain.flush(),
            Self::Gzip(encoder) => encoder.flush(),
            Self::Zstd(encoder) => encoder.flush(),
        }
    }
}
