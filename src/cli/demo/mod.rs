//! `sluice demo`: the whole gateway against an issuer and a directory of its own, told as a story.
//!
//! Counterparts: [`issuer`] and [`directory`] over [`host`], trusted through [`pki`]; every
//! plaintext byte of the directory's and the caller's sockets is on a [`tap::Tape`]. The gateway is
//! the one that `sluice serve` runs, from a configuration file ([`config`]). [`story`] calls it as
//! [`caller`], [`evidence`] proves from the tapes who never saw what, and a claim that does not hold
//! makes the demo fail.

pub mod batch;
pub mod bearer;
pub mod caller;
pub mod cast;
pub mod config;
pub mod directory;
pub mod disguise;
pub mod evidence;
pub mod gateway;
pub mod generator;
pub mod host;
pub mod issuer;
pub mod keep;
pub mod odata;
pub mod only;
pub mod pki;
pub mod place;
pub mod proof;
pub mod recording;
pub mod signer;
pub mod stage;
pub mod story;
pub mod tap;
pub mod tenant;
#[cfg(test)]
mod tests;
pub mod world;

use super::failure::{Doing, Failure};
use super::terminal::Paint;
use crate::worker::io::IoChoice;
use gateway::Gateway;
use only::OnlyArgs;
use place::Place;
use stage::Stage;
use std::io::Write;
use std::path::PathBuf;
use std::time::Instant;
use story::{Story, Told};
use tokio::signal::unix::{Signal, SignalKind, signal};
use world::{Backdrop, World};

/// See the whole gateway work, on this machine alone, in a few seconds.
///
/// Starts an issuer that speaks Entra's paths, a directory that speaks Graph's, and the gateway
/// between them, all on loopback with throw-away keys; then acts as a caller and shows what is
/// allowed, what is denied, what is masked, and what the recording can prove. Exits with 1 when
/// anything is not as it should be.
#[derive(clap::Args)]
#[command(after_help = "Examples:
  sluice demo
  sluice demo --keep                  leave it running, with curl lines to try
  sluice demo --keep --dir ./play     and with its files where you can read them")]
pub struct DemoArgs {
    /// Leave everything running after the story, until Ctrl-C, and print curl lines to try.
    #[arg(long, conflicts_with = "only")]
    keep: bool,
    /// Keep configuration, keys and recording in DIR, which must not exist yet.
    #[arg(long, value_name = "DIR", conflicts_with = "only")]
    dir: Option<PathBuf>,
    /// How the gateway's sockets are driven: tokio, epoll or uring.
    #[arg(long, value_name = "DRIVER", conflicts_with = "only")]
    io: Option<IoChoice>,
    #[command(flatten)]
    only: OnlyArgs,
}

/// Runs the command.
pub fn run(args: &DemoArgs) -> Result<(), Failure> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .doing("start the demo's runtime")?;
    runtime.block_on(async {
        let mut interrupts = Interrupts::listen()?;
        match args.only.only {
            Some(part) => args.only.run(part, &mut interrupts).await,
            None => demonstrate(args, &mut interrupts).await,
        }
    })
}

async fn demonstrate(args: &DemoArgs, interrupts: &mut Interrupts) -> Result<(), Failure> {
    let mut stage = Stage::new(std::io::stdout(), Paint::for_stdout());
    let place = match &args.dir {
        Some(path) => Place::lasting(path)?,
        None => Place::temporary()?,
    };
    // Whoever loses patience still gets the temporary files removed.
    let (world, gateway, told) = tokio::select! {
        staged = perform(place, args.io, &mut stage) => staged?,
        () = interrupts.wanted() => return Err(Failure::new("interrupted")),
    };
    if args.keep {
        keep::what_to_try(&mut stage, &world, &gateway, &told.token)?;
        interrupts.wanted().await;
    } else {
        keep::what_next(&mut stage)?;
    }
    gateway.stop().await
}

/// From the empty stage to the verdict.
async fn perform<W: Write>(
    place: Place,
    io: Option<IoChoice>,
    stage: &mut Stage<W>,
) -> Result<(World, Gateway, Told), Failure> {
    let started = Instant::now();
    let backdrop = Backdrop::raise(place, io).await?;
    let gateway = Gateway::start(&backdrop.place.path("sluice.yaml")).await?;
    let mut world = World::new(backdrop, gateway.address())?;
    introduce(stage, &world, &gateway.admin_url())?;
    let told = tell(&mut world, stage).await?;
    recording::tell(&world, stage, &told.used).await?;
    finish(stage, started)?;
    Ok((world, gateway, told))
}

/// Ctrl-C and SIGTERM. Made once, before anything is printed: a signal that nobody waits for yet is
/// kept, where one that nobody listens for is lost.
struct Interrupts {
    terminate: Signal,
    interrupt: Signal,
}

impl Interrupts {
    fn listen() -> Result<Interrupts, Failure> {
        Ok(Interrupts {
            terminate: signal(SignalKind::terminate()).doing("listen for SIGTERM")?,
            interrupt: signal(SignalKind::interrupt()).doing("listen for Ctrl-C")?,
        })
    }

    /// Returns when somebody wants an end.
    async fn wanted(&mut self) {
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
        }
    }
}

/// The calls and the proofs.
async fn tell<W: Write>(world: &mut World, stage: &mut Stage<W>) -> Result<Told, Failure> {
    let told = Story::tell(world, stage).await?;
    stage.step("Proofs, from every plaintext byte captured on both ends")?;
    for proof in evidence::proofs(world, &told.used)? {
        stage.proof(&proof)?;
    }
    Ok(told)
}

fn introduce<W: Write>(stage: &mut Stage<W>, world: &World, admin: &str) -> Result<(), Failure> {
    stage.title(
        "Sluice demo",
        "An agent wants to read a company's directory. Between the two stands Sluice: it proves \
         who calls, decides, adds the credential that the agent never sees, masks what comes back, \
         and keeps a recording that nobody can quietly change. Everything below really happens, on \
         loopback, through the code that `sluice serve` runs.",
    )?;
    for line in [
        "",
        "       agent ──────── calls ───────▶ sluice ──────── calls ───────▶ directory",
        "         │                             │",
        "         ╰───── token ─────▶ issuer ◀──╯ another token",
        "",
    ] {
        stage.line(line)?;
    }
    let paint = stage.paint();
    let about = |url: &str, text: &str| format!("{url:<28}{}", paint.dim(text));
    let backdrop = &world.backdrop;
    stage.entry(
        "issuer",
        about(&backdrop.issuer_url, "speaks Entra's paths"),
    )?;
    stage.entry(
        "directory",
        about(&backdrop.directory_url, "speaks Graph's paths"),
    )?;
    stage.entry(
        "gateway",
        about(&world.gateway_url, "TLS, policy, masks, recording"),
    )?;
    stage.entry("its admin", about(admin, "/healthz /readyz /metrics"))?;
    stage.entry("its files", backdrop.place.root().display())
}

/// The verdict on the whole demo.
fn finish<W: Write>(stage: &mut Stage<W>, started: Instant) -> Result<(), Failure> {
    let (checks, failed) = stage.score();
    let seconds = started.elapsed().as_secs_f64();
    let paint = stage.paint();
    stage.line("")?;
    if failed > 0 {
        let verdict = format!("{failed} of {checks} checks did not hold");
        stage.line(paint.bad(&verdict))?;
        return Err(Failure::new(format!("the demo failed: {verdict}")));
    }
    let verdict = format!("All {checks} checks hold. {seconds:.1} seconds.");
    stage.line(paint.good(verdict))
}
