//! A gateway before a directory, and a reader of it.

use super::caller::{Caller, Reply};
use super::origin::{Origin, Request};
use super::scene::{AGENT, OTHER, Scene, prelude, start, token};

/// What a scene is made of.
pub struct Plan {
    /// `graph` or `http`.
    pub protocol: &'static str,
    /// Further keys of the connection, each with its comma.
    pub connection: &'static str,
    /// The rules of both agents, one a line.
    pub rules: &'static str,
    /// Further sections.
    pub more: &'static str,
}

impl Default for Plan {
    fn default() -> Plan {
        Plan {
            protocol: "graph",
            connection: "",
            rules: "- allow: GET /v1.0/users/*",
            more: "",
        }
    }
}

/// A profile that hides addresses.
pub const MASKS: &str = "masks: { people: { fields: [mail] } }\n";

impl Plan {
    /// A gateway before `upstream`, at `/graph`.
    pub fn start(self, upstream: &Origin) -> Scene {
        let Plan {
            protocol,
            connection,
            rules,
            more,
        } = self;
        let (before, url) = (prelude("data"), upstream.url());
        let rules = rules.trim().replace('\n', "\n      ");
        start(&format!(
            "{before}connections:
  directory: {{ protocol: {protocol}, upstream: \"{url}\", record: buffered, {connection} }}
routes: [{{ path: /graph/**, connection: directory }}]
policies:
  - name: readers
    connection: directory
    who: {{ issuer: local, clients: [{AGENT}, {OTHER}] }}
    rules:
      {rules}
{more}"
        ))
    }
}

/// A directory that answers everything with what it was asked for.
pub fn echo() -> Origin {
    Origin::answering(|request| {
        let body = serde_json::json!({ "asked": request.target(), "mail": "bob@x.example" });
        json(&body.to_string())
    })
}

/// A reply of JSON.
pub fn json(body: &str) -> Vec<u8> {
    let length = body.len();
    format!(
        "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {length}\r\n\r\n{body}"
    )
    .into_bytes()
}

/// Asks without a body.
pub fn ask(scene: &Scene, method: &str, target: &str) -> Reply {
    send(scene, method, target, "", "")
}

/// Asks with a body of JSON; `fields` are further fields, each with its line end.
pub fn send(scene: &Scene, method: &str, target: &str, fields: &str, body: &str) -> Reply {
    Caller::plain(scene.address).ask(request(AGENT, method, target, fields, body))
}

/// The bytes of a request by `client`.
pub fn request(client: &str, method: &str, target: &str, fields: &str, body: &str) -> String {
    let token = token(client);
    let framed = match body {
        "" => String::new(),
        body => format!(
            "Content-Type: application/json\r\nContent-Length: {}\r\n",
            body.len()
        ),
    };
    format!(
        "{method} /graph{target} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {token}\r\n\
         {framed}{fields}\r\n{body}"
    )
}

/// What the directory was asked for last.
pub fn last(origin: &Origin) -> Request {
    origin.requests().pop().expect("a request")
}
