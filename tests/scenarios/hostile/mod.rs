//! Hostile and careless clients: none of them harms the server or other clients.

mod bodies;
mod connections;

use std::{
    io::Read,
    net::TcpStream,
    time::{Duration, Instant},
};

use super::{http_client::get, process::Server};

/// Asks for what was stored before, and says how long that took.
fn served(server: &Server) -> Duration {
    let begun = Instant::now();
    let answer = get(&server.address, "/api/v1/query?query=kept").unwrap().json();
    assert_eq!(answer["data"]["result"][0]["value"][1], "7", "{answer}");
    begun.elapsed()
}

/// Resident memory in KiB.
fn memory(server: &Server) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{}/status", server.pid())).unwrap();
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}

fn connect(server: &Server) -> TcpStream {
    let stream = TcpStream::connect(&server.address).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    stream
}

/// Everything the server sends until it closes; a reset is an end too.
fn rest(stream: &mut TcpStream) -> String {
    let (mut answer, mut buf) = (Vec::new(), [0; 4096]);
    while let Ok(count @ 1..) = stream.read(&mut buf) {
        answer.extend_from_slice(&buf[..count]);
    }
    String::from_utf8_lossy(&answer).into_owned()
}

/// Lets this process hold the other ends of very many connections.
fn open_many_files(wanted: u64) {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let limit = getrlimit(Resource::Nofile);
    let enough = |limit: Option<u64>| limit.is_none_or(|limit| limit >= wanted);
    if !enough(limit.current) {
        assert!(enough(limit.maximum), "this test needs {wanted} files, and `ulimit -Hn` says {:?}", limit.maximum);
        setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, ..limit }).unwrap();
    }
}
