//! Scripted MCP servers behind one listener, as the gateway's inner listener shows them.

use std::collections::HashMap;
use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::body::{Body, Bytes, to_bytes};
use axum::extract::{Path, State};
use axum::http::{HeaderMap, Method, Request, StatusCode};
use axum::response::Response;
use axum::routing::any;
use serde_json::{Value, json};
use tokio::sync::{mpsc, oneshot};

pub const INNER_SECRET: &str = "inner-secret";
pub const MODERN: &str = "2026-07-28";

/// What a member speaks.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Era {
    Legacy(&'static str),
    Modern,
}

/// One request that a member saw.
#[derive(Clone, Debug)]
pub struct Seen {
    pub verb: Method,
    pub headers: HeaderMap,
    pub text: String,
    pub body: Value,
}

pub struct Member {
    pub name: String,
    pub era: Era,
    pub seen: Mutex<Vec<Seen>>,
    /// Pages of tools, each item as it is written.
    pub tools: Mutex<Vec<Vec<String>>>,
    pub resources: Mutex<Vec<String>>,
    /// Waits before it answers anything.
    pub slow: Mutex<Duration>,
    pub down: AtomicBool,
    pub forgets: AtomicBool,
    pub cancelled: AtomicBool,
    /// What it says besides its lists at `tools/list`, for liars.
    pub lies: Mutex<Option<&'static str>>,
    standing: Mutex<Vec<mpsc::UnboundedSender<String>>>,
    waiting: Mutex<HashMap<String, oneshot::Sender<Value>>>,
    sessions: AtomicU64,
}

