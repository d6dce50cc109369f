//! `sluice serve`: the gateway, until it is told to stop.

mod doors;
mod gateway;
mod pseudonyms;
mod servers;
mod watch;

use std::path::PathBuf;
use std::time::Duration;

use tokio::runtime::{Builder, Runtime};
use tokio::signal::unix::{Signal, SignalKind, signal};

use self::watch::Watch;
use super::Failure;
use super::failure::Doing;
use crate::control::config::{self, Config, Mistakes};

pub use gateway::Gateway;

/// Run the gateway.
///
/// Listens as the configuration says until SIGTERM or Ctrl-C, then drains: no new connection is
/// taken, calls in flight end, the recording is sealed. When the configuration file changes or a file
/// that it names, and at SIGHUP, all is read again and taken over whole; what cannot be used leaves
/// what was before in force.
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
    let config = load(args).map_err(|mistakes| unusable(args, &mistakes.to_string()))?;
    // Before anything is started: a SIGTERM that comes meanwhile must still drain.
    let mut signals = Signals::listen()?;
    let mut watch = Watch::start(&args.config, &config.files)?;
    let mut gateway = Gateway::start(&config)?;
    announce(&gateway, config.workers);
    let broken = loop {
        match signals.wait(&gateway, &mut watch) {
            Told::Reload => {
                watch.look();
                reload(args, &mut gateway, &mut watch);
            }
            Told::Broken => break true,
            Told::End => break false,
        }
    };
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

/// The configuration as the arguments have it.
fn load(args: &ServeArgs) -> Result<Config, Mistakes> {
    let mut config = config::load(&args.config)?;
    if let Some(io) = args.io {
        config.io = Some(match io {
            crate::worker::io::IoChoice::Uring => config::Io::Uring,
            crate::worker::io::IoChoice::Epoll => config::Io::Epoll,
            crate::worker::io::IoChoice::Tokio => config::Io::Tokio,
        });
    }
    Ok(config)
}

fn unusable(args: &ServeArgs, why: &str) -> Failure {
    Failure::new(format!("{} cannot be used:\n{why}", args.config.display()))
}

/// Offers the file to the running gateway, and says what became of it.
fn reload(args: &ServeArgs, gateway: &mut Gateway, watch: &mut Watch) {
    let offered = load(args);
    if let Ok(config) = &offered {
        watch.follow(&config.files);
    }
    match gateway.reload(offered) {
        Ok(changes) if changes.is_empty() => eprintln!("sluice: reload: nothing has changed"),
        Ok(_) => eprintln!(
            "sluice: reload: configuration {} is in force",
            gateway.generation()
        ),
        Err(why) => eprintln!(
            "sluice: reload: {}\nsluice: reload: configuration {} stays in force",
            unusable(args, &why.to_string()),
            gateway.generation()
        ),
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

/// What a running gateway is told from outside.
enum Told {
    /// To look at its configuration again.
    Reload,
    /// To end.
    End,
    /// Nothing; a core has ended.
    Broken,
}

/// SIGTERM, Ctrl-C and SIGHUP, listened for on this thread.
struct Signals {
    runtime: Runtime,
    terminate: Signal,
    interrupt: Signal,
    hangup: Signal,
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
        let hangup = signal(SignalKind::hangup()).doing("wait for SIGHUP")?;
        drop(inside);
        Ok(Signals {
            runtime,
            terminate,
            interrupt,
            hangup,
        })
    }

    /// Waits for a signal or another file, and looks at the cores meanwhile.
    fn wait(&mut self, gateway: &Gateway, watch: &mut Watch) -> Told {
        const LOOK: Duration = Duration::from_millis(500);
        self.runtime.block_on(async {
            let mut look = tokio::time::interval(LOOK);
            let changed = watch.changed();
            tokio::pin!(changed);
            loop {
                tokio::select! {
                    _ = self.terminate.recv() => return Told::End,
                    _ = self.interrupt.recv() => return Told::End,
                    _ = self.hangup.recv() => return Told::Reload,
                    () = &mut changed => return Told::Reload,
                    _ = look.tick() => if gateway.is_broken() { return Told::Broken },
                }
            }
        })
    }
}
