//! TLS of the listener: handshakes, and which clients' certificates are let in.

use std::{io, sync::Arc, time::Duration};

use arc_swap::ArcSwap;
use rustls::ServerConfig;
use tokio::{
    io::{AsyncRead, AsyncWrite, AsyncWriteExt},
    sync::Semaphore,
    time::timeout,
};
use tokio_rustls::{TlsAcceptor, server::TlsStream};
use webpki::EndEntityCert;

/// A handshake takes next to no time of an honest client.
const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(10);
/// The first byte of a handshake. That of a request is a letter.
const HANDSHAKE: u8 = 0x16;
/// What a client hears that speaks plain HTTP here.
const PLAIN: &[u8] =
    b"HTTP/1.0 400 Bad Request\r\nContent-Type: text/plain; charset=utf-8\r\nConnection: close\r\n\r\n\
    Client sent an HTTP request to an HTTPS server.\n";

/// What a handshake goes by.
#[derive(Debug, Clone)]
pub struct TlsOptions {
    /// Certificate, key, versions, and whether clients need a certificate.
    pub config: Arc<ServerConfig>,
    /// Names of which a client's certificate has to have one; none where any will do.
    pub allowed_names: Vec<String>,
    /// Whether nobody gets in without a certificate.
    pub clients_are_verified: bool,
}

/// The listener's TLS. A new certificate counts from the next handshake on.
#[derive(Debug)]
pub struct Tls {
    options: ArcSwap<TlsOptions>,
    /// Each handshake costs a core for a while: so many at once, further ones wait.
    handshakes: Semaphore,
}

impl Tls {
    /// Handshakes by these options until they are replaced.
    #[must_use]
    pub fn new(options: TlsOptions) -> Self {
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        Self { options: ArcSwap::from_pointee(options), handshakes: Semaphore::new(2 * cores) }
    }

    /// Goes by others from the next handshake on.
    pub fn replace(&self, options: TlsOptions) {
        self.options.store(Arc::new(options));
    }

    /// Whether nobody gets in without a certificate.
    #[must_use]
    pub fn clients_are_verified(&self) -> bool {
        self.options.load().clients_are_verified
    }

    /// Shakes hands with a client whose first byte is `first`.
    ///
    /// # Errors
    /// When it speaks something else, which it is told where that is HTTP; takes too long; or has no certificate that is let in.
    pub(crate) async fn accept<S: AsyncRead + AsyncWrite + Unpin>(
        &self,
        mut stream: S,
        first: u8,
    ) -> io::Result<TlsStream<S>> {
        if first != HANDSHAKE {
            if first.is_ascii_alphabetic() {
                stream.write_all(PLAIN).await?;
                stream.shutdown().await?;
            }
            return Err(io::Error::new(io::ErrorKind::InvalidData, "the client doesn't speak TLS"));
        }
        let options = self.options.load_full();
        let shake = async {
            let _turn = self.handshakes.acquire().await.map_err(io::Error::other)?;
            TlsAcceptor::from(Arc::clone(&options.config)).accept(stream).await
        };
        let stream = timeout(HANDSHAKE_TIMEOUT, shake).await.map_err(io::Error::from)??;
        if options.allowed_names.is_empty() || has_one_of(&stream, &options.allowed_names) {
            return Ok(stream);
        }
        Err(io::Error::new(
            io::ErrorKind::PermissionDenied,
            "the client's certificate has none of the names that are let in",
        ))
    }
}

/// Whether the client's certificate has one of these names, as a DNS name or a URI.
fn has_one_of<S>(stream: &TlsStream<S>, names: &[String]) -> bool {
    let Some(leaf) = stream.get_ref().1.peer_certificates().and_then(<[_]>::first) else { return false };
    let Ok(certificate) = EndEntityCert::try_from(leaf) else { return false };
    let listed = |name: &str| names.iter().any(|listed| listed == name);
    certificate.valid_dns_names().any(listed) || certificate.valid_uri_names().any(listed)
}
