//! Room for what a connection does now and then: lent while it does that, and to another after it.
//!
//! The future of an exchange takes kibibytes. Were it part of its connection's task, every connection
//! would keep them while it is idle; were it boxed for each exchange, each would allocate. So a core
//! keeps some rooms: as many as there are exchanges under way at once, and not as connections. The one
//! that was left last is lent first, since it is still in the processor's cache.

use std::cell::RefCell;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use pin_project_lite::pin_project;

/// Rooms for one function, from `A` to `T`.
pub(super) struct Rooms<A, T> {
    vacant: RefCell<Vec<Lent<A, T>>>,
    build: Box<dyn Fn() -> Lent<A, T>>,
}

type Lent<A, T> = Pin<Box<dyn Room<A, T>>>;

/// Vacant rooms that are kept; beyond them they are freed.
const KEPT: usize = 256;

impl<A: 'static, T: 'static> Rooms<A, T> {
    /// Rooms for the futures of `make`.
    pub(super) fn new<F>(make: impl Fn(A) -> F + Copy + 'static) -> Rooms<A, T>
    where
        F: Future<Output = T> + 'static,
    {
        Rooms {
            vacant: RefCell::default(),
            build: Box::new(move || Box::pin(Single { make, inside: None })),
        }
    }

    /// Does in a room what the rooms are for. May be dropped at any moment.
    pub(super) async fn run(&self, with: A) -> T {
        let vacant = self.vacant.borrow_mut().pop();
        let mut room = vacant.unwrap_or_else(|| (self.build)());
        room.as_mut().move_in(with);
        let done = room.as_mut().await;
        let mut vacant = self.vacant.borrow_mut();
        if vacant.len() < KEPT {
            vacant.push(room);
        }
        done
    }
}

/// Room for one future at a time. It ends with what that ends with, and is vacant then.
trait Room<A, T>: Future<Output = T> {
    fn move_in(self: Pin<&mut Self>, with: A);
}

pin_project! {
    struct Single<M, F> {
        make: M,
        #[pin]
        inside: Option<F>,
    }
}

impl<A, M: Fn(A) -> F, F: Future> Room<A, F::Output> for Single<M, F> {
    fn move_in(self: Pin<&mut Self>, with: A) {
        let mut this = self.project();
        let future = (this.make)(with);
        this.inside.set(Some(future));
    }
}

impl<M, F: Future> Future for Single<M, F> {
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<F::Output> {
        let mut this = self.project();
        let Some(inside) = this.inside.as_mut().as_pin_mut() else {
            debug_assert!(false, "nobody is in this room");
            return Poll::Pending;
        };
        let done = ready!(inside.poll(context));
        this.inside.set(None);
        Poll::Ready(done)
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;
    use std::future::pending;
    use std::rc::Rc;

    use futures_util::FutureExt;

    use super::*;
    use crate::worker::wait::once;

    async fn doubled(number: Rc<u32>) -> u32 {
        if *number == 0 {
            pending::<()>().await;
        }
        *number * 2
    }

    async fn opened(gate: Rc<Cell<bool>>) {
        once(|| gate.get()).await;
    }

    #[test]
    fn a_room_is_lent_again_once_nothing_is_in_it() {
        let rooms = Rooms::new(doubled);
        let three = Rc::new(3);
        assert_eq!(rooms.run(Rc::clone(&three)).now_or_never(), Some(6));
        assert_eq!(Rc::strong_count(&three), 1);
        let first = {
            let vacant = rooms.vacant.borrow();
            std::ptr::from_ref(&*vacant[0]).addr()
        };
        assert_eq!(rooms.run(Rc::new(4)).now_or_never(), Some(8));
        let vacant = rooms.vacant.borrow();
        assert_eq!(vacant.len(), 1);
        assert_eq!(std::ptr::from_ref(&*vacant[0]).addr(), first);
    }

    #[test]
    fn who_is_dropped_half_way_takes_its_room_along() {
        let rooms = Rooms::new(doubled);
        let never = Rc::new(0);
        assert_eq!(rooms.run(Rc::clone(&never)).now_or_never(), None);
        assert_eq!(Rc::strong_count(&never), 1);
        assert!(rooms.vacant.borrow().is_empty());
    }

    #[test]
    fn no_more_rooms_are_kept_than_it_says() {
        let (rooms, gate) = (Rooms::new(opened), Rc::new(Cell::new(false)));
        let run = |_| Box::pin(rooms.run(Rc::clone(&gate)));
        let mut at_once: Vec<_> = (0..KEPT + 5).map(run).collect();
        for run in &mut at_once {
            assert_eq!(run.as_mut().now_or_never(), None);
        }
        gate.set(true);
        for run in at_once {
            assert_eq!(run.now_or_never(), Some(()));
        }
        assert_eq!(rooms.vacant.borrow().len(), KEPT);
    }
}
