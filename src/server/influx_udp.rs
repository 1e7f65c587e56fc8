//! InfluxDB's line protocol by UDP: datagrams of lines that nobody answers.
//!
//! What comes within a moment, or a few hundred KiB of it, is one record of the log. A datagram is read by itself: what is wrong with
//! one, or a quote that it leaves open, takes nothing of the next. One task receives and another stores; between them wait a bounded
//! number of bytes, beyond which datagrams are dropped and counted. At the end what was received is stored.

use std::{future::Future, io, sync::Arc, time::Duration};

use tokio::{
    net::{UdpSocket, lookup_host},
    sync::mpsc,
    time::{Instant, sleep_until, timeout},
};

use super::{ServerState, metrics, routes::max_ahead};
use crate::{
    ingest::{Declared, Gather, Import, ImportLimits, Imported, LINE_PROTOCOL_PATH, OnError, format_at, reader},
    seams::append::AppendError,
    telemetry::log_each_minute,
};

/// The largest datagram there is.
const MAX_DATAGRAM: usize = 64 << 10;
/// Datagrams are stored together when they have so many bytes, or the first of them is this old.
const BATCH_BYTES: usize = 256 << 10;
const BATCH_AGE: Duration = Duration::from_millis(100);
/// How many batches wait to be stored at most.
const WAITING: usize = 8;
/// How long to wait for memory, or for the store, before datagrams are dropped; and how often to ask the store meanwhile.
const PATIENCE: Duration = Duration::from_secs(2);
const STORE_PAUSE: Duration = Duration::from_millis(20);

/// What datagrams are.
#[derive(Debug, Clone)]
pub struct UdpOptions {
    /// The database that they are written to.
    pub database: String,
    /// What their times count, as `/write` has it.
    pub precision: String,
}

/// Datagrams that are stored together.
type Datagrams = Vec<Vec<u8>>;

/// A socket at the first address of `host` that can be bound.
///
/// # Errors
/// When none can be bound.
pub async fn listen(host: &str, port: u16) -> io::Result<UdpSocket> {
    match host {
        "" => UdpSocket::bind(("::", port)).await.or(UdpSocket::bind(("0.0.0.0", port)).await),
        _ => UdpSocket::bind(lookup_host((host, port)).await?.collect::<Vec<_>>().as_slice()).await,
    }
}

/// Receives until `stopped`, and ends once all that was received is stored.
pub async fn run(socket: UdpSocket, options: UdpOptions, state: Arc<ServerState>, stopped: impl Future<Output = ()>) {
    let (sender, receiver) = mpsc::channel(WAITING);
    let storing = tokio::spawn(store_all(receiver, options, state));
    let mut receiving = Receiving { socket, buffer: vec![0; MAX_DATAGRAM], datagrams: Vec::new(), bytes: 0, due: None };
    receiving.until(stopped, &sender).await;
    // The last ones may wait as long as need be.
    if !receiving.datagrams.is_empty() {
        let _ = sender.send(std::mem::take(&mut receiving.datagrams)).await;
    }
    drop(sender);
    if let Err(error) = storing.await {
        tracing::error!(%error, "storing datagrams ended badly");
    }
}

struct Receiving {
    socket: UdpSocket,
    buffer: Vec<u8>,
    /// What was received and isn't handed over yet.
    datagrams: Datagrams,
    bytes: usize,
    /// When it is handed over.
    due: Option<Instant>,
}

impl Receiving {
    async fn until(&mut self, stopped: impl Future<Output = ()>, sender: &mpsc::Sender<Datagrams>) {
        tokio::pin!(stopped);
        loop {
            let due = self.due.unwrap_or_else(|| Instant::now() + Duration::from_secs(3600));
            tokio::select! {
                () = &mut stopped => break,
                () = sleep_until(due), if self.due.is_some() => self.hand_over(sender),
                received = self.socket.recv(&mut self.buffer) => match received {
                    Ok(length) => self.keep(length, sender),
                    Err(error) => {
                        log_each_minute!(warn, %error, "receiving a datagram failed");
                        tokio::time::sleep(STORE_PAUSE).await;
                    }
                },
            }
        }
        // What has come before the end is in the system's buffer.
        while let Ok(length) = self.socket.try_recv(&mut self.buffer) {
            self.keep(length, sender);
        }
    }

    fn keep(&mut self, length: usize, sender: &mpsc::Sender<Datagrams>) {
        metrics::UDP_DATAGRAMS.with_label_values(&["received"]).inc();
        // What a datagram takes beside its bytes counts too, lest many empty ones take much.
        let takes = length + size_of::<Vec<u8>>() + 16;
        if self.bytes + takes > BATCH_BYTES && !self.datagrams.is_empty() {
            self.hand_over(sender);
        }
        if self.bytes + takes > BATCH_BYTES && !self.datagrams.is_empty() {
            dropped(1, "more datagrams come than can be stored");
            return;
        }
        self.due.get_or_insert_with(|| Instant::now() + BATCH_AGE);
        self.bytes += takes;
        self.datagrams.push(self.buffer.get(..length).unwrap_or_default().to_vec());
    }

