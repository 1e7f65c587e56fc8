//! The servers as child processes: found, started with default flags, ended by their own handle, also when we fail.

use std::{
    fs::File,
    net::TcpListener,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use crate::{Fallible, http, measure};

/// Who.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Kind {
    Vctsdb,
    Prometheus,
    VictoriaMetrics,
}

impl Kind {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Vctsdb => "vctsdb",
            Self::Prometheus => "Prometheus",
            Self::VictoriaMetrics => "VictoriaMetrics",
        }
    }

    /// What turns a server's result cache off, as a query parameter.
    pub(crate) fn uncached(self) -> &'static str {
        match self {
            Self::Vctsdb | Self::VictoriaMetrics => "&nocache=1",
            Self::Prometheus => "",
        }
    }
}

/// A server that can be started.
#[derive(Debug)]
pub(crate) struct Program {
    pub(crate) kind: Kind,
    pub(crate) path: PathBuf,
}

/// Ourselves and the peers that are there.
pub(crate) fn programs() -> Vec<Program> {
    let in_path = |name: &str| {
        std::env::split_paths(&std::env::var_os("PATH")?).map(|dir| dir.join(name)).find(|path| path.is_file())
    };
    let named = |variable: &str| std::env::var_os(variable).map(PathBuf::from);
    let ours = named("VCTSDB_BIN").unwrap_or_else(|| PathBuf::from(env!("CARGO_BIN_EXE_vctsdb")));
    let peers = [
        (Kind::Vctsdb, Some(ours)),
        (Kind::Prometheus, named("PROMETHEUS_BIN").or_else(|| in_path("prometheus"))),
        (Kind::VictoriaMetrics, named("VICTORIA_METRICS_BIN").or_else(|| in_path("victoria-metrics"))),
    ];
    peers.into_iter().filter_map(|(kind, path)| Some(Program { kind, path: path? })).collect()
}

impl Program {
    /// Flags other than the defaults: where to listen, where to keep data, and that remote write is wanted.
    fn arguments(&self, address: &str, dir: &Path) -> Fallible<Vec<String>> {
        let data = dir.join("data");
        Ok(match self.kind {
            Kind::Vctsdb => vec![format!("--data-dir={}", data.display()), format!("--listen={address}")],
            Kind::Prometheus => {
                let config = dir.join("prometheus.yml");
                std::fs::write(&config, "# Nothing to scrape.\n")?;
                vec![
                    format!("--config.file={}", config.display()),
                    format!("--storage.tsdb.path={}", data.display()),
                    format!("--web.listen-address={address}"),
                    "--web.enable-remote-write-receiver".to_owned(),
                ]
            }
            Kind::VictoriaMetrics => {
                vec![format!("-storageDataPath={}", data.display()), format!("-httpListenAddr={address}")]
            }
        })
    }

    /// Starts it in `dir` and waits until it says that it is ready.
    pub(crate) fn start(&self, dir: &Path) -> Fallible<Server> {
        let server = self.launch(dir)?;
        let ready = if self.kind == Kind::VictoriaMetrics { "/health" } else { "/-/ready" };
        let is_ready = || http::get(&server.address, ready).is_ok_and(|r| r.status == 200);
        if eventually(Duration::from_secs(120), is_ready) {
            return Ok(server);
        }
        let log = std::fs::read_to_string(dir.join("log")).unwrap_or_default();
        Err(format!("{} did not get ready:\n{log}", self.kind.name()).into())
    }

    /// Starts it in `dir` without waiting.
    pub(crate) fn launch(&self, dir: &Path) -> Fallible<Server> {
        std::fs::create_dir_all(dir)?;
        let address = TcpListener::bind("127.0.0.1:0")?.local_addr()?.to_string();
        let log = File::options().create(true).append(true).open(dir.join("log"))?;
        let mut command = Command::new(&self.path);
        command.args(self.arguments(&address, dir)?).current_dir(dir);
        command.stdin(Stdio::null()).stdout(log.try_clone()?).stderr(log);
        let child = command.spawn().map_err(|e| format!("{}: {e}", self.path.display()))?;
        Ok(Server { child, address, data: dir.join("data") })
    }

    /// What it says of its version, on one line.
    pub(crate) fn version(&self) -> String {
        let flag = if self.kind == Kind::VictoriaMetrics { "-version" } else { "--version" };
        let output = Command::new(&self.path).arg(flag).output();
        let first = |bytes: &[u8]| String::from_utf8_lossy(bytes).lines().next().unwrap_or_default().to_owned();
        let said = output.map(|o| if o.stdout.is_empty() { first(&o.stderr) } else { first(&o.stdout) });
        said.ok()
            .filter(|s| !s.is_empty())
            .unwrap_or_else(|| format!("{}, which names no version", self.path.display()))
    }
}

/// A running server; dropping it kills it.
pub(crate) struct Server {
    child: Child,
    pub(crate) address: String,
    pub(crate) data: PathBuf,
}

impl Server {
    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// SIGKILL, and waits for the end.
    pub(crate) fn kill(&mut self) {
        // It may have ended already; there is nothing more to do then.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }

    /// SIGTERM, and waits for the end. Answers the CPU seconds that the process has used in its life.
    pub(crate) fn stop(self) -> Fallible<f64> {
        let pid = self.pid().to_string();
        Command::new("kill").args(["-TERM", &pid]).status()?;
        if eventually(Duration::from_secs(180), || measure::has_ended(self.pid())) {
            return measure::cpu_seconds(self.pid());
        }
        Err("the server did not end within 3 minutes of SIGTERM".into())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.kill();
    }
}

/// Asks again and again until the answer is yes or the time is up.
pub(crate) fn eventually(limit: Duration, mut question: impl FnMut() -> bool) -> bool {
    let end = Instant::now() + limit;
    while !question() {
        if Instant::now() > end {
            return false;
        }
        std::thread::sleep(Duration::from_millis(2));
    }
    true
}
