//! Which server a subcommand talks to, and by what login.

use std::path::PathBuf;

use clap::Args;

use super::{ServerUrl, url::Login};
use crate::cli::Failure;

/// The server, and the login there.
#[derive(Debug, Args)]
pub(in crate::cli) struct ServerArgs {
    /// The server to talk to. NAME:PASSWORD@ may stand in front of its host.
    // A text, as an error of the parser of arguments would repeat the password.
    #[arg(
        long,
        env = "VCTSDB_SERVER",
        hide_env_values = true,
        default_value = "http://127.0.0.1:9201",
        value_name = "URL"
    )]
    server: String,

    #[command(flatten)]
    login: LoginArgs,
}

/// The login at a server, and the CA that its certificate has to be signed by.
#[derive(Debug, Default, Args)]
pub(in crate::cli) struct LoginArgs {
    /// Log in by name and password.
    #[arg(long, env = "VCTSDB_USER", hide_env_values = true, value_name = "NAME:PASSWORD")]
    user: Option<String>,

    /// Log in by the token in this file.
    #[arg(long, env = "VCTSDB_TOKEN_FILE", value_name = "FILE", conflicts_with = "user")]
    token_file: Option<PathBuf>,

    /// With https: the certificates of the CAs to trust, as PEM [default: those that this machine trusts].
    #[arg(long, env = "VCTSDB_CA_FILE", value_name = "FILE")]
    ca_file: Option<PathBuf>,
}

impl ServerArgs {
    /// The URL, with what it takes to be let in there.
    pub(in crate::cli) fn url(&self) -> Result<ServerUrl, Failure> {
        self.login.at(&self.server)
    }
}

impl LoginArgs {
    /// The URL `server` with this login, which counts more than one in the URL.
    pub(in crate::cli) fn at(&self, server: &str) -> Result<ServerUrl, Failure> {
        let mut url: ServerUrl = server.parse().map_err(Failure::Said)?;
        if let Some(user) = &self.user {
            let (name, password) = user.split_once(':').unwrap_or((user, ""));
            url.login = Some(Login::Password(name.to_owned(), password.to_owned()));
        }
        if let Some(file) = &self.token_file {
            let token = std::fs::read_to_string(file)
                .map_err(|error| Failure::Usage(format!("{}: {error}", file.display())))?;
            let token = token.trim();
            if token.is_empty() || !token.bytes().all(|byte| byte.is_ascii_graphic()) {
                return Err(Failure::Usage(format!("{}: expected a token, a word of visible ASCII", file.display())));
            }
            url.login = Some(Login::Token(token.to_owned()));
        }
        url.ca_file.clone_from(&self.ca_file);
        Ok(url)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_login_of_its_own_counts_more_than_that_of_the_url() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("token");
        let authorization = |args: LoginArgs| args.at("http://u:p@a").unwrap().authorization();
        assert_eq!(authorization(LoginArgs::default()).as_deref(), Some("Basic dTpw"));
        let user = LoginArgs { user: Some("v:p:q".into()), ..LoginArgs::default() };
        assert_eq!(authorization(user).as_deref(), Some("Basic djpwOnE="));
        let token = || LoginArgs { token_file: Some(file.clone()), ..LoginArgs::default() };
        assert!(token().at("a").unwrap_err().to_string().contains("token: No such file"));
        for (text, want) in [("vcts_a-b\n", Some("Bearer vcts_a-b")), ("", None), ("a b", None), ("a\u{e9}", None)] {
            std::fs::write(&file, text).unwrap();
            assert_eq!(
                token().at("http://u:p@a").ok().and_then(|url| url.authorization()).as_deref(),
                want,
                "{text:?}"
            );
        }
    }
}
