//! What both ends have in common: bytes are waited for, and sent, until the peer's time is over.

use std::cell::Cell;
use std::io;
use std::time::Duration;

use super::core::Worker;
use super::io::{Driver, Stream};
use super::slices::Slices;
use super::transport::Transport;
use crate::base::buffers::Buffer;
use crate::base::clock::Mono;
use crate::base::pace::Pace;

/// The direction from a peer, caller or upstream.
pub(super) struct Ear<'a, S> {
    pub transport: &'a Transport<S>,
    /// What has come and is not consumed.
    pub buffer: &'a mut Buffer,
}

impl<S: Stream> Ear<'_, S> {
    /// Waits for bytes until `until`; `Ok(0)` is the end of input, `TimedOut` that none came.
    pub(super) async fn read<D: Driver>(
        &mut self,
        worker: &Worker<D>,
        until: Mono,
    ) -> io::Result<usize> {
        let Ear { transport, buffer } = self;
        // As far as is known there is nothing: to wait is better than to ask.
        let mut wait_first = transport.is_drained();
        loop {
            if !wait_first {
                worker.pool.borrow_mut().fill_vacancy(buffer);
                match transport.try_read(buffer, &worker.pool) {
                    Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                    decided => return decided,
                }
            }
            wait_first = false;
            // Who waits for bytes holds no buffer.
            worker.pool.borrow_mut().reclaim(buffer);
            worker
                .within(until, transport.readable())
                .await
                .unwrap_or(Err(io::ErrorKind::TimedOut.into()))?;
        }
    }
}

/// Says that nothing more will come from us, to a peer that must take what was sent before in time.
pub(super) async fn finish<D: Driver, S: Stream>(
    transport: &Transport<S>,
    worker: &Worker<D>,
) -> io::Result<()> {
    let idle = worker.limit(|limits| limits.write_idle_time);
    let until = worker.now().mono.after(idle);
    let late = Err(io::ErrorKind::TimedOut.into());
    worker
        .within(until, transport.finish())
        .await
        .unwrap_or(late)
}

/// How fast a peer takes what it is sent.
#[derive(Clone, Copy, Default)]
pub(super) struct Taking {
    pace: Pace,
    /// What had left when it was looked at last.
    sent: u64,
}

impl Taking {
    /// How long the peer may be waited for, of which so many bytes have left in all.
    fn patience(&mut self, sent: u64, rate: u64, idle: Duration) -> Duration {
        self.pace = self.pace.under(rate, idle);
        let taken = sent.saturating_sub(self.sent);
        self.pace.moved(Duration::ZERO, taken);
        self.sent = sent;
        self.pace.patience().min(idle)
    }
}

/// Sends bytes, in a row with what other tasks are about to send; a peer that takes none of them for
/// too long is as good as gone, and so is one with a pace that takes them too slowly.
///
/// No `async fn`, and neither are those that call it for a direction: it would keep the bytes twice.
pub(super) fn send<D: Driver, S: Stream>(
    transport: &Transport<S>,
    worker: &Worker<D>,
    taking: Option<&Cell<Taking>>,
    bytes: impl Slices,
) -> impl Future<Output = io::Result<()>> {
    let patience = async move |stream: &S| {
        let (idle, rate) = worker.limit(|limits| (limits.write_idle_time, limits.read_rate));
        let since = worker.now().mono;
        let mut patience = idle;
        if let Some(taking) = taking {
            let mut taken = taking.get();
            patience = taken.patience(stream.sent_bytes(), rate, idle);
            taking.set(taken);
        }
        let ready = worker
            .within(since.after(patience), stream.writable())
            .await
            .unwrap_or(Err(io::ErrorKind::TimedOut.into()));
        if let Some(taking) = taking {
            let mut taken = taking.get();
            taken.pace.moved(worker.now().mono.since(since), 0);
            taking.set(taken);
        }
        ready
    };
    async move {
        worker.row.join().await;
        match transport.write(bytes.slices())? {
            None => Ok(()),
            // Boxed, as few writes wait: no other connection keeps room for it.
            Some(unsent) => Box::pin(transport.finish_write(unsent, &patience)).await,
        }
    }
}
