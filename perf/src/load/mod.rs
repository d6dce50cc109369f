//! The load generator: `closed` asks again as soon as it is answered, `open` asks at a fixed rate
//! whatever happens.

mod connection;

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use hdrhistogram::Histogram;
use serde::{Deserialize, Serialize};

use crate::bodies::TOOL_CALL;
use crate::poll::Poll;
use crate::{Outcome, pinned};
use connection::{Connection, Progress};

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
    /// A file with the bearer token to send.
    #[arg(long)]
    token_file: Option<PathBuf>,
    /// Calls a tool by POST, as MCP has it, instead of GET.
    #[arg(long)]
    call: bool,
    /// The only core to run on.
    #[arg(long)]
    core: Option<usize>,
}

/// What came of a load.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Report {
    /// Requests answered in full with status 200.
    pub requests: u64,
    /// Requests answered otherwise, or not at all.
    pub failed: u64,
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

/// Runs the load and prints the report.
pub fn run(args: &LoadArgs) -> Outcome<()> {
    if let Some(core) = args.core {
        pinned::pin(core)?;
    }
    let token = args.token_file.as_ref().map(std::fs::read_to_string);
    let authorization = match token.transpose()? {
        Some(token) => format!("Authorization: Bearer {}\r\n", token.trim()),
        None => String::new(),
    };
    let (target, to) = (&args.target, args.to);
    let request = if args.call {
        format!(
            "POST {target} HTTP/1.1\r\nHost: {to}\r\nMCP-Protocol-Version: 2025-06-18\r\n\
             Accept: application/json, text/event-stream\r\nContent-Type: application/json\r\n\
             Content-Length: {}\r\n{authorization}\r\n{TOOL_CALL}",
            TOOL_CALL.len()
        )
    } else {
        format!(
            "GET {target} HTTP/1.1\r\nHost: {to}\r\nAccept: application/json\r\n\
             {authorization}\r\n"
        )
    };
    let mut load = Load::connect(args, request.into_bytes())?;
    match args.rate {
        None => load.closed(args)?,
        Some(rate) => load.open(args, rate)?,
    }
    println!("{}", serde_json::to_string(&load.report())?);
    Ok(())
}

struct Load {
    poll: Poll,
    connections: Vec<Connection>,
    idle: Vec<usize>,
    request: Vec<u8>,
    scratch: Vec<u8>,
    taken: Histogram<u64>,
    failed: u64,
    elapsed: Duration,
}

impl Load {
    fn connect(args: &LoadArgs, request: Vec<u8>) -> Outcome<Load> {
        let poll = Poll::new()?;
        let mut connections = Vec::new();
        for number in 0..args.connections {
            let connection = Connection::open(args.to)?;
            poll.add(&connection.socket, number, false)?;
            connections.push(connection);
        }
        Ok(Load {
            poll,
            idle: (0..connections.len()).collect(),
            connections,
            request,
            scratch: vec![0; 256 * 1024],
            taken: Histogram::new_with_bounds(1, LONGEST, 3)?,
            failed: 0,
            elapsed: Duration::ZERO,
        })
    }

    fn ask(&mut self, number: usize, due: Instant) -> Outcome<()> {
        Ok(self.connections[number].ask(&self.request, due)?)
    }

    /// Reads what came on one connection; true when that ended an answer.
    fn hear(&mut self, number: usize) -> bool {
        match self.connections[number].hear(&mut self.scratch) {
            Progress::More => false,
            Progress::Done { good, due } => {
                if good {
                    let taken = u64::try_from(due.elapsed().as_nanos()).unwrap_or(LONGEST);
                    self.taken.saturating_record(taken.max(1));
                } else {
                    self.failed += 1;
                }
                true
            }
        }
    }

    /// Opens a connection again that the other side has ended.
    fn mend(&mut self, number: usize, to: SocketAddr) -> Outcome<()> {
        if self.connections[number].is_over {
            let connection = Connection::open(to)?;
            self.poll.add(&connection.socket, number, false)?;
            self.connections[number] = connection;
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
                self.mend(number, args.to)?;
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
                    self.mend(number, args.to)?;
                    self.idle.push(number);
                }
            }
        }
        self.failed += open + queued.len() as u64;
        self.elapsed = begin.elapsed();
        Ok(())
    }

    fn report(&self) -> Report {
        let quantile = |part| self.taken.value_at_quantile(part) as f64 / 1_000.0;
        Report {
            requests: self.taken.len(),
            failed: self.failed,
            seconds: self.elapsed.as_secs_f64(),
            p50: quantile(0.5),
            p99: quantile(0.99),
            p999: quantile(0.999),
            max: self.taken.max() as f64 / 1_000.0,
        }
    }
}
