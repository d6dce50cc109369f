//! Writes the access log: one JSON object a line, from a thread of its own.
//!
//! | field | |
//! |---|---|
//! | `at` | Unix time in seconds, with milliseconds |
//! | `trace` | the trace it belongs to, where the gateway takes part in traces |
//! | `peer` | the other end of the connection, as a trusted proxy introduced it where one did |
//! | `source` | where the request came from, where a trusted proxy told; absent when that is `peer` |
//! | `exchange` | its name in the recording; absent when it has none |
//! | `connection` | configured name; absent when none matched |
//! | `method`, `path` | of the request; the path masked and without query; `path_cut` when too long |
//! | `principal` | who called; absent when not proven |
//! | `certificate` | whom the caller's certificate names: its SPIFFE id, else its SHA-256; absent without one |
//! | `client` | the client that showed the token; absent when the token names none |
//! | `kind` | `application` or `user`; absent when not proven |
//! | `agent` | `itself`, `on_behalf` or `account`; absent when no agent takes part |
//! | `blueprint` | what the agent was made from; absent when the token does not say |
//! | `rule` | the policy and rule that decided; absent when none did |
//! | `status` | what the caller got; absent when nothing was sent |
//! | `outcome` | how it ended, or why it was refused |
//! | `detail` | what only the operator is told; absent when there is nothing more |
//! | `ms` | from head to end |
//! | `bytes_in`, `bytes_out` | of the bodies |

use std::fs::{File, OpenOptions};
use std::io::{self, BufWriter, Stdout, Write};
use std::net::{IpAddr, SocketAddr};
use std::os::unix::fs::OpenOptionsExt as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::thread::JoinHandle;
use std::time::Duration;

use crossbeam::channel::{Receiver, RecvTimeoutError};
use serde::Serialize;

use super::config::AccessLog;
use crate::base::access::{AccessEntry, AccessSender};
use crate::base::counters::Counters;
use crate::base::limits::ACCESS_ENTRIES;

/// The thread that writes.
pub(super) struct AccessWriter {
    thread: Option<JoinHandle<()>>,
    stop: Arc<AtomicBool>,
}

impl AccessWriter {
    /// Opens the log and starts its thread. Connections are named by their rows in `counters`.
    pub fn start(
        log: &AccessLog,
        counters: Arc<Counters>,
    ) -> io::Result<(AccessSender, AccessWriter)> {
        let sink = match log {
            AccessLog::Off => {
                let idle = AccessWriter {
                    thread: None,
                    stop: Arc::default(),
                };
                return Ok((AccessSender::off(), idle));
            }
            AccessLog::Stdout => Sink::Stdout(io::stdout()),
            AccessLog::File(path) => {
                let file = OpenOptions::new()
                    .append(true)
                    .create(true)
                    .mode(0o640)
                    .open(path)?;
                Sink::File(file)
            }
        };
        let (sender, entries) = AccessSender::new(ACCESS_ENTRIES);
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = stop.clone();
        let thread = std::thread::Builder::new()
            .name("access-log".to_owned())
            .spawn(move || write_all(&entries, sink, &counters, &stopped))?;
        let writer = AccessWriter {
            thread: Some(thread),
            stop,
        };
        Ok((sender, writer))
    }

    /// Writes what has arrived and ends.
    pub fn stop(self) {
        self.stop.store(true, Relaxed);
        if let Some(thread) = self.thread {
            let _ = thread.join();
        }
    }
}

enum Sink {
    Stdout(Stdout),
    File(File),
}

impl Write for Sink {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Sink::Stdout(stdout) => stdout.write(bytes),
            Sink::File(file) => file.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match self {
            Sink::Stdout(stdout) => stdout.flush(),
            Sink::File(file) => file.flush(),
        }
    }
}

fn write_all(entries: &Receiver<AccessEntry>, sink: Sink, counters: &Counters, stop: &AtomicBool) {
    const LOOK_UP: Duration = Duration::from_millis(100);
    let mut out = BufWriter::with_capacity(64 * 1024, sink);
    loop {
        match entries.recv_timeout(LOOK_UP) {
            // The log is for reading, the recording for proof: a log that cannot be written stops
            // nobody.
            Ok(entry) => drop(write(&mut out, &entry, &counters.rows())),
            Err(RecvTimeoutError::Disconnected) => break,
            Err(RecvTimeoutError::Timeout) if stop.load(Relaxed) => break,
            Err(RecvTimeoutError::Timeout) => {}
        }
        if entries.is_empty() {
            let _ = out.flush();
        }
    }
    let _ = out.flush();
}

fn is_zero(count: &u32) -> bool {
    *count == 0
}

