//! What comes before the first byte of HTTP: what proxies say, and the handshake of TLS.

use std::cell::RefCell;
use std::io;

use super::{Transport, patient};
use crate::base::buffers::{Buffer, Pool};
use crate::worker::io::Stream;

impl<S: Stream> Transport<S> {
    /// Waits for bytes, and moves them to `into` as they are, before there is TLS. May be dropped at any
    /// moment.
    ///
    /// # Errors
    /// `UnexpectedEof` where nothing more will come.
    pub(in crate::worker) async fn read_ahead(
        &self,
        into: &mut Buffer,
        pool: &RefCell<Pool>,
    ) -> io::Result<()> {
        pool.borrow_mut().fill_vacancy(into);
        loop {
            match self.stream.try_read(into.spare()) {
                Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
                Ok(count) => {
                    into.fill(count);
                    return Ok(());
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    self.stream.readable().await?;
                }
                Err(error) => return Err(error),
            }
        }
    }

    /// Where TLS lies between, takes what was read ahead for its own.
    pub(in crate::worker) fn begin_with(&self, ahead: &mut Buffer) {
        if let Some(sealed) = &self.tls {
            sealed.borrow_mut().cipher = std::mem::take(ahead);
        }
    }

    /// Completes the TLS handshake; done at once without TLS.
    pub(in crate::worker) async fn handshake(
        &self,
        plain: &mut Buffer,
        pool: &RefCell<Pool>,
    ) -> io::Result<()> {
        let Some(sealed) = &self.tls else {
            return Ok(());
        };
        loop {
            match self.try_read(plain, pool) {
                Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
                Ok(_) => return self.flush(&patient).await,
                Err(error) if error.kind() != io::ErrorKind::WouldBlock => {
                    // The alert says why.
                    let _ = self.flush_some(&mut sealed.borrow_mut());
                    return Err(error);
                }
                Err(_) => {}
            }
            self.flush(&patient).await?;
            if !sealed.borrow().session.is_handshaking() {
                return Ok(());
            }
            self.stream.readable().await?;
        }
    }
}
