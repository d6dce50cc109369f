//! The origin: answers from memory, one thread, as little as can be.

use std::io::{self, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};

use memchr::memmem;

use crate::poll::{self, Poll};
use crate::{Outcome, bodies, pinned};

/// Arguments of `origin`.
#[derive(clap::Args)]
pub struct OriginArgs {
    /// Where to listen; port 0 takes a free one.
    #[arg(long, default_value = "127.0.0.1:0")]
    bind: SocketAddr,
    /// The only core to run on.
    #[arg(long)]
    core: Option<usize>,
}

/// What the listener is known by; connections are known by their place.
const LISTENER: usize = usize::MAX;
const HEAD_BYTES: usize = 16 * 1024;

struct Connection {
    socket: TcpStream,
    /// Bytes of a head that is not whole yet.
    head: Vec<u8>,
    /// Which answer is being sent, and how much of it is.
    sending: Option<(usize, usize)>,
}

/// Runs until it is killed.
pub fn run(args: &OriginArgs) -> Outcome<()> {
    if let Some(core) = args.core {
        pinned::pin(core)?;
    }
    let listener = TcpListener::bind(args.bind)?;
    listener.set_nonblocking(true)?;
    println!("{}", listener.local_addr()?);
    io::stdout().flush()?;
    let answers = Answers::new();
    let mut poll = Poll::new()?;
    poll.add(&listener, LISTENER, false)?;
    let mut connections: Vec<Option<Connection>> = Vec::new();
    let mut ready = Vec::new();
    let mut scratch = vec![0; HEAD_BYTES];
    loop {
        poll.wait(&mut ready, None)?;
        for &number in &ready {
            if number == LISTENER {
                accept(&listener, &poll, &mut connections)?;
                continue;
            }
            let place = &mut connections[number];
            if let Some(connection) = place
                && serve(connection, number, &poll, &answers, &mut scratch).is_err()
            {
                *place = None;
            }
        }
    }
}

fn accept(
    listener: &TcpListener,
    poll: &Poll,
    connections: &mut Vec<Option<Connection>>,
) -> io::Result<()> {
    while let Ok((socket, _)) = listener.accept() {
        socket.set_nodelay(true)?;
        let free = connections.iter().position(Option::is_none);
        let number = free.unwrap_or(connections.len());
        poll.add(&socket, number, false)?;
        let connection = Some(Connection {
            socket,
            head: Vec::new(),
            sending: None,
        });
        match connections.get_mut(number) {
            Some(place) => *place = connection,
            None => connections.push(connection),
        }
    }
    Ok(())
}

/// Takes one turn of a connection. An error ends it.
fn serve(
    connection: &mut Connection,
    number: usize,
    poll: &Poll,
    answers: &Answers,
    scratch: &mut [u8],
) -> io::Result<()> {
    if connection.sending.is_some() {
        if go_on(connection, answers)? {
            poll.change(&connection.socket, number, false)?;
        }
        return Ok(());
    }
    let count = match poll::receive(&connection.socket, scratch)? {
        None => return Ok(()),
        Some(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
        Some(count) => count,
    };
    let received = &scratch[..count];
    let whole = connection.head.is_empty() && received.ends_with(b"\r\n\r\n");
    let answer = if whole {
        answers.find(received)
    } else {
        connection.head.extend_from_slice(received);
        if !connection.head.ends_with(b"\r\n\r\n") {
            return Ok(());
        }
        let answer = answers.find(&connection.head);
        connection.head.clear();
        answer
    };
    connection.sending = Some((answer, 0));
    if !go_on(connection, answers)? {
        poll.change(&connection.socket, number, true)?;
    }
    Ok(())
}

/// Sends what the kernel takes of the answer; true when that was the rest.
fn go_on(connection: &mut Connection, answers: &Answers) -> io::Result<bool> {
    let Some((answer, sent)) = &mut connection.sending else {
        return Ok(true);
    };
    let bytes = &answers.0[*answer].bytes;
    *sent += poll::send(&connection.socket, &bytes[*sent..])?;
    let done = *sent == bytes.len();
    if done {
        connection.sending = None;
    }
    Ok(done)
}

struct Answer {
    /// The target up to the space after it.
    target: &'static [u8],
    bytes: Vec<u8>,
}

/// All answers there are, the last one for any target not known.
struct Answers(Vec<Answer>);

impl Answers {
    fn new() -> Answers {
        let json = |target: &'static str, kibibytes: usize| {
            let body = bodies::users(kibibytes * 1024);
            let length = body.len();
            let head = format!(
                "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {length}\r\n\r\n"
            );
            Answer {
                target: target.as_bytes(),
                bytes: [head.into_bytes(), body].concat(),
            }
        };
        let head = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\
                    Transfer-Encoding: chunked\r\n\r\n";
        let events = Answer {
            target: b"/events ",
            bytes: [head.as_bytes(), &bodies::events(1024 * 1024, 256)].concat(),
        };
        Answers(vec![
            json("/1k ", 1),
            json("/10k ", 10),
            json("/100k ", 100),
            events,
            Answer {
                target: b"",
                bytes: b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n".to_vec(),
            },
        ])
    }

    /// Which answer a head asks for; the part of the target after its last prefix decides.
    fn find(&self, head: &[u8]) -> usize {
        let line = &head[..memchr::memchr(b'\r', head).unwrap_or(head.len())];
        let found = self
            .0
            .iter()
            .position(|answer| memmem::find(line, answer.target).is_some());
        found.unwrap_or(self.0.len() - 1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_prefix_does_not_change_the_answer() {
        let answers = Answers::new();
        let of = |target: &str| answers.find(format!("GET {target} HTTP/1.1\r\n\r\n").as_bytes());
        assert_eq!(of("/1k"), 0);
        assert_eq!(of("/plain/10k"), 1);
        assert_eq!(of("/nothing"), 4);
    }
}
