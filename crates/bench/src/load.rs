//! A load generator that costs little: blocking sockets, one thread a connection, requests made once.

use std::{
    io::{Read, Write},
    net::TcpStream,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context, bail};

/// What a run of requests came to.
#[derive(Clone, Copy, Debug)]
pub struct Load {
    /// Answers per second.
    pub per_second: f64,
    /// Mean time of one answer as its connection saw it.
    pub mean: Duration,
}

/// Sends `requests` (whole HTTP/1.1 messages) round-robin on `connections` connections to
/// `host:port` for `length`, and demands `status` every time.
///
/// # Errors
/// The first answer with another status, or a broken connection.
pub fn run(
    address: &str,
    requests: &[Vec<u8>],
    connections: usize,
    length: Duration,
    status: u16,
) -> anyhow::Result<Load> {
    let stop = Arc::new(AtomicBool::new(false));
    let answers = Arc::new(AtomicU64::new(0));
    let start = Instant::now();
    let threads: Vec<_> = (0..connections)
        .map(|number| {
            let (stop, answers) = (stop.clone(), answers.clone());
            let (address, requests) = (address.to_owned(), requests.to_vec());
            thread::spawn(move || -> anyhow::Result<()> {
                let mut connection = Connection::open(&address)?;
                let mut next = number;
                while !stop.load(Ordering::Relaxed) {
                    connection.exchange(&requests[next % requests.len()], status)?;
                    answers.fetch_add(1, Ordering::Relaxed);
                    next += connections;
                }
                Ok(())
            })
        })
        .collect();
    while start.elapsed() < length && !threads.iter().any(thread::JoinHandle::is_finished) {
        thread::sleep(Duration::from_millis(20));
    }
    stop.store(true, Ordering::Relaxed);
    let took = start.elapsed();
    for thread in threads {
        thread
            .join()
            .map_err(|_| anyhow::anyhow!("a load thread panicked"))??;
    }
    let answers = answers.load(Ordering::Relaxed);
    anyhow::ensure!(answers > 0, "no answer within {length:?}");
    Ok(Load {
        per_second: answers as f64 / took.as_secs_f64(),
        mean: took.mul_f64(connections as f64 / answers as f64),
    })
}

/// One request, for a single large body: seconds from the first byte sent to the last one read.
///
/// # Errors
/// As [`run`].
pub fn once(address: &str, request: &[u8], status: u16) -> anyhow::Result<(u64, Duration)> {
    let start = Instant::now();
    let length = Connection::open(address)?.exchange(request, status)?;
    Ok((length, start.elapsed()))
}

/// A `GET` of `path` with these headers.
pub fn get(host: &str, path: &str, headers: &[(&str, &str)]) -> Vec<u8> {
    message("GET", host, path, headers, b"")
}

/// Any method with a body.
pub fn message(
    method: &str,
    host: &str,
    path: &str,
    headers: &[(&str, &str)],
    body: &[u8],
) -> Vec<u8> {
    let mut text = format!("{method} {path} HTTP/1.1\r\nHost: {host}\r\n");
    for (name, value) in headers {
        text.push_str(&format!("{name}: {value}\r\n"));
    }
    if !body.is_empty() {
        text.push_str(&format!("Content-Length: {}\r\n", body.len()));
    }
    text.push_str("\r\n");
    let mut message = text.into_bytes();
    message.extend_from_slice(body);
    message
}

struct Connection {
    stream: TcpStream,
    buffer: Vec<u8>,
}

impl Connection {
    fn open(address: &str) -> anyhow::Result<Self> {
        let stream =
            TcpStream::connect(address).with_context(|| format!("connecting to {address}"))?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(Duration::from_secs(60)))?;
        Ok(Self {
            stream,
            buffer: vec![0; 256 << 10],
        })
    }

    /// Sends, reads the whole answer, and returns the body's length.
    fn exchange(&mut self, request: &[u8], status: u16) -> anyhow::Result<u64> {
        self.stream.write_all(request)?;
        let mut filled = 0;
        let head_end = loop {
            let read = self.stream.read(&mut self.buffer[filled..])?;
            if read == 0 {
                bail!("the connection closed before an answer");
            }
            filled += read;
            if let Some(end) = self.buffer[..filled]
                .windows(4)
                .position(|window| window == b"\r\n\r\n")
            {
                break end + 4;
            }
        };
        let head = String::from_utf8_lossy(&self.buffer[..head_end]).into_owned();
        let answered: u16 = head
            .get(9..12)
            .and_then(|text| text.parse().ok())
            .context("a status line")?;
        let header = |name: &str| {
            head.lines().find_map(|line| {
                let (found, value) = line.split_once(':')?;
                found
                    .eq_ignore_ascii_case(name)
                    .then(|| value.trim().to_owned())
            })
        };
        let body = filled - head_end;
        if header("transfer-encoding").is_some() {
            return self.chunked(head_end, filled, status, answered);
        }
        let length: u64 = header("content-length")
            .and_then(|text| text.parse().ok())
            .unwrap_or(0);
        let mut left = length.saturating_sub(body as u64);
        while left > 0 {
            let read = self.stream.read(&mut self.buffer[filled.min(64 << 10)..])?;
            if read == 0 {
                bail!("the body ended {left} bytes early");
            }
            left = left.saturating_sub(read as u64);
        }
        if answered != status {
            bail!(
                "expected {status}, got {}",
                String::from_utf8_lossy(&self.buffer[..filled])
            );
        }
        Ok(length)
    }

    /// Small chunked answers (JSON): read until the last chunk.
    fn chunked(
        &mut self,
        head_end: usize,
        mut filled: usize,
        status: u16,
        answered: u16,
    ) -> anyhow::Result<u64> {
        while !self.buffer[head_end..filled].ends_with(b"0\r\n\r\n") {
            let read = self.stream.read(&mut self.buffer[filled..])?;
            if read == 0 {
                bail!("the connection closed inside a chunked answer");
            }
            filled += read;
        }
        if answered != status {
            bail!(
                "expected {status}, got {}",
                String::from_utf8_lossy(&self.buffer[..filled])
            );
        }
        Ok((filled - head_end) as u64)
    }
}
