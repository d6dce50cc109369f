//! Event streams: thousands that are silent, some that tick, and one that floods.

use std::net::{SocketAddr, TcpStream};
use std::path::PathBuf;
use std::time::{Duration, Instant};

use hdrhistogram::Histogram;
use memchr::memmem;
use serde::{Deserialize, Serialize};

use crate::bodies::{TICK_DIGITS, TICK_MARK};
use crate::poll::{self, Poll};
use crate::run::resident_kib;
use crate::{Outcome, clock, pinned};

/// Arguments of `streams`.
#[derive(clap::Args)]
pub struct StreamsArgs {
    /// Where to connect.
    #[arg(long)]
    to: SocketAddr,
    /// Streams that stay silent.
    #[arg(long, default_value_t = 9_000)]
    silent: usize,
    /// Streams with an event every 10 ms each.
    #[arg(long, default_value_t = 100)]
    ticking: usize,
    /// Seconds of ticks, first alone and then beside the flood.
    #[arg(long, default_value_t = 3.0)]
    seconds: f64,
    /// A file with the bearer token to send.
    #[arg(long)]
    token_file: PathBuf,
    /// The processes whose memory is looked at.
    #[arg(long)]
    watch: Vec<u32>,
    /// The only core to run on.
    #[arg(long)]
    core: Option<usize>,
}

/// What came of it.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Report {
    pub silent: usize,
    /// Resident memory per silent stream, KiB.
    pub kib_each: f64,
    /// Delays of ticks while nothing else is sent.
    pub alone: Delays,
    /// The same beside the flood.
    pub beside: Delays,
    /// What came of the flood, MiB a second.
    pub flood: f64,
}

/// From when an event was written to when it was read.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Delays {
    pub events: u64,
    /// Microseconds.
    pub p50: f64,
    pub p99: f64,
    pub max: f64,
}

/// How long anything may take to come.
const PATIENCE: Duration = Duration::from_secs(20);
/// Streams that are opened at once.
const AT_ONCE: usize = 64;
/// What a stream that ticks is known by, counted from here; below are the silent ones.
const TICKING: usize = 1 << 32;
const FLOOD: usize = usize::MAX;

/// Opens the streams, listens to them and prints the report.
pub fn run(args: &StreamsArgs) -> Outcome<()> {
    if let Some(core) = args.core {
        pinned::pin(core)?;
    }
    crate::raise_files()?;
    let token = std::fs::read_to_string(&args.token_file)?;
    let mut streams = Streams {
        poll: Poll::new()?,
        to: args.to,
        token: token.trim().to_owned(),
        sockets: Vec::new(),
        scratch: vec![0; 256 * 1024],
    };
    // One of each kind has been there before, so that what is shared is there.
    streams.open("/mcp/silence", AT_ONCE, 0)?;
    std::thread::sleep(Duration::from_millis(300));
    let before = resident(&args.watch)?;
    streams.open("/mcp/silence", args.silent, 0)?;
    std::thread::sleep(Duration::from_secs(1));
    let grown = resident(&args.watch)?.saturating_sub(before);
    streams.open("/mcp/ticks", args.ticking, TICKING)?;
    // What came while they were opened waited for that.
    streams.listen(Duration::from_millis(300))?;
    let time = Duration::from_secs_f64(args.seconds);
    let (alone, _) = streams.listen(time)?;
    streams.open("/mcp/flood", 1, FLOOD)?;
    streams.listen(Duration::from_millis(300))?;
    let (beside, flood) = streams.listen(time)?;
    let report = Report {
        silent: args.silent,
        kib_each: grown as f64 / args.silent.max(1) as f64,
        alone,
        beside,
        flood: flood as f64 / 1024.0 / 1024.0 / args.seconds,
    };
    println!("{}", serde_json::to_string(&report)?);
    Ok(())
}

fn resident(processes: &[u32]) -> Outcome<u64> {
    processes.iter().map(|&pid| resident_kib(pid)).sum()
}

struct Streams {
    poll: Poll,
    to: SocketAddr,
    token: String,
    /// Each with what it is known by.
    sockets: Vec<(TcpStream, usize)>,
    scratch: Vec<u8>,
}