/// One line.
#[derive(Serialize)]
struct Line<'l> {
    at: f64,
    #[serde(skip_serializing_if = "Option::is_none")]
    peer: Option<SocketAddr>,
    #[serde(skip_serializing_if = "Option::is_none")]
    source: Option<IpAddr>,
    #[serde(skip_serializing_if = "Option::is_none")]
    exchange: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    trace: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    connection: Option<&'l str>,
    method: &'l str,
    path: &'l str,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    path_cut: bool,
    #[serde(rename = "mcp.method.name", skip_serializing_if = "str::is_empty")]
    rpc: &'l str,
    #[serde(rename = "mcp.tool.name", skip_serializing_if = "str::is_empty")]
    tool: &'l str,
    #[serde(rename = "mcp.session.id", skip_serializing_if = "str::is_empty")]
    session: &'l str,
    #[serde(skip_serializing_if = "is_zero")]
    hidden: u32,
    #[serde(skip_serializing_if = "str::is_empty")]
    principal: &'l str,
    #[serde(skip_serializing_if = "str::is_empty")]
    certificate: &'l str,
    #[serde(skip_serializing_if = "str::is_empty")]
    client: &'l str,
    #[serde(skip_serializing_if = "str::is_empty")]
    kind: &'l str,
    #[serde(skip_serializing_if = "str::is_empty")]
    agent: &'l str,
    #[serde(skip_serializing_if = "str::is_empty")]
    blueprint: &'l str,
    #[serde(skip_serializing_if = "str::is_empty")]
    rule: &'l str,
    #[serde(skip_serializing_if = "Option::is_none")]
    status: Option<u16>,
    outcome: &'l str,
    #[serde(skip_serializing_if = "str::is_empty")]
    detail: &'l str,
    ms: f64,
    bytes_in: u64,
    bytes_out: u64,
}

fn write(out: &mut impl Write, entry: &AccessEntry, connections: &[Arc<str>]) -> io::Result<()> {
    let connection = entry
        .connection
        .and_then(|index| connections.get(usize::from(index)));
    let line = Line {
        at: (entry.at.0 / 1_000_000) as f64 / 1_000.0,
        peer: entry.peer,
        source: entry.source,
        exchange: entry.exchange.map(|id| id.to_string()),
        trace: entry.span.map(|span| format!("{:032x}", span.trace)),
        connection: connection.map(|name| &**name),
        method: entry.method.as_str(),
        path: entry.path.as_str(),
        path_cut: entry.path.is_cut(),
        rpc: entry.rpc.as_str(),
        tool: entry.tool.as_str(),
        session: entry.session.as_str(),
        hidden: entry.hidden,
        principal: entry.principal.as_str(),
        certificate: entry.certificate.as_str(),
        client: entry.client.as_str(),
        kind: entry.kind,
        agent: entry.agent,
        blueprint: entry.blueprint.as_str(),
        rule: entry.rule.as_str(),
        status: (entry.status != 0).then_some(entry.status),
        outcome: entry.outcome,
        detail: entry.detail.as_str(),
        ms: entry.took.as_micros() as f64 / 1_000.0,
        bytes_in: entry.bytes_in,
        bytes_out: entry.bytes_out,
    };
    serde_json::to_writer(&mut *out, &line)?;
    out.write_all(b"\n")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::access::Short;
    use crate::base::clock::Wall;
    use crate::base::counters::Labels;
    use crate::base::ids::ExchangeId;

    fn entry(path: &str) -> AccessEntry {
        AccessEntry {
            at: Wall(1_700_000_000_123_000_000),
            peer: Some(([127, 0, 0, 1], 40000).into()),
            source: None,
            exchange: Some(ExchangeId::new(1, 2)),
            span: None,
            connection: Some(0),
            method: Short::new("GET"),
            rpc: Short::new(""),
            tool: Short::new(""),
            session: Short::new(""),
            hidden: 0,
            path: Short::new(path),
            principal: Short::new(""),
            certificate: Short::new(""),
            client: Short::new(""),
            kind: "",
            agent: "",
            blueprint: Short::new(""),
            rule: Short::new("readers/allow: GET /x"),
            status: 200,
            outcome: "done",
            detail: Short::new(""),
            took: Duration::from_micros(1_500),
            bytes_in: 0,
            bytes_out: 12,
        }
    }

    #[test]
    fn a_line_is_json_and_stays_one_line() {
        let mut out = Vec::new();
        write(&mut out, &entry("/x\n\"y\""), &["graph".into()]).unwrap();
        assert_eq!(
            String::from_utf8(out).unwrap(),
            "{\"at\":1700000000.123,\"peer\":\"127.0.0.1:40000\",\
             \"exchange\":\"0001000000000002\",\"connection\":\"graph\",\
             \"method\":\"GET\",\"path\":\"/x\\n\\\"y\\\"\",\"rule\":\"readers/allow: GET /x\",\
             \"status\":200,\"outcome\":\"done\",\"ms\":1.5,\"bytes_in\":0,\"bytes_out\":12}\n"
        );
    }

    #[test]
    fn everything_told_before_the_end_is_written() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("access.log");
        let log = AccessLog::File(path.clone());
        let (sender, writer) =
            AccessWriter::start(&log, Arc::new(Counters::new(Labels::default(), 1))).unwrap();
        for _ in 0..100 {
            sender.tell(&entry(&"ä".repeat(200)));
        }
        writer.stop();
        let text = std::fs::read_to_string(path).unwrap();
        assert_eq!(text.lines().count(), 100);
        assert!(text.contains(r#""path_cut":true"#));
        assert_eq!(sender.dropped(), 0);
    }

    #[test]
    fn what_does_not_fit_is_counted() {
        let (sender, _entries) = AccessSender::new(1);
        sender.tell(&entry("/a"));
        sender.tell(&entry("/b"));
        assert_eq!(sender.dropped(), 1);
    }
}
