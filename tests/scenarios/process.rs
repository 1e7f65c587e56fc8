//! Real servers as child processes: found, started, waited for, and ended when the test ends.

use std::{
    io::Write,
    net::TcpListener,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use super::http_client::get;

/// A running server; dropping it kills it.
pub(crate) struct Server {
    child: Child,
    pub(crate) address: String,
}

impl Server {
    /// Starts `command` and waits until `ready` answers 200 at `address`.
    pub(crate) fn start(command: &mut Command, address: &str, ready: &str, log: &Path) -> Self {
        Self::start_until(command, address, log, || get(address, ready).is_ok_and(|r| r.status == 200))
    }

    /// Starts `command` and waits until `is_up`.
    pub(crate) fn start_until(command: &mut Command, address: &str, log: &Path, is_up: impl Fn() -> bool) -> Self {
        let file = std::fs::File::options().create(true).append(true).open(log).unwrap();
        command.stdin(Stdio::null()).stdout(file.try_clone().unwrap()).stderr(file);
        let child = command.spawn().unwrap_or_else(|error| panic!("starting {command:?}: {error}"));
        let server = Self { child, address: address.to_owned() };
        let up = eventually(Duration::from_secs(60), is_up);
        assert!(up, "{command:?} did not get ready:\n{}", std::fs::read_to_string(log).unwrap_or_default());
        server
    }

    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Whether it has not ended.
    pub(crate) fn runs(&mut self) -> bool {
        matches!(self.child.try_wait(), Ok(None))
    }

    /// SIGKILL, and waits for the end.
    pub(crate) fn kill(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }

    /// Sends a signal by its name for `kill`: `-STOP`.
    pub(crate) fn signal(&self, name: &str) {
        let sent = Command::new("kill").arg(name).arg(self.pid().to_string()).status();
        assert!(sent.is_ok_and(|status| status.success()), "{name}");
    }

    /// SIGTERM, and waits for the end. Answers whether it ended with code 0 in time.
    pub(crate) fn terminate(&mut self) -> bool {
        self.signal("-TERM");
        let ended = eventually(Duration::from_secs(30), || matches!(self.child.try_wait(), Ok(Some(_))));
        ended && self.child.wait().is_ok_and(|status| status.success())
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
    loop {
        if question() {
            return true;
        }
        if Instant::now() > end {
            return false;
        }
        std::thread::sleep(Duration::from_millis(50));
    }
}

/// An address on the loopback interface that nothing listens on now.
pub(crate) fn free_address() -> String {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string()
}

/// Starts vctsdb on a data directory.
pub(crate) fn vctsdb(data: &Path, address: &str, more: &[&str]) -> Server {
    let mut command = Command::new(env!("CARGO_BIN_EXE_vctsdb"));
    command.arg("--data-dir").arg(data).args(["--listen", address]).args(more);
    Server::start(&mut command, address, "/-/ready", &data.with_extension("log"))
}

/// A peer's program: from the environment variable, or from PATH. Without it the test is skipped, and says so; where
/// `VCTSDB_REQUIRE_PEERS` is set that is a failure.
pub(crate) fn peer(variable: &str, name: &str) -> Option<PathBuf> {
    let named = std::env::var_os(variable).map(PathBuf::from);
    let in_path = || std::env::split_paths(&std::env::var_os("PATH")?).map(|dir| dir.join(name)).find(|p| p.is_file());
    let found = named.or_else(in_path);
    if found.is_none() {
        assert!(
            std::env::var_os("VCTSDB_REQUIRE_PEERS").is_none(),
            "{name} is required and neither {variable} nor PATH has it"
        );
        // Not with a macro: the test harness would keep it to itself.
        let _ = writeln!(std::io::stderr(), "SKIPPED: {name} is not there; put it on PATH or name it in {variable}");
    }
    found
}
