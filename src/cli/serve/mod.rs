//! `sluice serve`: the gateway, until it is told to stop.

mod gateway;
mod pseudonyms;
mod servers;

use std::path::PathBuf;
use std::time::Duration;

use tokio::runtime::{Builder, Runtime};
use tokio::signal::unix::{Signal, SignalKind, signal};

use super::Failure;
use super::failure::Doing;
use crate::control::config;

pub use gateway::Gateway;

/// Run the gateway.
///
/// Listens as the configuration says until SIGTERM or Ctrl-C, then drains: no new connection is
/// taken, calls in flight end, the recording is sealed.
#[derive(clap::Args)]
#[command(
    after_help = "Examples:\n  sluice serve -c sluice.yaml\n  sluice serve -c sluice.yaml --io uring"
)]
pub struct ServeArgs {
    /// The configuration file.
    #[arg(short, long, value_name = "FILE", default_value = "sluice.yaml")]
    config: PathBuf,
    /// How sockets are driven: tokio, epoll or uring; overrides the configuration.
    #[arg(long, value_name = "DRIVER")]
    io: Option<crate::worker::io::IoChoice>,
}

/// Runs the command.
pub fn run(args: &ServeArgs) -> Result<(), Failure> {
    let mut config = config::load(&args.config).map_err(|mistakes| {
        Failure::new(format!(
            "{} cannot be used:\n{mistakes}",
            args.config.display()
        ))
    })?;
    if let Some(io) = args.io {
        config.io = Some(match io {
            crate::worker::io::IoChoice::Uring => config::Io::Uring,
            crate::worker::io::IoChoice::Epoll => config::Io::Epoll,
            crate::worker::io::IoChoice::Tokio => config::Io::Tokio,
        });
    }
    // Before anything is started: a SIGTERM that comes meanwhile must still drain.
    let mut signals = Signals::listen()?;
    let gateway = Gateway::start(&config)?;
    announce(&gateway, config.workers);
    let broken = signals.wait(&gateway);
    eprintln!(
        "sluice: draining; calls in flight may take {} s to end",
        config.limits.drain_time.as_secs()
    );
    gateway.stop()?;
    eprintln!("sluice: stopped, the recording is sealed");
    if broken {
        Err(Failure::new("a core ended on its own; see above"))
    } else {
        Ok(())
    }
}

fn announce(gateway: &Gateway, workers: usize) {
    for address in gateway.addresses() {
        eprintln!(
            "sluice: listening on {address} ({workers} workers, {})",
            gateway.io()
        );
    }
    eprintln!("sluice: admin on http://{}/readyz", gateway.admin_address());
}

/// SIGTERM and Ctrl-C, listened for on this thread.
struct Signals {
    runtime: Runtime,
    terminate: Signal,
    interrupt: Signal,
}

impl Signals {
    fn listen() -> Result<Signals, Failure> {
        let runtime = Builder::new_current_thread()
            .enable_all()
            .build()
            .doing("wait for signals")?;
        let inside = runtime.enter();
        let terminate = signal(SignalKind::terminate()).doing("wait for SIGTERM")?;
        let interrupt = signal(SignalKind::interrupt()).doing("wait for Ctrl-C")?;
        drop(inside);
        Ok(Signals {
            runtime,
            terminate,
            interrupt,
        })
    }

    /// Waits for a signal. True when a core ended before that.
    fn wait(&mut self, gateway: &Gateway) -> bool {
        const LOOK: Duration = Duration::from_millis(500);
        self.runtime.block_on(async {
            let mut look = tokio::time::interval(LOOK);
            loop {
                tokio::select! {
                    _ = self.terminate.recv() => return false,
                    _ = self.interrupt.recv() => return false,
                    _ = look.tick() => if gateway.is_broken() { return true },
                }
            }
        })
    }
}
