//! `vctsdb` without a subcommand: the server, from its first line to its last sync.

use std::{
    future::Future,
    io::Write,
    net::SocketAddr,
    sync::Arc,
    time::{Duration, Instant},
};

use tokio::{
    signal::unix::{Signal, SignalKind, signal},
    sync::{oneshot, watch},
    time::timeout,
};

use super::{Failure, logging, runtime, web_config::WebConfigWatch};
use crate::{
    config::{Config, ConfigFile, Flags, WebConfig},
    promql::{Enabled, Engine},
    seams::{
        allocator,
        env::{RealDisk, SystemClock},
    },
    server::{self, SelfScrape, ServerState, Stores, influx_udp},
    storage::Storage,
};

/// The file in the data directory that names the running queries.
const ACTIVE_QUERIES: &str = "queries.active";

/// The server delays being ready for up to this long, so that its own metrics are stored once before it is.
const FIRST_SCRAPE_TIMEOUT: Duration = Duration::from_secs(1);

/// With less memory than this, freed memory is returned to the system at once instead of being kept for the next allocation.
const SMALL_MEMORY: u64 = 512 << 20;

/// Serves until a signal asks to stop.
pub(super) fn run(flags: &Flags) -> Result<(), Failure> {
    logging::start(&flags.observation)?;
    let file = match &flags.file.config_file {
        Some(path) => ConfigFile::load(path).map_err(|error| Failure::Usage(error.to_string()))?,
        None => ConfigFile::default(),
    };
    let web = match &flags.http.web_config_file {
        Some(path) => WebConfig::load(path).map_err(|error| Failure::Usage(error.to_string()))?,
        None => WebConfig::default(),
    };
    let config = Config::new(flags, &file, web);
    let (version, memory, data_dir) = (env!("CARGO_PKG_VERSION"), config.memory, config.data_dir.display());
    match &config.memory_why {
        Ok(why) => tracing::info!(version, %data_dir, %memory, memory_is = why, "starting"),
        Err(why) => tracing::warn!(version, %data_dir, %memory, "starting with more memory than there may be: {why}"),
    }
    for (section, line) in &file.ignored {
        tracing::warn!(section, line, "this section of the configuration file means nothing here and is ignored");
    }
    if flags.http.otlp_receiver {
        tracing::info!("--web.enable-otlp-receiver has no effect: OpenTelemetry's metrics are always taken");
    }
    if config.memory.0 < SMALL_MEMORY {
        allocator::purge_at_once();
    }
    server::raise_open_files();
    flags.queries.features(|option, enabled| match enabled {
        Enabled::Now => tracing::info!(option, "feature enabled"),
        Enabled::Always => tracing::warn!(option, "this option for --enable-feature is always on here and a no-op"),
        Enabled::Unknown => tracing::warn!(option, "Unknown option for --enable-feature"),
    });
    let runtime = runtime()?;
    let served = runtime.block_on(serve(config));
    // Work beyond its deadline (a query, a replay interrupted by a signal) only reads, or can be repeated: it is safe not to wait
    // for it.
    runtime.shutdown_background();
    served
}

/// Refuses to serve everybody on an address that other machines reach, unless told to.
fn guard(config: &Config, address: SocketAddr) -> Result<(), Failure> {
    let tls = config.server.tls.as_ref();
    if config.server.access.options().has_login() {
        if tls.is_none() {
            tracing::warn!(%address, "passwords and tokens travel in clear text: there is no tls_server_config");
        }
        return Ok(());
    }
    if tls.is_some_and(|tls| tls.clients_are_verified()) {
        return Ok(());
    }
    if config.allow_anonymous {
        tracing::warn!(%address, "there is no login: whoever reaches this address may read and write");
        return Ok(());
    }
    Err(Failure::Usage(format!(
        "other machines reach {address}, and there is no login: name users or tokens in a --web.config.file, or say --web.allow-anonymous"
    )))
}

