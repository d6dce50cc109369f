//! A worker's side: requests to the host, answers piece by piece.

use std::net::SocketAddr;
use std::time::Duration;

use http_body_util::{BodyExt as _, Full};
use hyper::body::{Bytes, Incoming};
use hyper::{HeaderMap, Request};
use hyper_util::rt::TokioIo;
use serde_json::Value;
use sluice::base::secret::Secret;
use sluice::servers::stdio::Share;
use sluice::servers::{Host, Plan, StdioServer};
use tokio::net::TcpStream;
use tokio::task::JoinHandle;
use tokio::time::timeout;

/// Nothing here takes so long unless it hangs.
pub const LONG: Duration = Duration::from_secs(20);
pub const MODERN: &str = "2026-07-28";

pub const ALICE: &str = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";
pub const BOB: &str = "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb";

/// A server that runs `scripted::scripted` with an environment.
pub fn server(name: &str, env: &[(&str, &str)]) -> StdioServer {
    let exe = std::env::current_exe().expect("this test's own path");
    // The test harness writes to standard output, too: the script writes to a copy of it.
    let run = r#"exec "$0" scripted::scripted --exact --nocapture 3>&1 >/dev/null"#;
    let run = match env.iter().any(|(name, _)| *name == "STUBBORN") {
        true => format!(r#"trap "" TERM; {run}"#),
        false => run.to_owned(),
    };
    let env = env.iter().chain(&[("SCRIPTED", "1")]);
    StdioServer {
        name: name.to_owned(),
        command: "sh".to_owned(),
        args: vec!["-c".to_owned(), run, exe.display().to_string()],
        env: env
            .map(|(name, value)| ((*name).to_owned(), Secret::new(value.as_bytes().to_vec())))
            .collect(),
        cwd: None,
        share: Share::Principal,
        processes: 8,
        idle: Duration::from_secs(60),
        memory: 1 << 30,
        message_bytes: 1 << 20,
    }
}

pub fn plan(stdio: Vec<StdioServer>) -> Plan {
    Plan {
        stdio,
        ..Plan::default()
    }
}

/// A host with one server, `s`.
pub fn host(env: &[(&str, &str)]) -> Host {
    host_of(server("s", env))
}

pub fn host_of(server: StdioServer) -> Host {
    Host::start(plan(vec![server])).expect("a host")
}

/// A caller of one server.
#[derive(Clone)]
pub struct Caller {
    address: SocketAddr,
    pub headers: Vec<(&'static str, String)>,
    pub path: String,
}

impl Caller {
    pub fn new(host: &Host, principal: &str) -> Caller {
        let secret = String::from_utf8(host.secret().expose().to_vec()).expect("text");
        Caller {
            address: host.address(),
            headers: vec![
                ("sluice-inner", secret),
                ("sluice-principal", principal.to_owned()),
                ("accept", "application/json, text/event-stream".to_owned()),
            ],
            path: "/stdio/s".to_owned(),
        }
    }

    /// A caller of the revision without sessions.
    pub fn modern(host: &Host, principal: &str) -> Caller {
        Caller::new(host, principal).with("mcp-protocol-version", MODERN)
    }

    /// A caller with a session, in a revision that has them.
    pub async fn with_session(host: &Host, principal: &str, revision: &str) -> Caller {
        let caller = Caller::new(host, principal);
        let answer = caller.post(&initialize(revision)).await;
        assert_eq!(answer.status, 200);
        let session = answer.header("mcp-session-id").expect("a session");
        assert!(answer.json().await["result"]["protocolVersion"] == revision);
        caller.with("mcp-session-id", &session)
    }

    /// The same caller with a header set.
    pub fn with(&self, name: &'static str, value: &str) -> Caller {
        let mut other = self.without(name);
        other.headers.push((name, value.to_owned()));
        other
    }

    pub fn without(&self, name: &str) -> Caller {
        let mut other = self.clone();
        other.headers.retain(|(known, _)| *known != name);
        other
    }

    pub async fn post(&self, body: &str) -> Answer {
        self.send("POST", body).await
    }

    /// A request with this id and method, and these parameters.
    pub async fn call(&self, id: &str, method: &str, params: &str) -> Answer {
        self.post(&request(id, method, params)).await
    }

    pub async fn get(&self) -> Answer {
        self.send("GET", "").await
    }

    pub async fn delete(&self) -> Answer {
        self.send("DELETE", "").await
    }

    pub async fn send(&self, method: &str, body: &str) -> Answer {
        let stream = TcpStream::connect(self.address)
            .await
            .expect("a connection");
        let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream))
            .await
            .expect("a handshake");
        let connection = tokio::spawn(async move { drop(connection.await) });
        let connection = Aborted(connection);
        let mut request = Request::builder().method(method).uri(&self.path);
        for (name, value) in &self.headers {
            request = request.header(*name, value);
        }
        let request = request
            .body(Full::new(Bytes::from(body.to_owned())))
            .expect("a request");
        let sent = timeout(LONG, sender.send_request(request)).await;
        let response = sent.expect("an answer in time").expect("an answer");
        let (head, body) = response.into_parts();
        Answer {
            status: head.status.as_u16(),
            headers: head.headers,
            body,
            read: Vec::new(),
            _connection: connection,
        }
    }
}

