//! One core of the data plane: what its connections share, and its life from start to drain.

use std::cell::{Cell, RefCell};
use std::io;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::futures::Notified;
use tokio::sync::{Notify, watch};

use super::downstream::{Asking, Served, serve_one};
use super::io::{CoreMain, Driver};
use super::listener::{self, Pace};
use super::rooms::Rooms;
use super::seats::{Flag, Seats};
use super::turn::Row;
use super::upstream::Upstreams;
use super::wait::{either, unless};
use crate::auth::{GroupsWanted, KeyWanted};
use crate::base::buffers::Pool;
use crate::base::clock::{Clock, CoreClock, Mono, Now};
use crate::base::counters::Event;
use crate::base::credential::CredentialWanted;
use crate::base::limits::Limits;
use crate::base::mailbox::Ask;
use crate::base::memory::Memory;
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
    /// Where to ask for groups that a token leaves out.
    pub ask_groups: Ask<GroupsWanted>,
    /// Where to ask for what is shown upstream.
    pub ask_credential: Ask<CredentialWanted>,
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
    pub clock: CoreClock,
    /// The time as the task that runs sees it.
    moment: Cell<Option<Now>>,
    pub seats: Seats,
    pub row: Row,
    pub ask_key: Ask<KeyWanted>,
    pub ask_groups: Ask<GroupsWanted>,
    pub ask_credential: Ask<CredentialWanted>,
    pub upstreams: RefCell<Upstreams<D>>,
    /// Room for exchanges under way.
    pub exchanges: Rooms<Asking<D>, Served<D>>,
    /// What to wait on for room in the ring and for the disk.
    pub link: Arc<Link>,
    /// How often other rules came into force, or other revocations: then whoever waits looks whether it
    /// may go on.
    renewals: Cell<u64>,
    /// The process is to end: no exchange begins any more.
    pub drain: Flag,
    /// Draining took too long: what is still under way is cut off.
    pub cut: Flag,
    /// How much memory there is.
    pub memory: Arc<Memory>,
    /// Handshakes that begin.
    pub handshakes: Pace,
    connections: Cell<u64>,
    listeners: Cell<u64>,
    gone: Notify,
    /// A listener ended before its time: this core is to end, too, and say so.
    broken: Flag,
    fault: Cell<Option<io::Error>>,
}

impl<D: Driver> Worker<D> {
    /// The time, read once each time that a task is polled: whatever it waited for, it sees the time
    /// after it, and its turn is short.
    pub(super) fn now(&self) -> Now {
        self.moment.get().unwrap_or_else(|| {
            let now = self.clock.now();
            self.moment.set(Some(now));
            now
        })
    }

    /// The next task gets its turn.
    pub(super) fn time_has_passed(&self) {
        self.moment.set(None);
    }

    /// One of the limits in force.
    pub(super) fn limit<T>(&self, which: impl FnOnce(&Limits) -> T) -> T {
        which(&self.core.borrow_mut().rules.load().limits)
    }

    /// `future`'s value, or `None` when `until` comes first. For tasks that have a seat.
    pub(super) fn within<T>(
        &self,
        until: Mono,
        future: impl Future<Output = T>,
    ) -> impl Future<Output = Option<T>> {
        unless(future, move || {
            let too_late = self.now().mono >= until;
            if !too_late {
                self.seats.alarm(until);
            }
            too_late
        })
    }

    /// Waits until the recorder has made room or reached the disk, or until `until`.
    ///
    /// Whoever needs that calls this each time that it is not so. The first time only says that the
    /// next change is to be heard of, so that looking once more misses none; who need not wait
    /// never subscribes.
    pub(super) async fn recorder_changed<'w>(
        &'w self,
        subscription: &mut Pin<&mut Option<Notified<'w>>>,
        until: Mono,
    ) {
        match subscription.as_mut().as_pin_mut() {
            None => subscription.set(Some(self.link.changed())),
            Some(changed) => {
                let _ = self.within(until, changed).await;
                subscription.set(None);
            }
        }
    }

    /// Raises a flag, and tells all who may wait for it.
    fn raise(&self, flag: &Flag) {
        flag.raise();
        self.seats.ring();
    }

    /// How often other rules or revocations came into force. Waiting tasks are polled when it changes.
    pub(super) fn renewals(&self) -> u64 {
        self.renewals.get()
    }

    pub(super) fn is_draining(&self) -> bool {
        self.drain.is_raised()
    }

    /// Counts a connection as long as the answer lives.
    pub(super) fn enter(self: &Rc<Self>) -> Present<D> {
        self.connections.set(self.connections.get() + 1);
        self.count(Event::CallerOpened);
        Present(Rc::clone(self))
    }

    /// Counts a listener as long as the answer lives, which is until draining begins.
    pub(super) fn listen(self: &Rc<Self>) -> Listening<D> {
        self.listeners.set(self.listeners.get() + 1);
        Listening(Rc::clone(self))
    }

    /// Why this core ends, when it does before it is asked to.
    pub(super) fn fail(&self, error: io::Error) {
        self.fault.set(Some(error));
        self.raise(&self.broken);
    }

    pub(super) fn count(&self, event: Event) {
        match self.core.try_borrow() {
            Ok(core) => core.journal.count(event, 1),
            // Nothing may panic once more while a panic unwinds.
            Err(_) => debug_assert!(std::thread::panicking(), "{event:?} would not be counted"),
        }
    }

    /// Connections that are open.
    pub(super) fn connections(&self) -> u64 {
        self.connections.get()
    }
}

