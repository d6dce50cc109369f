//! The way through a proxy (`CONNECT`, RFC 9110, section 9.3.6). It carries nothing of a call.

use std::io;

use crate::base::buffers::Buffer;
use crate::exchange::rules::Tunnel;
use crate::http::{HeadLimits, ResponseScanner};
use crate::worker::core::Worker;
use crate::worker::directions::send;
use crate::worker::io::Driver;
use crate::worker::transport::Transport;

/// Asks the proxy at the other end for the way to the upstream; from then on the upstream is there.
/// Whoever calls has a deadline for it.
pub(super) async fn ask<D: Driver>(
    worker: &Worker<D>,
    transport: &Transport<D::Stream>,
    tunnel: &Tunnel,
) -> io::Result<()> {
    send(transport, worker, None, tunnel.request()).await?;
    let mut buffer = worker.pool.borrow_mut().lend();
    let answered = answer(worker, transport, &mut buffer).await;
    worker.pool.borrow_mut().give_back(buffer);
    answered
}

async fn answer<D: Driver>(
    worker: &Worker<D>,
    transport: &Transport<D::Stream>,
    buffer: &mut Buffer,
) -> io::Result<()> {
    let mut scanner = ResponseScanner::new(HeadLimits::default());
    loop {
        transport.read_ahead(buffer, &worker.pool).await?;
        let head = match scanner.scan(buffer.filled()) {
            Ok(None) => continue,
            Ok(Some(head)) => head,
            Err(_) => return Err(io::Error::other("the proxy's answer is malformed")),
        };
        return match head.status() {
            // The upstream waits for our first byte: what comes before that is not its.
            200..=299 if buffer.filled().len() == head.len() => Ok(()),
            200..=299 => Err(io::Error::other("the proxy says more than it should")),
            status => Err(io::Error::other(format!("the proxy answers {status}"))),
        };
    }
}
