//! A gateway before one MCP server, and two callers of it.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::LazyLock;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use serde_json::{Value, json};
use sluice::cli::serve::Gateway;
use sluice::control::config;

use super::caller::{Caller, Reply};
use super::holder::Holder;
use super::issuer::{LocalIssuer, TENANT};
use super::origin::{Origin, Request, reply};

static RUNTIME: LazyLock<tokio::runtime::Runtime> =
    LazyLock::new(|| tokio::runtime::Runtime::new().unwrap());
static ISSUER: LazyLock<LocalIssuer> = LazyLock::new(|| RUNTIME.block_on(LocalIssuer::start()));

/// An agent that policies name.
pub const AGENT: &str = "0b1c0000-0000-0000-0000-00000000000a";
/// Another, with the same rights.
pub const OTHER: &str = "0b1c0000-0000-0000-0000-00000000000b";
/// One that no policy names.
pub const STRANGER: &str = "0b1c0000-0000-0000-0000-00000000000c";

/// A token of that application.
pub fn token(client: &str) -> String {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    // Each application is its own object.
    ISSUER.token_of("first", now.as_secs(), client, client)
}

/// The same, that holder's alone.
pub fn bound_token(client: &str, holder: &Holder) -> String {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    ISSUER.bound_token("first", now.as_secs(), client, &holder.cnf())
}

/// What a scene is made of.
pub struct Plan {
    /// Further lines of the connection, each with its comma.
    pub connection: &'static str,
    /// The rules of both agents.
    pub rules: &'static str,
    /// Further sections.
    pub more: String,
    /// Where the data is; a directory of the scene's own without one.
    pub data: Option<PathBuf>,
    /// How many cores serve.
    pub workers: usize,
}

impl Default for Plan {
    fn default() -> Plan {
        Plan {
            connection: "",
            rules: "
      - allow: tools/call search_*
      - allow: prompts/get *
      - allow: resources/read file:///docs/*
      - deny: tools/call delete_*",
            more: String::new(),
            data: None,
            workers: 1,
        }
    }
}

impl Plan {
    /// A gateway before `upstream`, whose connection `tickets` is at `/mcp/tickets`.
    pub fn start(self, upstream: &Origin) -> Scene {
        start(&self.yaml(&format!("{}/mcp", upstream.url())))
    }

