//! Connections to upstreams: opened, kept for the next exchange, and let go of.

mod balance;
mod open;
mod pool;
mod tunnel;

use std::io;
use std::net::SocketAddr;
use std::rc::Rc;
use std::time::Duration;

use self::balance::{Balance, Load, UnderWay};
use self::pool::{Idle, Key};
use super::core::Worker;
use super::directions::{Ear, finish, send};
use super::io::{Driver, Stream};
use super::transport::Transport;
use crate::base::buffers::Buffer;
use crate::base::counters::Event;
use crate::base::credential::Credential;
use crate::base::gate::Pass;
use crate::exchange::rules::Connection;
use crate::exchange::{Refusal, ToUpstream};

pub(super) use self::open::checkout;
pub(super) use self::pool::Upstreams;

/// Where an exchange goes.
pub(super) struct Way<'w> {
    pub connection: &'w Connection,
    pub credential: Option<&'w Credential>,
    /// The one address of the upstream that will do.
    pub to: Option<SocketAddr>,
    /// Only a connection that nobody has used.
    pub fresh: bool,
}

/// A connection to an upstream, in use by one exchange.
pub(super) struct Upstream<S> {
    key: Key,
    transport: Transport<S>,
    /// It served before, and had sent so many bytes then; `None` for a fresh one.
    kept: Option<u64>,
    under_way: UnderWay,
    balance: Rc<Balance>,
    /// What has come and is not consumed.
    pub buffer: Buffer,
}

/// The direction to the upstream: nothing but what a receipt vouches for can be said with it.
pub(super) struct Mouth<'a, S> {
    transport: &'a Transport<S>,
}

/// Who is told how the call at an address fared.
pub(super) struct Fare {
    load: Rc<Load>,
    balance: Rc<Balance>,
}

impl<S: Stream> Mouth<'_, S> {
    /// Sends bytes that a receipt vouches for.
    pub(super) fn send<D: Driver>(
        &mut self,
        worker: &Worker<D>,
        bytes: ToUpstream<'_>,
    ) -> impl Future<Output = io::Result<()>> {
        send(self.transport, worker, None, bytes)
    }

    /// Says that nothing more will come.
    pub(super) async fn finish<D: Driver>(&mut self, worker: &Worker<D>) -> io::Result<()> {
        finish(self.transport, worker).await
    }
}

impl Fare {
    /// A reply has begun.
    pub(super) fn answered(&self) {
        self.balance.good(&self.load);
    }

    /// Not one byte of a reply came.
    pub(super) fn unanswered<D: Driver>(&self, worker: &Worker<D>, connection: &Connection) {
        let now = worker.now().mono;
        let set_off = self.balance.unanswered(&self.load, connection, now);
        if set_off.ejected {
            worker.count(Event::UpstreamEjected);
        }
        if set_off.opened {
            worker.count(Event::CircuitOpened);
        }
    }
}

impl<S: Stream> Upstream<S> {
    /// Which of the upstream's addresses it leads to.
    pub(super) fn address(&self) -> SocketAddr {
        self.key.address
    }

    /// Whether it served another exchange before: then the upstream may have ended it meanwhile.
    pub(super) fn was_kept(&self) -> bool {
        self.kept.is_some()
    }

    /// True when not a byte of this exchange has left by it.
    pub(super) fn took_nothing(&self) -> bool {
        self.kept.unwrap_or_default() == self.transport.sent_bytes()
    }

    /// Who is told how this call fares.
    pub(super) fn fare(&self) -> Fare {
        Fare {
            load: Rc::clone(self.under_way.load()),
            balance: Rc::clone(&self.balance),
        }
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

    /// Keeps it for the next exchange of its key, for no longer than `time`.
    pub(super) fn keep<D: Driver<Stream = S>>(self, worker: &Worker<D>, time: Duration) {
        let Upstream {
            key,
            transport,
            buffer,
            ..
        } = self;
        worker.pool.borrow_mut().give_back(buffer);
        let since = worker.now().mono;
        let idle = Idle {
            transport,
            since,
            until: since.after(time),
        };
        worker.upstreams.borrow_mut().put(key, idle);
    }
}

/// Lets a call go upstream when not too many are under way, or else when it is its turn in time.
/// What it answers is held as long as the call is under way; `None` where there is no bound.
pub(super) async fn enter<D: Driver>(
    worker: &Worker<D>,
    connection: &Connection,
) -> Result<Option<Pass>, Refusal> {
    let Some(gate) = connection.place.gate() else {
        return Ok(None);
    };
    if let Some(pass) = gate.pass() {
        return Ok(Some(pass));
    }
    let place = gate.queue().ok_or(Refusal::UpstreamBusy)?;
    let until = worker.now().mono.after(gate.patience());
    let turn = Box::pin(worker.within(until, place.turn()));
    match turn.await.flatten() {
        Some(pass) => Ok(Some(pass)),
        None => Err(Refusal::UpstreamBusy),
    }
}
