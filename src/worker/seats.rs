//! What tasks wait for besides their sockets: that it is time, and that something happens to all.
//!
//! Every task of a core has a *seat*: how to wake it, and when it is woken at the latest. A wait
//! looks at the time and at [`Flag`]s whenever its task is polled, and registers nothing with the
//! runtime. It only sees to an alarm: one that was set stays, also when what it was set for came in
//! time. Then it wakes the task once for nothing, and the wait of that moment sets the next. So
//! almost every wait finds an alarm that comes early enough, and costs no timer.

use std::cell::{Cell, RefCell};
use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::future::poll_fn;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};

use pin_project_lite::pin_project;

use super::core::Worker;
use super::io::Driver;
use super::wait::{either, once};
use crate::base::clock::Mono;

/// The seats of one core.
#[derive(Default)]
pub(super) struct Seats {
    seats: RefCell<Vec<Seat>>,
    vacant: RefCell<Vec<usize>>,
    /// Every seat's alarm, and some that have been replaced by earlier ones.
    alarms: RefCell<BinaryHeap<Reverse<(Mono, usize)>>>,
    /// Whose task is being polled.
    current: Cell<Option<usize>>,
    /// Who keeps the time, and until when it sleeps.
    keeper: RefCell<Option<Waker>>,
    asleep_until: Cell<Mono>,
}

struct Seat {
    task: Option<Waker>,
    alarm: Mono,
}

/// No alarm.
const NEVER: Mono = Mono(u64::MAX);

impl Seats {
    fn take(&self) -> usize {
        let seat = Seat {
            task: None,
            alarm: NEVER,
        };
        let mut seats = self.seats.borrow_mut();
        match self.vacant.borrow_mut().pop() {
            Some(index) => {
                seats[index] = seat;
                index
            }
            None => {
                seats.push(seat);
                seats.len() - 1
            }
        }
    }

    fn leave(&self, index: usize) {
        let left = Seat {
            task: None,
            alarm: NEVER,
        };
        let seat = std::mem::replace(&mut self.seats.borrow_mut()[index], left);
        self.vacant.borrow_mut().push(index);
        // Only now, as whatever goes with the task must find the seats free.
        drop(seat);
    }

    /// The task that is being polled is polled again at `until`, if not before.
    pub(super) fn alarm(&self, until: Mono) {
        let Some(index) = self.current.get() else {
            debug_assert!(false, "only a task that has a seat can wait");
            return;
        };
        let mut seats = self.seats.borrow_mut();
        if seats[index].alarm <= until {
            return;
        }
        seats[index].alarm = until;
        let mut alarms = self.alarms.borrow_mut();
        if alarms.len() > 2 * seats.len() {
            alarms.retain(|Reverse((at, index))| seats[*index].alarm == *at);
        }
        alarms.push(Reverse((until, index)));
        if until < self.asleep_until.get() {
            self.asleep_until.set(until);
            self.wake_keeper();
        }
    }

    /// Wakes whose alarm is due; answers when the next one is.
    fn ring_due(&self, now: Mono) -> Mono {
        let mut seats = self.seats.borrow_mut();
        let mut alarms = self.alarms.borrow_mut();
        while let Some(Reverse((at, index))) = alarms.peek().copied() {
            if at > now {
                self.asleep_until.set(at);
                return at;
            }
            alarms.pop();
            let seat = &mut seats[index];
            if seat.alarm == at {
                seat.alarm = NEVER;
                if let Some(task) = &seat.task {
                    task.wake_by_ref();
                }
            }
        }
        self.asleep_until.set(NEVER);
        NEVER
    }

    /// Wakes all, the keeper of time included: something that any of them may wait for has happened.
    pub(super) fn ring(&self) {
        for task in self
            .seats
            .borrow()
            .iter()
            .filter_map(|seat| seat.task.as_ref())
        {
            task.wake_by_ref();
        }
        self.wake_keeper();
    }

    fn wake_keeper(&self) {
        if let Some(keeper) = &*self.keeper.borrow() {
            keeper.wake_by_ref();
        }
    }
}

/// Something that happens once, and that every task of the core may wait for. Whoever raises it
/// rings, see [`Seats::ring`].
#[derive(Default)]
pub(super) struct Flag(Cell<bool>);

impl Flag {
    pub(super) fn raise(&self) {
        self.0.set(true);
    }

    pub(super) fn is_raised(&self) -> bool {
        self.0.get()
    }

