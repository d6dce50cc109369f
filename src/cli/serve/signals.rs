//! What a running gateway is told from outside: signals, another file, another process.

use std::net::TcpListener;
use std::path::Path;
use std::time::Duration;

use tokio::runtime::{Builder, Runtime};
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::oneshot;

use super::Gateway;
use super::handover::Handover;
use super::watch::Watch;
use crate::cli::Failure;
use crate::cli::failure::Doing;

/// What there is to be told.
pub(super) enum Told {
    /// To look at its configuration again.
    Reload,
    /// To have its program started again, which takes over.
    Renew,
    /// To end.
    End,
    /// To end: another process has taken over.
    TakenOver,
    /// Nothing; a core has ended.
    Broken,
}

/// SIGTERM, Ctrl-C, SIGHUP, SIGUSR2 and the hand-over, listened for on this thread.
pub(super) struct Signals {
    runtime: Runtime,
    terminate: Signal,
    interrupt: Signal,
    hangup: Signal,
    renew: Signal,
    taken: Option<oneshot::Receiver<()>>,
}

impl Signals {
    /// Listens for signals from now on.
    pub(super) fn listen() -> Result<Signals, Failure> {
        let runtime = Builder::new_current_thread()
            .enable_all()
            .build()
            .doing("wait for signals")?;
        let inside = runtime.enter();
        let listen = |kind, name| signal(kind).doing(format!("wait for {name}"));
        let terminate = listen(SignalKind::terminate(), "SIGTERM")?;
        let interrupt = listen(SignalKind::interrupt(), "Ctrl-C")?;
        let hangup = listen(SignalKind::hangup(), "SIGHUP")?;
        let renew = listen(SignalKind::user_defined2(), "SIGUSR2")?;
        drop(inside);
        Ok(Signals {
            runtime,
            terminate,
            interrupt,
            hangup,
            renew,
            taken: None,
        })
    }

    /// Offers listening sockets to whoever comes to take over.
    pub(super) fn hand_over(
        &mut self,
        data: &Path,
        sockets: Vec<TcpListener>,
    ) -> Result<(), Failure> {
        let inside = self.runtime.enter();
        let handover = Handover::listen(data, sockets)
            .doing(format!("listen at {}", data.join("handover").display()))?;
        drop(inside);
        let (tell, taken) = oneshot::channel();
        self.runtime.spawn(handover.run(tell));
        self.taken = Some(taken);
        Ok(())
    }

    /// Waits for any of it, and looks at the cores meanwhile.
    pub(super) fn wait(&mut self, gateway: &Gateway, watch: &mut Watch) -> Told {
        const LOOK: Duration = Duration::from_millis(500);
        let taken = &mut self.taken;
        self.runtime.block_on(async {
            let mut look = tokio::time::interval(LOOK);
            let changed = watch.changed();
            tokio::pin!(changed);
            loop {
                tokio::select! {
                    _ = self.terminate.recv() => return Told::End,
                    _ = self.interrupt.recv() => return Told::End,
                    _ = self.hangup.recv() => return Told::Reload,
                    _ = self.renew.recv() => return Told::Renew,
                    () = &mut changed => return Told::Reload,
                    () = told(taken) => return Told::TakenOver,
                    _ = look.tick() => if gateway.is_broken() { return Told::Broken },
                }
            }
        })
    }
}

/// Waits until it is told; for ever, when nobody can tell.
async fn told(taken: &mut Option<oneshot::Receiver<()>>) {
    if let Some(receiver) = taken {
        let told = receiver.await;
        *taken = None;
        if told.is_ok() {
            return;
        }
    }
    std::future::pending().await
}
