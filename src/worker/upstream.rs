//! Connections to upstreams: opened, kept for the next exchange, and let go of.

use std::io;
use std::time::Duration;

use hashbrown::HashMap;

use super::core::Worker;
use super::downstream;
use super::io::{Driver, Stream};
use super::transport::Transport;
use crate::base::buffers::Buffer;
use crate::base::clock::Mono;
use crate::base::counters::Event;
use crate::base::credential::Credential;
use crate::base::limits::UPSTREAM_IDLE;
use crate::exchange::rules::Connection;
use crate::exchange::{Refusal, ToUpstream};

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
    transport: Transport<S>,
    /// What has come and is not consumed.
    pub buffer: Buffer,
}

/// The two directions of an upstream connection.
pub(super) struct Directions<'a, S> {
    /// To the upstream.
    pub mouth: Mouth<'a, S>,
    /// From the upstream.
    pub ear: Ear<'a, S>,
}

/// The direction from the upstream.
pub(super) struct Ear<'a, S> {
    transport: &'a Transport<S>,
    pub buffer: &'a mut Buffer,
}

impl<S: Stream> Ear<'_, S> {
    /// Waits for bytes until `until`; `Ok(0)` is the end of input.
    pub(super) async fn read<D: Driver>(
        &mut self,
        worker: &Worker<D>,
        until: Mono,
    ) -> io::Result<usize> {
        downstream::read(self.transport, self.buffer, worker, until).await
    }
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
        downstream::write(self.transport, worker, bytes.slices().into_iter()).await
    }
}

impl<S: Stream> Upstream<S> {
    /// The two directions, for use side by side.
    pub(super) fn split(&mut self) -> Directions<'_, S> {
        let transport = &self.transport;
        Directions {
            mouth: Mouth { transport },
            ear: Ear {
                transport,
                buffer: &mut self.buffer,
            },
        }
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
            transport,
            buffer,
        } = self;
        worker.pool.borrow_mut().give_back(buffer);
        let since = worker.now().mono;
        worker
            .upstreams
            .borrow_mut()
            .put(key, Idle { transport, since });
    }
}

/// The upstream connections of one core that no exchange uses.
pub(super) struct Upstreams<D: Driver> {
    idle: HashMap<Key, Vec<Idle<D::Stream>>>,
}

struct Idle<S> {
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

    /// The one used last: it is the least likely to have been closed.
    fn take(&mut self, key: Key) -> Option<Idle<D::Stream>> {
        self.idle.get_mut(&key)?.pop()
    }

    /// Closes what has been idle for too long.
    pub(super) fn sweep(&mut self, now: Mono, idle_time: Duration) {
        self.idle.retain(|_, kept| {
            kept.retain(|idle| now.since(idle.since) < idle_time);
            !kept.is_empty()
        });
    }
}

/// A connection for an exchange: one that is kept and still open, else a new one.
pub(super) async fn checkout<D: Driver>(
    worker: &Worker<D>,
    connection: &Connection,
    credential: Option<&Credential>,
) -> Result<Upstream<D::Stream>, Refusal> {
    let key = Key::new(connection, credential);
    let (idle_time, connect_time) =
        worker.limit(|limits| (limits.upstream_idle_time, limits.connect_time));
    let now = worker.now().mono;
    loop {
        let kept = worker.upstreams.borrow_mut().take(key);
        let Some(Idle { transport, since }) = kept else {
            break;
        };
        if now.since(since) < idle_time && is_quiet(worker, &transport) {
            worker.count(Event::UpstreamReused);
            return Ok(Upstream {
                key,
                transport,
                buffer: Buffer::default(),
            });
        }
    }
    // Boxed, as it is rare: else every connection would keep room for it.
    let opening = worker.within(now.after(connect_time), open(worker, connection));
    let opened = Box::pin(opening).await;
    let (event, upstream) = match opened {
        Some(Ok((transport, buffer))) => (
            Event::UpstreamOpened,
            Ok(Upstream {
                key,
                transport,
                buffer,
            }),
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

/// True when nothing has come since the last exchange: neither an end nor bytes nobody asked for.
fn is_quiet<D: Driver>(worker: &Worker<D>, transport: &Transport<D::Stream>) -> bool {
    let mut buffer = worker.pool.borrow_mut().lend();
    let read = transport.try_read(&mut buffer, &worker.pool);
    worker.pool.borrow_mut().give_back(buffer);
    matches!(read, Err(error) if error.kind() == io::ErrorKind::WouldBlock)
}

/// Opens a connection to the first address that takes one, TLS handshake included.
async fn open<D: Driver>(
    worker: &Worker<D>,
    connection: &Connection,
) -> io::Result<(Transport<D::Stream>, Buffer)> {
    let addresses = worker
        .core
        .borrow_mut()
        .rules
        .load()
        .addresses
        .of(connection.index);
    let mut failed = io::Error::from(io::ErrorKind::NotFound);
    for address in addresses.iter() {
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
        return Ok((transport, buffer));
    }
    Err(failed)
}
