//! Connections: idle, half-sent, half-closed and pipelined ones, and very many of them.

use std::{
    io::Write,
    net::{Shutdown, TcpStream},
    process::Command,
    time::{Duration, Instant},
};

use super::super::sender::{now, server_with_a_sample};
use super::super::{
    process::{Server, eventually, free_address, vctsdb},
    sender::write_one,
};
use super::{connect, memory, open_many_files, rest, served};

#[test]
fn ten_thousand_idle_connections_keep_nobody_out_and_leave_nothing_behind() {
    open_many_files(10_500);
    let (_dir, server) = server_with_a_sample();
    for _ in 0..50 {
        served(&server);
    }
    let before = memory(&server);
    let mut levels = Vec::new();
    for wave in 0..3 {
        // Half of them say nothing, the others half a request's head.
        let opening = Instant::now();
        let idle: Vec<TcpStream> = (0..10_000)
            .map(|i| {
                let mut stream = connect(&server);
                if i % 2 == 0 {
                    // Who came too early has been asked to leave already.
                    let _ = stream.write_all(b"GET /api/v1/query HTTP/1.1\r\nHost: localhost\r\nX-Sl");
                }
                stream
            })
            .collect();
        let opening = opening.elapsed();
        let slowest = (0..50).map(|_| served(&server)).max().unwrap();
        assert!(slowest < Duration::from_secs(5), "{slowest:?}");
        write_one(&server.address, "kept_writing", now() + wave, 1.0).unwrap();
        let during = memory(&server);
        drop(idle);
        // Threads give memory back when they next have something to do.
        let back = eventually(Duration::from_secs(20), || {
            served(&server);
            memory(&server) < before + (20 << 10)
        });
        let after = memory(&server);
        println!(
            "KiB: {before} before, {during} with 10000 connections made in {opening:?}, {after} after; \
             slowest query {slowest:?}"
        );
        assert!(back && during < before + (48 << 10), "KiB: {before} before, {during} during, {after} after");
        levels.push(after);
    }
    assert!(levels[2] < levels[0] + (6 << 10), "nothing piles up: {levels:?}");
    served(&server);
}

#[test]
fn five_thousand_half_sent_requests_leave_their_places_to_those_who_send_the_whole() {
    open_many_files(5_500);
    let (_dir, server) = server_with_a_sample();
    let paths = ["/api/v1/write", "/api/v1/read", "/api/v1/import/prometheus", "/api/v1/query"];
    let half: Vec<TcpStream> = (0..5_000)
        .map(|i| {
            let mut stream = connect(&server);
            let kind = ["x-protobuf", "x-www-form-urlencoded"][i % 4 / 3];
            let head = format!(
                "POST {} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/{kind}\r\n\
                 Content-Length: 100000\r\n\r\n{}",
                paths[i % 4],
                "#".repeat(1_000)
            );
            // Who came too early may have been asked to leave already.
            let _ = stream.write_all(head.as_bytes());
            stream
        })
        .collect();
    // Some thousand of them are ahead of us.
    let first = served(&server);
    let slowest = (0..20).map(|_| served(&server)).max().unwrap();
    let begun = Instant::now();
    write_one(&server.address, "kept_writing", now(), 1.0).unwrap();
    println!(
        "5000 half-sent requests: the first question took {first:?}, then {slowest:?}, a write {:?}",
        begun.elapsed()
    );
    assert!(first < Duration::from_secs(15), "{first:?}: as long as a body may pause is 30 s");
    assert!(slowest < Duration::from_secs(10), "{slowest:?}");
    drop(half);
    served(&server);
}

