//! The floor: a proxy that does nothing but pass on, as cheaply as one thread can. A request and
//! its reply cost two receives, two sends and a share of a wait; nobody judges anything.
//!
//! Sockets are watched edge-triggered from their first moment to their last, so that no call but
//! those is ever needed. Bytes go from one socket to the other through one buffer that all share;
//! a connection holds memory only while its other side does not take what came.
//!
//! A client that sends its next request before it has its reply is cut off.

mod framing;
mod slab;

use std::io::{self, ErrorKind, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::os::fd::{AsFd, OwnedFd};

use rustix::buffer::spare_capacity;
use rustix::event::epoll::{self, CreateFlags, Event, EventData, EventFlags};

use self::framing::{Message, Side};
use self::slab::Slab;
use crate::{Outcome, pinned, poll};

/// Arguments of `relay`.
#[derive(clap::Args)]
pub struct RelayArgs {
    /// Where to listen; port 0 takes a free one.
    #[arg(long, default_value = "127.0.0.1:0")]
    bind: SocketAddr,
    /// Where requests go.
    #[arg(long)]
    to: SocketAddr,
    /// The only core to run on.
    #[arg(long)]
    core: Option<usize>,
}

/// Bytes that are moved at once: more fall out of the processor's nearer caches.
const BUFFER: usize = 64 * 1024;
/// Events taken at once.
const BATCH: usize = 256;
/// What the listener is known by.
const LISTENER: u64 = u64::MAX;

/// Runs until it is killed.
pub fn run(args: &RelayArgs) -> Outcome<()> {
    if let Some(core) = args.core {
        pinned::pin(core)?;
    }
    crate::raise_files()?;
    let listener = TcpListener::bind(args.bind)?;
    // The standard library's own backlog is too short for thousands that come at once.
    rustix::net::listen(&listener, 4096)?;
    listener.set_nonblocking(true)?;
    println!("{}", listener.local_addr()?);
    io::stdout().flush()?;
    let epoll = epoll::create(CreateFlags::CLOEXEC)?;
    epoll::add(
        &epoll,
        &listener,
        EventData::new_u64(LISTENER),
        EventFlags::IN,
    )?;
    let mut relay = Relay {
        epoll,
        to: args.to,
        callers: Slab::default(),
        upstreams: Slab::default(),
        idle: Vec::new(),
        buffer: vec![0; BUFFER],
    };
    let mut events: Vec<Event> = Vec::with_capacity(BATCH);
    loop {
        events.clear();
        match epoll::wait(&relay.epoll, spare_capacity(&mut events), None) {
            Ok(_) | Err(rustix::io::Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
        for event in &events {
            match event.data.u64() {
                LISTENER => relay.accept(&listener),
                number => relay.turn(number, event.flags),
            }
        }
    }
}

/// A connection that somebody else opened.
struct Caller {
    socket: TcpStream,
    /// What it asks, or will ask next.
    request: Message,
    /// Who answers; none between requests.
    upstream: Option<usize>,
    /// What it has not taken yet.
    pending: Vec<u8>,
    /// It has sent something for which there was no room.
    is_readable: bool,
    /// It is closed once it has taken everything.
    is_ending: bool,
}

/// A connection to the origin.
struct Upstream {
    socket: TcpStream,
    /// Whom it answers; none while it is idle.
    caller: Option<usize>,
    reply: Message,
    pending: Vec<u8>,
    is_readable: bool,
}

struct Relay {
    epoll: OwnedFd,
    to: SocketAddr,
    callers: Slab<Caller>,
    upstreams: Slab<Upstream>,
    /// Upstreams without a caller; the last used is the first used again.
    idle: Vec<usize>,
    buffer: Vec<u8>,
}

impl Relay {
    fn accept(&mut self, listener: &TcpListener) {
        while let Ok((socket, _)) = listener.accept() {
            let number = self.callers.next();
            if self.watch(&socket, (number as u64) << 1).is_ok() {
                self.callers.put(Caller {
                    socket,
                    request: Message::default(),
                    upstream: None,
                    pending: Vec::new(),
                    is_readable: false,
                    is_ending: false,
                });
            }
        }
    }

    fn watch(&self, socket: &TcpStream, number: u64) -> io::Result<()> {
        socket.set_nodelay(true)?;
        let flags = EventFlags::IN | EventFlags::OUT | EventFlags::RDHUP | EventFlags::ET;
        let data = EventData::new_u64(number);
        Ok(epoll::add(&self.epoll, socket.as_fd(), data, flags)?)
    }

    /// Does what one event asks for; what fails is ended.
    fn turn(&mut self, number: u64, flags: EventFlags) {
        let over = EventFlags::RDHUP | EventFlags::HUP | EventFlags::ERR;
        let is_over = flags.intersects(over);
        let is_readable = is_over || flags.contains(EventFlags::IN);
        let place = (number >> 1) as usize;
        if number & 1 == 0 {
            let mut done = self.drain_caller(place);
            if is_readable && done.is_ok() {
                done = self.hear_caller(place, is_over);
            }
            if done.is_err() {
                self.end(place);
            }
        } else {
            let caller = self.upstreams.get(place).and_then(|it| it.caller);
            let mut done = self.drain_upstream(place);
            if is_readable && done.is_ok() {
                done = self.hear_upstream(place, is_over);
            }
            match caller {
                Some(caller) if done.is_err() => self.end(caller),
                _ => {}
            }
        }
    }

    /// Ends a caller and who answers it.
    fn end(&mut self, number: usize) {
        if let Some(caller) = self.callers.take(number)
            && let Some(upstream) = caller.upstream
        {
            self.upstreams.take(upstream);
        }
    }

    /// Reads what a caller sent. With `is_over` its end is read, too.
    fn hear_caller(&mut self, number: usize, is_over: bool) -> io::Result<()> {
        loop {
            let Some(caller) = self.callers.get(number) else {
                return Ok(());
            };
            let upstream = caller.upstream.and_then(|it| self.upstreams.get(it));
            if upstream.is_some_and(|it| !it.pending.is_empty()) {
                caller.is_readable = true;
                return Ok(());
            }
            let Some(count) = poll::receive(&caller.socket, &mut self.buffer)? else {
                return Ok(());
            };
            if count == 0 {
                return Err(ErrorKind::UnexpectedEof.into());
            }
            self.ask(number, count)?;
            if count < BUFFER && !is_over {
                return Ok(());
            }
        }
    }

    /// Passes on so many bytes of a caller's request.
    fn ask(&mut self, number: usize, count: usize) -> io::Result<()> {
        let up = match self.callers.get(number).and_then(|it| it.upstream) {
            Some(up) => up,
            None => self.engage(number)?,
        };
        let (Some(caller), Some(upstream)) = (self.callers.get(number), self.upstreams.get(up))
        else {
            return Ok(());
        };
        let bytes = &self.buffer[..count];
        match caller.request.take(bytes, Side::Request)? {
            Some(end) if end < count => return Err(ErrorKind::InvalidData.into()),
            _ => upstream.reply.is_head = caller.request.is_head,
        }
        pass_on(&upstream.socket, &mut upstream.pending, bytes)
    }

    /// Finds an upstream for a caller's request.
    fn engage(&mut self, number: usize) -> io::Result<usize> {
        let up = match self.idle.pop() {
            Some(up) => up,
            None => {
                let socket = TcpStream::connect(self.to)?;
                let up = self.upstreams.next();
                self.watch(&socket, (up as u64) << 1 | 1)?;
                self.upstreams.put(Upstream {
                    socket,
                    caller: None,
                    reply: Message::default(),
                    pending: Vec::new(),
                    is_readable: false,
                })
            }
        };
        if let Some(upstream) = self.upstreams.get(up) {
            upstream.caller = Some(number);
        }
        if let Some(caller) = self.callers.get(number) {
            caller.upstream = Some(up);
        }
        Ok(up)
    }

    /// Reads what an upstream sent. With `is_over` its end is read, too.
    fn hear_upstream(&mut self, up: usize, is_over: bool) -> io::Result<()> {
        loop {
            let Some(upstream) = self.upstreams.get(up) else {
                return Ok(());
            };
            let Some(number) = upstream.caller else {
                return self.look_at_idle(up);
            };
            let Some(caller) = self.callers.get(number) else {
                return Ok(());
            };
            if !caller.pending.is_empty() {
                upstream.is_readable = true;
                return Ok(());
            }
            let Some(count) = poll::receive(&upstream.socket, &mut self.buffer)? else {
                return Ok(());
            };
            if count == 0 && upstream.reply.may_end() {
                return self.finish(number, up);
            }
            if count == 0 {
                return Err(ErrorKind::UnexpectedEof.into());
            }
            let bytes = &self.buffer[..count];
            let end = upstream.reply.take(bytes, Side::Reply)?;
            pass_on(&caller.socket, &mut caller.pending, bytes)?;
            match end {
                Some(end) if end < count => return Err(ErrorKind::InvalidData.into()),
                Some(_) => self.finish(number, up)?,
                None => {}
            }
            if count < BUFFER && !is_over {
                return Ok(());
            }
        }
    }

    /// An idle upstream has nothing to say: it has ended, or is not to be trusted.
    fn look_at_idle(&mut self, up: usize) -> io::Result<()> {
        let Some(upstream) = self.upstreams.get(up) else {
            return Ok(());
        };
        if !matches!(poll::receive(&upstream.socket, &mut self.buffer), Ok(None)) {
            self.upstreams.take(up);
            self.idle.retain(|&it| it != up);
        }
        Ok(())
    }

    /// A reply is whole: its upstream is free for others.
    fn finish(&mut self, number: usize, up: usize) -> io::Result<()> {
        let (Some(caller), Some(upstream)) = (self.callers.get(number), self.upstreams.get(up))
        else {
            return Ok(());
        };
        if caller.request.is_last || upstream.reply.is_last {
            caller.is_ending = true;
            caller.upstream = None;
            self.upstreams.take(up);
            return self.drain_caller(number);
        }
        // An answer that came before the question was over leaves an upstream in the middle of it.
        if !caller.request.is_whole || !upstream.pending.is_empty() {
            return Err(ErrorKind::InvalidData.into());
        }
        caller.request = Message::default();
        caller.upstream = None;
        upstream.reply = Message::default();
        upstream.caller = None;
        self.idle.push(up);
        Ok(())
    }

    /// Sends a caller what it had no room for, and goes on reading from its upstream.
    fn drain_caller(&mut self, number: usize) -> io::Result<()> {
        let Some(caller) = self.callers.get(number) else {
            return Ok(());
        };
        if !drain(&caller.socket, &mut caller.pending)? {
            return Ok(());
        }
        if caller.is_ending {
            return Err(ErrorKind::ConnectionAborted.into());
        }
        let Some(up) = caller.upstream else {
            return Ok(());
        };
        let upstream = self.upstreams.get(up);
        match upstream.is_some_and(|it| std::mem::take(&mut it.is_readable)) {
            true => self.hear_upstream(up, true),
            false => Ok(()),
        }
    }

    /// The same the other way round.
    fn drain_upstream(&mut self, up: usize) -> io::Result<()> {
        let Some(upstream) = self.upstreams.get(up) else {
            return Ok(());
        };
        if !drain(&upstream.socket, &mut upstream.pending)? {
            return Ok(());
        }
        let Some(number) = upstream.caller else {
            return Ok(());
        };
        let caller = self.callers.get(number);
        match caller.is_some_and(|it| std::mem::take(&mut it.is_readable)) {
            true => self.hear_caller(number, true),
            false => Ok(()),
        }
    }
}

/// Sends bytes, and keeps what the kernel does not take.
fn pass_on(socket: &TcpStream, pending: &mut Vec<u8>, bytes: &[u8]) -> io::Result<()> {
    let sent = match pending.is_empty() {
        true => poll::send(socket, bytes)?,
        false => 0,
    };
    pending.extend_from_slice(&bytes[sent..]);
    Ok(())
}

/// Sends what was kept; true when nothing is left.
fn drain(socket: &TcpStream, pending: &mut Vec<u8>) -> io::Result<bool> {
    if pending.is_empty() {
        return Ok(true);
    }
    let sent = poll::send(socket, pending)?;
    pending.drain(..sent);
    if pending.is_empty() {
        *pending = Vec::new();
    }
    Ok(pending.is_empty())
}
