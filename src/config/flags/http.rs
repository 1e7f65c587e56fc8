//! Flags of the category "HTTP".

use std::{path::PathBuf, time::Duration};

use clap::{Args, builder::BoolishValueParser};

use super::{Listed, duration, text_or_empty};
use crate::{
    config::{ListenAddress, ms},
    promql::format_duration,
    server::{ExternalAddress, ExternalUrl, OriginPattern, WebUi, prefix},
};

/// The address to listen on, and the rules for clients.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "HTTP")]
pub struct HttpFlags {
    /// Let everybody who reaches the address make snapshots and delete samples, through /api/v1/admin/tsdb.
    #[arg(long = "web.enable-admin-api", env = "VCTSDB_WEB_ENABLE_ADMIN_API", value_parser = BoolishValueParser::new())]
    pub admin_api: bool,

    /// Serve on an address that other machines reach although there is no login.
    #[arg(long = "web.allow-anonymous", env = "VCTSDB_WEB_ALLOW_ANONYMOUS", value_parser = BoolishValueParser::new())]
    pub allow_anonymous: bool,

    /// A web configuration file in the form of Prometheus' own: who may log in, and, in a section of ours, tokens and roles. It is
    /// read again when it changes, and on SIGHUP.
    #[arg(long = "web.config.file", env = "VCTSDB_WEB_CONFIG_FILE", value_name = "FILE")]
    pub web_config_file: Option<PathBuf>,

    /// Address to serve on: HOST:PORT, a port of 127.0.0.1, or :PORT for all addresses of this machine. One that other machines
    /// reach needs a login (--web.config.file), or --web.allow-anonymous.
    #[arg(long, env = "VCTSDB_LISTEN", default_value = "127.0.0.1:9201", value_name = "HOST:PORT")]
    pub listen: ListenAddress,

    /// Has no effect: OpenTelemetry's metrics are always taken. Known so that a command line of Prometheus works.
    #[arg(long = "web.enable-otlp-receiver", env = "VCTSDB_WEB_ENABLE_OTLP_RECEIVER", value_parser = BoolishValueParser::new(), hide = true)]
    pub otlp_receiver: bool,

    /// The URL under which others reach the server, for links, redirects and what it says of itself, and whose host and origin
    /// are its own; its path is in front of all paths, unless --web.route-prefix says otherwise.
    #[arg(long = "web.external-url", env = "VCTSDB_WEB_EXTERNAL_URL", value_name = "URL")]
    pub external_url: Option<ExternalUrl>,

    /// What all paths have in front, such as /prom, health checks too; / for nothing, where a proxy takes the path of
    /// --web.external-url away [default: that path].
    #[arg(long = "web.route-prefix", env = "VCTSDB_WEB_ROUTE_PREFIX", value_name = "PATH", value_parser = prefix)]
    pub route_prefix: Option<String>,

    /// Answer for these host names too, such as metrics.lan,*.lan, or * for all. Without it, a server on a loopback address
    /// answers for localhost, loopback addresses and the name in --listen, another server for all names.
    #[arg(
        long = "web.allowed-hosts",
        env = "VCTSDB_WEB_ALLOWED_HOSTS",
        value_name = "NAME,...",
        value_delimiter = ','
    )]
    pub allowed_hosts: Vec<String>,

    /// Web pages of these origins may read, write and do what else can be done: a regular expression for the whole origin,
    /// such as https?://(a|b)\.example [default: pages from loopback addresses if --listen is one, else none].
    #[arg(long = "web.cors.origin", env = "VCTSDB_WEB_CORS_ORIGIN", value_name = "REGEX", value_parser = origin_pattern)]
    pub cors_origin: Option<OriginPattern>,

    /// The web interface: on, off, or a folder to read its files from, for who changes them.
    #[arg(long = "web.ui", env = "VCTSDB_WEB_UI", default_value = "on", value_name = "ON|OFF|FOLDER")]
    pub ui: WebUi,

    /// When asked to stop, requests being answered get this long to end; a second signal ends at once.
    #[arg(long = "shutdown-timeout", env = "VCTSDB_SHUTDOWN_TIMEOUT", default_value = "10s", value_name = "DURATION",
          value_parser = duration)]
    pub shutdown_timeout: Duration,
}

impl HttpFlags {
    /// The URL and the route prefix under which clients reach this server.
    pub(crate) fn external_address(&self) -> ExternalAddress {
        ExternalAddress { url: self.external_url.clone(), prefix: self.route_prefix.clone() }
    }

    pub(super) fn listed(&self) -> impl Iterator<Item = Listed> {
        let external = self.external_address();
        let prefix = Some(external.prefix()).filter(|prefix| !prefix.is_empty()).unwrap_or("/");
        let origin = self.cors_origin.as_ref().map(OriginPattern::text);
        [
            ("listen", self.listen.to_string()),
            ("shutdown-timeout", format_duration(ms(self.shutdown_timeout))),
            ("web.allow-anonymous", self.allow_anonymous.to_string()),
            ("web.allowed-hosts", self.allowed_hosts.join(",")),
            (
                "web.config.file",
                text_or_empty(self.web_config_file.as_deref().map(|path| path.to_string_lossy()).as_ref()),
            ),
            ("web.cors.origin", text_or_empty(origin.as_ref())),
            ("web.enable-admin-api", self.admin_api.to_string()),
            ("web.enable-otlp-receiver", self.otlp_receiver.to_string()),
            ("web.external-url", text_or_empty(self.external_url.as_ref())),
            ("web.route-prefix", prefix.to_owned()),
            ("web.ui", self.ui.to_string()),
        ]
        .into_iter()
    }
}

/// Parses a pattern of origins.
fn origin_pattern(text: &str) -> Result<OriginPattern, String> {
    OriginPattern::new(text).map_err(|error| error.to_string())
}
