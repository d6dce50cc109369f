//! `sluice serve`: the gateway, until it is told to stop.

mod doors;
mod gateway;
mod handover;
mod pseudonyms;
mod servers;
mod signals;
mod supervisor;
mod watch;

use std::path::PathBuf;

use self::handover::Taking;
use self::signals::{Signals, Told};
use self::watch::Watch;
use super::Failure;
use super::failure::Doing;
use crate::control::Inherited;
use crate::control::config::{self, Config, Mistakes};
use crate::recorder;

pub use gateway::Gateway;

/// Run the gateway.
///
/// Listens as the configuration says until SIGTERM or Ctrl-C, then drains: no new connection is
/// taken, calls in flight end, the recording is sealed. When the configuration file changes or a file
/// that it names, and at SIGHUP, all is read again and taken over whole; what cannot be used leaves
/// what was before in force. At SIGUSR2 the program file is started again with --take-over: a newer
/// version serves, and no connection is lost.
#[derive(clap::Args)]
#[command(
    after_help = "Examples:\n  sluice serve -c sluice.yaml\n  sluice serve -c sluice.yaml --io uring\n  sluice serve -c sluice.yaml --take-over"
)]
pub struct ServeArgs {
    /// The configuration file.
    #[arg(short, long, value_name = "FILE", default_value = "sluice.yaml")]
    config: PathBuf,
    /// How sockets are driven: tokio, epoll or uring; overrides the configuration.
    #[arg(long, value_name = "DRIVER")]
    io: Option<crate::worker::io::IoChoice>,
    /// Take the listening sockets of the gateway that serves from the same data directory, and let
    /// it drain; without one, start as ever.
    #[arg(long)]
    take_over: bool,
}

/// Runs the command.
pub fn run(args: &ServeArgs) -> Result<(), Failure> {
    let config = load(args).map_err(|mistakes| unusable(args, &mistakes.to_string()))?;
    // Before anything is started: a SIGTERM that comes meanwhile must still drain.
    let mut signals = Signals::listen()?;
    let mut watch = Watch::start(&args.config, &config.files)?;
    let (taking, inherited) = match args.take_over {
        true => take_over(&config)?,
        false => (None, Inherited::default()),
    };
    let mut gateway = Gateway::start_with(&config, inherited)?;
    announce(&gateway, config.workers);
    signals.hand_over(&config.data, gateway.sockets())?;
    if let Some(taking) = taking {
        taking.taken().doing("the gateway before this one")?;
        eprintln!("sluice: taken over; the gateway before this one drains");
    }
    supervisor::ready();
    let end = loop {
        match signals.wait(&gateway, &mut watch) {
            Told::Reload => {
                watch.look();
                supervisor::reloading();
                reload(args, &mut gateway, &mut watch);
                supervisor::ready();
            }
            Told::Renew => renew(),
            end => break end,
        }
    };
    // Its listening sockets close with it.
    drop(signals);
    if let Told::TakenOver = end {
        gateway.leave_listeners();
        eprintln!("sluice: another process has taken over");
    } else {
        supervisor::stopping();
    }
    eprintln!(
        "sluice: draining; calls in flight may take {} s to end",
        config.limits.drain_time.as_secs()
    );
    gateway.stop()?;
    eprintln!("sluice: stopped, the recording is sealed");
    if let Told::Broken = end {
        Err(Failure::new("a core ended on its own; see above"))
    } else {
        Ok(())
    }
}

/// The sockets of the gateway that serves from the same data directory, if one does.
fn take_over(config: &Config) -> Result<(Option<Taking>, Inherited), Failure> {
    let doing = || format!("take over from the gateway at {}", config.data.display());
    recorder::make_private(&config.data).doing(doing())?;
    match Taking::ask(&config.data).doing(doing())? {
        Some((taking, sockets)) => Ok((Some(taking), Inherited::new(sockets))),
        None => {
            eprintln!(
                "sluice: no gateway serves from {}: starting without",
                config.data.display()
            );
            Ok((None, Inherited::default()))
        }
    }
}

/// Starts the program file once more, as this process was started, to take over from it.
fn renew() {
    let mut words = std::env::args_os();
    let started = words.next().map(|program| {
        let words: Vec<_> = words.filter(|word| word != "--take-over").collect();
        std::process::Command::new(program)
            .args(words)
            .arg("--take-over")
            .spawn()
    });
    match started {
        Some(Ok(mut child)) => {
            eprintln!("sluice: SIGUSR2: process {} is to take over", child.id());
            // One that fails says why itself, and must not stay a zombie.
            std::thread::spawn(move || child.wait());
        }
        Some(Err(why)) => eprintln!("sluice: SIGUSR2: the program cannot be started: {why}"),
        None => eprintln!("sluice: SIGUSR2: this process does not know its program"),
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
    if let Some(address) = gateway.identity_address() {
        eprintln!("sluice: identities on http://{address}/msi/token");
    }
    eprintln!("sluice: admin on http://{}/readyz", gateway.admin_address());
}
