//! A gateway whose configuration is written anew while it runs.

use std::io::{BufRead as _, Read as _};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::LazyLock;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use serde_json::{Value, json};
use sluice::cli::Failure;
use sluice::cli::serve::Gateway;
use sluice::control::config::{self, Changes};

use super::caller::{Caller, Reply};
use super::issuer::{LocalIssuer, TENANT};
use super::origin::Origin;

static RUNTIME: LazyLock<tokio::runtime::Runtime> =
    LazyLock::new(|| tokio::runtime::Runtime::new().unwrap());
static ISSUER: LazyLock<LocalIssuer> = LazyLock::new(|| RUNTIME.block_on(LocalIssuer::start()));

/// An agent that policies name.
pub const AGENT: &str = "0b1c0000-0000-0000-0000-00000000000a";

/// A token of that application.
pub fn token(client: &str) -> String {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    ISSUER.token_of("first", now.as_secs(), client, client)
}

/// A connection with its route and its rules.
#[derive(Clone)]
pub struct Part {
    /// Its name.
    pub name: &'static str,
    /// Protocol and what is behind it.
    pub reach: String,
    /// Rules, each without its dash.
    pub rules: Vec<&'static str>,
}

impl Part {
    /// An MCP server behind `origin`.
    pub fn mcp(name: &'static str, origin: &Origin, rules: &[&'static str]) -> Part {
        Part {
            name,
            reach: format!("protocol: mcp, upstream: \"{}/mcp\"", origin.url()),
            rules: rules.to_vec(),
        }
    }
}

