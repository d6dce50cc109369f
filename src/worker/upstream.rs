//! Connections to upstreams: opened, kept for the next exchange, and let go of.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use hashbrown::HashMap;

use super::core::Worker;
use super::directions::{Ear, send};
use super::io::{Driver, Stream};
use super::transport::Transport;
use crate::base::buffers::Buffer;
use crate::base::clock::Mono;
use crate::base::counters::Event;
use crate::base::credential::Credential;
use crate::base::limits::UPSTREAM_IDLE;
use crate::exchange::rules::Connection;
use crate::exchange::{McpRefusal, Refusal, ToUpstream};

/// What two exchanges must have in common to use one connection after each other: configuration
/// (which includes TLS), upstream, and the credential that it has seen.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(super) struct Key {
    rules: u64,
    connection: usize,
    credential: u64,
}

impl Key {
    pub(super) fn new(connection: &Connection, credential: Option<&Credential>) -> Key {
        Key {
            rules: connection.policies.generation,
            connection: connection.index,
            credential: credential.map_or(0, |credential| credential.generation),
        }
    }
}

/// A connection to an upstream, in use by one exchange.
pub(super) struct Upstream<S> {
    key: Key,
    address: SocketAddr,
    transport: Transport<S>,
    /// It served before, and had sent so many bytes then; `None` for a fresh one.
    kept: Option<u64>,
    /// What has come and is not consumed.
    pub buffer: Buffer,
}

/// The direction to the upstream: nothing but what a receipt vouches for can be said with it.
pub(super) struct Mouth<'a, S> {
    transport: &'a Transport<S>,
}

impl<S: Stream> Mouth<'_, S> {
    /// Sends bytes that a receipt vouches for.
    pub(super) async fn send<D: Driver>(
        &mut self,
        worker: &Worker<D>,
        bytes: ToUpstream<'_>,
    ) -> io::Result<()> {
        send(self.transport, worker, bytes.slices().into_iter()).await
    }
}

impl<S: Stream> Upstream<S> {
    /// Which of the upstream's addresses it leads to.
    pub(super) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Whether it served another exchange before: then the upstream may have ended it meanwhile.
    pub(super) fn was_kept(&self) -> bool {
        self.kept.is_some()
    }

    /// True when not a byte of this exchange has left by it.
    pub(super) fn took_nothing(&self) -> bool {
        self.kept.unwrap_or_default() == self.transport.sent_bytes()
    }

    /// The two directions, for use side by side.
    pub(super) fn split(&mut self) -> (Ear<'_, S>, Mouth<'_, S>) {
        let transport = &self.transport;
        (
            Ear {
                transport,
                buffer: &mut self.buffer,
            },
            Mouth { transport },
        )
    }

    /// Ends it so that the upstream can tell that the request is not all.
    pub(super) fn abort<D: Driver>(self, worker: &Worker<D>) {
        worker.pool.borrow_mut().give_back(self.buffer);
        self.transport.abort();
    }

    /// Keeps it for the next exchange of its key.
    pub(super) fn keep<D: Driver<Stream = S>>(self, worker: &Worker<D>) {
        let Upstream {
            key,
            address,
            transport,
            buffer,
            kept: _,
        } = self;
        worker.pool.borrow_mut().give_back(buffer);
        let since = worker.now().mono;
        let idle = Idle {
            address,
            transport,
            since,
        };
        worker.upstreams.borrow_mut().put(key, idle);
    }
}

/// The upstream connections of one core that no exchange uses.
pub(super) struct Upstreams<D: Driver> {
    idle: HashMap<Key, Vec<Idle<D::Stream>>>,
}

struct Idle<S> {
    address: SocketAddr,
    transport: Transport<S>,
    since: Mono,
}

impl<D: Driver> Default for Upstreams<D> {
    fn default() -> Upstreams<D> {
        Upstreams {
            idle: HashMap::new(),
        }
    }
}

impl<D: Driver> Upstreams<D> {
    fn put(&mut self, key: Key, idle: Idle<D::Stream>) {
        let kept = self.idle.entry(key).or_default();
        if kept.len() < UPSTREAM_IDLE {
            kept.push(idle);
        }
    }

    /// The one used last, to that address where one is given: it is the least likely to have been
    /// closed.
    fn take(&mut self, key: Key, to: Option<SocketAddr>) -> Option<Idle<D::Stream>> {
        let kept = self.idle.get_mut(&key)?;
        let fits = |idle: &Idle<_>| to.is_none_or(|to| idle.address == to);
        let at = kept.iter().rposition(fits)?;
        Some(kept.remove(at))
    }

