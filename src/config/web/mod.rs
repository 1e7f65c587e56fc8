//! The web configuration file, in the form of Prometheus' own: TLS, who may log in, and what all answers carry.
//!
//! A section of ours, `vctsdb`, has tokens and roles; without it a user may do everything, as at Prometheus.

mod http;
mod tls;
mod users;

use std::path::{Path, PathBuf};

use super::{
    ConfigFileError,
    yaml::{self, Fault},
};
use crate::server::{AccessOptions, TlsOptions};

/// What a web configuration file says.
#[derive(Debug, Clone, Default)]
pub struct WebConfig {
    /// Who may do what.
    pub access: AccessOptions,
    /// How handshakes go; `None` for plain HTTP.
    pub tls: Option<TlsOptions>,
    /// Files that it names, of certificates and keys.
    pub files: Vec<PathBuf>,
}

const KEYS: [&str; 4] = ["basic_auth_users", "http_server_config", "tls_server_config", "vctsdb"];

impl WebConfig {
    /// Reads the file at `path`.
    ///
    /// # Errors
    /// When it can't be read, or says what can't be.
    pub fn load(path: &Path) -> Result<Self, ConfigFileError> {
        let text = ConfigFileError::or_text(path)?;
        let dir = path.parent().unwrap_or(Path::new(""));
        Self::parse(&path.display().to_string(), &text, dir)
    }

    /// Reads `text`, which errors call `file`; the paths in it are relative to `dir`.
    ///
    /// # Errors
    /// When it says what can't be, or names a file that can't be read.
    pub fn parse(file: &str, text: &str, dir: &Path) -> Result<Self, ConfigFileError> {
        Self::of_text(text, dir).map_err(|fault| ConfigFileError::wrong(file, fault))
    }

    fn of_text(text: &str, dir: &Path) -> Result<Self, Fault> {
        let mut config = Self::default();
        let Some(root) = yaml::parse(text)? else { return Ok(config) };
        let mut ours = None;
        for (key, section) in root.entries("the web configuration")? {
            match key.text("a section")? {
                "basic_auth_users" => config.access.users = users::users(section)?,
                "http_server_config" => config.access.headers = http::headers(section)?,
                "vctsdb" => ours = Some(section),
                "tls_server_config" => {
                    if let Some((tls, files)) = tls::section(section, dir)? {
                        (config.tls, config.files) = (Some(tls), files);
                    }
                }
                // To pass it over would leave its owner thinking that there is one.
                "rate_limit" => return Err(key.fault("rate_limit is not supported".to_owned())),
                other => return Err(key.unknown("section", other, &KEYS)),
            }
        }
        users::complete(&mut config.access, ours)?;
        Ok(config)
    }
}

#[cfg(test)]
mod tests;