async fn serve(config: Config) -> Result<(), Failure> {
    let mut signals = StopSignals::listen()?;
    let mut hang_up = listen(SignalKind::hangup())?;
    // With a handler for this signal, a file at its size limit (ulimit -f) fails the write instead of ending the process.
    let _too_large = listen(SignalKind::from_raw(rustix::process::Signal::XFSZ.as_raw()))?;
    let cannot_listen =
        |error| Failure::Said(format!("can't listen on {}: {error}; choose another --listen", config.listen));
    let addresses = server::listen_addresses(&config.listen.host, config.listen.port).await.map_err(cannot_listen)?;
    if let Some(reached) = addresses.iter().find(|address| !address.ip().to_canonical().is_loopback()) {
        guard(&config, *reached)?;
    }
    let listener = server::listen(&addresses).map_err(cannot_listen)?;
    let address = listener.local_addr().map_err(cannot_listen)?;
    let config = config.at(address);
    tracing::info!(%address, "listening: health checks are answered, everything else as soon as the store is open");

    let datagrams = match config.influx_udp.clone() {
        None => None,
        Some((at, options)) => {
            let cannot_listen = |error| {
                Failure::Said(format!("can't receive on {at}: {error}; choose another --influx.udp-listen-address"))
            };
            let socket = influx_udp::listen(&at.host, at.port).await.map_err(cannot_listen)?;
            let address = socket.local_addr().map_err(cannot_listen)?;
            tracing::info!(%address, database = options.database, "receiving line protocol by UDP");
            Some((socket, options))
        }
    };

    let began = Instant::now();
    let clock = Arc::new(SystemClock);
    let engine = Arc::new(Engine::new(config.engine.clone()));
    let state = Arc::new(ServerState::new(engine, clock.clone(), config.server.clone()));
    // Answers health checks at once, and everything else as soon as the store is open.
    let (stop_serving, stopped) = stopper();
    let serving = tokio::spawn(server::run(listener, state.clone(), stopped));

    let watching = match config.web_config_file.clone() {
        Some(path) => {
            let watch = WebConfigWatch::new(path, Arc::clone(&config.server.access), config.server.tls.clone());
            Some(tokio::spawn(watch.run(listen(SignalKind::hangup())?)))
        }
        None => None,
    };
    let logging = state.clone();
    let reopening = tokio::spawn(async move {
        while hang_up.recv().await.is_some() {
            match logging.reopen_query_log() {
                Ok(()) => tracing::info!("SIGHUP: the query log was opened anew"),
                Err(error) => tracing::error!(%error, "SIGHUP: the query log goes on in its old file"),
            }
        }
    });

    let opening = config.clone();
    let opened = tokio::task::spawn_blocking(move || {
        Storage::open(Arc::new(RealDisk::new(opening.data_dir)), clock, opening.storage)
    });
    let opened = tokio::select! {
        opened = opened => opened,
        _ = signals.next() => {
            tracing::info!("stopped while the store was opening");
            return Ok(());
        }
    };
    let storage = match opened {
        Ok(Ok(storage)) => Arc::new(storage),
        Ok(Err(error)) => return Err(Failure::Said(format!("{}: {error}", config.data_dir.display()))),
        Err(error) => return Err(Failure::Said(format!("opening {} failed: {error}", config.data_dir.display()))),
    };
    // From here on the directory is locked. Without these files queries are answered all the same.
    let active = config.data_dir.join(ACTIVE_QUERIES);
    if let Err(error) = state.log_queries(Some(&*active).filter(|_| !config.storage.read_only)) {
        tracing::warn!(%error, "queries can't be logged");
    }
    let stores = Stores {
        select: storage.clone(),
        labels: storage.clone(),
        exemplars: storage.clone(),
        metadata: storage.clone(),
        append: storage.clone(),
        changes: storage.clone(),
        status: storage.clone(),
        admin: storage.clone(),
    };
    let (stop_scraping, stopped) = stopper();
    let (scraped_once, first_scrape) = oneshot::channel();
    let scraping = config.self_scrape.map(|interval| {
        let (state, stores) = (state.clone(), stores.clone());
        tokio::spawn(async move {
            let scrape = SelfScrape::begin(state, stores, interval).await;
            // When it took long, the receiver has timed out.
            let _ = scraped_once.send(());
            scrape.run(stopped).await;
        })
    });
    // A slow disk delays the first sample and not the service. Without scrapes there is nothing to wait for.
    let _ = timeout(FIRST_SCRAPE_TIMEOUT, first_scrape).await;
    state.ready(stores);
    let (stop_receiving, stopped) = stopper();
    let receiving =
        datagrams.map(|(socket, options)| tokio::spawn(influx_udp::run(socket, options, state.clone(), stopped)));
    tracing::info!(seconds = began.elapsed().as_secs_f64(), "ready");
    print_addresses(&config);

    signals.next().await;
    tracing::info!("stopping: finishing requests; a second signal ends at once");
    tokio::spawn(end_at_next(signals));
    reopening.abort();
    if let Some(watching) = watching {
        watching.abort();
    }
    // Dropping these is what stops: first clients, then our own samples, then the store.
    drop(stop_serving);
    drop(stop_receiving);
    report(serving.await, "serving");
    if let Some(receiving) = receiving {
        report(receiving.await, "receiving datagrams");
    }
    drop(stop_scraping);
    if let Some(scraping) = scraping {
        report(scraping.await, "storing our own metrics");
    }
    let closed = tokio::task::spawn_blocking(move || storage.close()).await;
    match closed {
        Ok(Ok(())) => {
            tracing::info!("stopped: everything is on disk");
            Ok(())
        }
        Ok(Err(error)) => Err(Failure::Said(format!(
            "closing the store failed: {error}; what was acknowledged is in its log and will be replayed"
        ))),
        Err(error) => Err(Failure::Said(format!("closing the store failed: {error}"))),
    }
}