#[test]
fn connections_leave_files_to_the_store() {
    let dir = tempfile::tempdir().unwrap();
    let (data, address) = (dir.path().join("data"), free_address());
    let mut few = Command::new("sh");
    few.arg("-c").arg("ulimit -n 100 && exec \"$0\" \"$@\"").arg(env!("CARGO_BIN_EXE_vctsdb"));
    few.arg("--data-dir").arg(&data).args(["--listen", &address, "--self-scrape.interval", "0"]);
    let mut server = Server::start(&mut few, &address, "/-/ready", &dir.path().join("log"));
    let idle: Vec<TcpStream> = (0..300).map(|_| connect(&server)).collect();
    write_one(&server.address, "kept", now(), 7.0).unwrap();
    served(&server);
    // Stopping writes a table, an index segment and a manifest.
    assert!(server.terminate(), "{}", std::fs::read_to_string(dir.path().join("log")).unwrap());
    drop(idle);
    served(&vctsdb(&data, &address, &["--self-scrape.interval", "0"]));
}

#[test]
fn half_closed_pipelined_and_dishonest_connections_are_answered_or_closed() {
    let (_dir, server) = server_with_a_sample();
    // The client has said all it will ever say.
    for _ in 0..100 {
        let mut stream = connect(&server);
        stream.write_all(b"GET /-/healthy HTTP/1.1\r\nHost: localhost\r\n\r\n").unwrap();
        stream.shutdown(Shutdown::Write).unwrap();
        let answer = rest(&mut stream);
        assert!(answer.is_empty() || answer.starts_with("HTTP/1.1 200"), "{answer}");
    }
    // Many requests in one packet are answered in order.
    let mut stream = connect(&server);
    let mut pipelined = String::new();
    for i in 0..50 {
        pipelined.push_str(&format!("GET /api/v1/query?query={i} HTTP/1.1\r\nHost: localhost\r\n\r\n"));
    }
    pipelined.push_str("GET /-/healthy HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
    stream.write_all(pipelined.as_bytes()).unwrap();
    let answers = rest(&mut stream);
    assert_eq!(answers.matches("HTTP/1.1 200 OK").count(), 51, "{answers}");
    let places: Vec<usize> = (0..50).map(|i| answers.find(&format!(",\"{i}\"]")).unwrap()).collect();
    assert!(places.is_sorted(), "{places:?}");

    let head = "POST /api/v1/write HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/x-protobuf\r\n";
    let lies = [
        ("no chunk at all", "Transfer-Encoding: chunked\r\n\r\nnonsense\r\n"),
        ("a chunk without end", "Transfer-Encoding: chunked\r\n\r\nffffffffffffffff\r\nabc"),
        ("a size beyond all numbers", "Transfer-Encoding: chunked\r\n\r\nffffffffffffffffffff\r\nabc\r\n0\r\n\r\n"),
        ("a chunk longer than its size", "Transfer-Encoding: chunked\r\n\r\n2\r\nabcdef\r\n0\r\n\r\n"),
        ("a negative size", "Transfer-Encoding: chunked\r\n\r\n-5\r\nabc\r\n0\r\n\r\n"),
        ("two lengths", "Content-Length: 3\r\nContent-Length: 5\r\n\r\nabcde"),
        ("a length that is no number", "Content-Length: many\r\n\r\nabc"),
        ("a length and chunks", "Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n"),
        ("fewer bytes than announced", "Content-Length: 1000\r\n\r\nabc"),
        ("an unknown transfer coding", "Transfer-Encoding: gzip\r\n\r\nabc"),
    ];
    for (what, lie) in lies {
        let mut stream = connect(&server);
        stream.write_all(format!("{head}{lie}").as_bytes()).unwrap();
        let _ = stream.shutdown(Shutdown::Write);
        let answer = rest(&mut stream);
        assert!(answer.is_empty() || answer.starts_with("HTTP/1.1 4"), "{what}: {answer}");
    }
    for bytes in [
        &b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"[..],
        b"\0\0\0\0",
        b"GET\r\n\r\n",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    ] {
        let mut stream = connect(&server);
        stream.write_all(bytes).unwrap();
        let _ = stream.shutdown(Shutdown::Write);
        let answer = rest(&mut stream);
        assert!(answer.is_empty() || answer.starts_with("HTTP/1.1 4"), "{bytes:?}: {answer}");
    }
    served(&server);
}
