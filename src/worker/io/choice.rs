//! `--io`: which runtime is wanted, and which one it turned out to be.

use std::cell::Cell;
use std::fmt;
use std::future::Future;
use std::io;
use std::str::FromStr;

use super::{Driver, Epoll, Tokio, Uring};

/// What `--io` asks for.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum IoChoice {
    /// monoio on io_uring; falls back to epoll when the kernel refuses a ring.
    Uring,
    /// monoio on epoll.
    Epoll,
    /// tokio, one thread per core.
    #[default]
    Tokio,
}

/// A core's main task, for whichever driver is chosen when the program runs.
pub trait CoreMain {
    /// What it ends with.
    type Output;

    /// The task itself.
    fn run<D: Driver>(self) -> impl Future<Output = Self::Output>;
}

impl IoChoice {
    /// Builds this core's runtime on this thread and runs `main` to its end.
    ///
    /// # Errors
    /// When no runtime can be built.
    pub fn run<M: CoreMain>(self, main: M) -> io::Result<M::Output> {
        match self {
            IoChoice::Uring => Uring::run(main.run::<Uring>()),
            IoChoice::Epoll => Epoll::run(main.run::<Epoll>()),
            IoChoice::Tokio => Tokio::run(main.run::<Tokio>()),
        }
    }
}

impl FromStr for IoChoice {
    type Err = UnknownIo;

    fn from_str(text: &str) -> Result<IoChoice, UnknownIo> {
        match text {
            "uring" => Ok(IoChoice::Uring),
            "epoll" => Ok(IoChoice::Epoll),
            "tokio" => Ok(IoChoice::Tokio),
            _ => Err(UnknownIo),
        }
    }
}

impl fmt::Display for IoChoice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            IoChoice::Uring => "uring",
            IoChoice::Epoll => "epoll",
            IoChoice::Tokio => "tokio",
        })
    }
}

/// The text is no [`IoChoice`].
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("expected uring, epoll or tokio")]
pub struct UnknownIo;

/// What a core really runs on.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Engine {
    /// io_uring with SINGLE_ISSUER and DEFER_TASKRUN.
    UringDeferred,
    /// io_uring with its default flags (kernels before 6.1).
    Uring,
    /// monoio on epoll.
    Epoll,
    /// tokio on epoll.
    Tokio,
}

impl fmt::Display for Engine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Engine::UringDeferred => "io_uring",
            Engine::Uring => "io_uring (default flags)",
            Engine::Epoll => "epoll",
            Engine::Tokio => "tokio",
        })
    }
}

thread_local! {
    static ENGINE: Cell<Option<Engine>> = const { Cell::new(None) };
}

/// What this thread's core runs on; `None` on a thread that runs no core.
#[must_use]
pub fn engine() -> Option<Engine> {
    ENGINE.get()
}

/// Says what this thread runs on until dropped.
pub(super) struct Running(());

impl Running {
    pub(super) fn on(engine: Engine) -> Running {
        ENGINE.set(Some(engine));
        Running(())
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        ENGINE.set(None);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_choice_reads_what_it_writes() {
        for choice in [IoChoice::Uring, IoChoice::Epoll, IoChoice::Tokio] {
            assert_eq!(choice.to_string().parse(), Ok(choice));
        }
        assert_eq!("URING".parse::<IoChoice>(), Err(UnknownIo));
    }
}
