//! A server with a thread for each connection, which answers what a function says.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use rustls::{ServerConfig, ServerConnection, StreamOwned};

/// What is answered.
pub struct Reply {
    text: Option<String>,
    closes: bool,
}

impl Reply {
    pub fn new(status: u16, body: &str) -> Reply {
        // No body, and no length of one, goes with these.
        let length = match status {
            204 => String::new(),
            _ => format!("Content-Length: {}\r\n", body.len()),
        };
        Reply {
            text: Some(format!("HTTP/1.1 {status} Any\r\n{length}\r\n{body}")),
            closes: false,
        }
    }

    /// Silence.
    pub fn never() -> Reply {
        Reply {
            text: None,
            closes: false,
        }
    }

    pub fn result(id: u64, result: &str) -> Reply {
        let body = format!(r#"{{"jsonrpc":"2.0","id":{id},"result":{result}}}"#);
        Reply::new(200, &body).with("Content-Type: application/json")
    }

    pub fn error(id: u64, code: i64) -> Reply {
        let error = format!(r#"{{"code":{code},"message":"no"}}"#);
        let body = format!(r#"{{"jsonrpc":"2.0","id":{id},"error":{error}}}"#);
        Reply::new(200, &body).with("Content-Type: application/json")
    }

    /// With one more field.
    pub fn with(self, field: &str) -> Reply {
        let text = self.text;
        Reply {
            text: text.map(|text| text.replacen("\r\n", &format!("\r\n{field}\r\n"), 1)),
            ..self
        }
    }

    pub fn and_close(self) -> Reply {
        Reply {
            closes: true,
            ..self.with("Connection: close")
        }
    }
}

pub struct Server {
    address: SocketAddr,
    is_secure: bool,
    connections: Arc<AtomicUsize>,
}

impl Server {
    /// Answers for as long as the process lives; `answer` is given each request whole.
    pub fn start(answer: impl Fn(&str) -> Reply + Send + Sync + 'static) -> Server {
        Server::listen(None, answer)
    }

    /// The same over TLS.
    pub fn secure(
        config: Arc<ServerConfig>,
        answer: impl Fn(&str) -> Reply + Send + Sync + 'static,
    ) -> Server {
        Server::listen(Some(config), answer)
    }

    fn listen(
        tls: Option<Arc<ServerConfig>>,
        answer: impl Fn(&str) -> Reply + Send + Sync + 'static,
    ) -> Server {
        let is_secure = tls.is_some();
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = listener.local_addr().expect("an address");
        let connections = Arc::new(AtomicUsize::new(0));
        let (answer, counted) = (Arc::new(answer), Arc::clone(&connections));
        std::thread::spawn(move || {
            for socket in listener.incoming().flatten() {
                counted.fetch_add(1, Ordering::Relaxed);
                let (answer, tls) = (Arc::clone(&answer), tls.clone());
                std::thread::spawn(move || {
                    socket.set_nodelay(true).expect("a socket");
                    match tls {
                        None => serve(socket, &*answer),
                        Some(config) => {
                            let session = ServerConnection::new(config).expect("a session");
                            serve(StreamOwned::new(session, socket), &*answer);
                        }
                    }
                });
            }
        });
        Server {
            address,
            is_secure,
            connections,
        }
    }

    pub fn url(&self) -> String {
        match self.is_secure {
            true => format!("https://localhost:{}", self.address.port()),
            false => format!("http://{}", self.address),
        }
    }

    /// How many were ever opened.
    pub fn connections(&self) -> usize {
        self.connections.load(Ordering::Relaxed)
    }
}

fn serve(socket: impl Read + Write, answer: &dyn Fn(&str) -> Reply) {
    let mut reader = BufReader::new(socket);
    while let Some(request) = request(&mut reader) {
        let reply = answer(&request);
        let Some(text) = reply.text else {
            std::thread::sleep(Duration::from_secs(60));
            return;
        };
        let written = reader.get_mut().write_all(text.as_bytes());
        if written.is_err() || reply.closes {
            return;
        }
    }
}

/// A head and its body, if there is one more.
fn request(reader: &mut impl BufRead) -> Option<String> {
    let (mut text, mut length) = (String::new(), 0);
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line).ok()? == 0 {
            return None;
        }
        if let Some(value) = line.strip_prefix("content-length:") {
            length = value.trim().parse().ok()?;
        }
        text.push_str(&line);
        if line == "\r\n" {
            break;
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    text.push_str(&String::from_utf8(body).ok()?);
    Some(text)
}
