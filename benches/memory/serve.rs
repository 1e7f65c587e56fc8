//! The server inside its cgroup.

use std::{
    fs::{self, File},
    net::TcpListener,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use crate::{Fallible, cgroup::Group, http};

/// A running server; dropping it kills it.
pub(crate) struct Server {
    child: Child,
    pub(crate) address: String,
    log: PathBuf,
}

impl Server {
    /// Starts the server with this budget in `dir` and waits until it is ready. `VCTSDB_BIN` names another program.
    pub(crate) fn start(group: &Group, budget: &str, dir: &Path) -> Fallible<Self> {
        let program = std::env::var("VCTSDB_BIN").unwrap_or_else(|_| env!("CARGO_BIN_EXE_vctsdb").to_owned());
        let address = TcpListener::bind("127.0.0.1:0")?.local_addr()?.to_string();
        let log = dir.join("log");
        let file = File::create(&log)?;
        // The shell joins the group and then becomes the server, so that no byte of it is outside.
        let child = Command::new("sh")
            .args(["-c", r#"echo $$ > "$0" && exec "$@""#])
            .arg(group.joins_at())
            .args([&program, "--enable-feature", "promql-experimental-functions", "--memory", budget])
            .args(["--listen", &address, "--data-dir"])
            .arg(dir.join("data"))
            .stdin(Stdio::null())
            .stdout(file.try_clone()?)
            .stderr(file)
            .spawn()?;
        let mut server = Self { child, address, log };
        let end = Instant::now() + Duration::from_secs(30);
        while !http::get(&server.address, "/-/ready").is_ok_and(|answer| answer.status == 200) {
            if Instant::now() > end || !server.is_alive() {
                return Err(format!("the server did not get ready: {}", server.log_end()).into());
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        Ok(server)
    }

    pub(crate) fn is_alive(&mut self) -> bool {
        matches!(self.child.try_wait(), Ok(None))
    }

    /// The most memory it has had (bytes), the pages of its program included; `None` when it has ended.
    pub(crate) fn most_memory(&self) -> Option<u64> {
        let status = fs::read_to_string(format!("/proc/{}/status", self.child.id())).ok()?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
        Some(line.trim().strip_suffix(" kB")?.trim().parse::<u64>().ok()? << 10)
    }

    /// The last lines that it wrote.
    pub(crate) fn log_end(&self) -> String {
        let log = fs::read_to_string(&self.log).unwrap_or_default();
        let lines: Vec<&str> = log.lines().collect();
        lines[lines.len().saturating_sub(5)..].join("\n")
    }

    /// SIGKILL, and waits for the end.
    pub(crate) fn stop(&mut self) {
        // It may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.stop();
    }
}
