//! Callers: a union behind its host, and what a worker would send it.

use std::sync::Arc;
use std::time::Duration;

use reqwest::{Client, Method, Response};
use serde_json::{Value, json};
use sluice::base::secret::Secret;
use sluice::servers::{Host, Inner, Plan, Union};

use crate::member::{INNER_SECRET, MODERN, Member, serve};

pub struct Rig {
    pub host: Host,
    pub members: Vec<Arc<Member>>,
    inner: std::net::SocketAddr,
    http: Client,
}

/// A union of these members.
pub async fn rig(members: Vec<Arc<Member>>) -> Rig {
    let inner = serve(&members).await;
    let names: Vec<&str> = members.iter().map(|member| &*member.name).collect();
    let plan = plan(inner, &names);
    let host = tokio::task::spawn_blocking(|| Host::start(plan).unwrap())
        .await
        .unwrap();
    let tls = rustls::ClientConfig::builder_with_provider(Arc::new(
        rustls::crypto::ring::default_provider(),
    ))
    .with_safe_default_protocol_versions()
    .unwrap()
    .with_root_certificates(rustls::RootCertStore::empty())
    .with_no_client_auth();
    let http = Client::builder()
        .tls_backend_preconfigured(tls)
        .no_proxy()
        .build()
        .unwrap();
    Rig {
        host,
        members,
        inner,
        http,
    }
}

fn plan(inner: std::net::SocketAddr, members: &[&str]) -> Plan {
    Plan {
        unions: vec![Union {
            name: "all".to_owned(),
            members: members.iter().map(|name| (*name).to_owned()).collect(),
        }],
        inner: Some(Inner {
            address: inner,
            secret: Secret::new(INNER_SECRET.as_bytes().to_vec()),
        }),
        ..Plan::default()
    }
}

impl Rig {
    /// Reloads: these are the members now.
    pub fn set(&self, members: &[&str]) {
        self.host.set(plan(self.inner, members));
    }

    pub fn caller(&self, who: &str) -> Caller {
        let digest: String = who
            .bytes()
            .cycle()
            .take(32)
            .map(|byte| format!("{byte:02x}"))
            .collect();
        Caller {
            http: self.http.clone(),
            url: format!("http://{}/union/all", self.host.address()),
            secret: String::from_utf8(self.host.secret().expose().to_vec()).unwrap(),
            principal: digest,
            bearer: format!("Bearer token-of-{who}"),
            session: None,
            revision: "2025-11-25",
            capabilities: json!({ "sampling": {}, "elicitation": {} }),
        }
    }

    /// A caller with a session.
    pub async fn legacy(&self, who: &str) -> Caller {
        let mut caller = self.caller(who);
        caller.initialize("2025-11-25").await;
        caller
    }

    /// A caller without.
    pub fn modern(&self, who: &str) -> Caller {
        let mut caller = self.caller(who);
        caller.revision = MODERN;
        caller
    }
}

#[derive(Clone)]
pub struct Caller {
    http: Client,
    url: String,
    secret: String,
    pub principal: String,
    pub bearer: String,
    pub session: Option<String>,
    pub revision: &'static str,
    pub capabilities: Value,
}

