//! The origin: answers from memory, one thread, as little as can be.

mod answers;
mod connections;
mod ticks;

use std::io::{self, Write};
use std::net::{SocketAddr, TcpListener};
use std::path::PathBuf;

use self::answers::Answers;
use self::connections::Connections;
use self::ticks::Ticking;
use crate::poll::Poll;
use crate::{Outcome, pinned, wire};

/// Arguments of `origin`.
#[derive(clap::Args)]
pub struct OriginArgs {
    /// Where to listen; port 0 takes a free one.
    #[arg(long, default_value = "127.0.0.1:0")]
    bind: SocketAddr,
    /// Listens for TLS, too, with the certificate in this PEM file.
    #[arg(long, requires = "key")]
    certificate: Option<PathBuf>,
    /// The certificate's key.
    #[arg(long)]
    key: Option<PathBuf>,
    /// The only core to run on.
    #[arg(long)]
    core: Option<usize>,
}

/// What the listeners are known by; connections are known by their place.
const PLAIN: usize = usize::MAX;
const TLS: usize = usize::MAX - 1;
const HEAD_BYTES: usize = 16 * 1024;
/// The standard library's own backlog is too short for thousands that come at once.
const BACKLOG: i32 = 4096;

/// Prints the address it listens on, and with a certificate the address for TLS, and runs until it
/// is killed.
pub fn run(args: &OriginArgs) -> Outcome<()> {
    if let Some(core) = args.core {
        pinned::pin(core)?;
    }
    crate::raise_files()?;
    // Otherwise a wait lasts 50 microseconds longer than asked for.
    rustix::thread::set_current_timer_slack(std::num::NonZeroU64::new(1))?;
    let mut poll = Poll::new()?;
    let plain = listen(args.bind, PLAIN, &poll)?;
    let tls = match (&args.certificate, &args.key) {
        (Some(certificate), Some(key)) => {
            let any = SocketAddr::new(args.bind.ip(), 0);
            Some((listen(any, TLS, &poll)?, wire::server(certificate, key)?))
        }
        _ => None,
    };
    io::stdout().flush()?;
    let answers = Answers::new();
    let mut connections = Connections::default();
    let mut ticking = Ticking::new();
    let mut ready = Vec::new();
    let mut scratch = vec![0; HEAD_BYTES];
    loop {
        poll.wait(&mut ready, ticking.wait())?;
        for &number in &ready {
            match (number, &tls) {
                (PLAIN, _) => connections.accept(&plain, None, &poll)?,
                (TLS, Some((listener, config))) => {
                    connections.accept(listener, Some(config), &poll)?;
                }
                _ => {
                    let Some(connection) = connections.get(number) else {
                        continue;
                    };
                    match connection.serve(number, &poll, &answers, &mut scratch) {
                        Err(_) => connections.end(number),
                        Ok(Some(then)) => ticking.add(number, then),
                        Ok(None) => {}
                    }
                }
            }
        }
        ticking.send(&mut connections);
    }
}

fn listen(bind: SocketAddr, number: usize, poll: &Poll) -> Outcome<TcpListener> {
    let listener = TcpListener::bind(bind)?;
    rustix::net::listen(&listener, BACKLOG)?;
    listener.set_nonblocking(true)?;
    println!("{}", listener.local_addr()?);
    poll.add(&listener, number, false)?;
    Ok(listener)
}