impl Streams {
    /// Opens so many streams, known by numbers from `first` on, and waits for their heads.
    fn open(&mut self, target: &str, count: usize, first: usize) -> Outcome<()> {
        let request = format!(
            "GET {target} HTTP/1.1\r\nHost: {}\r\nMCP-Protocol-Version: 2025-06-18\r\n\
             Accept: text/event-stream\r\nAuthorization: Bearer {}\r\n\r\n",
            self.to, self.token
        );
        let mut number = first;
        for some in (0..count).collect::<Vec<_>>().chunks(AT_ONCE) {
            let from = self.sockets.len();
            for _ in some {
                let socket = TcpStream::connect(self.to)?;
                socket.set_nodelay(true)?;
                socket.set_read_timeout(Some(PATIENCE))?;
                if poll::send(&socket, request.as_bytes())? != request.len() {
                    return Err("a request does not fit a socket".into());
                }
                self.sockets.push((socket, number));
                number = number.wrapping_add(1);
            }
            for (socket, number) in &self.sockets[from..] {
                await_head(socket)?;
                self.poll.add(socket, *number, false)?;
            }
        }
        Ok(())
    }

    /// Reads what comes for so long: delays of ticks, and bytes of the flood.
    fn listen(&mut self, time: Duration) -> Outcome<(Delays, u64)> {
        let end = Instant::now() + time;
        let mut delays = Histogram::<u64>::new_with_bounds(1, 60_000_000_000, 3)?;
        let mut flood = 0;
        let mut ready = Vec::new();
        loop {
            let left = end.saturating_duration_since(Instant::now());
            if left.is_zero() {
                break;
            }
            self.poll.wait(&mut ready, Some(left))?;
            for &number in &ready {
                let at = self.place(number);
                let (socket, _) = &self.sockets[at];
                let Some(count) = poll::receive(socket, &mut self.scratch)? else {
                    continue;
                };
                let bytes = &self.scratch[..count];
                match number {
                    _ if count == 0 => return Err(format!("stream {number} has ended").into()),
                    FLOOD => flood += count as u64,
                    _ => note_ticks(bytes, &mut delays),
                }
            }
        }
        let quantile = |part| delays.value_at_quantile(part) as f64 / 1_000.0;
        let found = Delays {
            events: delays.len(),
            p50: quantile(0.5),
            p99: quantile(0.99),
            max: delays.max() as f64 / 1_000.0,
        };
        Ok((found, flood))
    }

    /// Where a stream stands: all that can become readable are at the end.
    fn place(&self, number: usize) -> usize {
        let found = self.sockets.iter().rposition(|(_, it)| *it == number);
        found.unwrap_or_default()
    }
}

/// Reads the head byte by byte, so that nothing that follows it is taken.
fn await_head(mut socket: &TcpStream) -> Outcome<()> {
    use std::io::Read;
    let mut head = Vec::new();
    let mut byte = [0];
    while !head.ends_with(b"\r\n\r\n") {
        socket.read_exact(&mut byte)?;
        head.push(byte[0]);
    }
    if !head.starts_with(b"HTTP/1.1 200 ") {
        return Err(format!("no stream: {}", String::from_utf8_lossy(&head)).into());
    }
    Ok(())
}

/// An event that two reads share is not counted; they are rare.
fn note_ticks(bytes: &[u8], delays: &mut Histogram<u64>) {
    let now = clock();
    for at in memmem::find_iter(bytes, TICK_MARK) {
        let digits = bytes[at + TICK_MARK.len()..].get(..TICK_DIGITS);
        let text = digits.and_then(|digits| std::str::from_utf8(digits).ok());
        if let Some(sent) = text.and_then(|text| text.parse::<u64>().ok()) {
            delays.saturating_record(now.saturating_sub(sent).max(1));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_time_in_a_tick_is_found() {
        let mut delays = Histogram::new_with_bounds(1, 60_000_000_000, 3).unwrap();
        let tick = crate::bodies::tick(clock() - 1_000_000);
        note_ticks(&tick.repeat(3), &mut delays);
        assert_eq!(delays.len(), 3);
        assert!(delays.min() >= 990_000, "{}", delays.min());
        assert!(delays.max() < 1_000_000_000, "{}", delays.max());
    }
}
