//! What comes before the first request: where a connection comes from, and TLS.

use std::io;
use std::rc::Rc;

use super::{Caller, close, send_constant};
use crate::base::counters::Event;
use crate::exchange::Refusal;
use crate::http::proxy::proxy_header;
use crate::tls::TlsError;
use crate::worker::Entrance;
use crate::worker::core::Worker;
use crate::worker::io::Driver;
use crate::worker::transport::Transport;
use crate::worker::wait::either;

/// All before the first request: the word of a proxy, and the handshake.
pub(super) async fn all<D: Driver>(
    worker: &Worker<D>,
    caller: &mut Caller<D::Stream>,
    entrance: Rc<Entrance>,
) -> io::Result<()> {
    let is_introduced = !caller.inner && entrance.is_introduced(caller.transport.peer().ip());
    if !is_introduced && !caller.is_secure() {
        return Ok(());
    }
    let handshake_time = worker.limit(|limits| limits.handshake_time);
    let until = worker.now().mono.after(handshake_time);
    let begun = async {
        if is_introduced {
            introduce(worker, caller).await?;
        }
        if caller.is_secure() {
            worker.pool.borrow_mut().fill_vacancy(&mut caller.buffer);
            let transport = &caller.transport;
            transport
                .handshake(&mut caller.buffer, &worker.pool)
                .await?;
            caller.arrival.shown = caller.transport.shown();
        }
        Ok(())
    };
    let begun = async {
        let begun: Option<io::Result<()>> = worker.within(until, begun).await;
        worker.count(match &begun {
            Some(Ok(())) => return Ok(()),
            Some(Err(why)) if why.kind() == io::ErrorKind::QuotaExceeded => {
                Event::TurnedAwayAddress
            }
            Some(Err(_)) => Event::HandshakeFailed,
            None => Event::HandshakeLate,
        });
        begun.unwrap_or(Err(io::ErrorKind::TimedOut.into()))
    };
    // No request has begun, so a drain need not wait for one.
    let drained = async {
        worker.drain.raised().await;
        Err(io::ErrorKind::ConnectionAborted.into())
    };
    either(begun, drained).await
}

/// Hears from a trusted proxy where its connection comes from.
async fn introduce<D: Driver>(
    worker: &Worker<D>,
    caller: &mut Caller<D::Stream>,
) -> io::Result<()> {
    let Caller {
        transport, buffer, ..
    } = caller;
    let header = loop {
        transport.read_ahead(buffer, &worker.pool).await?;
        let read = proxy_header(buffer.filled());
        if let Some(header) = read.map_err(|why| io::Error::new(io::ErrorKind::InvalidData, why))? {
            break header;
        }
    };
    buffer.consume(header.len);
    transport.begin_with(buffer);
    let Some(source) = header.source else {
        return Ok(());
    };
    caller.arrival.peer = source;
    let most = worker.limit(|limits| limits.connections_per_address);
    match caller.place.comes_from(source.ip(), most) {
        true => Ok(()),
        false => Err(io::ErrorKind::QuotaExceeded.into()),
    }
}

/// True when the peer spoke HTTP where TLS was expected.
pub(super) fn is_plain_text(error: &io::Error) -> bool {
    let cause = error.get_ref().and_then(|cause| cause.downcast_ref());
    matches!(cause, Some(TlsError::PlainText))
}

/// Says in plain text that this is no place for it. Nothing of what came has been judged.
pub(super) async fn answer_plain_text<D: Driver>(
    worker: &Worker<D>,
    transport: Transport<D::Stream>,
) {
    let now = worker.now();
    {
        let core = &mut *worker.core.borrow_mut();
        core.account(now).refuse(&Refusal::PlainText, core, now);
    }
    let answer = Refusal::PlainText.answer(true);
    let sent = send_constant(&transport, worker, &answer, false).await;
    if sent.is_ok() {
        close(worker, &transport).await;
    }
}