    /// Waits until it is up. May be dropped at any moment.
    pub(super) fn raised(&self) -> impl Future<Output = ()> {
        once(|| self.is_raised())
    }
}

impl<D: Driver> Worker<D> {
    /// Runs a task beside the others, on a seat of its own.
    pub(super) fn spawn(self: &Rc<Self>, task: impl Future<Output = ()> + 'static) {
        let taken = Taken {
            index: self.seats.take(),
            worker: Rc::clone(self),
            known: false,
        };
        D::spawn(Seated { taken, task });
    }

    /// Wakes tasks in time. Belongs to the core's main task, which has no seat; never ends.
    pub(super) async fn keep_time<T>(&self) -> T {
        loop {
            let next = self.seats.ring_due(self.clock.now().mono);
            poll_fn(|context| {
                let keeper = &mut *self.seats.keeper.borrow_mut();
                if !matches!(keeper, Some(keeper) if keeper.will_wake(context.waker())) {
                    *keeper = Some(context.waker().clone());
                }
                Poll::Ready(())
            })
            .await;
            let earlier = once(|| self.seats.asleep_until.get() < next);
            match next {
                NEVER => earlier.await,
                at => either(D::sleep_until(self.clock.instant(at)), earlier).await,
            }
        }
    }
}

struct Taken<D: Driver> {
    index: usize,
    worker: Rc<Worker<D>>,
    /// The seat knows how to wake its task.
    known: bool,
}

impl<D: Driver> Drop for Taken<D> {
    fn drop(&mut self) {
        self.worker.seats.leave(self.index);
    }
}

pin_project! {
    /// A task on its seat.
    struct Seated<D: Driver, F> {
        // Dropped last: what the task drops may still look at the worker.
        #[pin]
        task: F,
        taken: Taken<D>,
    }
}

impl<D: Driver, F: Future<Output = ()>> Future for Seated<D, F> {
    type Output = ();

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        let this = self.project();
        let Taken {
            index,
            worker,
            known,
        } = this.taken;
        let seats = &worker.seats;
        if !std::mem::replace(known, true) {
            seats.seats.borrow_mut()[*index].task = Some(context.waker().clone());
        }
        worker.time_has_passed();
        seats.current.set(Some(*index));
        let polled = this.task.poll(context);
        seats.current.set(None);
        polled
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::task::Wake;

    use super::*;

    struct Woken(AtomicUsize);

    impl Wake for Woken {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Seats for `count` tasks, and how often each was woken.
    fn seated(count: usize) -> (Seats, Vec<Arc<Woken>>) {
        let seats = Seats::default();
        let sit = |_| {
            let woken = Arc::new(Woken(AtomicUsize::new(0)));
            let index = seats.take();
            seats.seats.borrow_mut()[index].task = Some(Arc::clone(&woken).into());
            woken
        };
        let woken = (0..count).map(sit).collect();
        (seats, woken)
    }

    fn wait(seats: &Seats, index: usize, until: u64) {
        seats.current.set(Some(index));
        seats.alarm(Mono(until));
        seats.current.set(None);
    }

    fn times(woken: &[Arc<Woken>]) -> Vec<usize> {
        woken
            .iter()
            .map(|it| it.0.load(Ordering::Relaxed))
            .collect()
    }

    #[test]
    fn an_alarm_rings_once_and_the_earliest_counts() {
        let (seats, woken) = seated(2);
        wait(&seats, 0, 50);
        wait(&seats, 0, 90);
        wait(&seats, 1, 70);
        wait(&seats, 1, 20);
        assert_eq!(seats.ring_due(Mono(10)), Mono(20));
        assert_eq!(seats.ring_due(Mono(20)), Mono(50));
        assert_eq!(times(&woken), [0, 1]);
        assert_eq!(seats.ring_due(Mono(60)), Mono(70));
        assert_eq!(
            seats.ring_due(Mono(80)),
            NEVER,
            "replaced by the earlier one"
        );
        assert_eq!(times(&woken), [1, 1]);
    }

    #[test]
    fn who_has_left_is_not_woken_and_takes_no_room() {
        let (seats, woken) = seated(2);
        wait(&seats, 0, 50);
        seats.leave(0);
        assert_eq!(seats.take(), 0, "the seat is used again");
        seats.ring_due(Mono(60));
        assert_eq!(times(&woken), [0, 0]);
        for until in (100..10_000).rev() {
            wait(&seats, 1, until);
        }
        assert!(seats.alarms.borrow().len() <= 2 * 2 + 1);
        seats.ring();
        assert_eq!(times(&woken), [0, 1]);
    }
}
