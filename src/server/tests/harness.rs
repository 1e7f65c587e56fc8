//! Starts a server on a port of its own and speaks to it.

use std::{net::SocketAddr, sync::Arc, time::Duration};

use http_body_util::{BodyExt, Full};
use hyper::{HeaderMap, Method, Request, StatusCode, body::Bytes, client::conn::http1, header::CONTENT_TYPE};
use hyper_util::rt::TokioIo;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    sync::oneshot,
    task::JoinHandle,
};

use crate::{
    ingest::FieldNaming,
    model::{Labels, SeriesBuf},
    promql::{Engine, EngineOptions, Features},
    seams::{
        admin::fake::RecordingAdmin, append::fake::MemoryAppend, changes::fake::Restless, env::TestClock,
        select::MemorySelect, status::fake::FixedStatus,
    },
    server::{
        Access, AccessOptions, BrowserOptions, Deadlines, ExternalAddress, RequestMemory, ServerOptions, ServerState,
        Stores, run,
    },
};

/// What the clock shows: 2020-09-13T12:26:40Z.
pub(super) const NOW: i64 = 1_600_000_000_000;

/// Deadlines short enough to wait for and long enough for a busy machine.
pub(super) const SHORT: Deadlines = Deadlines {
    head: Duration::from_millis(400),
    body_pause: Duration::from_millis(400),
    body: Duration::from_millis(800),
    write: Duration::from_millis(400),
    shutdown: Duration::from_secs(10),
};

pub(super) struct Server {
    pub(super) address: SocketAddr,
    pub(super) state: Arc<ServerState>,
    pub(super) clock: Arc<TestClock>,
    pub(super) append: Arc<MemoryAppend>,
    pub(super) admin: Arc<RecordingAdmin>,
    stop: oneshot::Sender<()>,
    running: JoinHandle<()>,
}

pub(super) struct Answer {
    pub(super) status: StatusCode,
    pub(super) headers: HeaderMap,
    pub(super) body: Vec<u8>,
}

impl Answer {
    pub(super) fn text(&self) -> String {
        String::from_utf8(self.body.clone()).unwrap()
    }

    pub(super) fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("{error}: {}", self.text()))
    }

    pub(super) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(|value| value.to_str().unwrap())
    }
}

/// Labels from `name{a="b"}`-like pairs.
pub(super) fn labels(pairs: &[(&str, &str)]) -> Labels {
    Labels::from_pairs(pairs.iter().copied()).unwrap()
}

/// Few series, but more bytes of labels than the buffers between client and server hold.
pub(super) fn many_bytes() -> MemorySelect {
    let mut select = some_series(0);
    let mut samples = SeriesBuf::default();
    samples.push_float(NOW, 1.0);
    for i in 0..400 {
        let long = format!("{i:0>65000}");
        select.series.insert(labels(&[("__name__", "up"), ("long", &long)]), samples.clone());
    }
    select
}

/// A store with `count` series `up` of one sample at [`NOW`].
pub(super) fn some_series(count: usize) -> MemorySelect {
    let mut select = MemorySelect::default();
    for i in 0..count {
        let mut samples = SeriesBuf::default();
        samples.push_float(NOW, i as f64);
        select
            .series
            .insert(labels(&[("__name__", "up"), ("instance", &format!("host-{i:05}")), ("job", "a")]), samples);
    }
    select
}

impl Server {
    /// A server over `select`, ready.
    pub(super) async fn start(select: MemorySelect) -> Self {
        let server = Self::opening(Deadlines::default()).await;
        server.ready(select);
        server
    }

    /// A server whose store may be changed over HTTP.
    pub(super) async fn administered() -> Self {
        let server = Self::with(|options| options.admin_api = true).await;
        server.ready(some_series(1));
        server
    }

    /// A server that takes its listener for one that other machines reach.
    pub(super) async fn reachable(select: MemorySelect) -> Self {
        let server = Self::with(|options| options.browser = BrowserOptions::default()).await;
        server.ready(select);
        server
    }

    /// A server that has no store yet.
    pub(super) async fn opening(deadlines: Deadlines) -> Self {
        Self::with(|options| options.deadlines = deadlines).await
    }