    /// Hands the datagrams over, unless too many wait already.
    fn hand_over(&mut self, sender: &mpsc::Sender<Datagrams>) {
        let handed = sender.try_reserve().map(|place| place.send(std::mem::take(&mut self.datagrams)));
        if handed.is_ok() {
            (self.bytes, self.due) = (0, None);
        } else {
            self.due = Some(Instant::now() + BATCH_AGE);
        }
    }
}

fn dropped(datagrams: u64, why: &str) {
    metrics::UDP_DATAGRAMS.with_label_values(&["dropped"]).inc_by(datagrams);
    log_each_minute!(warn, datagrams, why, "datagrams of line protocol were dropped");
}

async fn store_all(mut receiver: mpsc::Receiver<Datagrams>, options: UdpOptions, state: Arc<ServerState>) {
    let parameters = [("db", options.database), ("precision", options.precision)];
    let declared = Declared {
        by_protocol: true,
        on_error: OnError::Skip,
        naming: state.options.field_naming.clone(),
        parameters: parameters.map(|(name, value)| (name.to_owned(), value)).into(),
        ..Declared::default()
    };
    while let Some(datagrams) = receiver.recv().await {
        store(&datagrams, &declared, &state).await;
    }
}

/// Stores datagrams, in one record where there is memory for that.
async fn store(datagrams: &[Vec<u8>], declared: &Declared, state: &ServerState) {
    let Some(stores) = state.any_stores() else { return dropped(datagrams.len() as u64, "the store isn't open") };
    let gather = Gather::new(&*stores.append);
    let limits = ImportLimits { max_ahead: max_ahead(state), ..ImportLimits::default() };
    let mut reservation = state.import_budget.reserve_nothing();
    let (mut part, mut held) = (Part::default(), 0);
    for datagram in datagrams {
        let Ok(reader) = reader(format_at(LINE_PROTOCOL_PATH), declared) else { continue };
        let mut import = Import::new(reader, declared, state.clock.now(), &limits, &gather);
        import.text().extend_from_slice(datagram);
        import.text().push(b'\n');
        loop {
            let needed = (held + import.memory() + import.bite()) as u64;
            let mut grown = timeout(PATIENCE, reservation.grow(needed)).await.is_ok_and(|grown| grown.is_ok());
            if !grown && part.datagrams > 0 {
                part.store(&gather, state).await;
                held = 0;
                reservation.shrink(0);
                let needed = (import.memory() + import.bite()) as u64;
                grown = timeout(PATIENCE, reservation.grow(needed)).await.is_ok_and(|grown| grown.is_ok());
            }
            if !grown {
                break dropped(1, "there is no memory for them");
            }
            match import.step() {
                Ok(true) => continue,
                Ok(false) => {
                    held += import.memory();
                    part.finish(import).await;
                }
                Err(error) => faulty(&error.to_string()),
            }
            break;
        }
    }
    part.store(&gather, state).await;
}

fn faulty(why: &str) {
    metrics::UDP_DATAGRAMS.with_label_values(&["faulty"]).inc();
    log_each_minute!(warn, why, "a datagram of line protocol has lines that can't be stored");
}

/// What goes into one record.
#[derive(Default)]
struct Part {
    datagrams: u64,
    samples: u64,
    texts: u64,
    rounded: u64,
}

impl Part {
    /// Takes in a datagram.
    async fn finish(&mut self, mut import: Import<'_>) {
        self.datagrams += 1;
        let outcome = import.finish().await;
        if let Ok(Imported { samples, texts, rounded, .. }) = outcome {
            self.samples += samples;
            self.texts += texts;
            self.rounded += rounded;
        }
        let first = import.faults().first().first().map(|fault| fault.why.clone());
        if let Some(why) = first.or_else(|| outcome.err().map(|error| error.to_string())) {
            faulty(&why);
        }
    }

    /// Stores it.
    async fn store(&mut self, gather: &Gather<'_>, state: &ServerState) {
        let Self { datagrams, samples, texts, rounded } = std::mem::take(self);
        let batch = gather.take();
        if batch.is_empty() {
            return;
        }
        let Some(stores) = state.any_stores() else { return };
        let end = Instant::now() + PATIENCE;
        let stored: Result<(), AppendError> = loop {
            match stores.append.admits() {
                Err(_) if Instant::now() < end => tokio::time::sleep(STORE_PAUSE).await,
                Err(error) => break Err(error),
                Ok(()) => break stores.append.append(batch).await,
            }
        };
        match stored {
            Ok(()) => {
                metrics::UDP_DATAGRAMS.with_label_values(&["stored"]).inc_by(datagrams);
                metrics::WRITTEN.with_label_values(&["float"]).inc_by(samples);
                metrics::ALTERED.with_label_values(&["text"]).inc_by(texts);
                metrics::ALTERED.with_label_values(&["rounded"]).inc_by(rounded);
            }
            Err(error) => dropped(datagrams, &error.to_string()),
        }
    }
}