    fn yaml(&self, upstream: &str) -> String {
        let Plan {
            connection,
            rules,
            more,
            data,
            workers,
        } = self;
        let data = data
            .as_ref()
            .map_or("data".into(), |path| path.display().to_string());
        let before = prelude(&data).replace("workers: 1", &format!("workers: {workers}"));
        format!(
            "{before}connections:
  tickets: {{ protocol: mcp, upstream: \"{upstream}\", record: buffered, {connection} }}
routes: [{{ path: /mcp/tickets/**, connection: tickets }}]
policies:
  - name: agents
    connection: tickets
    who: {{ issuer: local, clients: [{AGENT}, {OTHER}] }}
    rules:{rules}
{more}"
        )
    }
}

/// What every configuration begins with; the data is in the directory `data`.
pub fn prelude(data: &str) -> String {
    let authority = ISSUER.url();
    format!(
        "listeners: [{{ bind: 127.0.0.1:0 }}]
admin: {{ bind: 127.0.0.1:0 }}
data: {data}
workers: 1
access_log: file:access.log
limits: {{ drain_time: 1s, segment_bytes: 1MiB, reserve_bytes: 1 }}
issuers:
  local:
    {{ kind: entra, tenant: {TENANT}, authority: \"{authority}\", ca_file: issuer.pem, audiences: [us] }}
"
    )
}

/// A directory with that configuration, and what it needs beside it.
pub fn place(yaml: &str) -> tempfile::TempDir {
    let directory = tempfile::Builder::new()
        .prefix("sluice-mcp-")
        .tempdir_in("/dev/shm")
        .or_else(|_| tempfile::tempdir())
        .unwrap();
    std::fs::write(directory.path().join("issuer.pem"), &ISSUER.ca).unwrap();
    std::fs::write(directory.path().join("sluice.yaml"), yaml).unwrap();
    directory
}

/// A gateway with that configuration.
pub fn start(yaml: &str) -> Scene {
    let directory = place(yaml);
    let config = config::load(&directory.path().join("sluice.yaml"));
    let config = config.unwrap_or_else(|why| panic!("{why}"));
    let gateway = Gateway::start(&config).unwrap_or_else(|why| panic!("{why}"));
    let scene = Scene {
        address: gateway.addresses()[0],
        admin: gateway.admin_address(),
        gateway: Some(gateway),
        directory,
    };
    scene.await_ready();
    scene
}

/// A running gateway.
pub struct Scene {
    gateway: Option<Gateway>,
    /// Where callers connect.
    pub address: SocketAddr,
    admin: SocketAddr,
    /// What is deleted in the end.
    pub directory: tempfile::TempDir,
}

impl Scene {
    /// What the operator's listener says.
    pub fn admin(&self, path: &str) -> Reply {
        let request = format!("GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n");
        Caller::plain(self.admin).ask(request)
    }

    fn await_ready(&self) {
        let until = Instant::now() + Duration::from_secs(20);
        loop {
            let reply = self.admin("/readyz");
            if reply.status == 200 {
                return;
            }
            assert!(Instant::now() < until, "never ready: {}", reply.text());
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// Lines of the access log, once there are so many.
    pub fn access_log(&self, count: usize) -> Vec<Value> {
        let until = Instant::now() + Duration::from_secs(10);
        loop {
            let text = std::fs::read_to_string(self.directory.path().join("access.log"));
            let lines: Vec<Value> = (text.unwrap_or_default().lines())
                .filter_map(|line| serde_json::from_str(line).ok())
                .collect();
            if lines.len() >= count {
                return lines;
            }
            assert!(Instant::now() < until, "{count} lines in {lines:?}");
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// An agent with a connection of its own.
    pub fn agent(&self, client: &str) -> Agent {
        Agent {
            caller: Caller::plain(self.address),
            path: "/mcp/tickets",
            token: token(client),
            holder: None,
            version: "2025-11-25",
            session: None,
            fields: String::new(),
        }
    }

    /// What the operator is told of the gateway's counts.
    pub fn metrics(&self) -> String {
        let request = "GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n";
        Caller::plain(self.admin).ask(request).text().to_owned()
    }

    /// Ends the gateway in order.
    pub fn stop(self) {
        drop(self.stop_and_keep());
    }

    /// The same, and leaves what it wrote as long as what this gives is kept.
    pub fn stop_and_keep(mut self) -> tempfile::TempDir {
        if let Some(gateway) = self.gateway.take() {
            gateway.stop().unwrap_or_else(|why| panic!("{why}"));
        }
        std::mem::replace(&mut self.directory, tempfile::tempdir().unwrap())
    }
}

impl Drop for Scene {
    fn drop(&mut self) {
        if let Some(gateway) = self.gateway.take() {
            let _ = gateway.stop();
        }
    }
}

/// A caller that speaks MCP.
pub struct Agent {
    pub caller: Caller,
    /// Where the connection is.
    pub path: &'static str,
    pub token: String,
    /// Who proves to hold it, if anybody has to.
    pub holder: Option<Holder>,
    pub version: &'static str,
    pub session: Option<String>,
    /// Further fields, each with its line end.
    pub fields: String,
}

impl Agent {
    /// The head of a request, without its end.
    pub fn head(&self, method: &str) -> String {
        let Agent {
            path,
            token,
            holder,
            version,
            session,
            fields,
            ..
        } = self;
        let shown = match holder {
            None => format!("Bearer {token}"),
            Some(holder) => {
                let url = format!("http://localhost{path}");
                let proof = holder.proof(token, (method, &url), None);
                format!("DPoP {token}\r\nDPoP: {proof}")
            }
        };
        let session = session
            .as_ref()
            .map_or(String::new(), |id| format!("Mcp-Session-Id: {id}\r\n"));
        format!(
            "{method} {path} HTTP/1.1\r\nHost: localhost\r\nAuthorization: {shown}\r\n\
             Accept: application/json, text/event-stream\r\nMCP-Protocol-Version: {version}\r\n{session}{fields}"
        )
    }

    /// Posts a body as it is.
    pub fn post(&mut self, body: &str) -> Reply {
        let request = self.posting(body);
        self.caller.ask(request)
    }

    /// The bytes of a POST.
    pub fn posting(&self, body: &str) -> String {
        let head = self.head("POST");
        let length = body.len();
        format!("{head}Content-Type: application/json\r\nContent-Length: {length}\r\n\r\n{body}")
    }

    /// Asks, and gets the JSON that comes back.
    pub fn ask(&mut self, method: &str, params: Value) -> Value {
        let body = json!({"jsonrpc": "2.0", "id": 1, "method": method, "params": params});
        let reply = self.post(&body.to_string());
        assert_eq!(reply.status, 200, "{method}: {}", reply.text());
        answer(&reply)
    }

    /// Opens a session.
    pub fn initialize(&mut self) -> Value {
        let params = json!({
            "protocolVersion": self.version,
            "capabilities": {},
            "clientInfo": {"name": "test", "version": "1"},
        });
        let body = json!({"jsonrpc": "2.0", "id": 0, "method": "initialize", "params": params});
        let reply = self.post(&body.to_string());
        assert_eq!(reply.status, 200, "{}", reply.text());
        self.session = reply.field("mcp-session-id").map(str::to_owned);
        answer(&reply)
    }
}

/// The answer to the one request, which is a stream's last event.
pub fn answer(reply: &Reply) -> Value {
    let text = match reply.field("content-type") {
        Some("text/event-stream") => reply.text().trim_end().rsplit("data: ").next().unwrap(),
        _ => reply.text(),
    };
    serde_json::from_str(text).unwrap_or_else(|why| panic!("{why}: {}", reply.text()))
}

/// The JSON that an upstream was asked with.
pub fn asked(request: &Request) -> Value {
    serde_json::from_slice(&request.body).unwrap_or(Value::Null)
}

/// A server that answers each method with `answer`'s result, and opens a session that it calls
/// `upstream-1` when it is initialized.
pub fn server(answer: impl Fn(&Value) -> Value + Send + Sync + 'static) -> Origin {
    Origin::answering(move |request| {
        let asked = asked(request);
        let session = match asked["method"].as_str() {
            Some("initialize") => "Mcp-Session-Id: upstream-1\r\n",
            _ => "",
        };
        if asked["id"].is_null() {
            return b"HTTP/1.1 202 Accepted\r\nContent-Length: 0\r\n\r\n".to_vec();
        }
        let result = answer(&asked);
        let body = json!({"jsonrpc": "2.0", "id": asked["id"], "result": result}).to_string();
        let head = format!(
            "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n{session}Content-Length: {}\r\n\r\n",
            body.len()
        );
        [head.as_bytes(), body.as_bytes()].concat()
    })
}

/// One that answers everything with an empty result.
pub fn silent() -> Origin {
    server(|_| json!({}))
}

/// A reply with these bytes of JSON.
pub fn json_reply(body: &str) -> Vec<u8> {
    let whole = reply("200 OK", body);
    let text = String::from_utf8(whole).unwrap();
    match text.contains("Content-Type") {
        true => text.replace("text/plain", "application/json").into_bytes(),
        false => text
            .replacen("\r\n", "\r\nContent-Type: application/json\r\n", 1)
            .into_bytes(),
    }
}
