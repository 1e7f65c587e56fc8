//! `tls_server_config`: certificate, key, versions, and clients' certificates.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

use rustls::{
    RootCertStore, ServerConfig, SupportedProtocolVersion,
    crypto::{CryptoProvider, ring},
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject},
    server::{WebPkiClientVerifier, danger::ClientCertVerifier},
    version::{TLS12, TLS13},
};

use crate::{
    config::yaml::{Fault, Node},
    server::TlsOptions,
};

const KEYS: [&str; 13] = [
    "cert",
    "cert_file",
    "cipher_suites",
    "client_allowed_sans",
    "client_auth_type",
    "client_ca",
    "client_ca_file",
    "curve_preferences",
    "key",
    "key_file",
    "max_version",
    "min_version",
    "prefer_server_cipher_suites",
];

/// What kinds of `client_auth_type` there are here.
const AUTH_TYPES: [&str; 3] = ["NoClientCert", "VerifyClientCertIfGiven", "RequireAndVerifyClientCert"];

/// The section, and the files that it names, which change with certificates.
pub(super) type Section = (TlsOptions, Vec<PathBuf>);

/// A text of PEM, and the node that gives it or its file.
struct Pem<'n> {
    node: &'n Node,
    bytes: Vec<u8>,
}

/// What the keys say, before it is put together.
#[derive(Default)]
struct Keys<'n> {
    cert: Option<Pem<'n>>,
    key: Option<Pem<'n>>,
    client_ca: Option<Pem<'n>>,
    auth: Option<(&'n Node, &'n str)>,
    names: Vec<String>,
    min: Option<(&'n Node, u8)>,
    max: Option<(&'n Node, u8)>,
    files: Vec<PathBuf>,
}

/// Reads the section; `None` where it says nothing. Paths are relative to `dir`.
pub(super) fn section(section: &Node, dir: &Path) -> Result<Option<Section>, Fault> {
    let entries = section.entries("tls_server_config")?;
    let mut keys = Keys::default();
    let mut provider = ring::default_provider();
    for (key, value) in entries {
        let name = key.text("a key of tls_server_config")?;
        match name {
            // A path wins over the same inline.
            "cert_file" => keys.cert = Some(keys.file(value, name, dir)?),
            "key_file" => keys.key = Some(keys.file(value, name, dir)?),
            "client_ca_file" => keys.client_ca = Some(keys.file(value, name, dir)?),
            "cert" => keys.cert = keys.cert.or(Some(Pem::inline(value, name)?)),
            "key" => keys.key = keys.key.or(Some(Pem::inline(value, name)?)),
            "client_ca" => keys.client_ca = keys.client_ca.or(Some(Pem::inline(value, name)?)),
            "client_auth_type" => keys.auth = Some((value, value.text(name)?)),
            "client_allowed_sans" => keys.names = names(value)?,
            "min_version" => keys.min = Some((value, version(value, name)?)),
            "max_version" => keys.max = Some((value, version(value, name)?)),
            "cipher_suites" => restrict_suites(&mut provider, value)?,
            "curve_preferences" => restrict_curves(&mut provider, value)?,
            // The order of what is left is the server's in any case.
            "prefer_server_cipher_suites" => drop(value.boolean(name)?),
            other => return Err(key.unknown("key of tls_server_config", other, &KEYS)),
        }
    }
    if entries.is_empty() { Ok(None) } else { keys.build(provider, section).map(Some) }
}

impl<'n> Pem<'n> {
    fn inline(node: &'n Node, name: &str) -> Result<Self, Fault> {
        Ok(Self { node, bytes: node.text(name)?.as_bytes().to_vec() })
    }

    /// The certificates in it, at least one.
    fn certificates(&self) -> Result<Vec<CertificateDer<'static>>, Fault> {
        let read: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&self.bytes).collect();
        match read {
            Ok(list) if !list.is_empty() => Ok(list),
            Ok(_) => Err(self.node.fault("there is no certificate in it; expected PEM".to_owned())),
            Err(error) => Err(self.node.fault(format!("its certificates can't be read: {error}"))),
        }
    }
}