    /// Closes what has been idle for too long, and what no exchange under the rules in force can use.
    pub(super) fn sweep(&mut self, now: Mono, idle_time: Duration, rules: u64) {
        self.idle.retain(|key, kept| {
            kept.retain(|idle| now.since(idle.since) < idle_time);
            key.rules == rules && !kept.is_empty()
        });
    }
}

/// Where an exchange goes.
pub(super) struct Way<'w> {
    pub connection: &'w Connection,
    pub credential: Option<&'w Credential>,
    /// The one address of the upstream that will do.
    pub to: Option<SocketAddr>,
    /// Only a connection that nobody has used.
    pub fresh: bool,
}

/// A connection for an exchange: one that is kept and still open, else a new one.
pub(super) async fn checkout<D: Driver>(
    worker: &Worker<D>,
    way: &Way<'_>,
) -> Result<Upstream<D::Stream>, Refusal> {
    let &Way {
        connection,
        credential,
        to,
        fresh,
    } = way;
    let key = Key::new(connection, credential);
    let (idle_time, connect_time) =
        worker.limit(|limits| (limits.upstream_idle_time, limits.connect_time));
    let now = worker.now().mono;
    loop {
        let kept = match fresh {
            true => None,
            false => worker.upstreams.borrow_mut().take(key, to),
        };
        let Some(Idle {
            address,
            transport,
            since,
        }) = kept
        else {
            break;
        };
        let idle = now.since(since);
        if idle < idle_time && is_quiet(worker, &transport, idle) {
            worker.count(Event::UpstreamReused);
            return Ok(Upstream {
                key,
                address,
                kept: Some(transport.sent_bytes()),
                transport,
                buffer: Buffer::default(),
            });
        }
    }
    // Boxed, as it is rare: else every connection would keep room for it.
    let opening = worker.within(now.after(connect_time), open(worker, connection, to));
    let opened = Box::pin(opening).await;
    let (event, upstream) = match opened {
        Some(Ok((address, transport, buffer))) => (
            Event::UpstreamOpened,
            Ok(Upstream {
                key,
                address,
                transport,
                kept: None,
                buffer,
            }),
        ),
        Some(Err(why)) if to.is_some() && why.kind() == io::ErrorKind::NotFound => (
            Event::UpstreamFailed,
            Err(Refusal::Mcp(McpRefusal::SessionUnknown)),
        ),
        Some(Err(why)) => {
            let refusal = Refusal::UpstreamConnect(why.to_string().into());
            (Event::UpstreamFailed, Err(refusal))
        }
        None => (Event::UpstreamFailed, Err(Refusal::UpstreamTimeout)),
    };
    worker.count(event);
    upstream
}

/// How long a kept connection is taken to be as the runtime last saw it, which was a turn ago. The
/// end of an upstream's own patience comes later; then the kernel is asked.
const TRUSTED_TIME: Duration = Duration::from_millis(100);

/// True when nothing has come since the last exchange: neither an end nor bytes nobody asked for.
fn is_quiet<D: Driver>(
    worker: &Worker<D>,
    transport: &Transport<D::Stream>,
    idle: Duration,
) -> bool {
    if idle < TRUSTED_TIME && transport.is_quiet() {
        return true;
    }
    let mut buffer = worker.pool.borrow_mut().lend();
    let read = transport.try_read(&mut buffer, &worker.pool);
    worker.pool.borrow_mut().give_back(buffer);
    matches!(read, Err(error) if error.kind() == io::ErrorKind::WouldBlock)
}

/// Opens a connection to the first address that takes one, TLS handshake included. `NotFound` means
/// that the upstream has no such address (any more).
async fn open<D: Driver>(
    worker: &Worker<D>,
    connection: &Connection,
    to: Option<SocketAddr>,
) -> io::Result<(SocketAddr, Transport<D::Stream>, Buffer)> {
    let addresses = connection.place.get();
    let mut failed = io::Error::from(io::ErrorKind::NotFound);
    let fits = |address: &&SocketAddr| to.is_none_or(|to| **address == to);
    for address in addresses.iter().filter(fits) {
        let stream = match D::connect(*address).await {
            Ok(stream) => stream,
            Err(error) => {
                failed = error;
                continue;
            }
        };
        let transport = Transport::client(stream, connection.upstream.tls.as_ref())?;
        let mut buffer = worker.pool.borrow_mut().lend();
        transport.handshake(&mut buffer, &worker.pool).await?;
        return Ok((*address, transport, buffer));
    }
    Err(failed)
}
