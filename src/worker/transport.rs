//! A connection as plain bytes, whether or not TLS lies between them and the socket.
//!
//! Every method takes `&self`, so that the two directions of an exchange can use one connection at
//! a time each; nothing is borrowed across a wait.

mod begin;

use std::cell::RefCell;
use std::io::{self, IoSlice};
use std::net::SocketAddr;
use std::sync::Arc;

use rustls::ClientConfig;
use rustls_pki_types::ServerName;

use super::io::Stream;
use super::slices::gather;
use crate::base::buffers::{Buffer, Pool};
use crate::tls;

/// Slices handed to the kernel at once: as many as most writes have, else as many as this.
const FEW_SLICES: usize = 8;
const SLICES: usize = 64;

/// A connection, in plain text or under TLS.
pub(super) struct Transport<S> {
    stream: S,
    tls: Option<Box<RefCell<Sealed>>>,
}

/// What the kernel did not take at once.
#[must_use]
pub(super) enum Unsent<'b> {
    /// These slices.
    Plain(Vec<IoSlice<'b>>),
    /// Records of TLS, which the transport keeps.
    Sealed,
}

/// What TLS adds: the session, records that have arrived, records that wait to leave.
struct Sealed {
    session: tls::Session,
    cipher: Buffer,
    out: Vec<u8>,
    sent: usize,
}

impl<S: Stream> Transport<S> {
    /// A caller's connection.
    pub(super) fn server(stream: S, door: Option<&Arc<tls::Door>>) -> io::Result<Transport<S>> {
        let session = door.map(tls::Session::server).transpose().map_err(broken)?;
        Ok(Transport::new(stream, session))
    }

    /// A connection to an upstream.
    pub(super) fn client(
        stream: S,
        target: Option<&(Arc<ClientConfig>, ServerName<'static>)>,
    ) -> io::Result<Transport<S>> {
        let session = target
            .map(|(config, name)| tls::Session::client(Arc::clone(config), name.clone()))
            .transpose()
            .map_err(broken)?;
        Ok(Transport::new(stream, session))
    }

    /// The same connection, with TLS from here on where there is a target for it.
    pub(super) fn onward(
        self,
        target: Option<&(Arc<ClientConfig>, ServerName<'static>)>,
    ) -> io::Result<Transport<S>> {
        Transport::client(self.stream, target)
    }

    fn new(stream: S, session: Option<tls::Session>) -> Transport<S> {
        // Boxed: a connection in plain text keeps no room for it.
        let sealed = |session| {
            Box::new(RefCell::new(Sealed {
                session,
                cipher: Buffer::default(),
                out: Vec::new(),
                sent: 0,
            }))
        };
        Transport {
            stream,
            tls: session.map(sealed),
        }
    }

    /// True when TLS protects it.
    pub(super) fn is_secure(&self) -> bool {
        self.tls.is_some()
    }

    /// What the handshake has shown, once it is complete.
    pub(super) fn shown(&self) -> Option<tls::Shown> {
        self.tls.as_ref()?.borrow().session.shown()
    }

    /// The other end, as it was when the connection was made.
    pub(super) fn peer(&self) -> SocketAddr {
        self.stream.peer_addr()
    }

    /// Waits until [`Transport::try_read`] has something to say. May be dropped at any moment.
    pub(super) async fn readable(&self) -> io::Result<()> {
        self.stream.readable().await
    }

    /// True when a read would find nothing, as far as can be told without asking the kernel. Under
    /// TLS it cannot: bytes may wait that are received and not yet opened.
    pub(super) fn is_drained(&self) -> bool {
        self.tls.is_none() && self.stream.is_drained()
    }

    /// True when nothing has come since the last read, as far as the runtime knows. Under TLS it does
    /// not.
    pub(super) fn is_quiet(&self) -> bool {
        self.tls.is_none() && self.stream.is_quiet()
    }

    /// Bytes that have left so far, those of TLS included.
    pub(super) fn sent_bytes(&self) -> u64 {
        self.stream.sent_bytes()
    }

    /// Moves plain bytes that have arrived to `plain`; `Ok(0)` is the clean end of input.
    ///
    /// # Errors
    /// `WouldBlock` when nothing has arrived, `UnexpectedEof` when TLS was cut off.
    pub(super) fn try_read(&self, plain: &mut Buffer, pool: &RefCell<Pool>) -> io::Result<usize> {
        match &self.tls {
            None => {
                let count = self.stream.try_read(plain.spare())?;
                plain.fill(count);
                Ok(count)
            }
            Some(sealed) => self.try_open(&mut sealed.borrow_mut(), plain, pool),
        }
    }

    fn try_open(
        &self,
        sealed: &mut Sealed,
        plain: &mut Buffer,
        pool: &RefCell<Pool>,
    ) -> io::Result<usize> {
        let before = plain.filled().len();
        loop {
            let opened = sealed
                .session
                .open(&mut sealed.cipher, plain, &mut sealed.out);
            let progress = match opened {
                Ok(progress) => progress,
                Err(error) => {
                    let _ = self.flush_some(sealed);
                    return Err(broken(error));
                }
            };
            let count = plain.filled().len() - before;
            if count > 0 || progress == tls::Progress::PlainFull {
                pool.borrow_mut().reclaim(&mut sealed.cipher);
                self.flush_some(sealed)?;
                return Ok(count);
            }
            if progress == tls::Progress::PeerClosed {
                return Ok(0);
            }
            self.flush_some(sealed)?;
            pool.borrow_mut().fill_vacancy(&mut sealed.cipher);
            match self.stream.try_read(sealed.cipher.spare()) {
                Ok(0) => {
                    sealed
                        .session
                        .on_eof()
                        .map_err(|_| io::ErrorKind::UnexpectedEof)?;
                    return Ok(0);
                }
                Ok(count) => sealed.cipher.fill(count),
                Err(error) => {
                    pool.borrow_mut().reclaim(&mut sealed.cipher);
                    return Err(error);
                }
            }
        }
    }

    /// Sends of the slices what the kernel takes at once; the rest is for [`Transport::finish_write`].
    pub(super) fn write<'b>(
        &self,
        slices: impl Iterator<Item = &'b [u8]>,
    ) -> io::Result<Option<Unsent<'b>>> {
        let Some(sealed) = &self.tls else {
            let rest = self.write_plain(slices)?;
            return Ok((!rest.is_empty()).then_some(Unsent::Plain(rest)));
        };
        let sealed = &mut *sealed.borrow_mut();
        let Sealed {
            session,
            cipher,
            out,
            ..
        } = sealed;
        session.seal(cipher, slices, out).map_err(broken)?;
        Ok((!self.flush_some(sealed)?).then_some(Unsent::Sealed))
    }

