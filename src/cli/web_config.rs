//! Reads the web configuration file again when it has changed.

use std::{os::unix::fs::MetadataExt, path::PathBuf, sync::Arc, time::Duration};

use tokio::signal::unix::Signal;

use crate::{
    config::WebConfig,
    server::{Access, Tls, observe_web_config_reload},
};

/// How often the file is looked at. It has to look the same twice, as an editor may write it in parts.
const TICK: Duration = Duration::from_secs(1);

/// What tells one version of a file from another: time of the change (s, ns), length, inode. `None` for a file that isn't there.
type Stamp = Option<(i64, i64, u64, u64)>;

/// The file, and who goes by it.
pub(super) struct WebConfigWatch {
    path: PathBuf,
    /// Certificates and keys that it names.
    files: Vec<PathBuf>,
    access: Arc<Access>,
    tls: Option<Arc<Tls>>,
    /// The versions that were read last: of the file, and of those that it names.
    read: Vec<Stamp>,
    /// The versions at the last look.
    seen: Vec<Stamp>,
}

impl WebConfigWatch {
    /// Watches from the version by which `access` and `tls` go already.
    pub(super) fn new((path, files): (PathBuf, Vec<PathBuf>), access: Arc<Access>, tls: Option<Arc<Tls>>) -> Self {
        observe_web_config_reload(true);
        let mut watch = Self { path, files, access, tls, read: Vec::new(), seen: Vec::new() };
        watch.read = watch.stamps();
        watch.seen.clone_from(&watch.read);
        watch
    }

    /// Looks for as long as it is polled; at once when `hang_up` comes.
    pub(super) async fn run(mut self, mut hang_up: Signal) {
        loop {
            tokio::select! {
                () = tokio::time::sleep(TICK) => self.look(),
                _ = hang_up.recv() => self.reload(),
            }
        }
    }

    fn stamps(&self) -> Vec<Stamp> {
        let stamp = |path: &PathBuf| {
            let data = std::fs::metadata(path).ok()?;
            Some((data.mtime(), data.mtime_nsec(), data.len(), data.ino()))
        };
        std::iter::once(&self.path).chain(&self.files).map(stamp).collect()
    }

    fn look(&mut self) {
        let stamps = self.stamps();
        if stamps == self.seen && stamps != self.read {
            self.reload();
        }
        self.seen = stamps;
    }

    fn reload(&mut self) {
        self.read = self.stamps();
        let read = WebConfig::load(&self.path).map_err(|error| error.to_string());
        let outcome = read.and_then(|config| self.apply(config));
        observe_web_config_reload(outcome.is_ok());
        match outcome {
            Ok(()) => tracing::info!(file = %self.path.display(), "the web configuration was read again"),
            Err(error) => tracing::error!(%error, "the web configuration stays as it was"),
        }
    }

    /// Goes by `config`, or by nothing of it.
    fn apply(&mut self, config: WebConfig) -> Result<(), String> {
        match (&self.tls, config.tls) {
            (None, None) => self.access.reload(config.access)?,
            (Some(tls), Some(options)) => {
                self.access.reload(config.access)?;
                tls.replace(options);
            }
            _ => return Err("TLS can't be switched on or off while the server runs; restart it for that".to_owned()),
        }
        if self.files != config.files {
            self.files = config.files;
            self.read = self.stamps();
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_read_when_it_looks_the_same_twice_and_never_takes_all_logins_away() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("web.yml");
        let hash = bcrypt::hash("secret", 4).unwrap();
        let with = |names: &[&str]| {
            let users: String = names.iter().map(|name| format!("  {name}: {hash}\n")).collect();
            format!("basic_auth_users:\n{users}")
        };
        let write = |text: &str| std::fs::write(&path, text).unwrap();
        write(&with(&["a"]));
        let access = Arc::new(Access::new(WebConfig::load(&path).unwrap().access));
        let mut watch = WebConfigWatch::new((path.clone(), Vec::new()), access.clone(), None);
        let names = || access.options().users.iter().map(|user| user.name.to_string()).collect::<Vec<_>>();
        write(&with(&["a", "bb"]));
        watch.look();
        assert_eq!(names(), ["a"], "it may still be written");
        watch.look();
        assert_eq!(names(), ["a", "bb"]);
        for (i, broken) in ["", "nonsense: 1", "basic_auth_users: {}", "basic_auth_users: {a: x"].iter().enumerate() {
            // Each of another length than the one before, so that it is seen whatever the clock's grain.
            write(&format!("{}{broken}", "# \n".repeat(i)));
            watch.look();
            watch.look();
            assert_eq!(names(), ["a", "bb"], "{broken:?}");
        }
        std::fs::remove_file(&path).unwrap();
        watch.look();
        watch.look();
        assert_eq!(names(), ["a", "bb"], "the file is gone");
        write(&with(&["ccc"]));
        watch.look();
        watch.look();
        assert_eq!(names(), ["ccc"]);
    }
}
