//! A client that waits: one connection, one request after the other.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::time::Duration;

use rustls::{ClientConfig, ClientConnection, StreamOwned};
use rustls_pki_types::ServerName;

use crate::Outcome;

/// How long anything may take to come.
const PATIENCE: Duration = Duration::from_secs(10);

pub struct Answer {
    pub status: u16,
    pub body: Vec<u8>,
}

trait Stream: Read + Write {}
impl<T: Read + Write> Stream for T {}

pub struct Client {
    /// Whom the certificate must name, too.
    host: String,
    stream: BufReader<Box<dyn Stream>>,
}

/// How a body ends.
enum Framing {
    Length(usize),
    Chunked,
}

impl Client {
    pub fn connect(to: SocketAddr, tls: Option<Arc<ClientConfig>>) -> Outcome<Client> {
        let socket = TcpStream::connect(to)?;
        socket.set_nodelay(true)?;
        socket.set_read_timeout(Some(PATIENCE))?;
        socket.set_write_timeout(Some(PATIENCE))?;
        let stream: Box<dyn Stream> = match tls {
            None => Box::new(socket),
            Some(config) => {
                let session = ClientConnection::new(config, ServerName::IpAddress(to.ip().into()))?;
                Box::new(StreamOwned::new(session, socket))
            }
        };
        Ok(Client {
            host: to.to_string(),
            stream: BufReader::new(stream),
        })
    }

    /// Sends a request, and reads its answer to the end. An empty token is not shown.
    pub fn ask(&mut self, method: &str, target: &str, token: &str, body: &str) -> Outcome<Answer> {
        self.send(method, target, token, body)?;
        let (status, framing) = self.head()?;
        let mut body = Vec::new();
        match framing {
            Framing::Length(length) => {
                body.resize(length, 0);
                self.stream.read_exact(&mut body)?;
            }
            Framing::Chunked => while self.chunk(&mut body)? {},
        }
        Ok(Answer { status, body })
    }

    /// Opens a stream and waits for so many events of it.
    pub fn listen(&mut self, target: &str, token: &str, events: usize) -> Outcome<()> {
        self.send("GET", target, token, "")?;
        let (status, _) = self.head()?;
        if status != 200 {
            return Err(format!("a stream is answered by {status}").into());
        }
        let mut body = Vec::new();
        let mut come = 0;
        while come < events {
            let more = self
                .chunk(&mut body)
                .map_err(|error| format!("after {come} events: {error}"))?;
            if !more {
                return Err(format!("a stream ends after {come} events").into());
            }
            come = body.windows(2).filter(|it| it == b"\n\n").count();
        }
        Ok(())
    }

    fn send(&mut self, method: &str, target: &str, token: &str, body: &str) -> Outcome<()> {
        let host = &self.host;
        let mut text = format!(
            "{method} {target} HTTP/1.1\r\nHost: {host}\r\n\
             MCP-Protocol-Version: 2025-06-18\r\nAccept: application/json, text/event-stream\r\n"
        );
        if !token.is_empty() {
            text.push_str(&format!("Authorization: Bearer {token}\r\n"));
        }
        if !body.is_empty() {
            let length = body.len();
            text.push_str(&format!(
                "Content-Type: application/json\r\nContent-Length: {length}\r\n"
            ));
        }
        text.push_str("\r\n");
        text.push_str(body);
        let stream = self.stream.get_mut();
        stream.write_all(text.as_bytes())?;
        Ok(stream.flush()?)
    }

    fn line(&mut self) -> Outcome<String> {
        let mut line = String::new();
        if self.stream.read_line(&mut line)? == 0 {
            return Err("the connection has ended".into());
        }
        Ok(line.trim_end().to_owned())
    }

    fn head(&mut self) -> Outcome<(u16, Framing)> {
        let first = self.line()?;
        let status = first.split(' ').nth(1).unwrap_or_default().parse()?;
        let mut framing = Framing::Length(0);
        loop {
            let line = self.line()?.to_ascii_lowercase();
            if line.is_empty() {
                return Ok((status, framing));
            }
            if let Some(length) = line.strip_prefix("content-length:") {
                framing = Framing::Length(length.trim().parse()?);
            } else if line.starts_with("transfer-encoding:") {
                framing = Framing::Chunked;
            }
        }
    }

    /// Adds a chunk's bytes; false after the last one.
    fn chunk(&mut self, body: &mut Vec<u8>) -> Outcome<bool> {
        let line = self.line()?;
        let size = line.split(';').next().unwrap_or_default();
        let size = usize::from_str_radix(size, 16)?;
        let from = body.len();
        body.resize(from + size, 0);
        self.stream.read_exact(&mut body[from..])?;
        // The end of the chunk's line, or of the trailer, which no one here sends.
        self.line()?;
        Ok(size > 0)
    }
}

/// What chunks hold.
pub fn unchunked(mut bytes: &[u8]) -> Vec<u8> {
    let mut body = Vec::new();
    while let Some(end) = memchr::memmem::find(bytes, b"\r\n") {
        let size = std::str::from_utf8(&bytes[..end]).unwrap_or_default();
        let size = usize::from_str_radix(size, 16).unwrap_or_default();
        body.extend_from_slice(&bytes[end + 2..][..size]);
        bytes = &bytes[end + 2 + size + 2..];
    }
    body
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chunks_hold_what_was_put_into_them() {
        assert_eq!(unchunked(b"3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n"), b"abcde");
    }
}
