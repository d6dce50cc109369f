//! A caller that says exactly what a test tells it to.

use std::io::{self, BufReader, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::time::Duration;

use rustls::{ClientConfig, ClientConnection, StreamOwned};

use super::origin::{PATIENCE, Wire, field, read_body, read_head};

/// A caller's connection.
pub struct Caller {
    /// The bytes.
    pub wire: BufReader<Box<dyn Wire>>,
}

/// A reply, whole.
#[derive(Debug)]
pub struct Reply {
    /// Its status.
    pub status: u16,
    /// Its head, blank line included.
    pub head: String,
    /// Its body, without the framing.
    pub body: Vec<u8>,
}

impl Reply {
    /// A field's value.
    pub fn field(&self, name: &str) -> Option<&str> {
        field(&self.head, name)
    }

    /// The body as text.
    pub fn text(&self) -> &str {
        std::str::from_utf8(&self.body).unwrap()
    }

    /// The `error.code` of a refusal.
    pub fn code(&self) -> String {
        let body: serde_json::Value = serde_json::from_slice(&self.body).unwrap();
        body["error"]["code"].as_str().unwrap().to_owned()
    }
}

impl Caller {
    /// In plain text.
    pub fn plain(address: SocketAddr) -> Caller {
        Caller::over(Box::new(connect(address)))
    }

    /// On a connection that is there already.
    pub fn on(stream: TcpStream) -> Caller {
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        Caller::over(Box::new(stream))
    }

    /// Under TLS, which is negotiated before this returns.
    pub fn secure(address: SocketAddr, config: Arc<ClientConfig>) -> Caller {
        let name = "localhost".try_into().unwrap();
        let session = ClientConnection::new(config, name).unwrap();
        let mut stream = StreamOwned::new(session, connect(address));
        stream.conn.complete_io(&mut stream.sock).unwrap();
        Caller::over(Box::new(stream))
    }

    fn over(wire: Box<dyn Wire>) -> Caller {
        Caller {
            wire: BufReader::new(wire),
        }
    }

    /// Sends bytes, all of them.
    pub fn send(&mut self, bytes: impl AsRef<[u8]>) -> &mut Caller {
        self.try_send(bytes).unwrap();
        self
    }

    /// Sends bytes to a gateway that may no longer take them.
    pub fn try_send(&mut self, bytes: impl AsRef<[u8]>) -> io::Result<()> {
        let wire = self.wire.get_mut();
        wire.write_all(bytes.as_ref())?;
        wire.flush()
    }

    /// The next reply; `head_only` when it answers HEAD.
    pub fn try_reply(&mut self, head_only: bool) -> io::Result<Reply> {
        let head = read_head(&mut self.wire)?.ok_or(io::ErrorKind::UnexpectedEof)?;
        let status = head.split(' ').nth(1).unwrap().parse().unwrap();
        let bodyless = head_only || matches!(status, 100..=199 | 204 | 304);
        let body = match bodyless {
            true => Vec::new(),
            false => read_body(&mut self.wire, &head, true)?,
        };
        Ok(Reply { status, head, body })
    }

    /// The next reply, which must come.
    pub fn reply(&mut self) -> Reply {
        self.try_reply(false).unwrap()
    }

    /// Sends a whole request and waits for its reply.
    pub fn ask(&mut self, request: impl AsRef<[u8]>) -> Reply {
        self.send(request).reply()
    }

    /// True when the gateway ends the connection cleanly within `time`, with nothing more to say.
    pub fn ends_within(&mut self, time: Duration) -> bool {
        let socket = self.wire.get_ref().socket();
        socket.set_read_timeout(Some(time)).unwrap();
        let mut byte = [0];
        matches!(io::Read::read(&mut self.wire, &mut byte), Ok(0))
    }
}

fn connect(address: SocketAddr) -> TcpStream {
    let stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream.set_write_timeout(Some(PATIENCE)).unwrap();
    stream.set_nodelay(true).unwrap();
    stream
}
