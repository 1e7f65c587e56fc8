//! TLS as a client: a server is trusted when a CA that this machine trusts has signed its certificate.

use std::sync::Arc;

use rustls::{ClientConfig, RootCertStore, pki_types::ServerName};
use tokio::net::TcpStream;
use tokio_rustls::{TlsConnector, client::TlsStream};

/// Performs the handshake with `host`. The CAs are those of the system, or those in `SSL_CERT_FILE` or `SSL_CERT_DIR`. The
/// error is a sentence for people.
pub(super) async fn handshake(stream: TcpStream, host: &str) -> Result<TlsStream<TcpStream>, String> {
    let found = rustls_native_certs::load_native_certs();
    let mut roots = RootCertStore::empty();
    let (taken, _) = roots.add_parsable_certificates(found.certs);
    if taken == 0 {
        let why = found.errors.first().map_or_else(|| "there are none".to_owned(), ToString::to_string);
        return Err(format!("no certificates of CAs to trust ({why}); name a file of them in SSL_CERT_FILE"));
    }
    let provider = rustls::crypto::ring::default_provider();
    let config = ClientConfig::builder_with_provider(Arc::new(provider))
        .with_safe_default_protocol_versions()
        .map_err(|error| error.to_string())?
        .with_root_certificates(roots)
        .with_no_client_auth();
    let name = ServerName::try_from(host.to_owned()).map_err(|error| format!("{host}: {error}"))?;
    let connecting = TlsConnector::from(Arc::new(config)).connect(name, stream);
    connecting.await.map_err(|error| match error.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>()) {
        Some(rustls::Error::InvalidCertificate(why)) => {
            format!("its certificate is not to be trusted ({why}); name its CA's in SSL_CERT_FILE if you do")
        }
        Some(rustls::Error::InvalidMessage(_)) => "it doesn't speak TLS; is http:// meant?".to_owned(),
        _ => format!("the TLS handshake failed: {error}"),
    })
}
