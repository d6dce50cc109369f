//! The load generator: `closed` asks again as soon as it is answered, `open` asks at a fixed rate
//! whatever happens.

mod connection;
mod requests;

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use hdrhistogram::Histogram;
use rustls::ClientConfig;
use serde::{Deserialize, Serialize};

use crate::poll::Poll;
use crate::{Outcome, pinned, wire};
use connection::{Connection, Progress};
use requests::Requests;
pub use requests::tokens;

/// Arguments of `load`.
#[derive(clap::Args)]
pub struct LoadArgs {
    /// Where to connect.
    #[arg(long)]
    to: SocketAddr,
    /// The target of every request.
    #[arg(long, default_value = "/1k")]
    target: String,
    /// Connections.
    #[arg(long, default_value_t = 32)]
    connections: usize,
    /// Seconds.
    #[arg(long, default_value_t = 5.0)]
    seconds: f64,
    /// Requests a second, whatever comes back (open loop); without it, closed loop.
    #[arg(long)]
    rate: Option<f64>,
    /// Requests after which to stop, if that comes before the time is over.
    #[arg(long, default_value_t = u64::MAX)]
    requests: u64,
    /// A file of bearer tokens, one a line, sent in turns.
    #[arg(long)]
    token_file: Option<PathBuf>,
    /// Calls a tool by POST, as MCP has it, instead of GET.
    #[arg(long)]
    call: bool,
    /// Speaks TLS, and trusts the authority in this file.
    #[arg(long)]
    ca: Option<PathBuf>,
    /// Opens a connection for every request.
    #[arg(long)]
    fresh: bool,
    /// Resumes TLS sessions where the server lets it.
    #[arg(long)]
    resume: bool,
    /// The only core to run on.
    #[arg(long)]
    core: Option<usize>,
}

/// What came of a load.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Report {
    /// Requests answered in full with status 200.
    pub requests: u64,
    /// Requests answered otherwise, or not at all.
    pub failed: u64,
    /// Open loop: at the end more requests waited for a connection than come in
    /// [`BEHIND`]. Those are neither answered nor failed, and the delays mean nothing.
    pub saturated: bool,
    /// From the first request to the last answer.
    pub seconds: f64,
    /// Microseconds from when a request was due (open loop) or sent (closed loop) to its last byte.
    pub p50: f64,
    pub p99: f64,
    pub p999: f64,
    pub max: f64,
}

/// Nanoseconds up to a minute, three digits of them.
const LONGEST: u64 = 60_000_000_000;
/// How long answers are waited for after the last request is due.
const GRACE: Duration = Duration::from_secs(2);
/// An open loop whose last request is still waiting this long after it was due was not followed.
const BEHIND: Duration = Duration::from_millis(50);

/// Runs the load and prints the report.
pub fn run(args: &LoadArgs) -> Outcome<()> {
    if let Some(core) = args.core {
        pinned::pin(core)?;
    }
    let tokens = tokens(args.token_file.as_deref())?;
    let mut load = Load::connect(args, &tokens)?;
    match args.rate {
        None => load.closed(args)?,
        Some(rate) => load.open(args, rate)?,
    }
    println!("{}", serde_json::to_string(&load.report())?);
    Ok(())
}

struct Load {
    poll: Poll,
    to: SocketAddr,
    tls: Option<Arc<ClientConfig>>,
    fresh: bool,
    connections: Vec<Connection>,
    idle: Vec<usize>,
    requests: Requests,
    scratch: Vec<u8>,
    taken: Histogram<u64>,
    failed: u64,
    saturated: bool,
    elapsed: Duration,
}

impl Load {
    fn connect(args: &LoadArgs, tokens: &[String]) -> Outcome<Load> {
        let tls = args.ca.as_ref().map(|ca| wire::client(ca, args.resume));
        let mut load = Load {
            poll: Poll::new()?,
            to: args.to,
            tls: tls.transpose()?,
            fresh: args.fresh,
            connections: Vec::new(),
            idle: (0..args.connections).rev().collect(),
            requests: Requests::new(args.to, &args.target, args.call, tokens),
            scratch: vec![0; 256 * 1024],
            taken: Histogram::new_with_bounds(1, LONGEST, 3)?,
            failed: 0,
            saturated: false,
            elapsed: Duration::ZERO,
        };
        for number in 0..args.connections {
            let connection = load.dial(number)?;
            load.connections.push(connection);
        }
        Ok(load)
    }

