use hyper::header::X_FRAME_OPTIONS;

use super::*;
use crate::server::{Role, token_digest};

/// A hash of "secret", of the least cost that bcrypt has.
fn hash() -> String {
    bcrypt::hash("secret", 4).unwrap()
}

fn parse(text: &str) -> Result<WebConfig, ConfigFileError> {
    WebConfig::parse("web.yml", text, Path::new("/nonexistent"))
}

fn error(text: &str) -> String {
    parse(text).unwrap_err().to_string()
}

#[test]
fn users_tokens_and_roles_are_read() {
    let digest: String = token_digest(b"abc").iter().map(|byte| format!("{byte:02x}")).collect();
    assert!(digest.starts_with("ba7816bf"), "SHA-256 of abc, as in FIPS 180");
    let text = format!(
        "basic_auth_users:\n  alice: {hash}\n  bob: '{hash}'\nhttp_server_config:\n  http2: true\n  headers:\n    \
         X-Frame-Options: deny\nvctsdb:\n  tokens:\n    - {{name: grafana, role: read, sha256: {digest}}}\n  \
         roles: {{bob: read}}\n  anonymous: [health, metrics]\n",
        hash = hash()
    );
    let access = parse(&text).unwrap().access;
    let users: Vec<(&str, Role)> = access.users.iter().map(|user| (&*user.name, user.role)).collect();
    assert_eq!(users, [("alice", Role::Admin), ("bob", Role::Read)]);
    assert_eq!(
        access.tokens.iter().map(|token| (&*token.name, token.role)).collect::<Vec<_>>(),
        [("grafana", Role::Read)]
    );
    assert_eq!(access.anonymous, [Role::Health, Role::Metrics]);
    assert_eq!(access.headers, [(X_FRAME_OPTIONS, "deny".parse().unwrap())]);
    let shown = format!("{access:?}");
    assert!(!shown.contains("$2") && !shown.contains("digest"), "{shown}");
}

#[test]
fn a_file_may_say_nothing() {
    for text in ["", "# nothing", "{}", "basic_auth_users:", "vctsdb:"] {
        let access = parse(text).unwrap().access;
        assert!(!access.has_login(), "{text:?}");
    }
}

#[test]
fn errors_say_where_and_what_was_expected() {
    let hash = hash();
    for (text, said) in [
        ("basic_auth_user: {}", "web.yml:1:1: unknown section \"basic_auth_user\"; expected one of basic_auth_users, "),
        ("basic_auth_users: {a: secret}", "web.yml:1:23: the password of \"a\" has to be a bcrypt hash"),
        ("basic_auth_users: {'a:b': x}", "web.yml:1:20: a user's name can't have a colon"),
        (
            &format!("basic_auth_users: {{a: {}}}", hash.replacen("$04$", "$31$", 1)),
            "web.yml:1:23: the hash of \"a\" has a cost of 31; at most 14",
        ),
        (&format!("basic_auth_users: {{a: {hash}, a: {hash}}}"), "web.yml:1:85: the key \"a\" is given a second time"),
        ("vctsdb: {roles: {bob: read}}", "web.yml:1:18: \"bob\" has a role and is none of basic_auth_users"),
        (
            &format!("basic_auth_users: {{b: {hash}}}\nvctsdb: {{roles: {{b: root}}}}"),
            "web.yml:2:21: unknown role \"root\"; expected one of health",
        ),
        ("vctsdb: {anonymous: [read]}", "web.yml:1:9: there is neither a user nor a token"),
        ("vctsdb: {anonymous: [admin]}", "web.yml:1:22: admin can't be had without login"),
        ("vctsdb: {tokens: [{name: a, role: read}]}", "web.yml:1:19: a token has a name, a role and a sha256"),
        (
            "vctsdb: {tokens: [{name: a, role: read, sha256: 12}]}",
            "web.yml:1:49: sha256 has to be 64 hexadecimal digits",
        ),
        (
            "vctsdb: {token: []}",
            "web.yml:1:10: unknown key of vctsdb \"token\"; expected one of anonymous, roles, tokens",
        ),
        ("http_server_config: {headers: {X-Foo: a}}", "web.yml:1:32: HTTP header \"X-Foo\" can not be configured"),
        (
            "http_server_config: {headers: {X-Frame-Options: allow}}",
            "web.yml:1:49: X-Frame-Options has to be deny or sameorigin, found \"allow\"",
        ),
        ("http_server_config: {http3: true}", "web.yml:1:22: unknown key of http_server_config"),
        ("rate_limit: {interval: 1s}", "web.yml:1:1: rate_limit is not supported"),
        ("tls_server_config: {cert_file: a}", "web.yml:1:32: failed to read cert_file (/nonexistent/a): No such file"),
        ("tls_server_config: {min_version: TLS12}", "web.yml:1:20: missing one of cert or cert_file"),
        ("tls_server_config: {cert: x}", "web.yml:1:20: missing one of key or key_file"),
        ("tls_server_config: {cert: x, key: y}", "web.yml:1:27: there is no certificate in it; expected PEM"),
        ("tls_server_config: {min_version: TLS10}", "web.yml:1:34: min_version can't be below TLS12"),
        (
            "tls_server_config: {min_version: TLS09}",
            "web.yml:1:34: unknown TLS version \"TLS09\"; expected one of TLS12, TLS13",
        ),
        (
            "tls_server_config: {cipher_suites: [TLS_RSA_WITH_RC4_128_SHA]}",
            "web.yml:1:37: unknown cipher \"TLS_RSA_WITH_RC4_128_SHA\"; expected one of TLS_ECDHE",
        ),
        (
            "tls_server_config: {curve_preferences: [CurveP521]}",
            "web.yml:1:41: unknown curve \"CurveP521\"; expected one of CurveP256",
        ),
        ("tls_server_config: {client_allowed_sans: [10.0.0.1]}", "web.yml:1:43: \"10.0.0.1\": only DNS names and URIs"),
        (
            "tls_server_config: {certs: a}",
            "web.yml:1:21: unknown key of tls_server_config \"certs\"; expected one of cert, ",
        ),
    ] {
        let error = error(text);
        assert!(error.starts_with(said), "{text:?}: {error}");
    }
}

