//! Several requests in one, as Graph's `$batch` takes them: each is answered as if it came alone.

use super::directory::{Directory, GraphError};
use super::host::Reply;
use http::{Method, Request, StatusCode};
use serde_json::{Map, Value, json};

/// How many requests Graph takes in one.
const MOST: usize = 20;

/// Answers the batch in `body`. What depends on a request that failed is answered with 424.
pub(super) fn answer(directory: &Directory, body: &[u8]) -> Result<Value, GraphError> {
    let asked: Value = serde_json::from_slice(body).map_err(|_| GraphError::UNREADABLE)?;
    let requests = asked["requests"].as_array();
    let requests = requests
        .filter(|requests| requests.len() <= MOST)
        .ok_or(GraphError::UNREADABLE)?;
    let mut failed = Vec::new();
    let mut responses = Vec::new();
    for request in requests {
        let id = request["id"].as_str().ok_or(GraphError::UNREADABLE)?;
        let depends = request["dependsOn"].as_array().into_iter().flatten();
        let reply = match depends
            .filter_map(Value::as_str)
            .any(|on| failed.contains(&on))
        {
            true => Reply::empty(StatusCode::FAILED_DEPENDENCY),
            false => one(directory, request)?,
        };
        if !reply.status.is_success() {
            failed.push(id);
        }
        responses.push(told(id, &reply));
    }
    // Graph answers in an order of its own.
    responses.reverse();
    Ok(json!({ "responses": responses }))
}

/// One of the requests, which is no batch itself.
fn one(directory: &Directory, request: &Value) -> Result<Reply, GraphError> {
    let url = request["url"].as_str().ok_or(GraphError::UNREADABLE)?;
    let url = format!("/v1.0/{}", url.trim_start_matches('/'));
    let method = request["method"].as_str().unwrap_or_default();
    let method = Method::from_bytes(method.as_bytes()).map_err(|_| GraphError::UNREADABLE)?;
    let head = Request::builder().method(method).uri(url).body(());
    let (head, ()) = head.map_err(|_| GraphError::UNREADABLE)?.into_parts();
    if head.uri.path().ends_with("/$batch") {
        return Err(GraphError::UNREADABLE);
    }
    let body = request.get("body").map(Value::to_string);
    Ok(directory.alone(&head, body.unwrap_or_default().as_bytes()))
}

/// How a reply stands in the answer.
fn told(id: &str, reply: &Reply) -> Value {
    let fields = reply.fields.iter().filter_map(|(name, value)| {
        let value = value.to_str().ok()?;
        Some((spelled(name.as_str()), json!(value)))
    });
    let fields: Map<String, Value> = fields.collect();
    let mut told = json!({ "id": id, "status": reply.status.as_u16(), "headers": fields });
    if let Ok(body) = serde_json::from_slice::<Value>(&reply.body) {
        told["body"] = body;
    }
    told
}

/// As Graph spells names of fields there, `Content-Type`: some clients look for no other spelling.
fn spelled(name: &str) -> String {
    let words = name.split('-').map(|word| {
        let (first, rest) = word.split_at(word.len().min(1));
        first.to_ascii_uppercase() + rest
    });
    words.collect::<Vec<_>>().join("-")
}
