//! Where the server listens, in the ways in which people say it.

use std::process::{Command, Stdio};

use super::process::{Server, free_address};

#[test]
fn serve_is_what_no_command_means() {
    let dir = tempfile::tempdir().unwrap();
    let address = free_address();
    let mut command = Command::new(env!("CARGO_BIN_EXE_vctsdb"));
    command.args(["serve", "--listen", &address, "--data-dir"]).arg(dir.path().join("data"));
    let mut server = Server::start(&mut command, &address, "/-/ready", &dir.path().join("log"));
    assert!(server.terminate());
}

#[test]
fn a_port_alone_is_one_on_this_machine() {
    let dir = tempfile::tempdir().unwrap();
    let address = free_address();
    let port = address.rsplit_once(':').unwrap().1;
    for listen in [port.to_owned(), format!("localhost:{port}"), format!("LOCALHOST:{port}")] {
        let mut command = Command::new(env!("CARGO_BIN_EXE_vctsdb"));
        command.args(["--listen", &listen, "--data-dir"]).arg(dir.path().join("data"));
        let mut server = Server::start(&mut command, &address, "/-/ready", &dir.path().join("log"));
        assert!(server.terminate(), "{listen}");
    }
}

#[test]
fn a_place_to_listen_that_is_none_is_named_with_what_is_wanted() {
    for listen in ["", "http://127.0.0.1:9201", "127.0.0.1:port", "127.0.0.1:70000", "[::1", "a b", "127.0.0.1:9201/x"]
    {
        let dir = tempfile::tempdir().unwrap();
        let output = Command::new(env!("CARGO_BIN_EXE_vctsdb"))
            .args(["--listen", listen, "--data-dir"])
            .arg(dir.path().join("data"))
            .stdin(Stdio::null())
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(2), "{listen:?}: {said}");
        assert!(said.contains("--listen") && said.contains("127.0.0.1:9201"), "{listen:?}: {said}");
    }
}