#[test]
fn a_file_cut_short_anywhere_has_all_of_its_logins_or_is_refused() {
    let digest = "ab".repeat(32);
    let text = format!(
        "http_server_config:\n  headers: {{X-Frame-Options: deny}}\nbasic_auth_users:\n  alice: {hash}\nvctsdb:\n  tokens:\n    \
         - name: a\n      role: read\n      sha256: {digest}\n  roles: {{alice: read}}\n",
        hash = hash()
    );
    for end in (0..text.len()).filter(|end| text.is_char_boundary(*end)) {
        let Ok(config) = parse(&text[..end]) else { continue };
        // Who gets in has a login that the file has; that some are missing is for who reloads to refuse.
        assert!(config.access.users.iter().all(|user| user.hash.len() == 60), "{end}");
        assert!(config.access.tokens.iter().all(|token| token.digest == [0xab; 32]), "{end}");
    }
}

/// A certificate of its own making for `name`, and its key, as PEM indented for a block of text.
fn certified(name: &str) -> (String, String) {
    let key = rcgen::KeyPair::generate().unwrap();
    let certificate = rcgen::CertificateParams::new([name.to_owned()]).unwrap().self_signed(&key).unwrap();
    (block(&certificate.pem()), block(&key.serialize_pem()))
}

fn block(pem: &str) -> String {
    let lines: String = pem.lines().map(|line| format!("    {line}\n")).collect();
    format!("|\n{lines}")
}

#[test]
fn certificates_and_keys_may_stand_in_the_file_and_have_to_fit() {
    let (cert, key) = certified("localhost");
    let (ca, other) = certified("other");
    let tls = |more: &str| format!("tls_server_config:\n  cert: {cert}  key: {key}{more}");
    let found = parse(&tls("  min_version: TLS13\n")).unwrap().tls.unwrap();
    assert!(!found.clients_are_verified && found.config.alpn_protocols == [b"http/1.1"]);
    let with_ca = |kind: &str| tls(&format!("  client_ca: {ca}  client_auth_type: {kind}\n"));
    assert!(parse(&with_ca("RequireAndVerifyClientCert")).unwrap().tls.unwrap().clients_are_verified);
    assert!(!parse(&with_ca("VerifyClientCertIfGiven")).unwrap().tls.unwrap().clients_are_verified);
    for (text, said) in [
        (format!("tls_server_config:\n  cert: {cert}  key: {other}"), "private key does not match public key"),
        (tls("  min_version: TLS13\n  max_version: TLS12\n"), "min_version is above max_version"),
        (tls("  client_auth_type: RequireAndVerifyClientCert\n"), "needs a client_ca_file"),
        (with_ca("NoClientCert"), "client CA's have been configured without a client_auth_type"),
        (with_ca("RequireAnyClientCert"), "protects nothing; expected one of NoClientCert, VerifyClientCertIfGiven"),
        (with_ca("Sometimes"), "unknown client_auth_type \"Sometimes\"; expected one of"),
        (tls("  client_allowed_sans: [a]\n"), "client_allowed_sans means something only with a client_auth_type"),
    ] {
        let error = error(&text);
        assert!(error.contains(said), "{said}: {error}");
    }
}
