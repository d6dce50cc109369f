//! The origin: answers from memory, one thread, as little as can be.

mod answers;

use std::io::{self, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::time::{Duration, Instant};

use self::answers::{Answers, Then, request_length};
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

/// How often each stream of [`Then::Ticks`] has an event.
const TICK: Duration = Duration::from_millis(10);
/// What the listener is known by; connections are known by their place.
const LISTENER: usize = usize::MAX;
const HEAD_BYTES: usize = 16 * 1024;

struct Connection {
    socket: TcpStream,
    /// Bytes of a request that is not whole yet.
    head: Vec<u8>,
    /// Which answer is being sent, and how much of it is.
    sending: Option<(usize, usize)>,
    /// What it does once its answer is sent.
    then: Then,
}

/// Runs until it is killed.
pub fn run(args: &OriginArgs) -> Outcome<()> {
    if let Some(core) = args.core {
        pinned::pin(core)?;
    }
    // Otherwise a wait lasts 50 microseconds longer than asked for.
    rustix::thread::set_current_timer_slack(std::num::NonZeroU64::new(1))?;
    let listener = TcpListener::bind(args.bind)?;
    // The standard library's own backlog is too short for thousands that come at once.
    rustix::net::listen(&listener, 4096)?;
    listener.set_nonblocking(true)?;
    println!("{}", listener.local_addr()?);
    io::stdout().flush()?;
    let answers = Answers::new();
    let mut poll = Poll::new()?;
    poll.add(&listener, LISTENER, false)?;
    let mut connections = Connections::default();
    let mut ticks = Ticks::default();
    let mut ready = Vec::new();
    let mut scratch = vec![0; HEAD_BYTES];
    loop {
        poll.wait(&mut ready, ticks.wait())?;
        for &number in &ready {
            if number == LISTENER {
                connections.accept(&listener, &poll)?;
                continue;
            }
            let Some(connection) = &mut connections.all[number] else {
                continue;
            };
            match serve(connection, number, &poll, &answers, &mut scratch) {
                Err(_) => connections.end(number),
                Ok(true) => ticks.streams.push(number),
                Ok(false) => {}
            }
        }
        ticks.send(&mut connections);
    }
}

#[derive(Default)]
struct Connections {
    all: Vec<Option<Connection>>,
    free: Vec<usize>,
}

impl Connections {
    fn accept(&mut self, listener: &TcpListener, poll: &Poll) -> io::Result<()> {
        while let Ok((socket, _)) = listener.accept() {
            socket.set_nodelay(true)?;
            let number = self.free.pop().unwrap_or(self.all.len());
            poll.add(&socket, number, false)?;
            let connection = Some(Connection {
                socket,
                head: Vec::new(),
                sending: None,
                then: Then::Next,
            });
            match self.all.get_mut(number) {
                Some(place) => *place = connection,
                None => self.all.push(connection),
            }
        }
        Ok(())
    }

    fn end(&mut self, number: usize) {
        if self.all[number].take().is_some() {
            self.free.push(number);
        }
    }
}

/// Takes one turn of a connection; true when it is to have ticks from now on. An error ends it.
fn serve(
    connection: &mut Connection,
    number: usize,
    poll: &Poll,
    answers: &Answers,
    scratch: &mut [u8],
) -> io::Result<bool> {
    if connection.sending.is_some() {
        if go_on(connection, answers)? {
            poll.change(&connection.socket, number, false)?;
        }
        return Ok(false);
    }
    let count = match poll::receive(&connection.socket, scratch)? {
        None => return Ok(false),
        Some(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
        Some(count) => count,
    };
    let received = &scratch[..count];
    let answer = if connection.head.is_empty() && request_length(received) == Some(count) {
        answers.find(received)
    } else {
        connection.head.extend_from_slice(received);
        if request_length(&connection.head).is_none() {
            return Ok(false);
        }
        let answer = answers.find(&connection.head);
        connection.head = Vec::new();
        answer
    };
    connection.then = answers.get(answer).then;
    connection.sending = Some((answer, 0));
    if !go_on(connection, answers)? {
        poll.change(&connection.socket, number, true)?;
    }
    Ok(connection.then == Then::Ticks)
}

/// Sends what the kernel takes of the answer; true when that was the rest.
fn go_on(connection: &mut Connection, answers: &Answers) -> io::Result<bool> {
    let Some((number, sent)) = &mut connection.sending else {
        return Ok(true);
    };
    let answer = answers.get(*number);
    let bytes = match *sent < answer.bytes.len() {
        true => &answer.bytes[*sent..],
        false => &answers.flood[*sent - answer.bytes.len()..],
    };
    *sent += poll::send(&connection.socket, bytes)?;
    let flooding = connection.then == Then::Flood;
    if flooding && *sent == answer.bytes.len() + answers.flood.len() {
        *sent = answer.bytes.len();
    }
    let done = !flooding && *sent == answer.bytes.len();
    if done {
        connection.sending = None;
    }
    Ok(done)
}

/// The streams that have an event in every [`TICK`], evenly spread over it.
#[derive(Default)]
struct Ticks {
    streams: Vec<usize>,
    next: usize,
    due: Option<Instant>,
}

impl Ticks {
    /// How long nothing is due.
    fn wait(&self) -> Option<Duration> {
        let due = self.due?;
        Some(due.saturating_duration_since(Instant::now()))
    }

    /// Sends what is due. Streams that are gone, or take nothing, are left out from then on.
    fn send(&mut self, connections: &mut Connections) {
        while !self.streams.is_empty() {
            let now = Instant::now();
            let due = *self.due.get_or_insert(now);
            if due > now {
                return;
            }
            self.next %= self.streams.len();
            self.due = Some(due + TICK / self.streams.len() as u32);
            let number = self.streams[self.next];
            let event = bodies::tick(crate::clock());
            match &mut connections.all[number] {
                Some(Connection { socket, then, .. })
                    if *then == Then::Ticks
                        && matches!(poll::send(socket, &event), Ok(count) if count == event.len()) =>
                {
                    self.next += 1;
                }
                _ => drop(self.streams.swap_remove(self.next)),
            }
        }
        self.due = None;
    }
}
