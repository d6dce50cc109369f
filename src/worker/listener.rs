//! Where a request's route begins: a connection is accepted, or turned away early, and served until it
//! ends.

use std::cell::Cell;
use std::net::IpAddr;
use std::rc::Rc;
use std::time::Duration;

use super::core::{Listening, Worker};
use super::crowd::Place;
use super::downstream::{self, Caller};
use super::io::{Driver, Stream, accept_backlog, accept_patiently};
use super::turn::Turn;
use super::wait::either;
use super::{Entrance, Offers};
use crate::base::clock::Mono;
use crate::base::counters::Event;

/// Accepts until the process drains; then takes what is queued, and closes the socket.
pub(super) async fn accept<D: Driver>(
    worker: Rc<Worker<D>>,
    listener: D::Listener,
    entrance: Entrance,
    present: Listening<D>,
) {
    let _present = present;
    let entrance = Rc::new(entrance);
    let mut turn = Turn::default();
    loop {
        // Being short of descriptors or memory shows in what callers see, and passes.
        let accepted = async { Some(accept_patiently::<D>(&listener, |_| {}).await) };
        let drained = async {
            worker.drain.raised().await;
            None
        };
        match either(accepted, drained).await {
            Some(Ok((stream, _))) => {
                admit(&worker, stream, &entrance);
                // A flood of connections would never let those that are there have their turn.
                turn.spend_exchange();
                turn.breathe::<D>().await;
            }
            Some(Err(error)) => return worker.fail(error),
            None => break,
        }
    }
    // Closing a listener resets what its queue holds.
    let _ = accept_backlog::<D>(&listener, |stream, _| admit(&worker, stream, &entrance));
}

fn admit<D: Driver>(worker: &Rc<Worker<D>>, stream: D::Stream, entrance: &Rc<Entrance>) {
    match let_in(worker, stream.peer_addr().ip(), entrance) {
        Ok(place) => {
            let present = worker.enter();
            let caller = Caller::enters(stream, place, entrance, worker.now().mono);
            let Ok(caller) = caller.map(Box::new) else {
                return;
            };
            worker.spawn(downstream::serve(present, caller, Rc::clone(entrance)));
        }
        Err(why) => {
            worker.count(why);
            // Under TLS there is nobody to tell yet.
            if !matches!(entrance.offers, Offers::Tls(_)) {
                downstream::turn_away(&stream);
            }
        }
    }
}

/// A place for a connection from there; else what to count.
fn let_in<D: Driver>(worker: &Worker<D>, ip: IpAddr, entrance: &Entrance) -> Result<Place, Event> {
    let limits = worker.limit(|limits| *limits);
    let is_inner = matches!(entrance.offers, Offers::Inner);
    let most = if is_inner {
        u64::MAX
    } else {
        limits.connections_per_listener
    };
    if worker.memory.is_short() {
        return Err(Event::TurnedAwayMemory);
    }
    if worker.connections() >= limits.connections_per_worker {
        return Err(Event::TurnedAwayFull);
    }
    let mut place = entrance.crowd.enter(most).ok_or(Event::TurnedAwayFull)?;
    // A proxy's connections are counted by whom they are for, once it has told.
    let is_told = is_inner || entrance.is_introduced(ip);
    if !is_told && !place.comes_from(ip, limits.connections_per_address) {
        return Err(Event::TurnedAwayAddress);
    }
    let is_tls = matches!(entrance.offers, Offers::Tls(_));
    if is_tls
        && !worker
            .handshakes
            .take(worker.now().mono, limits.handshakes_per_worker)
    {
        return Err(Event::TurnedAwayRate);
    }
    Ok(place)
}

/// So many things a second, and as many at once.
#[derive(Default)]
pub(super) struct Pace {
    /// When the next would be due, were they spread evenly.
    due: Cell<Mono>,
}

impl Pace {
    const SECOND: Duration = Duration::from_secs(1);

    /// Whether one more may be; then it counts.
    pub(super) fn take(&self, now: Mono, a_second: u64) -> bool {
        let each = Pace::SECOND.as_nanos() as u64 / a_second.max(1);
        let due = self.due.get().max(now);
        let is_early = due.since(now) > Pace::SECOND.saturating_sub(Duration::from_nanos(each));
        if !is_early {
            self.due.set(due.after(Duration::from_nanos(each)));
        }
        !is_early
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pace_lets_a_second_s_worth_through_at_once_and_then_no_more_than_that() {
        let pace = Pace::default();
        let at = |millis: u64| Mono(millis * 1_000_000 + 5_000_000_000);
        let through = |pace: &Pace, now| (0..1000).filter(|_| pace.take(now, 100)).count();
        assert_eq!(through(&pace, at(0)), 100);
        assert_eq!(through(&pace, at(0)), 0);
        assert_eq!(through(&pace, at(500)), 50);
        assert_eq!(through(&pace, at(510)), 1);
        assert_eq!(through(&pace, at(60_000)), 100);
    }
}