/// A connection that is counted, however it ends.
pub(super) struct Present<D: Driver>(Rc<Worker<D>>);

impl<D: Driver> Present<D> {
    pub(super) fn worker(&self) -> &Rc<Worker<D>> {
        &self.0
    }
}

impl<D: Driver> Drop for Present<D> {
    fn drop(&mut self) {
        let Present(worker) = self;
        worker.connections.set(worker.connections.get() - 1);
        worker.count(Event::CallerClosed);
        if std::thread::panicking() {
            worker.count(Event::Panicked);
        }
        worker.gone.notify_waiters();
    }
}

/// A listener that accepts. Without it the core would limp: so its end is the core's.
pub(super) struct Listening<D: Driver>(Rc<Worker<D>>);

impl<D: Driver> Drop for Listening<D> {
    fn drop(&mut self) {
        let Listening(worker) = self;
        worker.listeners.set(worker.listeners.get() - 1);
        if !worker.is_draining() {
            worker.raise(&worker.broken);
        }
        worker.gone.notify_waiters();
    }
}

impl CoreMain for Seed {
    type Output = io::Result<()>;

    async fn run<D: Driver>(self) -> io::Result<()> {
        let Seed {
            core,
            clock,
            ask_key,
            ask_groups,
            ask_credential,
            listeners,
            mut stop,
        } = self;
        let worker = Rc::new(Worker::<D> {
            link: Arc::clone(core.writer.link()),
            memory: Arc::clone(&core.memory),
            handshakes: Pace::default(),
            core: RefCell::new(core),
            pool: RefCell::default(),
            clock: CoreClock::new(clock),
            moment: Cell::new(None),
            seats: Seats::default(),
            row: Row::default(),
            ask_key,
            ask_groups,
            ask_credential,
            upstreams: RefCell::default(),
            exchanges: Rooms::new(serve_one),
            renewals: Cell::new(0),
            drain: Flag::default(),
            cut: Flag::default(),
            connections: Cell::new(0),
            listeners: Cell::new(0),
            gone: Notify::new(),
            broken: Flag::default(),
            fault: Cell::new(None),
        });
        for listener in listeners {
            let socket = D::listen(listener.socket)?;
            let present = worker.listen();
            worker.spawn(listener::accept(
                Rc::clone(&worker),
                socket,
                listener.entrance,
                present,
            ));
        }
        worker.spawn(housekeeping(Rc::clone(&worker)));
        let stopped = async {
            // An error means that whoever could stop us is gone: the same.
            while !*stop.borrow_and_update() && stop.changed().await.is_ok() {}
        };
        let life = async {
            either(stopped, worker.broken.raised()).await;
            worker.drain().await;
        };
        either(life, worker.keep_time()).await;
        match worker.fault.take() {
            Some(error) => Err(error),
            None if worker.broken.is_raised() => Err(io::Error::other("a listener ended")),
            None => Ok(()),
        }
    }
}

impl<D: Driver> Worker<D> {
    /// Waits until no listener and no connection is left; false when that takes too long.
    async fn empty_within(&self, time: Duration) -> bool {
        let empty = async {
            loop {
                let gone = self.gone.notified();
                if self.listeners.get() + self.connections() == 0 {
                    return true;
                }
                gone.await;
            }
        };
        let late = async {
            let until = self.clock.now().mono.after(time);
            D::sleep_until(self.clock.instant(until)).await;
            false
        };
        either(empty, late).await
    }

    /// Ends what is idle at once, lets what is under way end, and closes the sessions.
    async fn drain(&self) {
        self.raise(&self.drain);
        if !self
            .empty_within(self.limit(|limits| limits.drain_time))
            .await
        {
            self.raise(&self.cut);
            self.empty_within(CUT_TIME).await;
        }
        let (core, now) = (&mut *self.core.borrow_mut(), self.clock.now());
        core.sessions.close();
        close_sessions(core, now);
        core.writer.flush_refusals(now);
    }
}

/// How long connections have to end once they are cut off.
const CUT_TIME: Duration = Duration::from_secs(2);

/// Once a second: what nobody asks for ends by itself.
async fn housekeeping<D: Driver>(worker: Rc<Worker<D>>) {
    let mut seen = None;
    while !worker.is_draining() {
        let next = worker.now().mono.after(Duration::from_secs(1));
        D::sleep_until(worker.clock.instant(next)).await;
        let now = worker.now();
        let generation = worker.core.borrow_mut().rules.load().generation;
        let revision = worker.core.borrow_mut().authenticator.trust().revision();
        if seen.replace((generation, revision)) != Some((generation, revision)) {
            worker.renewals.set(worker.renewals() + 1);
            worker.seats.ring();
        }
        let mut upstreams = worker.upstreams.borrow_mut();
        upstreams.sweep(now.mono, generation);
        drop(upstreams);
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