/// A whole configuration.
pub fn yaml(bind: SocketAddr, parts: &[Part]) -> String {
    let authority = ISSUER.url();
    let mut text = format!(
        "listeners: [{{ bind: {bind} }}]
admin: {{ bind: 127.0.0.1:0 }}
data: data
workers: 2
access_log: file:access.log
limits: {{ drain_time: 1s, segment_bytes: 1MiB, reserve_bytes: 1 }}
issuers:
  local:
    {{ kind: entra, tenant: {TENANT}, authority: \"{authority}\", ca_file: issuer.pem, audiences: [us] }}
connections:
"
    );
    for Part { name, reach, .. } in parts {
        text += &format!("  {name}: {{ record: buffered, {reach} }}\n");
    }
    text += "routes:\n";
    for Part { name, .. } in parts {
        text += &format!("  - {{ path: /{name}/**, connection: {name} }}\n");
    }
    text += "policies:\n";
    for Part { name, rules, .. } in parts {
        text += &format!(
            "  - name: of-{name}\n    connection: {name}\n    who: {{ issuer: local, clients: [{AGENT}] }}\n    rules:\n"
        );
        for rule in rules {
            text += &format!("      - {rule}\n");
        }
    }
    text
}

/// Any free port of this machine.
pub fn anywhere() -> SocketAddr {
    SocketAddr::from(([127, 0, 0, 1], 0))
}

/// A directory with what configurations name.
pub fn directory() -> tempfile::TempDir {
    let mut builder = tempfile::Builder::new();
    builder.prefix("sluice-reload-");
    let directory = (builder.tempdir_in("/dev/shm"))
        .or_else(|_| builder.tempdir())
        .unwrap();
    std::fs::write(directory.path().join("issuer.pem"), &ISSUER.ca).unwrap();
    directory
}

/// A running gateway.
pub struct Scene {
    gateway: Option<Gateway>,
    /// Where callers connect.
    pub address: SocketAddr,
    admin: SocketAddr,
    directory: tempfile::TempDir,
}

impl Scene {
    /// A gateway with these connections, ready.
    pub fn start(parts: &[Part]) -> Scene {
        let directory = directory();
        let path = directory.path().join("sluice.yaml");
        std::fs::write(&path, yaml(anywhere(), parts)).unwrap();
        let config = config::load(&path).unwrap_or_else(|why| panic!("{why}"));
        let gateway = Gateway::start(&config).unwrap_or_else(|why| panic!("{why}"));
        let scene = Scene {
            address: gateway.addresses()[0],
            admin: gateway.admin_address(),
            gateway: Some(gateway),
            directory,
        };
        await_ready(scene.admin);
        scene
    }

    fn path(&self) -> PathBuf {
        self.directory.path().join("sluice.yaml")
    }

    /// Offers these connections.
    pub fn reload(&mut self, parts: &[Part]) -> Changes {
        self.offer(&yaml(anywhere(), parts))
            .unwrap_or_else(|why| panic!("{why}"))
    }

    /// Offers a text.
    pub fn offer(&mut self, text: &str) -> Result<Changes, Failure> {
        std::fs::write(self.path(), text).unwrap();
        let loaded = config::load(&self.path());
        self.gateway.as_mut().unwrap().reload(loaded)
    }

    /// Counts configurations.
    pub fn generation(&self) -> u64 {
        self.gateway.as_ref().unwrap().generation()
    }

    /// What `/readyz` says.
    pub fn readyz(&self) -> (u16, Value) {
        readyz(self.admin)
    }

    /// What `/metrics` says.
    pub fn metrics(&self) -> String {
        let request = "GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n";
        Caller::plain(self.admin).ask(request).text().to_owned()
    }

    /// Lines of the access log.
    pub fn access_log(&self) -> String {
        std::thread::sleep(Duration::from_millis(300));
        std::fs::read_to_string(self.directory.path().join("access.log")).unwrap()
    }
}

impl Drop for Scene {
    fn drop(&mut self) {
        if let Some(gateway) = self.gateway.take() {
            let _ = gateway.stop();
        }
    }
}

/// What `/readyz` says there.
pub fn readyz(admin: SocketAddr) -> (u16, Value) {
    let request = "GET /readyz HTTP/1.1\r\nHost: localhost\r\n\r\n";
    let reply = Caller::plain(admin).ask(request);
    let report = serde_json::from_str(reply.text()).unwrap_or(Value::Null);
    (reply.status, report)
}

/// Waits until a gateway is ready.
pub fn await_ready(admin: SocketAddr) {
    eventually("ready", || readyz(admin).0 == 200);
}

/// Waits until something is so.
pub fn eventually(what: &str, mut is_so: impl FnMut() -> bool) {
    let until = Instant::now() + Duration::from_secs(20);
    while !is_so() {
        assert!(Instant::now() < until, "never: {what}");
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// A call of a tool.
pub fn calling(connection: &str, tool: &str, token: &str) -> String {
    let params = json!({"name": tool, "arguments": {}});
    posting(connection, "tools/call", &params, token, "")
}

/// A request with `fields` beside.
pub fn posting(
    connection: &str,
    method: &str,
    params: &Value,
    token: &str,
    fields: &str,
) -> String {
    let body = json!({"jsonrpc": "2.0", "id": 1, "method": method, "params": params}).to_string();
    format!(
        "POST /{connection} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {token}\r\n\
         Accept: application/json, text/event-stream\r\nMCP-Protocol-Version: 2025-11-25\r\n{fields}\
         Content-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    )
}

/// Calls a tool; answers what came back.
pub fn call(address: SocketAddr, connection: &str, tool: &str) -> Reply {
    Caller::plain(address).ask(calling(connection, tool, &token(AGENT)))
}

/// The bytes of a reply of a server that says who it is.
pub fn saying(id: &Value, who: &str) -> Vec<u8> {
    let body =
        json!({"jsonrpc": "2.0", "id": id, "result": {"content": [], "who": who}}).to_string();
    format!(
        "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    )
    .into_bytes()
}

/// A server that answers every call with its name.
pub fn server(who: &'static str) -> Origin {
    Origin::answering(move |request| {
        let asked: Value = serde_json::from_slice(&request.body).unwrap_or(Value::Null);
        saying(&asked["id"], who)
    })
}

/// A server that answers a GET with a stream that ticks ten times a second, for ever.
pub fn ticking() -> Origin {
    Origin::talking(None, |mut conn| {
        let Some(head) = conn.head()? else {
            return Ok(());
        };
        conn.body(&head)?;
        conn.send(EVENTS)?;
        for number in 0.. {
            let event = format!(": {number}\n\n");
            conn.send(format!("{:x}\r\n{event}\r\n", event.len()))?;
            std::thread::sleep(Duration::from_millis(100));
        }
        Ok(())
    })
}

/// A server that answers a GET with a stream that says one thing and is silent then.
pub fn hushed() -> Origin {
    Origin::talking(None, |mut conn| {
        let Some(head) = conn.head()? else {
            return Ok(());
        };
        conn.body(&head)?;
        conn.send(EVENTS)?;
        conn.send("5\r\n: 0\n\n\r\n")?;
        let _ = conn.wire.read_to_end(&mut Vec::new());
        Ok(())
    })
}

const EVENTS: &str =
    "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n";

/// An event stream of a connection.
pub struct Listener(Caller);

impl Listener {
    /// Opens it and hears its first event.
    pub fn open(address: SocketAddr, connection: &str) -> Listener {
        let token = token(AGENT);
        let mut caller = Caller::plain(address);
        caller.send(format!(
            "GET /{connection} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {token}\r\n\
             Accept: text/event-stream\r\nMCP-Protocol-Version: 2025-11-25\r\n\r\n"
        ));
        let mut head = String::new();
        while !head.ends_with("\r\n\r\n") {
            assert!(caller.wire.read_line(&mut head).unwrap() > 0, "{head}");
        }
        assert!(head.starts_with("HTTP/1.1 200"), "{head}");
        let mut listener = Listener(caller);
        assert_eq!(listener.hear().as_deref(), Some(": 0\n\n"));
        listener
    }

    /// The next chunk; `None` once the stream is cut.
    pub fn hear(&mut self) -> Option<String> {
        let mut line = String::new();
        match self.0.wire.read_line(&mut line) {
            Ok(0) | Err(_) => return None,
            Ok(_) => {}
        }
        let size = usize::from_str_radix(line.trim(), 16).unwrap();
        let mut bytes = vec![0; size + 2];
        self.0.wire.read_exact(&mut bytes).ok()?;
        bytes.truncate(size);
        Some(String::from_utf8(bytes).unwrap())
    }

    /// Hears `count` events, none of them lost.
    pub fn hears_on(&mut self, count: usize) {
        let number = |event: &str| event[2..].trim().parse::<usize>().unwrap();
        let first = number(&self.hear().expect("it goes on"));
        for next in first + 1..=first + count {
            assert_eq!(self.hear().map(|event| number(&event)), Some(next));
        }
    }

    /// How long it takes until the stream is cut.
    pub fn is_cut_after(&mut self) -> Duration {
        let begun = Instant::now();
        while self.hear().is_some() {
            assert!(begun.elapsed() < Duration::from_secs(15), "it is never cut");
        }
        begun.elapsed()
    }
}
