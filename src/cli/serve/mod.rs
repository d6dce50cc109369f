//! `sluice serve`: the gateway, until it is told to stop.

mod gateway;
mod pseudonyms;

use std::path::PathBuf;
use std::time::Duration;

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
    let gateway = Gateway::start(&config)?;
    announce(&gateway, config.workers);
    let broken = wait(&gateway)?;
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

/// Waits for SIGTERM or Ctrl-C. True when a core ended before that.
fn wait(gateway: &Gateway) -> Result<bool, Failure> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .doing("wait for signals")?;
    runtime.block_on(async {
        use tokio::signal::unix::{SignalKind, signal};
        let mut terminate = signal(SignalKind::terminate()).doing("wait for SIGTERM")?;
        let mut interrupt = signal(SignalKind::interrupt()).doing("wait for Ctrl-C")?;
        let mut look = tokio::time::interval(Duration::from_millis(500));
        loop {
            tokio::select! {
                _ = terminate.recv() => return Ok(false),
                _ = interrupt.recv() => return Ok(false),
                _ = look.tick() => if gateway.is_broken() { return Ok(true) },
            }
        }
    })
}
