//! The origin's connections, and what each of them is about.

use std::io;
use std::net::TcpListener;
use std::sync::Arc;

use rustls::ServerConfig;

use super::answers::{Answers, Then, request_length};
use crate::poll::Poll;
use crate::wire::Wire;

pub struct Connection {
    pub wire: Wire,
    /// Bytes of a request that is not whole yet.
    head: Vec<u8>,
    /// Which answer is being sent, and how much of it is.
    sending: Option<(usize, usize)>,
    /// What it does once its answer is sent.
    pub then: Then,
}

/// All of them, known by their place.
#[derive(Default)]
pub struct Connections {
    all: Vec<Option<Connection>>,
    free: Vec<usize>,
}

impl Connections {
    pub fn accept(
        &mut self,
        listener: &TcpListener,
        tls: Option<&Arc<ServerConfig>>,
        poll: &Poll,
    ) -> io::Result<()> {
        while let Ok((socket, _)) = listener.accept() {
            socket.set_nodelay(true)?;
            let number = self.free.pop().unwrap_or(self.all.len());
            poll.add(&socket, number, false)?;
            let connection = Some(Connection {
                wire: Wire::answer(socket, tls)?,
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

    pub fn get(&mut self, number: usize) -> Option<&mut Connection> {
        self.all.get_mut(number)?.as_mut()
    }

    pub fn end(&mut self, number: usize) {
        if self.all[number].take().is_some() {
            self.free.push(number);
        }
    }
}

impl Connection {
    /// Takes one turn; answers what the connection does from now on, when an answer was begun. An
    /// error ends it.
    pub fn serve(
        &mut self,
        number: usize,
        poll: &Poll,
        answers: &Answers,
        scratch: &mut [u8],
    ) -> io::Result<Option<Then>> {
        if self.sending.is_some() {
            if self.go_on(answers)? {
                poll.change(self.wire.socket(), number, false)?;
            }
            return Ok(None);
        }
        let count = match self.wire.receive(scratch)? {
            None => return Ok(None),
            Some(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
            Some(count) => count,
        };
        let received = &scratch[..count];
        let answer = if self.head.is_empty() && request_length(received) == Some(count) {
            answers.find(received)
        } else {
            self.head.extend_from_slice(received);
            if request_length(&self.head).is_none() {
                return Ok(None);
            }
            answers.find(&std::mem::take(&mut self.head))
        };
        self.then = answers.get(answer).then;
        self.sending = Some((answer, 0));
        if !self.go_on(answers)? {
            poll.change(self.wire.socket(), number, true)?;
        }
        Ok(Some(self.then))
    }

    /// Sends what the kernel takes of the answer; true when that was the rest.
    fn go_on(&mut self, answers: &Answers) -> io::Result<bool> {
        let Some((number, sent)) = &mut self.sending else {
            return Ok(true);
        };
        let answer = answers.get(*number);
        let flooding = self.then == Then::Flood;
        if *sent < answer.bytes.len() {
            *sent += self.wire.send(&answer.bytes[*sent..])?;
        } else if flooding {
            *sent += self
                .wire
                .send(&answers.flood[*sent - answer.bytes.len()..])?;
            if *sent == answer.bytes.len() + answers.flood.len() {
                *sent = answer.bytes.len();
            }
        }
        let done = !flooding && *sent == answer.bytes.len() && self.wire.flush()?;
        if done {
            self.sending = None;
        }
        Ok(done)
    }
}