fn report(ended: Result<(), tokio::task::JoinError>, what: &str) {
    if let Err(error) = ended {
        tracing::error!(%error, "{what} ended badly");
    }
}

/// A handle, and a future that completes when the handle is dropped.
fn stopper() -> (watch::Sender<()>, impl Future<Output = ()> + Send + 'static) {
    let (sender, mut receiver) = watch::channel(());
    (sender, async move { while receiver.changed().await.is_ok() {} })
}

/// The signals that ask the process to stop, listened for from the beginning.
struct StopSignals {
    terminate: Signal,
    interrupt: Signal,
}

impl StopSignals {
    fn listen() -> Result<Self, Failure> {
        Ok(Self { terminate: listen(SignalKind::terminate())?, interrupt: listen(SignalKind::interrupt())? })
    }

    /// Completes when the process is asked to stop, once more.
    async fn next(&mut self) -> SignalKind {
        tokio::select! {
            _ = self.terminate.recv() => SignalKind::terminate(),
            _ = self.interrupt.recv() => SignalKind::interrupt(),
        }
    }
}

/// Ends the process when it is asked to stop once more. That is as safe as a crash: nothing acknowledged is lost.
async fn end_at_next(mut signals: StopSignals) {
    let kind = signals.next().await;
    tracing::warn!("a second signal: ending at once; what was acknowledged is in the log and will be replayed");
    // The exit code by which shells show that a signal ended a process.
    std::process::exit(128 + kind.as_raw_value());
}

fn listen(kind: SignalKind) -> Result<Signal, Failure> {
    signal(kind).map_err(|error| Failure::Said(format!("can't listen for signals: {error}")))
}

/// Prints where the server can be reached, on standard output.
fn print_addresses(config: &Config) {
    let (version, directory) = (env!("CARGO_PKG_VERSION"), config.data_dir.display());
    let (external, instance) = (&config.server.external, &config.server.instance);
    let (url, here) = (external.shown(instance), format!("http://{instance}{}", external.prefix()));
    let text = format!(
        "vctsdb {version} keeps its data in {directory}\n\n\
         \x20 Prometheus (prometheus.yml):\n\
         \x20   remote_write:\n\
         \x20     - url: {url}/api/v1/write\n\
         \x20   remote_read:\n\
         \x20     - url: {url}/api/v1/read\n\
         \x20 OpenTelemetry: OTEL_EXPORTER_OTLP_METRICS_ENDPOINT={url}/v1/metrics\n\
         \x20 Grafana: a data source of type Prometheus with the URL {url}\n\
         \x20 Here: vctsdb query --server {here} 'up'\n\n"
    );
    // A closed standard output is no reason not to serve.
    let _ = std::io::stdout().write_all(text.as_bytes());
}