impl Member {
    pub fn new(name: &str, era: Era) -> Arc<Member> {
        let tools = [
            "echo", "progress", "ask", "hang", "raw", "broken", "link", "task", "lie",
        ];
        let tools =
            tools.map(|tool| format!(r#"{{"name":"{tool}","inputSchema":{{"type":"object"}}}}"#));
        let mut tools = tools.to_vec();
        tools[0] = r#"{"name":"echo","inputSchema":{"type":"object","properties":{"region":{"type":"string","x-mcp-header":"Region"}}}}"#.to_owned();
        Arc::new(Member {
            name: name.to_owned(),
            era,
            seen: Mutex::default(),
            tools: Mutex::new(vec![tools]),
            resources: Mutex::new(vec![
                format!(r#"{{"uri":"{name}:///one","name":"one"}}"#),
                r#"{"uri":"file:///same","name":"same"}"#.to_owned(),
            ]),
            slow: Mutex::default(),
            down: AtomicBool::new(false),
            forgets: AtomicBool::new(false),
            cancelled: AtomicBool::new(false),
            lies: Mutex::default(),
            standing: Mutex::default(),
            waiting: Mutex::default(),
            sessions: AtomicU64::new(1),
        })
    }

    /// Requests of that method, in order.
    pub fn seen(&self, method: &str) -> Vec<Seen> {
        let seen = self.seen.lock().unwrap();
        seen.iter()
            .filter(|each| each.body["method"] == method)
            .cloned()
            .collect()
    }

    /// Waits until `done`.
    pub async fn until(&self, what: &str, done: impl Fn(&Member) -> bool) {
        for _ in 0..500 {
            if done(self) {
                return;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        panic!("{}: never {what}", self.name);
    }

    /// Says something on every standing stream; how many there were.
    pub fn say(&self, text: &str) -> usize {
        let mut standing = self.standing.lock().unwrap();
        standing.retain(|to| to.send(text.to_owned()).is_ok());
        standing.len()
    }

    pub fn listeners(&self) -> usize {
        let mut standing = self.standing.lock().unwrap();
        standing.retain(|to| !to.is_closed());
        standing.len()
    }
}

/// Serves the members at `/{name}`.
pub async fn serve(members: &[Arc<Member>]) -> SocketAddr {
    let members: HashMap<String, Arc<Member>> = members
        .iter()
        .map(|member| (member.name.clone(), member.clone()))
        .collect();
    let router = Router::new()
        .route("/{member}", any(answer))
        .with_state(Arc::new(members));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
    address
}

type Members = Arc<HashMap<String, Arc<Member>>>;

async fn answer(
    State(members): State<Members>,
    Path(name): Path<String>,
    request: Request<Body>,
) -> Response {
    let (head, body) = request.into_parts();
    if head
        .headers
        .get("sluice-inner")
        .is_none_or(|secret| secret != INNER_SECRET)
    {
        return status(403);
    }
    assert!(
        head.headers.get("sluice-caller").is_none()
            && head.headers.get("sluice-principal").is_none()
    );
    let member = members[&name].clone();
    let bearer = head.headers["authorization"].to_str().unwrap().to_owned();
    if bearer.contains(&format!("not-{name}")) {
        return status(403);
    }
    if member.down.load(Ordering::Relaxed) {
        return status(502);
    }
    let body = to_bytes(body, 1 << 24).await.unwrap();
    let seen = Seen {
        verb: head.method.clone(),
        headers: head.headers,
        text: String::from_utf8(body.to_vec()).unwrap(),
        body: serde_json::from_slice(&body).unwrap_or(Value::Null),
    };
    member.seen.lock().unwrap().push(seen.clone());
    let slow = *member.slow.lock().unwrap();
    tokio::time::sleep(slow).await;
    match (member.era, head.method) {
        (Era::Legacy(_), Method::GET) => get(&member, &seen),
        (_, Method::POST) => post(member, seen, bearer).await,
        (Era::Legacy(_), Method::DELETE) => status(200),
        _ => status(405),
    }
}

fn status(code: u16) -> Response {
    let mut response = Response::default();
    *response.status_mut() = StatusCode::from_u16(code).unwrap();
    response
}

pub fn json_text(code: u16, text: String) -> Response {
    let mut response = Response::new(Body::from(text));
    *response.status_mut() = StatusCode::from_u16(code).unwrap();
    response
        .headers_mut()
        .insert("content-type", "application/json".parse().unwrap());
    response
}

fn stream(events: mpsc::UnboundedReceiver<String>) -> Response {
    let body = futures_util::stream::unfold(events, |mut events| async {
        let text = events.recv().await?;
        Some((Ok::<_, Infallible>(Bytes::from(text)), events))
    });
    let mut response = Response::new(Body::from_stream(body));
    response
        .headers_mut()
        .insert("content-type", "text/event-stream".parse().unwrap());
    response
}

fn event(text: &str) -> String {
    format!("event: message\ndata: {text}\n\n")
}

fn get(member: &Arc<Member>, seen: &Seen) -> Response {
    let (to, events) = mpsc::unbounded_channel();
    if let Some(after) = seen.headers.get("last-event-id") {
        // The answer to a call whose stream broke.
        if let Some(id) = after.to_str().unwrap().strip_prefix("call-") {
            let text = format!(
                r#"{{"jsonrpc":"2.0","id":{id},"result":{{"content":[],"resumed":true}}}}"#
            );
            to.send(event(&text)).unwrap();
            return stream(events);
        }
    }
    to.send(": hello\n\n".to_owned()).unwrap();
    let (plain, mut texts) = mpsc::unbounded_channel::<String>();
    member.standing.lock().unwrap().push(plain);
    tokio::spawn(async move {
        forward(&mut texts, &to, event).await;
    });
    stream(events)
}

async fn post(member: Arc<Member>, seen: Seen, bearer: String) -> Response {
    let body = &seen.body;
    let Some(method) = body["method"].as_str() else {
        // An answer to a question of ours.
        let waiting = member
            .waiting
            .lock()
            .unwrap()
            .remove(&body["id"].to_string());
        if let Some(waiting) = waiting {
            let _ = waiting.send(body.clone());
        }
        return status(202);
    };
    let modern = seen
        .headers
        .get("mcp-protocol-version")
        .is_some_and(|v| v == MODERN);
    if modern != (member.era == Era::Modern)
        && !(method == "initialize" && !modern && member.era != Era::Modern)
    {
        let text = format!(
            r#"{{"jsonrpc":"2.0","id":{},"error":{{"code":-32022,"message":"unsupported","data":{{"supported":[]}}}}}}"#,
            body["id"]
        );
        return json_text(400, text);
    }
    if modern {
        let meta = &body["params"]["_meta"];
        assert_eq!(
            meta["io.modelcontextprotocol/protocolVersion"], MODERN,
            "{}",
            seen.text
        );
        assert!(
            meta["io.modelcontextprotocol/clientCapabilities"].is_object(),
            "{}",
            seen.text
        );
        assert_eq!(seen.headers["mcp-method"], method);
    } else {
        assert!(
            !seen
                .text
                .contains("io.modelcontextprotocol/protocolVersion"),
            "{}",
            seen.text
        );
        let session = seen.headers.get("mcp-session-id");
        assert!(
            method == "initialize" || session.is_some(),
            "{method} without a session"
        );
        if method != "initialize" && member.forgets.swap(false, Ordering::Relaxed) {
            return status(404);
        }
    }
    if body.get("id").is_none() {
        if method == "notifications/cancelled" {
            member.cancelled.store(true, Ordering::Relaxed);
        }
        return status(202);
    }
    reply(member.clone(), seen.clone(), method.to_owned(), bearer).await
}

async fn reply(member: Arc<Member>, seen: Seen, method: String, bearer: String) -> Response {
    let (id, name) = (seen.body["id"].to_string(), member.name.clone());
    let capabilities = json!({
        "tools": {}, "prompts": {}, "completions": {}, "resources": { "subscribe": true }, "logging": {},
        "tasks": { "list": {} },
    });
    let result = match (&*method, member.era) {
        ("initialize", Era::Legacy(version)) => {
            let result = json!({
                "protocolVersion": version, "capabilities": capabilities,
                "serverInfo": { "name": name, "version": "1" }, "instructions": format!("use {name}"),
            });
            let number = member.sessions.fetch_add(1, Ordering::Relaxed);
            let mut response = json_text(200, result_text(&id, &result.to_string()));
            let session = format!("{name}-{number}").parse().unwrap();
            response.headers_mut().insert("mcp-session-id", session);
            return response;
        }
        ("server/discover", _) => json!({
            "resultType": "complete", "supportedVersions": [MODERN], "capabilities": capabilities,
            "ttlMs": 0, "cacheScope": "private",
        }),
        ("tools/list", _) => return tools(&member, &seen, &id),
        ("prompts/list", _) => json!({ "prompts": [{ "name": "greet" }] }),
        ("resources/list", _) => {
            let list = member.resources.lock().unwrap().join(",");
            return json_text(
                200,
                result_text(&id, &format!(r#"{{"resources":[{list}]}}"#)),
            );
        }
        ("resources/templates/list", _) => {
            json!({ "resourceTemplates": [{ "uriTemplate": format!("{name}:///item/{{id}}"), "name": "t" }] })
        }
        ("tasks/list", _) => json!({ "tasks": [{ "taskId": "t1", "status": "working" }] }),
        ("tasks/get", _) => json!({ "taskId": seen.body["params"]["taskId"], "status": "working" }),
        ("prompts/get", _) => {
            json!({ "messages": [], "description": format!("{name}:{}", seen.body["params"]["name"]) })
        }
        ("resources/read", _) => {
            json!({ "contents": [{ "uri": seen.body["params"]["uri"], "text": name }] })
        }
        ("completion/complete", _) => {
            json!({ "completion": { "values": [name, seen.body["params"]["ref"]] } })
        }
        ("subscriptions/listen", Era::Modern) => return listen(&member, &seen, &id),
        ("tools/call", _) => return crate::tools::call(member, seen, id, bearer).await,
        (
            "resources/subscribe" | "resources/unsubscribe" | "logging/setLevel" | "ping",
            Era::Legacy(_),
        ) => json!({}),
        _ => {
            let code = if member.era == Era::Modern { 404 } else { 200 };
            let text = format!(
                r#"{{"jsonrpc":"2.0","id":{id},"error":{{"code":-32601,"message":"no"}}}}"#
            );
            return json_text(code, text);
        }
    };
    json_text(200, result_text(&id, &result.to_string()))
}

pub fn result_text(id: &str, result: &str) -> String {
    format!(r#"{{"jsonrpc":"2.0","id":{id},"result":{result}}}"#)
}

fn tools(member: &Member, seen: &Seen, id: &str) -> Response {
    if let Some(lie) = *member.lies.lock().unwrap() {
        return json_text(200, lie.replace("ID", id));
    }
    let pages = member.tools.lock().unwrap().clone();
    let page: usize = seen.body["params"]["cursor"]
        .as_str()
        .map_or(0, |page| page.parse().unwrap());
    let next = if page + 1 < pages.len() {
        format!(r#","nextCursor":"{}""#, page + 1)
    } else {
        String::new()
    };
    json_text(
        200,
        result_text(
            id,
            &format!(r#"{{"tools":[{}]{next}}}"#, pages[page].join(",")),
        ),
    )
}

fn listen(member: &Arc<Member>, seen: &Seen, id: &str) -> Response {
    let (to, events) = mpsc::unbounded_channel();
    let filter = &seen.body["params"]["notifications"];
    let ack = format!(
        r#"{{"jsonrpc":"2.0","method":"notifications/subscriptions/acknowledged","params":{{"_meta":{{"io.modelcontextprotocol/subscriptionId":{id}}},"notifications":{filter}}}}}"#
    );
    to.send(event(&ack)).unwrap();
    let (plain, mut texts) = mpsc::unbounded_channel::<String>();
    member.standing.lock().unwrap().push(plain);
    let id = id.to_owned();
    tokio::spawn(async move {
        forward(&mut texts, &to, |text| {
            event(&text.replace("SUBSCRIPTION", &id))
        })
        .await;
    });
    stream(events)
}

/// Sends on what comes, until nobody listens.
async fn forward(
    from: &mut mpsc::UnboundedReceiver<String>,
    to: &mpsc::UnboundedSender<String>,
    make: impl Fn(&str) -> String,
) {
    loop {
        tokio::select! {
            Some(text) = from.recv() => drop(to.send(make(&text))),
            () = to.closed() => return,
        }
    }
}

/// The streams and questions that tools need.
pub struct Talk {
    pub to: mpsc::UnboundedSender<String>,
    member: Arc<Member>,
}

impl Talk {
    pub fn begin(member: Arc<Member>) -> (Talk, Response) {
        let (to, events) = mpsc::unbounded_channel();
        (Talk { to, member }, stream(events))
    }

    pub fn say(&self, text: &str) -> bool {
        self.to.send(event(text)).is_ok()
    }

    /// Asks the client something under this id, and waits for what it posts.
    pub async fn ask(&self, id: &str, method: &str, params: Value) -> Value {
        let (answer, answered) = oneshot::channel();
        self.member
            .waiting
            .lock()
            .unwrap()
            .insert(id.to_owned(), answer);
        self.say(&format!(
            r#"{{"jsonrpc":"2.0","id":{id},"method":"{method}","params":{params}}}"#
        ));
        answered.await.unwrap()
    }
}
