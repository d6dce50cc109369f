//! Waiting for one of two things.
//!
//! These are futures by hand where an `async fn` would do: a future that is an argument of an
//! `async fn` is stored twice, once as argument and once where it is awaited, so that a few layers
//! of them make every connection's task tens of kibibytes large, all of it copied on the way in.

use std::future::poll_fn;
use std::pin::Pin;
use std::task::{Context, Poll};

use pin_project_lite::pin_project;

/// Waits until `holds`, which is asked whenever the task is polled: who makes it true wakes the task.
pub(super) fn once(holds: impl Fn() -> bool) -> impl Future<Output = ()> {
    poll_fn(move |_| match holds() {
        true => Poll::Ready(()),
        false => Poll::Pending,
    })
}

/// Whichever of two futures ends first, the first one when both have; the other is dropped.
pub(super) fn either<A, B, T>(first: A, second: B) -> Either<A, B>
where
    A: Future<Output = T>,
    B: Future<Output = T>,
{
    Either { first, second }
}

pin_project! {
    /// See [`either`].
    pub(super) struct Either<A, B> {
        #[pin]
        first: A,
        #[pin]
        second: B,
    }
}

impl<A, B, T> Future for Either<A, B>
where
    A: Future<Output = T>,
    B: Future<Output = T>,
{
    type Output = T;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<T> {
        let this = self.project();
        match this.first.poll(context) {
            Poll::Ready(value) => Poll::Ready(value),
            Poll::Pending => this.second.poll(context),
        }
    }
}

/// Like [`either`], but the second goes first each time, as the first waits for what it does. When
/// both have ended it is still the first one that counts.
pub(super) fn fed_by<A, B, T>(first: A, second: B) -> FedBy<A, B>
where
    A: Future<Output = T>,
    B: Future<Output = T>,
{
    FedBy { first, second }
}

pin_project! {
    /// See [`fed_by`].
    pub(super) struct FedBy<A, B> {
        #[pin]
        first: A,
        #[pin]
        second: B,
    }
}

impl<A, B, T> Future for FedBy<A, B>
where
    A: Future<Output = T>,
    B: Future<Output = T>,
{
    type Output = T;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<T> {
        let this = self.project();
        let second = this.second.poll(context);
        match this.first.poll(context) {
            Poll::Ready(value) => Poll::Ready(value),
            Poll::Pending => second,
        }
    }
}

/// `future`'s value, or `None` once it is too late, which is asked only when it has to wait.
pub(super) fn unless<F, L>(future: F, too_late: L) -> Unless<F, L>
where
    F: Future,
    L: Fn() -> bool,
{
    Unless { future, too_late }
}

pin_project! {
    /// See [`unless`].
    pub(super) struct Unless<F, L> {
        #[pin]
        future: F,
        too_late: L,
    }
}

impl<F, L> Future for Unless<F, L>
where
    F: Future,
    L: Fn() -> bool,
{
    type Output = Option<F::Output>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        match this.future.poll(context) {
            Poll::Ready(value) => Poll::Ready(Some(value)),
            Poll::Pending if (this.too_late)() => Poll::Ready(None),
            Poll::Pending => Poll::Pending,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;
    use std::future::{pending, ready};

    use futures_util::FutureExt;

    use super::*;

    #[test]
    fn the_first_wins_when_both_have_ended() {
        assert_eq!(either(ready(1), ready(2)).now_or_never(), Some(1));
        assert_eq!(either(pending(), ready(2)).now_or_never(), Some(2));
        assert_eq!(either(pending::<()>(), pending()).now_or_never(), None);
        assert_eq!(fed_by(ready(1), ready(2)).now_or_never(), Some(1));
        assert_eq!(fed_by(pending(), ready(2)).now_or_never(), Some(2));
    }

    #[test]
    fn the_first_sees_what_feeds_it_in_the_same_turn() {
        let fed = Cell::new(false);
        let feeding = async {
            fed.set(true);
            pending().await
        };
        assert_eq!(fed_by(once(|| fed.get()), feeding).now_or_never(), Some(()));
    }

    #[test]
    fn the_time_is_looked_at_only_for_a_wait() {
        let never = || unreachable!("nothing waited");
        assert_eq!(unless(ready(1), never).now_or_never(), Some(Some(1)));
        assert_eq!(unless(pending::<u8>(), || true).now_or_never(), Some(None));
        assert_eq!(unless(pending::<u8>(), || false).now_or_never(), None);
    }
}
