//! TLS as a client: a server is trusted when a CA that this machine trusts has signed its certificate.

use std::{path::Path, sync::Arc};

use rustls::{
    ClientConfig, RootCertStore,
    pki_types::{CertificateDer, ServerName, pem::PemObject},
};
use tokio::net::TcpStream;
use tokio_rustls::{TlsConnector, client::TlsStream};

/// Performs the handshake with `host`. The CAs are those in `ca_file`, else those of the system, or those in `SSL_CERT_FILE` or
/// `SSL_CERT_DIR`. The error is a sentence for people.
pub(super) async fn handshake(
    stream: TcpStream,
    host: &str,
    ca_file: Option<&Path>,
) -> Result<TlsStream<TcpStream>, String> {
    let roots = roots(ca_file)?;
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
            format!(
                "its certificate is not to be trusted ({why}); name its CA's in --ca-file or SSL_CERT_FILE if you do"
            )
        }
        Some(rustls::Error::InvalidMessage(_)) => "it doesn't speak TLS; is http:// meant?".to_owned(),
        _ => format!("the TLS handshake failed: {error}"),
    })
}

/// The CAs to trust.
fn roots(ca_file: Option<&Path>) -> Result<RootCertStore, String> {
    let (certificates, why) = match ca_file {
        Some(file) => {
            let read = CertificateDer::pem_file_iter(file).and_then(Iterator::collect::<Result<Vec<_>, _>>);
            (read.map_err(|error| format!("{}: {error}", file.display()))?, format!("{}: it has none", file.display()))
        }
        None => {
            let found = rustls_native_certs::load_native_certs();
            let why = found.errors.first().map_or_else(|| "there are none".to_owned(), ToString::to_string);
            (found.certs, why)
        }
    };
    let mut roots = RootCertStore::empty();
    match roots.add_parsable_certificates(certificates) {
        (0, _) => {
            Err(format!("no certificates of CAs to trust ({why}); name a file of them in --ca-file or SSL_CERT_FILE"))
        }
        _ => Ok(roots),
    }
}
