//! An upstream that does what a test tells it to, on a thread per connection.

use std::io::{self, BufReader, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use rustls::{ServerConfig, ServerConnection, StreamOwned};

/// Nothing here waits longer than this.
pub const PATIENCE: Duration = Duration::from_secs(20);

/// A connection, in plain text or under TLS.
pub trait Wire: Read + Write + Send {
    /// The socket below.
    fn socket(&self) -> &TcpStream;

    /// Says, under TLS in its own words, that nothing more will come.
    fn finish(&mut self) -> io::Result<()>;
}

impl Wire for TcpStream {
    fn socket(&self) -> &TcpStream {
        self
    }

    fn finish(&mut self) -> io::Result<()> {
        self.shutdown(Shutdown::Write)
    }
}

impl Wire for StreamOwned<ServerConnection, TcpStream> {
    fn socket(&self) -> &TcpStream {
        &self.sock
    }

    fn finish(&mut self) -> io::Result<()> {
        self.conn.send_close_notify();
        self.flush()?;
        self.sock.shutdown(Shutdown::Write)
    }
}

impl Wire for StreamOwned<rustls::ClientConnection, TcpStream> {
    fn socket(&self) -> &TcpStream {
        &self.sock
    }

    fn finish(&mut self) -> io::Result<()> {
        self.conn.send_close_notify();
        self.flush()?;
        self.sock.shutdown(Shutdown::Write)
    }
}

/// A connection that the gateway made.
pub struct Conn {
    /// The bytes.
    pub wire: BufReader<Box<dyn Wire>>,
}

/// A request as it came, whole.
#[derive(Clone, Debug)]
pub struct Request {
    /// Its head, blank line included.
    pub head: String,
    /// Its body, without the framing.
    pub body: Vec<u8>,
}

impl Request {
    /// The path and query.
    pub fn target(&self) -> &str {
        self.head.split(' ').nth(1).unwrap()
    }

    /// A field's value.
    pub fn field(&self, name: &str) -> Option<&str> {
        field(&self.head, name)
    }
}

/// A field's value in a head.
pub fn field<'h>(head: &'h str, name: &str) -> Option<&'h str> {
    head.lines().skip(1).find_map(|line| {
        let (key, value) = line.split_once(": ")?;
        key.eq_ignore_ascii_case(name).then_some(value)
    })
}

impl Conn {
    /// The next head; `None` at a clean end.
    pub fn head(&mut self) -> io::Result<Option<String>> {
        read_head(&mut self.wire)
    }

    /// The body that a head announces.
    pub fn body(&mut self, head: &str) -> io::Result<Vec<u8>> {
        read_body(&mut self.wire, head, false)
    }

    /// Sends bytes, all of them.
    pub fn send(&mut self, bytes: impl AsRef<[u8]>) -> io::Result<()> {
        let wire = self.wire.get_mut();
        wire.write_all(bytes.as_ref())?;
        wire.flush()
    }
}

