//! Connections that are held open: idle ones, event streams that are silent, and some that tick.

use std::collections::HashMap;
use std::net::{SocketAddr, TcpStream};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use hdrhistogram::Histogram;
use memchr::memmem;
use rustls::ClientConfig;
use serde::{Deserialize, Serialize};

use crate::bodies::{TICK_DIGITS, TICK_MARK};
use crate::poll::Poll;
use crate::run::resident_kib;
use crate::wire::{self, Wire};
use crate::{Outcome, clock, load, pinned};

/// Arguments of `streams`.
#[derive(clap::Args)]
pub struct StreamsArgs {
    /// Where to connect.
    #[arg(long)]
    to: SocketAddr,
    /// What each connection asks for, once.
    #[arg(long)]
    target: String,
    /// Bytes of body to wait for before a connection counts as open.
    #[arg(long, default_value_t = 0)]
    body: usize,
    /// Connections.
    #[arg(long, default_value_t = 100)]
    count: usize,
    /// Beside them, one connection that asks for this and takes all it gets.
    #[arg(long)]
    beside: Option<String>,
    /// Seconds to listen for events.
    #[arg(long, default_value_t = 0.0)]
    seconds: f64,
    /// A file of bearer tokens; the first is sent.
    #[arg(long)]
    token_file: Option<PathBuf>,
    /// Speaks TLS, and trusts the authority in this file.
    #[arg(long)]
    ca: Option<PathBuf>,
    /// Processes whose memory is looked at, before and after.
    #[arg(long)]
    watch: Vec<u32>,
    /// The only core to run on.
    #[arg(long)]
    core: Option<usize>,
}

/// What came of it.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Report {
    pub count: usize,
    /// What the watched processes grew by for each connection, KiB.
    pub kib_each: f64,
    /// Events that came in so many seconds, and those before, for which no delays were taken.
    pub events: u64,
    pub all_events: u64,
    /// Reads of a connection that brought more than one event, of all that brought any.
    pub coalesced: f64,
    pub seconds: f64,
    /// From when an event was written to when it was read, microseconds.
    pub p50: f64,
    pub p99: f64,
    pub p999: f64,
    pub max: f64,
    /// What came on the connection beside, MiB a second.
    pub beside: f64,
}

/// How long anything may take to come.
const PATIENCE: Duration = Duration::from_secs(20);
/// Connections that are opened at once.
const AT_ONCE: usize = 64;
/// What the connection beside is known by.
const BESIDE: usize = usize::MAX;
/// The longest delay that is told apart, nanoseconds.
const LONGEST: u64 = 60_000_000_000;
/// How long memory is left to settle.
const SETTLE: Duration = Duration::from_millis(700);
/// What comes so soon may have waited for others to be opened.
const WARM: Duration = Duration::from_millis(300);

/// Opens the connections, listens to them and prints the report.
pub fn run(args: &StreamsArgs) -> Outcome<()> {
    if let Some(core) = args.core {
        pinned::pin(core)?;
    }
    crate::raise_files()?;
    let mut held = Held::new(args)?;
    let mut report = Report {
        count: args.count,
        ..Report::default()
    };
    if args.watch.is_empty() {
        held.open(&args.target, args.body, 0..args.count)?;
    } else {
        // Some have been there before: what is shared is there then, and what their requests fill once,
        // such as rings and queues.
        let first = args.count / 4;
        held.open(&args.target, args.body, 0..first)?;
        std::thread::sleep(SETTLE);
        let before = resident(&args.watch)?;
        held.open(&args.target, args.body, first..args.count)?;
        std::thread::sleep(SETTLE);
        let grown = resident(&args.watch)?.saturating_sub(before);
        report.kib_each = grown as f64 / (args.count - first).max(1) as f64;
    }
    if let Some(target) = &args.beside {
        held.open(target, 0, std::iter::once(BESIDE))?;
    }
    if args.seconds > 0.0 {
        held.listen(WARM)?;
        let early = std::mem::replace(&mut held.counted, Counted::new()?);
        let begin = Instant::now();
        held.listen(Duration::from_secs_f64(args.seconds))?;
        held.counted.tell(&mut report, begin.elapsed());
        report.all_events = report.events + early.delays.len();
    }
    println!("{}", serde_json::to_string(&report)?);
    Ok(())
}

fn resident(processes: &[u32]) -> Outcome<u64> {
    processes.iter().map(|&pid| resident_kib(pid)).sum()
}

struct Held {
    poll: Poll,
    to: SocketAddr,
    tls: Option<Arc<ClientConfig>>,
    authorization: String,
    ones: HashMap<usize, One>,
    /// How many have not had their answer yet.
    awaited: usize,
    scratch: Vec<u8>,
    counted: Counted,
}

/// One connection.
struct One {
    wire: Wire,
    /// What has come of the answer's beginning, and how much body belongs to that.
    beginning: Option<(Vec<u8>, usize)>,
}

impl Held {
    fn new(args: &StreamsArgs) -> Outcome<Held> {
        let tls = args.ca.as_ref().map(|ca| wire::client(ca, false));
        let tokens = load::tokens(args.token_file.as_deref())?;
        let authorization = tokens
            .first()
            .map(|token| format!("Authorization: Bearer {token}\r\n"));
        Ok(Held {
            poll: Poll::new()?,
            to: args.to,
            tls: tls.transpose()?,
            authorization: authorization.unwrap_or_default(),
            ones: HashMap::new(),
            awaited: 0,
            scratch: vec![0; 256 * 1024],
            counted: Counted::new()?,
        })
    }

