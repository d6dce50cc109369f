//! The upstream: strict about what it gets, and broken as the request's path says.

use std::io::{self, ErrorKind, Read as _};
use std::net::Shutdown;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use super::Fault;
use super::origin::{Conn, Origin, field};

/// The body of every request.
pub const BODY: &str = "what the caller says";
/// The body of every reply.
pub const WHOLE: &str = "hello world";

/// Every reply.
pub fn reply() -> &'static [u8] {
    b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nTransfer-Encoding: chunked\r\n\r\n\
      5\r\nhello\r\n6\r\n world\r\n0\r\n\r\n"
}

pub struct Upstream {
    pub origin: Origin,
    wrong: Arc<Mutex<Vec<String>>>,
}

impl Upstream {
    pub fn start() -> Upstream {
        let wrong = Arc::new(Mutex::new(Vec::new()));
        let noted = Arc::clone(&wrong);
        let origin = Origin::talking(None, move |conn| {
            if let Err(what) = converse(conn) {
                noted.lock().unwrap().push(what);
            }
            Ok(())
        });
        Upstream { origin, wrong }
    }

    /// Nothing that came was anything but whole requests or resets.
    pub fn check(&self) {
        let wrong = self.wrong.lock().unwrap();
        assert!(
            wrong.is_empty(),
            "{} of them: {:?}",
            wrong.len(),
            &wrong[..wrong.len().min(5)]
        );
    }
}

/// Answers requests until one asks for a fault, or the gateway ends the connection.
fn converse(mut conn: Conn) -> Result<(), String> {
    while let Some(path) = request(&mut conn)? {
        let Some((fault, at)) = planned(&path) else {
            // The gateway may be gone already: that is its caller's doing.
            let _ = conn.send(reply());
            continue;
        };
        let _ = conn.send(&reply()[..at]);
        let socket = conn.wire.get_ref().socket();
        match fault {
            // What was sent must have arrived, or the reset swallows it.
            Fault::Reset => {
                std::thread::sleep(Duration::from_millis(2));
                let linger = Some(Duration::ZERO);
                socket2::SockRef::from(socket).set_linger(linger).unwrap();
                return Ok(());
            }
            Fault::Close => return Ok(()),
            Fault::HalfClose => socket.shutdown(Shutdown::Write).unwrap(),
            Fault::Stall => {}
        }
        if fault == Fault::Stall && at == reply().len() {
            continue;
        }
        return unused(&mut conn).map_err(|what| format!("{path}: {what}"));
    }
    Ok(())
}

/// The next request's path; `None` when the connection ends between requests, or by a reset.
fn request(conn: &mut Conn) -> Result<Option<String>, String> {
    let whole = conn.head().and_then(|head| match head {
        None => Ok(None),
        Some(head) => conn.body(&head).map(|body| Some((head, body))),
    });
    let (head, body) = match whole {
        Ok(Some(whole)) => whole,
        Ok(None) => return Ok(None),
        Err(error) if error.kind() == ErrorKind::ConnectionReset => return Ok(None),
        Err(error) => return Err(format!("a request that is not whole: {error}")),
    };
    let path = head.split(' ').nth(1).unwrap_or_default().to_owned();
    if body != BODY.as_bytes() || field(&head, "transfer-encoding") != Some("chunked") {
        return Err(format!(
            "{path}: {head:?} {:?}",
            String::from_utf8_lossy(&body)
        ));
    }
    Ok(Some(path))
}

/// `/upstream/FAULT/AT`.
fn planned(path: &str) -> Option<(Fault, usize)> {
    let (fault, at) = path.strip_prefix("/upstream/")?.split_once('/')?;
    let fault = match fault {
        "Reset" => Fault::Reset,
        "Close" => Fault::Close,
        "HalfClose" => Fault::HalfClose,
        _ => Fault::Stall,
    };
    Some((fault, at.parse().ok()?))
}

/// Nothing more comes by a connection that is not what it should be.
fn unused(conn: &mut Conn) -> Result<(), String> {
    let mut more = Vec::new();
    match conn.wire.read_to_end(&mut more) {
        Ok(_) | Err(_) if !more.is_empty() => Err(format!("used again: {more:?}")),
        Ok(_) => Ok(()),
        Err(error) if error.kind() == io::ErrorKind::ConnectionReset => Ok(()),
        Err(error) => Err(format!("left open: {error}")),
    }
}
