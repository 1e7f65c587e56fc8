//! A client that keeps its connection: as much HTTP as three known servers need.

use std::{
    io::{BufRead, BufReader, ErrorKind, Read, Write},
    net::TcpStream,
    time::Duration,
};

use crate::Fallible;

/// No answer takes longer.
const PATIENCE: Duration = Duration::from_secs(180);

/// A connection.
pub(crate) struct Connection {
    address: String,
    stream: BufReader<TcpStream>,
}

/// An answer.
pub(crate) struct Response {
    pub(crate) status: u16,
    pub(crate) body: Vec<u8>,
}

impl Response {
    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).chars().take(300).collect()
    }
}

impl Connection {
    pub(crate) fn open(address: &str) -> Fallible<Self> {
        let stream = TcpStream::connect(address)?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        Ok(Self { address: address.to_owned(), stream: BufReader::with_capacity(64 << 10, stream) })
    }

    pub(crate) fn get(&mut self, path: &str) -> Fallible<Response> {
        let head = format!("GET {path} HTTP/1.1\r\nHost: {}\r\n\r\n", self.address);
        self.stream.get_mut().write_all(head.as_bytes())?;
        self.response()
    }

    /// Sends a snappy-compressed remote-write 1.0 request.
    pub(crate) fn remote_write(&mut self, body: &[u8]) -> Fallible<Response> {
        let headers = [
            ("User-Agent", "peers"),
            ("Content-Encoding", "snappy"),
            ("Content-Type", "application/x-protobuf"),
            ("X-Prometheus-Remote-Write-Version", "0.1.0"),
        ];
        self.post("/api/v1/write", &headers, body)
    }

    pub(crate) fn post(&mut self, path: &str, headers: &[(&str, &str)], body: &[u8]) -> Fallible<Response> {
        let mut head = format!("POST {path} HTTP/1.1\r\nHost: {}\r\nContent-Length: {}\r\n", self.address, body.len());
        headers.iter().for_each(|(name, value)| head.push_str(&format!("{name}: {value}\r\n")));
        self.stream.get_mut().write_all(format!("{head}\r\n").as_bytes())?;
        self.stream.get_mut().write_all(body)?;
        self.response()
    }

    fn line(&mut self) -> Fallible<String> {
        let mut line = String::new();
        if self.stream.read_line(&mut line)? == 0 {
            return Err(Box::new(std::io::Error::from(ErrorKind::UnexpectedEof)));
        }
        line.truncate(line.trim_end().len());
        Ok(line)
    }

    fn response(&mut self) -> Fallible<Response> {
        let first = self.line()?;
        let status =
            first.split(' ').nth(1).and_then(|s| s.parse().ok()).ok_or_else(|| format!("no status: {first}"))?;
        let (mut length, mut chunked) = (0, false);
        loop {
            let line = self.line()?.to_ascii_lowercase();
            match line.split_once(':').map(|(name, value)| (name, value.trim())) {
                Some(("content-length", value)) => length = value.parse()?,
                Some(("transfer-encoding", "chunked")) => chunked = true,
                Some(_) => {}
                None => break,
            }
        }
        let mut body = vec![0; length];
        self.stream.read_exact(&mut body)?;
        while chunked {
            let size = usize::from_str_radix(self.line()?.split(';').next().unwrap_or_default(), 16)?;
            let at = body.len();
            body.resize(at + size, 0);
            self.stream.read_exact(&mut body[at..])?;
            self.line()?;
            chunked = size > 0;
        }
        Ok(Response { status, body })
    }
}

/// One request on a connection of its own.
pub(crate) fn get(address: &str, path: &str) -> Fallible<Response> {
    Connection::open(address)?.get(path)
}

/// Escapes text for a query string.
pub(crate) fn escape(text: &str) -> String {
    let escape = |b: u8| if b.is_ascii_alphanumeric() { char::from(b).to_string() } else { format!("%{b:02X}") };
    text.bytes().map(escape).collect()
}