    fn dial(&self, number: usize) -> Outcome<Connection> {
        let connection = Connection::open(self.to, self.tls.as_ref())?;
        self.poll.add(connection.wire.socket(), number, false)?;
        Ok(connection)
    }

    fn ask(&mut self, number: usize, due: Instant) -> Outcome<()> {
        if self.fresh {
            self.connections[number] = self.dial(number)?;
        }
        self.connections[number].ask(self.requests.next(), due)
    }

    /// True when an answer is whole, or will not come.
    fn hear(&mut self, number: usize) -> bool {
        match self.connections[number].hear(&mut self.scratch) {
            Progress::More => false,
            Progress::Done { good: false, .. } => {
                self.failed += 1;
                true
            }
            Progress::Done { good: true, due } => {
                let nanoseconds = due.elapsed().as_nanos() as u64;
                self.taken.saturating_record(nanoseconds.max(1));
                true
            }
        }
    }

    /// Opens a connection again that the other side has ended.
    fn mend(&mut self, number: usize) -> Outcome<()> {
        if self.connections[number].is_over {
            self.connections[number] = self.dial(number)?;
        }
        Ok(())
    }

    fn closed(&mut self, args: &LoadArgs) -> Outcome<()> {
        let begin = Instant::now();
        let end = begin + Duration::from_secs_f64(args.seconds);
        let mut asked = 0;
        while asked < args.requests
            && let Some(number) = self.idle.pop()
        {
            self.ask(number, Instant::now())?;
            asked += 1;
        }
        let mut waiting = self.connections.len() - self.idle.len();
        let mut ready = Vec::new();
        while waiting > 0 && Instant::now() < end + GRACE {
            self.poll.wait(&mut ready, Some(GRACE))?;
            let now = Instant::now();
            for &number in &ready {
                if !self.hear(number) {
                    continue;
                }
                waiting -= 1;
                self.mend(number)?;
                if now < end && asked < args.requests {
                    self.ask(number, Instant::now())?;
                    asked += 1;
                    waiting += 1;
                }
            }
        }
        self.failed += waiting as u64;
        self.elapsed = begin.elapsed();
        Ok(())
    }

    /// Every request is due at a time that was fixed before the first was sent, and is counted from
    /// then: time spent waiting for a free connection counts, so nothing is omitted when answers
    /// come late.
    fn open(&mut self, args: &LoadArgs, rate: f64) -> Outcome<()> {
        // Otherwise a wait lasts 50 microseconds longer than asked for.
        rustix::thread::set_current_timer_slack(std::num::NonZeroU64::new(1))?;
        let begin = Instant::now();
        let total = ((rate * args.seconds) as u64).min(args.requests);
        let due = |number: u64| begin + Duration::from_secs_f64(number as f64 / rate);
        let end = due(total) + GRACE;
        let mut queued: VecDeque<Instant> = VecDeque::new();
        let (mut next, mut open) = (0, 0_u64);
        let mut ready = Vec::new();
        loop {
            let now = Instant::now();
            while next < total && due(next) <= now {
                queued.push_back(due(next));
                next += 1;
            }
            if next == total && !queued.is_empty() && now > due(total) + BEHIND {
                self.saturated = true;
                queued.clear();
            }
            while let (Some(&at), Some(&number)) = (queued.front(), self.idle.last()) {
                self.ask(number, at)?;
                self.idle.pop();
                queued.pop_front();
                open += 1;
            }
            if now > end || (next == total && queued.is_empty() && open == 0) {
                break;
            }
            let until = if next < total { due(next) } else { end };
            let wait = until.saturating_duration_since(Instant::now());
            self.poll.wait(&mut ready, Some(wait))?;
            for &number in &ready {
                if self.hear(number) {
                    open -= 1;
                    self.mend(number)?;
                    self.idle.push(number);
                }
            }
        }
        self.failed += open;
        self.elapsed = begin.elapsed();
        Ok(())
    }

    fn report(&self) -> Report {
        let quantile = |part| self.taken.value_at_quantile(part) as f64 / 1_000.0;
        Report {
            requests: self.taken.len(),
            failed: self.failed,
            saturated: self.saturated,
            seconds: self.elapsed.as_secs_f64(),
            p50: quantile(0.5),
            p99: quantile(0.99),
            p999: quantile(0.999),
            max: self.taken.max() as f64 / 1_000.0,
        }
    }
}
