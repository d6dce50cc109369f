//! Which of an upstream's addresses a call goes to, and how each has fared. Every core sees for
//! itself: nothing here is shared.

use std::cell::{Cell, RefCell};
use std::hash::{BuildHasher as _, RandomState};
use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use crate::base::addresses::Place;
use crate::base::clock::Mono;
use crate::base::strikes::{Circuit, Strikes};
use crate::exchange::rules::Connection;

/// One upstream, as one core knows it.
pub(in crate::worker) struct Balance {
    place: Arc<Place>,
    /// The addresses that `loads` was made of.
    seen: RefCell<Arc<Vec<SocketAddr>>>,
    loads: RefCell<Vec<Rc<Load>>>,
    circuit: Cell<Circuit>,
    random: Cell<u64>,
}

/// One address.
pub(super) struct Load {
    pub address: SocketAddr,
    /// Calls of this core that are under way there.
    calls: Cell<u32>,
    strikes: Cell<Strikes>,
}

/// A call that is under way at an address, counted as long as this lives.
pub(super) struct UnderWay(Rc<Load>);

impl UnderWay {
    pub(super) fn at(load: Rc<Load>) -> UnderWay {
        load.calls.set(load.calls.get() + 1);
        UnderWay(load)
    }

    pub(super) fn load(&self) -> &Rc<Load> {
        &self.0
    }
}

impl Drop for UnderWay {
    fn drop(&mut self) {
        let calls = &self.0.calls;
        calls.set(calls.get().saturating_sub(1));
    }
}

/// What a failure has set off.
#[derive(Default)]
pub(super) struct SetOff {
    /// The address is passed over for a while.
    pub ejected: bool,
    /// The circuit is open.
    pub opened: bool,
}

impl Balance {
    pub(super) fn new(place: Arc<Place>) -> Balance {
        Balance {
            place,
            seen: RefCell::default(),
            loads: RefCell::default(),
            circuit: Cell::default(),
            random: Cell::new(RandomState::new().hash_one(0) | 1),
        }
    }

    /// False once no configuration leads there any more.
    pub(super) fn is_needed(&self) -> bool {
        Arc::strong_count(&self.place) > 1
    }

    /// Whether the circuit lets a call through.
    pub(super) fn enter(&self, connection: &Connection, now: Mono) -> Result<(), Duration> {
        let mut circuit = self.circuit.get();
        let verdict = circuit.enter(&connection.circuit, now);
        self.circuit.set(circuit);
        verdict
    }

    /// The address, where it is (still) one of the upstream's.
    pub(super) fn at(&self, address: SocketAddr) -> Option<Rc<Load>> {
        self.look();
        let loads = self.loads.borrow();
        let found = loads.iter().find(|load| load.address == address);
        found.map(Rc::clone)
    }

    /// The less busy one of two that chance names, among those that were not `tried` and are not
    /// passed over; where all of these are, among all that were not tried.
    pub(super) fn pick(&self, tried: &[SocketAddr], now: Mono) -> Option<Rc<Load>> {
        self.look();
        let loads = self.loads.borrow();
        if let ([only], []) = (loads.as_slice(), tried) {
            return Some(Rc::clone(only));
        }
        let is_open = |load: &Load| !tried.contains(&load.address);
        let is_good = |load: &Load| is_open(load) && !load.strikes.get().is_paused(now);
        self.two(&loads, is_good)
            .or_else(|| self.two(&loads, is_open))
    }

    fn two(&self, loads: &[Rc<Load>], fits: impl Fn(&Load) -> bool) -> Option<Rc<Load>> {
        let count = loads.iter().filter(|load| fits(load)).count();
        let nth = |index| loads.iter().filter(|load| fits(load)).nth(index);
        let first = self.below(count)?;
        let one = nth(first)?;
        // Another one, where there is another.
        let second = self
            .below(count - 1)
            .and_then(|step| nth((first + 1 + step) % count));
        let chosen = match second {
            Some(other) if other.calls.get() < one.calls.get() => other,
            _ => one,
        };
        Some(Rc::clone(chosen))
    }

    /// Addresses that were not tried.
    pub(super) fn left(&self, tried: &[SocketAddr]) -> usize {
        self.loads.borrow().len().saturating_sub(tried.len())
    }

    /// A reply has begun.
    pub(super) fn good(&self, load: &Load) {
        load.strikes.set(Strikes::default());
        self.circuit.set(Circuit::default());
    }

    /// There was no connection to the address.
    pub(super) fn unreachable(&self, load: &Load, connection: &Connection, now: Mono) -> bool {
        let mut strikes = load.strikes.get();
        let ejected = strikes.bad(&connection.ejection, now);
        load.strikes.set(strikes);
        ejected && self.loads.borrow().len() > 1
    }

    /// A call failed as a whole: no connection anywhere.
    pub(super) fn failed(&self, connection: &Connection, now: Mono) -> bool {
        let mut circuit = self.circuit.get();
        let opened = circuit.bad(&connection.circuit, now);
        self.circuit.set(circuit);
        opened
    }

    /// A call failed at the address: no byte of a reply came.
    pub(super) fn unanswered(&self, load: &Load, connection: &Connection, now: Mono) -> SetOff {
        SetOff {
            ejected: self.unreachable(load, connection, now),
            opened: self.failed(connection, now),
        }
    }

    /// Takes in what the control plane has published; what is known of an address that stays, stays.
    fn look(&self) {
        let mut seen = self.seen.borrow_mut();
        if self.place.is_still(&seen) {
            return;
        }
        *seen = self.place.get();
        let mut loads = self.loads.borrow_mut();
        let before = std::mem::take(&mut *loads);
        loads.extend(seen.iter().map(|address| {
            let known = before.iter().find(|load| load.address == *address);
            known.map_or_else(|| Rc::new(Load::new(*address)), Rc::clone)
        }));
    }

    /// A number below `count`, xorshift64: nobody gains by guessing it. None below nothing.
    fn below(&self, count: usize) -> Option<usize> {
        let mut state = self.random.get();
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        self.random.set(state);
        usize::try_from(state >> 33).ok()?.checked_rem(count)
    }
}

impl Load {
    fn new(address: SocketAddr) -> Load {
        Load {
            address,
            calls: Cell::new(0),
            strikes: Cell::default(),
        }
    }
}
