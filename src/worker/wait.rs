//! Waiting for one of two things.
//!
//! These are futures by hand where an `async fn` would do: a future that is an argument of an
//! `async fn` is stored twice, once as argument and once where it is awaited, so that a few layers
//! of them make every connection's task tens of kibibytes large, all of it copied on the way in.

use std::pin::Pin;
use std::task::{Context, Poll};

use pin_project_lite::pin_project;

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

/// `future`'s value, or `None` when `timer` ends first. The timer is made once the future has to
/// wait: most need not.
pub(super) fn unless<F, M, S>(future: F, timer: M) -> Unless<F, M, S>
where
    F: Future,
    M: FnOnce() -> Option<S>,
    S: Future,
{
    Unless {
        future,
        make: Some(timer),
        timer: None,
    }
}

pin_project! {
    /// See [`unless`].
    pub(super) struct Unless<F, M, S> {
        #[pin]
        future: F,
        make: Option<M>,
        #[pin]
        timer: Option<S>,
    }
}

impl<F, M, S> Future for Unless<F, M, S>
where
    F: Future,
    M: FnOnce() -> Option<S>,
    S: Future,
{
    type Output = Option<F::Output>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let mut this = self.project();
        if let Poll::Ready(value) = this.future.poll(context) {
            return Poll::Ready(Some(value));
        }
        if let Some(make) = this.make.take() {
            this.timer.set(make());
        }
        match this.timer.as_pin_mut() {
            Some(timer) => timer.poll(context).map(|_| None),
            None => Poll::Pending,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::future::{pending, ready};

    use futures_util::FutureExt;

    use super::*;

    #[test]
    fn the_first_wins_when_both_have_ended() {
        assert_eq!(either(ready(1), ready(2)).now_or_never(), Some(1));
        assert_eq!(either(pending(), ready(2)).now_or_never(), Some(2));
        assert_eq!(either(pending::<()>(), pending()).now_or_never(), None);
    }

    #[test]
    fn a_timer_is_made_only_for_a_wait() {
        let no_timer = || -> Option<std::future::Ready<()>> { unreachable!("nothing waited") };
        assert_eq!(unless(ready(1), no_timer).now_or_never(), Some(Some(1)));
        let late = unless(pending::<u8>(), || Some(ready(())));
        assert_eq!(late.now_or_never(), Some(None));
        let never = unless(pending::<u8>(), || None::<std::future::Ready<()>>);
        assert_eq!(never.now_or_never(), None);
    }
}