impl<'n> Keys<'n> {
    /// Reads the file that `node` names.
    fn file(&mut self, node: &'n Node, name: &str, dir: &Path) -> Result<Pem<'n>, Fault> {
        let path = dir.join(node.text(name)?);
        let bytes = std::fs::read(&path)
            .map_err(|error| node.fault(format!("failed to read {name} ({}): {error}", path.display())))?;
        self.files.push(path);
        Ok(Pem { node, bytes })
    }

    fn build(self, provider: CryptoProvider, section: &Node) -> Result<Section, Fault> {
        let cert = self.cert.as_ref().ok_or_else(|| section.fault("missing one of cert or cert_file".to_owned()))?;
        let key = self.key.as_ref().ok_or_else(|| section.fault("missing one of key or key_file".to_owned()))?;
        let chain = cert.certificates()?;
        let private = PrivateKeyDer::from_pem_slice(&key.bytes)
            .map_err(|error| key.node.fault(format!("the private key can't be read: {error}")))?;
        let provider = Arc::new(provider);
        let (verifier, verified) = self.verifier(&provider, section)?;
        let versions = self.versions(section)?;
        let builder = ServerConfig::builder_with_provider(provider)
            .with_protocol_versions(&versions)
            .map_err(|error| section.fault(error.to_string()))?;
        let builder = match verifier {
            Some(verifier) => builder.with_client_cert_verifier(verifier),
            None => builder.with_no_client_auth(),
        };
        let mut config = builder.with_single_cert(chain, private).map_err(|error| match error {
            rustls::Error::InconsistentKeys(_) => key.node.fault("private key does not match public key".to_owned()),
            error => key.node.fault(format!("certificate and key can't be used: {error}")),
        })?;
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        let options =
            TlsOptions { config: Arc::new(config), allowed_names: self.names, clients_are_verified: verified };
        Ok((options, self.files))
    }

    /// Who looks at clients' certificates, and whether each client has to have one.
    fn verifier(
        &self,
        provider: &Arc<CryptoProvider>,
        section: &Node,
    ) -> Result<(Option<Arc<dyn ClientCertVerifier>>, bool), Fault> {
        let (node, kind) = self.auth.unwrap_or((section, "NoClientCert"));
        let required = match kind {
            "" | "NoClientCert" => {
                if let Some(ca) = &self.client_ca {
                    return Err(ca
                        .node
                        .fault("client CA's have been configured without a client_auth_type".to_owned()));
                }
                if !self.names.is_empty() {
                    return Err(
                        section.fault("client_allowed_sans means something only with a client_auth_type".to_owned())
                    );
                }
                return Ok((None, false));
            }
            "VerifyClientCertIfGiven" => false,
            "RequireAndVerifyClientCert" => true,
            "RequestClientCert" | "RequireAnyClientCert" | "RequireClientCert" => {
                let why = format!(
                    "{kind} looks at no signature and so protects nothing; expected one of {}",
                    AUTH_TYPES.join(", ")
                );
                return Err(node.fault(why));
            }
            other => return Err(node.unknown("client_auth_type", other, &AUTH_TYPES)),
        };
        let Some(ca) = &self.client_ca else {
            return Err(node.fault(format!("{kind} needs a client_ca_file, whose CAs sign clients' certificates")));
        };
        let mut roots = RootCertStore::empty();
        for certificate in ca.certificates()? {
            roots.add(certificate).map_err(|error| ca.node.fault(format!("not the certificate of a CA: {error}")))?;
        }
        let builder = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), Arc::clone(provider));
        let builder = if required { builder } else { builder.allow_unauthenticated() };
        let verifier = builder.build().map_err(|error| ca.node.fault(error.to_string()))?;
        Ok((Some(verifier), required))
    }

    fn versions(&self, section: &Node) -> Result<Vec<&'static SupportedProtocolVersion>, Fault> {
        let (min, max) = (self.min.map_or(12, |(_, min)| min), self.max.map_or(13, |(_, max)| max));
        if min > max {
            let node = self.max.or(self.min).map_or(section, |(node, _)| node);
            return Err(node.fault("min_version is above max_version, so that no handshake works".to_owned()));
        }
        let all = [(13, &TLS13), (12, &TLS12)];
        Ok(all.into_iter().filter(|(version, _)| (min..=max).contains(version)).map(|(_, version)| version).collect())
    }
}

fn version(node: &Node, name: &str) -> Result<u8, Fault> {
    match node.text(name)? {
        "TLS13" => Ok(13),
        "TLS12" => Ok(12),
        "TLS10" | "TLS11" => Err(node.fault(format!("{name} can't be below TLS12: older versions are broken"))),
        other => Err(node.unknown("TLS version", other, &["TLS12", "TLS13"])),
    }
}

/// Names that a certificate is matched with. Those of other kinds would never match.
fn names(section: &Node) -> Result<Vec<String>, Fault> {
    let mut names = Vec::new();
    for item in section.items("client_allowed_sans")? {
        let name = item.text("an entry of client_allowed_sans")?;
        if name.parse::<std::net::IpAddr>().is_ok() || (name.contains('@') && !name.contains("://")) {
            return Err(item.fault(format!("{name:?}: only DNS names and URIs are looked at")));
        }
        names.push(name.to_owned());
    }
    Ok(names)
}

fn restrict_suites(provider: &mut CryptoProvider, section: &Node) -> Result<(), Fault> {
    let name = |suite: &rustls::SupportedCipherSuite| suite.suite().as_str().unwrap_or_default();
    let older = |suite: &rustls::SupportedCipherSuite| suite.tls13().is_none();
    let known: Vec<&str> = provider.cipher_suites.iter().filter(|suite| older(suite)).map(name).collect();
    let mut wanted = Vec::new();
    for item in section.items("cipher_suites")? {
        match item.text("a cipher suite")? {
            // Those of TLS 1.3 can't be chosen; all of them are good.
            suite if suite.starts_with("TLS_AES_") || suite.starts_with("TLS_CHACHA20_") => {}
            suite if known.contains(&suite) => wanted.push(suite),
            other => return Err(item.unknown("cipher", other, &known)),
        }
    }
    if !wanted.is_empty() {
        provider.cipher_suites.retain(|suite| !older(suite) || wanted.contains(&name(suite)));
    }
    Ok(())
}

fn restrict_curves(provider: &mut CryptoProvider, section: &Node) -> Result<(), Fault> {
    let mut groups = Vec::new();
    for item in section.items("curve_preferences")? {
        let group = match item.text("a curve")? {
            "X25519" => ring::kx_group::X25519,
            "CurveP256" => ring::kx_group::SECP256R1,
            "CurveP384" => ring::kx_group::SECP384R1,
            other => return Err(item.unknown("curve", other, &["CurveP256", "CurveP384", "X25519"])),
        };
        groups.push(group);
    }
    if !groups.is_empty() {
        provider.kx_groups = groups;
    }
    Ok(())
}