struct Aborted(JoinHandle<()>);

impl Drop for Aborted {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// An answer whose body comes piece by piece. Dropping it closes the connection.
pub struct Answer {
    pub status: u16,
    pub headers: HeaderMap,
    body: Incoming,
    read: Vec<u8>,
    _connection: Aborted,
}

/// One server-sent event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    pub id: Option<String>,
    pub data: String,
}

impl Answer {
    pub fn header(&self, name: &str) -> Option<String> {
        Some(self.headers.get(name)?.to_str().expect("text").to_owned())
    }

    pub fn is_events(&self) -> bool {
        self.header("content-type").as_deref() == Some("text/event-stream")
    }

    /// The whole body.
    pub async fn text(mut self) -> String {
        while self.more().await.expect("the whole body") {}
        String::from_utf8(self.read).expect("text")
    }

    pub async fn json(self) -> Value {
        let text = self.text().await;
        serde_json::from_str(&text).unwrap_or_else(|error| panic!("{error}: {text}"))
    }

    /// The next event; none at a clean end. Comments are skipped.
    pub async fn event(&mut self) -> Option<Event> {
        timeout(LONG, self.try_event())
            .await
            .expect("an event in time")
            .expect("no cut")
    }

    /// The next event's message.
    pub async fn message(&mut self) -> Value {
        let event = self.event().await.expect("an event");
        serde_json::from_str(&event.data).expect("JSON")
    }

    pub async fn try_event(&mut self) -> Result<Option<Event>, hyper::Error> {
        loop {
            if let Some(end) = self.read.windows(2).position(|pair| pair == b"\n\n") {
                let frame: Vec<u8> = self.read.drain(..end + 2).collect();
                let frame = String::from_utf8(frame).expect("text");
                if let Some(event) = read_event(&frame) {
                    return Ok(Some(event));
                }
            } else if !self.more().await? {
                assert!(self.read.is_empty(), "half an event");
                return Ok(None);
            }
        }
    }

    async fn more(&mut self) -> Result<bool, hyper::Error> {
        let frame = timeout(LONG, self.body.frame())
            .await
            .expect("a piece in time");
        let Some(frame) = frame.transpose()? else {
            return Ok(false);
        };
        self.read.extend_from_slice(frame.data_ref().expect("data"));
        Ok(true)
    }
}

fn read_event(frame: &str) -> Option<Event> {
    let field = |name: &str| {
        frame
            .lines()
            .find_map(|line| Some(line.strip_prefix(name)?.trim_start().to_owned()))
    };
    Some(Event {
        id: field("id:"),
        data: field("data:")?,
    })
}

pub fn request(id: &str, method: &str, params: &str) -> String {
    format!(r#"{{"jsonrpc":"2.0","id":{id},"method":"{method}","params":{params}}}"#)
}

pub fn initialize(revision: &str) -> String {
    let params = format!(
        r#"{{"protocolVersion":"{revision}","capabilities":{{}},"clientInfo":{{"name":"t","version":"0"}}}}"#
    );
    request("0", "initialize", &params)
}

/// Waits until something holds.
pub async fn until(what: &str, mut holds: impl FnMut() -> bool) {
    let start = std::time::Instant::now();
    while !holds() {
        assert!(start.elapsed() < LONG, "{what}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// Whether a process runs: a zombie does not.
pub fn is_alive(pid: u64) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    let state = stat
        .rsplit_once(')')
        .map(|(_, rest)| rest.trim_start().starts_with('Z'));
    state == Some(false)
}
