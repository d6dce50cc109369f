//! Calls of a tool: a session around them, and what their answers mean.

use super::client::{Answer, Client};
use super::report::Ending;
use super::request::Requests;
use crate::cli::failure::{Doing, Failure};
use bytes::Bytes;
use http::header::{ACCEPT, CONTENT_TYPE};
use http::{HeaderMap, HeaderName, HeaderValue, Method};
use serde_json::{Value, json};

/// The revision that is offered; a server may choose an earlier one.
const REVISION: &str = "2025-11-25";
const SESSION: HeaderName = HeaderName::from_static("mcp-session-id");
const VERSION: HeaderName = HeaderName::from_static("mcp-protocol-version");
/// The id of the first call: below it are those that open the session.
const FIRST: u64 = 1;

/// A call, save its id.
pub struct Call {
    params: String,
}

impl Call {
    /// A call of this tool with these arguments.
    pub fn new(tool: &str, arguments: &str) -> Result<Call, String> {
        let arguments: Value = serde_json::from_str(arguments)
            .map_err(|error| format!("--arguments is not JSON: {error}"))?;
        if !arguments.is_object() {
            return Err("--arguments is no JSON object".to_owned());
        }
        Ok(Call {
            params: json!({ "name": tool, "arguments": arguments }).to_string(),
        })
    }

    /// The message of the call with this number.
    pub fn write(&self, number: u64) -> Bytes {
        let (id, params) = (number + FIRST, &self.params);
        format!(r#"{{"jsonrpc":"2.0","id":{id},"method":"tools/call","params":{params}}}"#).into()
    }
}

/// The fields that every message has.
pub fn describe(headers: &mut HeaderMap) {
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    let both = "application/json, text/event-stream";
    headers.insert(ACCEPT, HeaderValue::from_static(both));
}

/// Opens a session, where the server has sessions, and lets all requests be of it.
pub async fn begin(client: &Client, requests: &mut Requests) -> Result<(), Failure> {
    let hello = json!({
        "jsonrpc": "2.0",
        "id": 0,
        "method": "initialize",
        "params": {
            "protocolVersion": REVISION,
            "capabilities": {},
            "clientInfo": { "name": "sluice-bench", "version": env!("CARGO_PKG_VERSION") },
        },
    });
    let doing = "open an MCP session";
    let answer = post(client, requests, &hello).await.doing(doing)?;
    let refused = |why: String| Failure::new(format!("{doing}: {why}"));
    if answer.status != 200 {
        return Err(refused(format!("status {}", answer.status.as_u16())));
    }
    let message = message(&answer).ok_or_else(|| refused("no JSON-RPC answer".to_owned()))?;
    if let Some(code) = error_code(&message) {
        return Err(refused(format!("JSON-RPC error {code}")));
    }
    let revision = message["result"]["protocolVersion"].as_str();
    let revision = HeaderValue::from_str(revision.unwrap_or(REVISION));
    requests.add(VERSION, revision.doing(doing)?);
    if let Some(session) = answer.headers.get(SESSION) {
        let mut session = session.clone();
        session.set_sensitive(true);
        requests.add(SESSION, session);
    }
    let ready = json!({ "jsonrpc": "2.0", "method": "notifications/initialized" });
    let answer = post(client, requests, &ready).await.doing(doing)?;
    match answer.status.is_success() {
        true => Ok(()),
        false => Err(refused(format!("status {}", answer.status.as_u16()))),
    }
}

async fn post(client: &Client, requests: &Requests, message: &Value) -> Result<Answer, Failure> {
    let body = message.to_string().into();
    client.once(requests.with(Method::POST, body)).await
}

/// Ends the session. A server that has none, or keeps it, is no concern of ours.
pub async fn end(client: &Client, requests: &Requests) {
    let _ = client
        .once(requests.with(Method::DELETE, Bytes::new()))
        .await;
}

/// How a call ended that was answered with status 200.
pub fn ending(answer: &Answer) -> Ending {
    let Some(message) = message(answer) else {
        return Ending::Unreadable;
    };
    match error_code(&message) {
        Some(code) => Ending::Refused(code),
        None if message["result"]["isError"] == true => Ending::ToolFailed,
        None => Ending::Status(200),
    }
}

fn error_code(message: &Value) -> Option<i64> {
    let error = message.get("error")?;
    Some(error["code"].as_i64().unwrap_or_default())
}

/// The response in an answer: the body, or the event that holds one.
fn message(answer: &Answer) -> Option<Value> {
    let is_response = |message: &Value| {
        message.get("id").is_some_and(|id| !id.is_null())
            && (message.get("result").is_some() || message.get("error").is_some())
    };
    let kind = answer.headers.get(CONTENT_TYPE);
    let is_stream = kind.is_some_and(|kind| kind.as_bytes().starts_with(b"text/event-stream"));
    if !is_stream {
        return serde_json::from_slice(&answer.body)
            .ok()
            .filter(is_response);
    }
    let text = std::str::from_utf8(&answer.body).ok()?;
    let text = text.replace("\r\n", "\n");
    text.split("\n\n")
        .map(|event| {
            let data = event.lines().filter_map(|line| line.strip_prefix("data:"));
            data.collect::<Vec<_>>().join("\n")
        })
        .filter_map(|data| serde_json::from_str(&data).ok())
        .find(is_response)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(kind: &'static str, body: &str) -> Answer {
        let mut headers = HeaderMap::new();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(kind));
        Answer {
            status: http::StatusCode::OK,
            headers,
            bytes: body.len() as u64,
            body: body.as_bytes().to_vec(),
        }
    }

    #[test]
    fn an_answer_is_read_for_what_it_says() {
        let json = |body: &str| ending(&answer("application/json", body));
        assert_eq!(
            json(r#"{"jsonrpc":"2.0","id":1,"result":{}}"#),
            Ending::Status(200)
        );
        let failed = r#"{"jsonrpc":"2.0","id":1,"result":{"isError":true}}"#;
        assert_eq!(json(failed), Ending::ToolFailed);
        let refused = r#"{"jsonrpc":"2.0","id":1,"error":{"code":-32602,"message":"no"}}"#;
        assert_eq!(json(refused), Ending::Refused(-32602));
        assert_eq!(json("<html>"), Ending::Unreadable);
        let events = "event: message\r\ndata: {\"jsonrpc\":\"2.0\",\"method\":\"notifications/x\"}\
                      \r\n\r\ndata: {\"jsonrpc\":\"2.0\",\"id\":1,\"result\":{}}\r\n\r\n";
        let events = answer("text/event-stream; charset=utf-8", events);
        assert_eq!(ending(&events), Ending::Status(200));
    }

    #[test]
    fn no_two_calls_have_the_same_id() {
        let call = Call::new("search", r#"{"query":"x"}"#).expect("a call");
        let id = |number| {
            serde_json::from_slice::<Value>(&call.write(number)).expect("JSON")["id"].clone()
        };
        assert_eq!((id(0), id(1)), (json!(1), json!(2)));
        assert!(Call::new("search", "[]").is_err());
    }
}