/// Reads to the blank line; `None` at a clean end before the first byte.
pub fn read_head(wire: &mut impl io::BufRead) -> io::Result<Option<String>> {
    let mut head = String::new();
    loop {
        let start = head.len();
        if wire.read_line(&mut head)? == 0 {
            if head.is_empty() {
                return Ok(None);
            }
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        if &head[start..] == "\r\n" {
            return Ok(Some(head));
        }
    }
}

/// Reads a body as its head frames it; `to_end` when nothing else would end it.
pub fn read_body(wire: &mut impl io::BufRead, head: &str, to_end: bool) -> io::Result<Vec<u8>> {
    let mut body = Vec::new();
    if field(head, "transfer-encoding").is_some() {
        loop {
            let mut line = String::new();
            wire.read_line(&mut line)?;
            let size = usize::from_str_radix(line.trim_end(), 16).map_err(io::Error::other)?;
            let start = body.len();
            body.resize(start + size, 0);
            wire.read_exact(&mut body[start..])?;
            let mut end = [0; 2];
            wire.read_exact(&mut end)?;
            if &end != b"\r\n" {
                return Err(io::Error::other("a chunk without its end"));
            }
            if size == 0 {
                return Ok(body);
            }
        }
    } else if let Some(length) = field(head, "content-length") {
        body.resize(length.parse().map_err(io::Error::other)?, 0);
        wire.read_exact(&mut body)?;
    } else if to_end {
        wire.read_to_end(&mut body)?;
    }
    Ok(body)
}

/// A reply with a body of known length.
pub fn reply(status: &str, body: impl AsRef<[u8]>) -> Vec<u8> {
    let body = body.as_ref();
    let mut reply = format!(
        "HTTP/1.1 {status}\r\nContent-Type: text/plain\r\nContent-Length: {}\r\n\r\n",
        body.len()
    )
    .into_bytes();
    reply.extend_from_slice(body);
    reply
}

/// A body in chunks of so many bytes, its end included.
pub fn chunked(body: &[u8], size: usize) -> Vec<u8> {
    let mut out = Vec::new();
    for chunk in body.chunks(size) {
        out.extend_from_slice(format!("{:x}\r\n", chunk.len()).as_bytes());
        out.extend_from_slice(chunk);
        out.extend_from_slice(b"\r\n");
    }
    out.extend_from_slice(b"0\r\n\r\n");
    out
}

/// An upstream.
pub struct Origin {
    /// Where it listens.
    pub address: SocketAddr,
    tls: bool,
    connections: Arc<AtomicUsize>,
    requests: Arc<Mutex<Vec<Request>>>,
}

impl Origin {
    /// Answers every whole request with what `answer` says, and remembers it.
    pub fn answering(answer: impl Fn(&Request) -> Vec<u8> + Send + Sync + 'static) -> Origin {
        Origin::start(None, answer)
    }

    /// Answers every whole request with its own target.
    pub fn echoing() -> Origin {
        Origin::answering(|request| reply("200 OK", request.target()))
    }

    /// The same, under TLS.
    pub fn secure(
        config: Arc<ServerConfig>,
        answer: impl Fn(&Request) -> Vec<u8> + Send + Sync + 'static,
    ) -> Origin {
        Origin::start(Some(config), answer)
    }

    fn start(
        tls: Option<Arc<ServerConfig>>,
        answer: impl Fn(&Request) -> Vec<u8> + Send + Sync + 'static,
    ) -> Origin {
        let requests = Arc::new(Mutex::new(Vec::new()));
        let seen = Arc::clone(&requests);
        let mut origin = Origin::talking(tls, move |mut conn| {
            while let Some(head) = conn.head()? {
                let body = conn.body(&head)?;
                let request = Request { head, body };
                let answer = answer(&request);
                seen.lock().unwrap().push(request);
                conn.send(answer)?;
            }
            Ok(())
        });
        origin.requests = requests;
        origin
    }

    /// Has each connection served by `talk`, on its own thread.
    pub fn talking(
        tls: Option<Arc<ServerConfig>>,
        talk: impl Fn(Conn) -> io::Result<()> + Send + Sync + 'static,
    ) -> Origin {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let connections = Arc::new(AtomicUsize::new(0));
        let count = Arc::clone(&connections);
        let talk = Arc::new(talk);
        let secure = tls.is_some();
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let Ok(stream) = stream else { continue };
                count.fetch_add(1, SeqCst);
                let (talk, tls) = (Arc::clone(&talk), tls.clone());
                std::thread::spawn(move || {
                    stream.set_read_timeout(Some(PATIENCE)).unwrap();
                    stream.set_write_timeout(Some(PATIENCE)).unwrap();
                    stream.set_nodelay(true).unwrap();
                    let wire: Box<dyn Wire> = match tls {
                        None => Box::new(stream),
                        Some(config) => {
                            let session = ServerConnection::new(config).unwrap();
                            Box::new(StreamOwned::new(session, stream))
                        }
                    };
                    let wire = BufReader::new(wire);
                    // What goes wrong here is the gateway's doing or the test's; the caller sees it.
                    let _ = talk(Conn { wire });
                });
            }
        });
        Origin {
            address,
            tls: secure,
            connections,
            requests: Arc::default(),
        }
    }

    /// Its base URL.
    pub fn url(&self) -> String {
        let scheme = if self.tls { "https" } else { "http" };
        format!("{scheme}://localhost:{}", self.address.port())
    }

    /// Connections made to it so far.
    pub fn connections(&self) -> usize {
        self.connections.load(SeqCst)
    }

    /// Whole requests it got so far.
    pub fn requests(&self) -> Vec<Request> {
        self.requests.lock().unwrap().clone()
    }
}
