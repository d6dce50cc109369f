//! One core of the data plane: what its connections share, and its life from start to drain.

use std::cell::{Cell, RefCell};
use std::io;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{Notify, watch};

use super::io::{CoreMain, Driver};
use super::listener;
use super::transport::either;
use super::upstream::Upstreams;
use crate::auth::KeyWanted;
use crate::base::buffers::Pool;
use crate::base::clock::{Clock, Mono, Now};
use crate::base::limits::Limits;
use crate::base::mailbox::Ask;
use crate::exchange::Core;
use crate::record::Link;
use crate::worker::Listener;

/// What one core is started with. It moves to the core's thread and stays there.
pub struct Seed {
    /// The exchanges' own state.
    pub core: Core,
    /// The process's clock.
    pub clock: Clock,
    /// Where to ask for a signing key.
    pub ask_key: Ask<KeyWanted>,
    /// Where to ask for an upstream token, by slot.
    pub ask_credential: Ask<usize>,
    /// This core's own listening sockets.
    pub listeners: Vec<Listener>,
    /// Turns true when the process is to end.
    pub stop: watch::Receiver<bool>,
}

/// What the connections of one core share.
pub(super) struct Worker<D: Driver> {
    pub core: RefCell<Core>,
    /// Buffers, lent to connections while bytes are in flight.
    pub pool: RefCell<Pool>,
    pub clock: Clock,
    pub ask_key: Ask<KeyWanted>,
    pub ask_credential: Ask<usize>,
    pub upstreams: RefCell<Upstreams<D>>,
    /// What to wait on for room in the ring and for the disk.
    pub link: Arc<Link>,
    draining: Cell<bool>,
    drain: Notify,
    connections: Cell<u64>,
    gone: Notify,
}

impl<D: Driver> Worker<D> {
    pub(super) fn now(&self) -> Now {
        self.clock.now()
    }

    pub(super) fn limits(&self) -> Limits {
        self.core.borrow_mut().rules.load().limits
    }

    /// `future`'s value, or `None` when `until` comes first.
    pub(super) async fn within<T>(
        &self,
        until: Mono,
        future: impl Future<Output = T>,
    ) -> Option<T> {
        let some = async { Some(future.await) };
        if until == Mono(u64::MAX) {
            return some.await;
        }
        let late = async {
            D::sleep_until(self.clock.instant(until)).await;
            None
        };
        either(some, late).await
    }

    /// True once the process is to end: no exchange begins any more.
    pub(super) fn is_draining(&self) -> bool {
        self.draining.get()
    }

    /// Waits until draining begins. Make it first, then look at [`Worker::is_draining`].
    pub(super) async fn drained(&self) {
        let drain = self.drain.notified();
        if !self.is_draining() {
            drain.await;
        }
    }

    /// Counts a connection as long as the answer lives.
    pub(super) fn enter(self: &Rc<Self>) -> Present<D> {
        self.connections.set(self.connections.get() + 1);
        Present(Rc::clone(self))
    }

    /// Connections that are open.
    pub(super) fn connections(&self) -> u64 {
        self.connections.get()
    }
}

/// A connection that is counted.
pub(super) struct Present<D: Driver>(Rc<Worker<D>>);

impl<D: Driver> Drop for Present<D> {
    fn drop(&mut self) {
        self.0.connections.set(self.0.connections.get() - 1);
        self.0.gone.notify_waiters();
    }
}

impl CoreMain for Seed {
    type Output = io::Result<()>;

    async fn run<D: Driver>(self) -> io::Result<()> {
        let Seed {
            core,
            clock,
            ask_key,
            ask_credential,
            listeners,
            mut stop,
        } = self;
        let worker = Rc::new(Worker::<D> {
            link: Arc::clone(core.writer.link()),
            core: RefCell::new(core),
            pool: RefCell::default(),
            clock,
            ask_key,
            ask_credential,
            upstreams: RefCell::default(),
            draining: Cell::new(false),
            drain: Notify::new(),
            connections: Cell::new(0),
            gone: Notify::new(),
        });
        for listener in listeners {
            let socket = D::listen(listener.socket)?;
            D::spawn(listener::accept(Rc::clone(&worker), socket, listener.tls));
        }
        D::spawn(housekeeping(Rc::clone(&worker)));
        // An error means that whoever could stop us is gone: the same.
        while !*stop.borrow_and_update() && stop.changed().await.is_ok() {}
        worker.drain().await;
        Ok(())
    }
}

impl<D: Driver> Worker<D> {
    /// Ends what is idle at once, lets what is under way end, and closes the sessions.
    async fn drain(&self) {
        self.draining.set(true);
        self.drain.notify_waiters();
        let until = self.now().mono.after(self.limits().drain_time);
        // Listeners take what is in their queues first.
        D::breathe().await;
        while self.connections() > 0 {
            let gone = self.gone.notified();
            if self.connections() > 0 && self.within(until, gone).await.is_none() {
                break;
            }
        }
        let core = &mut *self.core.borrow_mut();
        core.sessions.close();
        close_sessions(core, self.now());
        core.writer.flush_refusals(self.now());
    }
}

/// Once a second: what nobody asks for ends by itself.
async fn housekeeping<D: Driver>(worker: Rc<Worker<D>>) {
    while !worker.is_draining() {
        let next = worker.now().mono.after(Duration::from_secs(1));
        D::sleep_until(worker.clock.instant(next)).await;
        let now = worker.now();
        worker
            .upstreams
            .borrow_mut()
            .sweep(now.mono, worker.limits().upstream_idle_time);
        let core = &mut *worker.core.borrow_mut();
        core.sessions.sweep(now);
        close_sessions(core, now);
        core.writer.tick(now);
    }
}

/// Records the ends of sessions; what finds no room is tried again later.
fn close_sessions(core: &mut Core, now: Now) {
    while let Some(ended) = core.sessions.next_ended() {
        if let Err(unrecorded) = core.writer.session_end(ended, now) {
            core.sessions.retry(unrecorded.what);
            return;
        }
    }
}
