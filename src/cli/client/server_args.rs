//! Which server a subcommand talks to.

use clap::Args;

use super::ServerUrl;
use crate::cli::Failure;

/// The server.
#[derive(Debug, Args)]
pub(in crate::cli) struct ServerArgs {
    /// The server to talk to. NAME:PASSWORD@ may stand in front of its host. With https its certificate has to be signed by a CA
    /// that this machine trusts, or by one in the file that SSL_CERT_FILE names.
    // A text, as an error of the parser of arguments would repeat the password.
    #[arg(
        long,
        env = "VCTSDB_SERVER",
        hide_env_values = true,
        default_value = "http://127.0.0.1:9201",
        value_name = "URL"
    )]
    server: String,
}

impl ServerArgs {
    /// Its URL.
    pub(in crate::cli) fn url(&self) -> Result<ServerUrl, Failure> {
        self.server.parse().map_err(Failure::Said)
    }
}