impl Caller {
    pub async fn initialize(&mut self, asked: &'static str) -> Value {
        let params = json!({
            "protocolVersion": asked, "capabilities": self.capabilities,
            "clientInfo": { "name": "test", "version": "1" },
        });
        let response = self.post(&request(0, "initialize", params)).await;
        assert_eq!(response.status(), 200);
        let session = response.headers()["mcp-session-id"].to_str().unwrap();
        self.session = Some(session.to_owned());
        self.revision = asked;
        let answer = json_of(response).await;
        let done = self
            .post(r#"{"jsonrpc":"2.0","method":"notifications/initialized"}"#)
            .await;
        assert_eq!(done.status(), 202);
        answer["result"].clone()
    }

    fn request(&self, verb: Method) -> reqwest::RequestBuilder {
        let mut request = self
            .http
            .request(verb, &self.url)
            .header("sluice-inner", &self.secret)
            .header("sluice-principal", &self.principal)
            .header("sluice-caller", &self.bearer)
            .header("accept", "application/json, text/event-stream")
            .header("content-type", "application/json");
        if self.session.is_some() || self.revision == MODERN {
            request = request.header("mcp-protocol-version", self.revision);
        }
        if let Some(session) = &self.session {
            request = request.header("mcp-session-id", session);
        }
        request
    }

    pub async fn post(&self, text: &str) -> Response {
        self.request(Method::POST)
            .body(text.to_owned())
            .send()
            .await
            .unwrap()
    }

    pub async fn post_with(&self, text: &str, header: (&str, &str)) -> Response {
        let request = self.request(Method::POST).header(header.0, header.1);
        request.body(text.to_owned()).send().await.unwrap()
    }

    pub async fn get(&self, after: Option<&str>) -> Response {
        let mut request = self.request(Method::GET);
        if let Some(after) = after {
            request = request.header("last-event-id", after);
        }
        request.send().await.unwrap()
    }

    pub async fn delete(&self) -> Response {
        self.request(Method::DELETE).send().await.unwrap()
    }

    /// The text of a request, with what this caller's era wants in it.
    pub fn text(&self, id: u64, method: &str, mut params: Value) -> String {
        if self.revision == MODERN {
            params["_meta"]["io.modelcontextprotocol/protocolVersion"] = MODERN.into();
            params["_meta"]["io.modelcontextprotocol/clientInfo"] =
                json!({ "name": "test", "version": "1" });
            params["_meta"]["io.modelcontextprotocol/clientCapabilities"] =
                self.capabilities.clone();
        }
        request(id, method, params)
    }

    /// Asks, and waits for the whole answer.
    pub async fn ask(&self, id: u64, method: &str, params: Value) -> Value {
        let response = self.post(&self.text(id, method, params)).await;
        answer_of(response, id).await
    }

    pub async fn call(&self, id: u64, tool: &str, arguments: Value) -> Value {
        self.ask(
            id,
            "tools/call",
            json!({ "name": tool, "arguments": arguments }),
        )
        .await
    }
}

fn request(id: u64, method: &str, params: Value) -> String {
    format!(r#"{{"jsonrpc":"2.0","id":{id},"method":"{method}","params":{params}}}"#)
}

pub async fn json_of(response: Response) -> Value {
    let text = response.text().await.unwrap();
    serde_json::from_str(&text).unwrap_or_else(|_| panic!("no JSON: {text}"))
}

/// The answer to `id`, out of either form of response.
pub async fn answer_of(response: Response, id: u64) -> Value {
    if response.headers()["content-type"] == "application/json" {
        let answer = json_of(response).await;
        assert_eq!(answer["id"], id, "{answer}");
        return answer;
    }
    let mut events = Events::of(response);
    loop {
        let event = events.next().await;
        if event.message["id"] == id && event.message.get("method").is_none() {
            return event.message;
        }
    }
}

/// The events of a response, one at a time.
pub struct Events {
    response: Response,
    text: String,
}

#[derive(Debug, Clone)]
pub struct Event {
    pub id: Option<String>,
    pub data: String,
    pub message: Value,
}

impl Events {
    pub fn of(response: Response) -> Events {
        assert_eq!(response.headers()["content-type"], "text/event-stream");
        Events {
            response,
            text: String::new(),
        }
    }

    /// The next event that has data.
    pub async fn next(&mut self) -> Event {
        self.maybe().await.expect("the stream has ended")
    }

    /// The same; nothing at the end.
    pub async fn maybe(&mut self) -> Option<Event> {
        loop {
            let event = self.any().await?;
            if !event.data.is_empty() {
                return Some(event);
            }
        }
    }

    /// The next event, primers and all.
    pub async fn any(&mut self) -> Option<Event> {
        let wait = Duration::from_secs(15);
        tokio::time::timeout(wait, self.read())
            .await
            .expect("no event in time")
    }

    /// True when nothing comes for a moment.
    pub async fn is_silent(&mut self) -> bool {
        tokio::time::timeout(Duration::from_millis(150), self.read())
            .await
            .is_err()
    }

    async fn read(&mut self) -> Option<Event> {
        loop {
            if let Some((event, rest)) = self.text.split_once("\n\n") {
                let field = |name: &str| {
                    event
                        .lines()
                        .find_map(|line| line.strip_prefix(name))
                        .map(str::to_owned)
                };
                let (id, data) = (field("id: "), field("data: ").unwrap_or_default());
                let is_comment = event.starts_with(':');
                self.text = rest.to_owned();
                if is_comment {
                    continue;
                }
                let message = serde_json::from_str(&data).unwrap_or(Value::Null);
                return Some(Event { id, data, message });
            }
            let piece = self.response.chunk().await.ok()??;
            self.text.push_str(std::str::from_utf8(&piece).unwrap());
        }
    }
}

/// What the `echo` tool says.
pub fn echo(answer: &Value) -> Value {
    let text = answer["result"]["content"][0]["text"].as_str();
    serde_json::from_str(text.unwrap_or_else(|| panic!("{answer}"))).unwrap()
}