    /// Sends what is left of a write; `wait` is how to wait until the peer takes more. When it gives
    /// up, the kernel is asked once more: it calls a socket writable only when a third of it is free,
    /// which a slow reader may not bring about in time.
    pub(super) async fn finish_write(
        &self,
        unsent: Unsent<'_>,
        wait: &impl AsyncFn(&S) -> io::Result<()>,
    ) -> io::Result<()> {
        match unsent {
            Unsent::Plain(rest) => self.write_rest(rest, wait).await,
            Unsent::Sealed => self.flush(wait).await,
        }
    }

    /// Sends what the kernel takes without waiting; answers the rest.
    fn write_plain<'b>(
        &self,
        slices: impl Iterator<Item = &'b [u8]>,
    ) -> io::Result<Vec<IoSlice<'b>>> {
        let slices = slices.filter(|slice| !slice.is_empty());
        let mut slices = slices.map(IoSlice::new).peekable();
        let mut few = [IoSlice::new(&[]); FEW_SLICES];
        let count = gather(&mut few, &mut slices);
        if slices.peek().is_none() {
            return Ok(self.send_some(&mut few[..count])?.to_vec());
        }
        let mut many = [IoSlice::new(&[]); SLICES];
        many[..count].copy_from_slice(&few[..count]);
        let mut count = count + gather(&mut many[count..], &mut slices);
        while count > 0 {
            let rest = self.send_some(&mut many[..count])?;
            if !rest.is_empty() {
                return Ok(rest.iter().copied().chain(slices).collect());
            }
            count = gather(&mut many, &mut slices);
        }
        Ok(Vec::new())
    }

    /// Hands slices to the kernel once; answers what it did not take.
    fn send_some<'s, 'b>(
        &self,
        mut slices: &'s mut [IoSlice<'b>],
    ) -> io::Result<&'s [IoSlice<'b>]> {
        if slices.is_empty() {
            return Ok(slices);
        }
        match self.stream.try_write(slices) {
            Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
            Ok(sent) => IoSlice::advance_slices(&mut slices, sent),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            Err(error) => return Err(error),
        }
        Ok(slices)
    }

    async fn write_rest(
        &self,
        mut rest: Vec<IoSlice<'_>>,
        wait: &impl AsyncFn(&S) -> io::Result<()>,
    ) -> io::Result<()> {
        let mut rest = rest.as_mut_slice();
        let mut stalled = Ok(());
        while !rest.is_empty() {
            match self.stream.try_write(rest) {
                Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                Ok(written) => {
                    IoSlice::advance_slices(&mut rest, written);
                    stalled = Ok(());
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    stalled?;
                    stalled = wait(&self.stream).await;
                }
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    /// Sends the records that wait, all of them.
    async fn flush(&self, wait: &impl AsyncFn(&S) -> io::Result<()>) -> io::Result<()> {
        let Some(sealed) = &self.tls else {
            return Ok(());
        };
        let mut stalled = Ok(());
        loop {
            let before = sealed.borrow().sent;
            if self.flush_some(&mut sealed.borrow_mut())? {
                return Ok(());
            }
            if sealed.borrow().sent == before {
                stalled?;
            }
            stalled = wait(&self.stream).await;
        }
    }

    /// Sends what the kernel takes of the records that wait; true when none is left.
    fn flush_some(&self, sealed: &mut Sealed) -> io::Result<bool> {
        while sealed.sent < sealed.out.len() {
            match self
                .stream
                .try_write(&[IoSlice::new(&sealed.out[sealed.sent..])])
            {
                Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                Ok(count) => sealed.sent += count,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(false),
                Err(error) => return Err(error),
            }
        }
        sealed.sent = 0;
        sealed.out = Vec::new(); // An idle connection owns no buffer.
        Ok(true)
    }

    /// The connection without its TLS, for the peer that never spoke any.
    pub(super) fn without_tls(self) -> Transport<S> {
        Transport { tls: None, ..self }
    }

    /// Says that nothing more will come from us, after all that was sent.
    pub(super) async fn finish(&self) -> io::Result<()> {
        if let Some(sealed) = &self.tls {
            {
                let Sealed {
                    session,
                    cipher,
                    out,
                    ..
                } = &mut *sealed.borrow_mut();
                session.close(cipher, out).map_err(broken)?;
            }
            self.flush(&patient).await?;
        }
        self.stream.shutdown_write()
    }

    /// Ends the connection so that the peer can tell that what it has is not all.
    pub(super) fn abort(self) {
        self.stream.abort();
    }
}

/// Waits for as long as it takes; whoever calls has a deadline for all of it.
async fn patient<S: Stream>(stream: &S) -> io::Result<()> {
    stream.writable().await
}

fn broken(error: impl std::error::Error + Send + Sync + 'static) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, error)
}
