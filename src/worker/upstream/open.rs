//! A connection for an exchange: one that is kept and still open, else a new one.

use std::io;
use std::net::SocketAddr;
use std::rc::Rc;
use std::time::Duration;

use super::balance::{Balance, Load, UnderWay};
use super::pool::{Idle, Key};
use super::{Upstream, Way, tunnel};
use crate::base::buffers::Buffer;
use crate::base::counters::Event;
use crate::exchange::rules::Connection;
use crate::exchange::{McpRefusal, Refusal};
use crate::worker::core::Worker;
use crate::worker::io::Driver;
use crate::worker::transport::Transport;

/// A connection for an exchange, at the address that is given or at one that is chosen.
///
/// An address that cannot be reached is not the end: another one is tried while there is time.
pub(in crate::worker) async fn checkout<D: Driver>(
    worker: &Worker<D>,
    way: &Way<'_>,
) -> Result<Upstream<D::Stream>, Refusal> {
    let connection = way.connection;
    let balance = worker.upstreams.borrow_mut().balance(&connection.place);
    let now = worker.now().mono;
    if let Err(wait) = balance.enter(connection, now) {
        return Err(Refusal::CircuitOpen(wait));
    }
    let load = match way.to {
        Some(address) => balance.at(address),
        None => balance.pick(&[], now),
    };
    let Some(load) = load else {
        return Err(nowhere(way));
    };
    if !way.fresh
        && let Some(upstream) = kept(worker, way, &balance, &load)
    {
        worker.count(Event::UpstreamReused);
        return Ok(upstream);
    }
    // Boxed, as it is rare: else every connection would keep room for it.
    Box::pin(fresh(worker, way, balance, load)).await
}

/// A connection that was kept, to that address.
fn kept<D: Driver>(
    worker: &Worker<D>,
    way: &Way<'_>,
    balance: &Rc<Balance>,
    load: &Rc<Load>,
) -> Option<Upstream<D::Stream>> {
    let key = Key::new(way.connection, way.credential, load.address);
    let now = worker.now().mono;
    loop {
        let idle = worker.upstreams.borrow_mut().take(&key)?;
        if now >= idle.until || !is_quiet(worker, &idle, now.since(idle.since)) {
            continue;
        }
        return Some(Upstream {
            key,
            kept: Some(idle.transport.sent_bytes()),
            transport: idle.transport,
            under_way: UnderWay::at(Rc::clone(load)),
            balance: Rc::clone(balance),
            buffer: Buffer::default(),
        });
    }
}

/// How long a kept connection is taken to be as the runtime last saw it, which was a turn ago. The
/// end of an upstream's own patience comes later; then the kernel is asked.
const TRUSTED_TIME: Duration = Duration::from_millis(100);

/// True when nothing has come since the last exchange: neither an end nor bytes nobody asked for.
fn is_quiet<D: Driver>(worker: &Worker<D>, idle: &Idle<D::Stream>, since: Duration) -> bool {
    let transport = &idle.transport;
    if since < TRUSTED_TIME && transport.is_quiet() {
        return true;
    }
    let mut buffer = worker.pool.borrow_mut().lend();
    let read = transport.try_read(&mut buffer, &worker.pool);
    worker.pool.borrow_mut().give_back(buffer);
    matches!(read, Err(error) if error.kind() == io::ErrorKind::WouldBlock)
}

/// A new connection: to `load`'s address first, then to others, as long as there is time.
async fn fresh<D: Driver>(
    worker: &Worker<D>,
    way: &Way<'_>,
    balance: Rc<Balance>,
    mut load: Rc<Load>,
) -> Result<Upstream<D::Stream>, Refusal> {
    let connection = way.connection;
    let until = worker.now().mono.after(connection.limits.connect_time);
    let mut tried = Vec::new();
    loop {
        tried.push(load.address);
        let now = worker.now().mono;
        let left = until.since(now);
        // One that says nothing leaves time for another.
        let share = match way.to.is_none() && balance.left(&tried) > 0 {
            true => left / 2,
            false => left,
        };
        let under_way = UnderWay::at(Rc::clone(&load));
        let opening = open(worker, connection, load.address);
        let failed = match worker.within(now.after(share), opening).await {
            Some(Ok((transport, buffer))) => {
                worker.count(Event::UpstreamOpened);
                return Ok(Upstream {
                    key: Key::new(connection, way.credential, load.address),
                    transport,
                    kept: None,
                    under_way,
                    balance,
                    buffer,
                });
            }
            Some(Err(why)) => Refusal::UpstreamConnect(why.to_string().into()),
            None => Refusal::UpstreamTimeout,
        };
        worker.count(Event::UpstreamFailed);
        let now = worker.now().mono;
        if balance.unreachable(&load, connection, now) {
            worker.count(Event::UpstreamEjected);
        }
        let other = way.to.is_none().then(|| balance.pick(&tried, now));
        match other.flatten().filter(|_| now < until) {
            Some(other) => load = other,
            None => {
                if balance.failed(connection, now) {
                    worker.count(Event::CircuitOpened);
                }
                return Err(failed);
            }
        }
    }
}

/// A connection to that address, through a proxy where that is it, TLS handshake included.
async fn open<D: Driver>(
    worker: &Worker<D>,
    connection: &Connection,
    address: SocketAddr,
) -> io::Result<(Transport<D::Stream>, Buffer)> {
    let mut transport = Transport::client(D::connect(address).await?, None)?;
    if let Some(tunnel) = &connection.tunnel {
        tunnel::ask(worker, &transport, tunnel).await?;
    }
    transport = transport.onward(connection.upstream.tls.as_ref())?;
    let mut buffer = worker.pool.borrow_mut().lend();
    transport.handshake(&mut buffer, &worker.pool).await?;
    Ok((transport, buffer))
}

/// No address is known; or that of a session is none of the upstream's any more.
fn nowhere(way: &Way<'_>) -> Refusal {
    match way.to {
        Some(_) => Refusal::Mcp(McpRefusal::SessionUnknown),
        None => Refusal::UpstreamConnect("no address is known".into()),
    }
}