    pub(super) async fn with(change: impl FnOnce(&mut ServerOptions)) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let mut options = ServerOptions {
            memory: 1 << 30,
            requests: RequestMemory {
                queries: 4 << 20,
                largest_query: 20 << 20,
                writes: 16 << 20,
                imports: 16 << 20,
                largest_write: 256 << 20,
            },
            result_cache: 1 << 20,
            instance: "test:9201".to_owned(),
            external: ExternalAddress::default(),
            max_queries: 2,
            max_ahead: Duration::from_secs(600),
            otlp: Arc::default(),
            admin_api: false,
            deadlines: Deadlines::default(),
            external_labels: Labels::empty(),
            field_naming: FieldNaming::default(),
            query_log: None,
            // The names by which tests call it.
            browser: BrowserOptions {
                loopback: true,
                allowed_hosts: vec!["test".to_owned(), "x".to_owned()],
                ..BrowserOptions::default()
            },
            access: Arc::new(Access::new(AccessOptions::default())),
            tls: None,
            ui: crate::server::WebUi::On,
            replay_progress: crate::seams::replay_progress::ReplayProgress::default(),
            flags: [("data-dir", "./data"), ("retention.time", "30d"), ("retention.size", "off")]
                .map(|(name, value)| (name.to_owned(), value.to_owned()))
                .to_vec(),
        };
        change(&mut options);
        let engine =
            Arc::new(Engine::new(EngineOptions { threads: 1, features: Features::ALL, ..EngineOptions::default() }));
        let clock = Arc::new(TestClock::at(NOW));
        let state = Arc::new(ServerState::new(engine, clock.clone(), options));
        let (stop, stopped) = oneshot::channel();
        let running = tokio::spawn(run(listener, state.clone(), async {
            let _ = stopped.await;
        }));
        Self { address, state, clock, append: Arc::default(), admin: Arc::default(), stop, running }
    }

    pub(super) fn ready(&self, select: MemorySelect) {
        self.ready_with(select, FixedStatus::default());
    }

    pub(super) fn ready_with(&self, select: MemorySelect, status: FixedStatus) {
        self.state.ready(Stores { status: Arc::new(status), ..self.stores(select) });
    }

    /// A store that holds what `select` does.
    pub(super) fn stores(&self, select: MemorySelect) -> Stores {
        let select = Arc::new(select);
        Stores {
            changes: Arc::new(Restless),
            select: select.clone(),
            labels: select.clone(),
            exemplars: select.clone(),
            metadata: select,
            append: self.append.clone(),
            status: Arc::new(FixedStatus::default()),
            admin: self.admin.clone(),
        }
    }

    /// Stops it and waits until every request is answered.
    pub(super) async fn stop(self) {
        let _ = self.stop.send(());
        self.running.await.unwrap();
    }

    pub(super) async fn get(&self, path: &str) -> Answer {
        self.ask(Method::GET, path, &[], b"").await
    }

    pub(super) async fn post_form(&self, path: &str, form: &str) -> Answer {
        let kind = (CONTENT_TYPE.as_str(), "application/x-www-form-urlencoded");
        self.ask(Method::POST, path, &[kind], form.as_bytes()).await
    }

    pub(super) async fn ask(&self, method: Method, path: &str, headers: &[(&str, &str)], body: &[u8]) -> Answer {
        let stream = TcpStream::connect(self.address).await.unwrap();
        let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await.unwrap();
        tokio::spawn(connection);
        let mut request = Request::builder().method(method).uri(path).header("host", "test");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let request = request.body(Full::new(Bytes::copy_from_slice(body))).unwrap();
        let response = sender.send_request(request).await.unwrap();
        let (head, body) = response.into_parts();
        let body = body.collect().await.unwrap().to_bytes().to_vec();
        Answer { status: head.status, headers: head.headers, body }
    }

    /// Sends bytes and reads until the server closes.
    pub(super) async fn raw(&self, bytes: &[u8]) -> String {
        let mut stream = TcpStream::connect(self.address).await.unwrap();
        // The server may have answered and hung up before it has taken all.
        let _ = stream.write_all(bytes).await;
        let mut answer = Vec::new();
        // A reset after an answer that came before all was read is as good as an end.
        let _ = tokio::time::timeout(Duration::from_secs(20), stream.read_to_end(&mut answer)).await.unwrap();
        String::from_utf8_lossy(&answer).into_owned()
    }
}