    /// Opens connections, known by `numbers`, and waits for the beginnings of their answers.
    fn open(
        &mut self,
        target: &str,
        body: usize,
        numbers: impl Iterator<Item = usize>,
    ) -> Outcome<()> {
        let request = format!(
            "GET {target} HTTP/1.1\r\nHost: {}\r\nMCP-Protocol-Version: 2025-06-18\r\n\
             Accept: text/event-stream, application/json\r\n{}\r\n",
            self.to, self.authorization
        );
        let mut numbers = numbers.peekable();
        while numbers.peek().is_some() {
            for number in numbers.by_ref().take(AT_ONCE) {
                let socket = TcpStream::connect(self.to)?;
                socket.set_nodelay(true)?;
                let mut wire = Wire::call(socket, self.tls.as_ref())?;
                if wire.send(request.as_bytes())? != request.len() {
                    return Err("a request does not fit a socket".into());
                }
                self.poll.add(wire.socket(), number, false)?;
                let beginning = Some((Vec::new(), body));
                self.ones.insert(number, One { wire, beginning });
                self.awaited += 1;
            }
            let patience = Instant::now() + PATIENCE;
            while self.awaited > 0 {
                if !self.turn(patience)? {
                    return Err(format!("{} answers did not begin", self.awaited).into());
                }
            }
        }
        Ok(())
    }

    /// Takes what comes for so long.
    fn listen(&mut self, time: Duration) -> Outcome<()> {
        let end = Instant::now() + time;
        while self.turn(end)? {}
        Ok(())
    }

    /// Waits and takes what has come; false when the time is over.
    fn turn(&mut self, until: Instant) -> Outcome<bool> {
        let left = until.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Ok(false);
        }
        let mut ready = Vec::new();
        self.poll.wait(&mut ready, Some(left))?;
        for number in ready {
            self.hear(number)?;
        }
        Ok(true)
    }

    fn hear(&mut self, number: usize) -> Outcome<()> {
        let Some(one) = self.ones.get_mut(&number) else {
            return Ok(());
        };
        loop {
            let Some(count) = one.wire.receive(&mut self.scratch)? else {
                return Ok(());
            };
            if count == 0 {
                return Err(format!("connection {number} has ended").into());
            }
            let bytes = &self.scratch[..count];
            match &mut one.beginning {
                Some((come, body)) => {
                    come.extend_from_slice(bytes);
                    if has_begun(come, *body)? {
                        one.beginning = None;
                        self.awaited -= 1;
                    }
                }
                None if number == BESIDE => self.counted.beside += count as u64,
                None => self.counted.note(bytes),
            }
            if count < self.scratch.len() {
                return Ok(());
            }
        }
    }
}

/// Whether the head and so many bytes of body have come.
fn has_begun(come: &[u8], body: usize) -> Outcome<bool> {
    let Some(end) = memmem::find(come, b"\r\n\r\n") else {
        return Ok(false);
    };
    if !come.starts_with(b"HTTP/1.1 200 ") {
        return Err(format!("no stream: {}", String::from_utf8_lossy(come)).into());
    }
    Ok(come.len() >= end + 4 + body)
}

/// What came on open streams.
struct Counted {
    delays: Histogram<u64>,
    /// Reads that brought an event, and those that brought more than one.
    reads: u64,
    crowded: u64,
    /// Bytes of the stream beside.
    beside: u64,
}

impl Counted {
    fn new() -> Outcome<Counted> {
        Ok(Counted {
            delays: Histogram::new_with_bounds(1, LONGEST, 3)?,
            reads: 0,
            crowded: 0,
            beside: 0,
        })
    }

    /// An event that two reads share is not counted; they are rare.
    fn note(&mut self, bytes: &[u8]) {
        let now = clock();
        let mut events = 0_u64;
        for at in memmem::find_iter(bytes, TICK_MARK) {
            let digits = bytes[at + TICK_MARK.len()..].get(..TICK_DIGITS);
            let text = digits.and_then(|digits| std::str::from_utf8(digits).ok());
            if let Some(sent) = text.and_then(|text| text.parse::<u64>().ok()) {
                self.delays
                    .saturating_record(now.saturating_sub(sent).max(1));
                events += 1;
            }
        }
        self.reads += u64::from(events > 0);
        self.crowded += u64::from(events > 1);
    }

    fn tell(&self, report: &mut Report, time: Duration) {
        let quantile = |part| self.delays.value_at_quantile(part) as f64 / 1_000.0;
        report.seconds = time.as_secs_f64();
        report.events = self.delays.len();
        report.coalesced = self.crowded as f64 / self.reads.max(1) as f64;
        report.p50 = quantile(0.5);
        report.p99 = quantile(0.99);
        report.p999 = quantile(0.999);
        report.max = self.delays.max() as f64 / 1_000.0;
        report.beside = self.beside as f64 / 1024.0 / 1024.0 / report.seconds;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_time_in_a_tick_is_found() {
        let mut counted = Counted::new().unwrap();
        let tick = crate::bodies::tick(clock() - 1_000_000);
        counted.note(&tick);
        counted.note(&tick.repeat(3));
        let mut report = Report::default();
        counted.tell(&mut report, Duration::from_secs(1));
        assert_eq!((report.events, report.coalesced), (4, 0.5));
        assert!(report.p50 >= 990.0, "{}", report.p50);
        assert!(report.max < 1_000_000.0, "{}", report.max);
    }

    #[test]
    fn an_answer_has_begun_with_its_head_and_the_body_asked_for() {
        let come = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nab";
        for end in 0..come.len() {
            assert!(!has_begun(&come[..end], 2).unwrap());
        }
        assert!(has_begun(come, 2).unwrap());
        assert!(has_begun(b"HTTP/1.1 403 Forbidden\r\n\r\n", 0).is_err());
    }
}
