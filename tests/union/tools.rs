//! What the tools of a scripted member do.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use axum::response::Response;
use serde_json::{Value, json};

use crate::member::{Era, Member, Seen, Talk, json_text, result_text};

/// A result that no parser and writer would leave as it is.
pub const RAW: &str = r#"{ "n":12345678901234567890123 ,"f":1.0e+400,"s":"\u0041\/é","z":1,"a":{"q" : [ ]},"content":[]}"#;

pub async fn call(member: Arc<Member>, seen: Seen, id: String, bearer: String) -> Response {
    let params = &seen.body["params"];
    let name = params["name"].as_str().unwrap_or_default();
    match name {
        "echo" => {
            let session = seen
                .headers
                .get("mcp-session-id")
                .map(|id| id.to_str().unwrap());
            let says = json!({
                "member": member.name, "bearer": bearer, "session": session,
                "arguments": params["arguments"], "name": seen.headers.get("mcp-name").map(|n| n.to_str().unwrap()),
                "param": seen.headers.get("mcp-param-region").map(|n| n.to_str().unwrap()),
            });
            let text = says.to_string();
            json_text(
                200,
                result_text(
                    &id,
                    &json!({ "content": [{ "type": "text", "text": text }] }).to_string(),
                ),
            )
        }
        "raw" => json_text(200, result_text(&id, RAW)),
        "progress" => {
            let (talk, response) = Talk::begin(member);
            let token = params["_meta"]["progressToken"].clone();
            tokio::spawn(async move {
                for step in 0..3 {
                    let progress = json!({ "progressToken": token, "progress": step });
                    talk.say(&json!({ "jsonrpc": "2.0", "method": "notifications/progress", "params": progress }).to_string());
                }
                let log = json!({ "level": "info", "data": "working" });
                talk.say(
                    &json!({ "jsonrpc": "2.0", "method": "notifications/message", "params": log })
                        .to_string(),
                );
                talk.say(&result_text(&id, r#"{"content":[]}"#));
            });
            response
        }
        "ask" => ask(member, params.clone(), id),
        "hang" => hang(member, id),
        "broken" => {
            let (talk, response) = Talk::begin(member);
            talk.to
                .send(format!("id: call-{id}\nretry: 10\ndata:\n\n"))
                .unwrap();
            response
        }
        "link" => {
            let link = json!({ "type": "resource_link", "uri": format!("{}:///hidden", member.name), "name": "h" });
            json_text(
                200,
                result_text(&id, &json!({ "content": [link] }).to_string()),
            )
        }
        "task" => {
            let result = match member.era {
                Era::Modern => json!({ "resultType": "task", "taskId": "t1", "status": "working" }),
                Era::Legacy(_) => json!({ "task": { "taskId": "t1", "status": "working" } }),
            };
            json_text(200, result_text(&id, &result.to_string()))
        }
        "lie" => json_text(200, result_text("999999", "{}")),
        _ => {
            let error = json!({ "jsonrpc": "2.0", "id": seen.body["id"], "error": { "code": -32602, "message": "no such tool" } });
            json_text(200, error.to_string())
        }
    }
}

/// Asks the client for a completion, the way of the member's era, and answers with what it says.
fn ask(member: Arc<Member>, params: Value, id: String) -> Response {
    let question = json!({ "messages": [], "maxTokens": 5, "from": member.name });
    if member.era == Era::Modern {
        let result = match params.get("inputResponses") {
            None => json!({
                "resultType": "input_required", "requestState": format!("state of {}", member.name),
                "inputRequests": { "who": { "method": "sampling/createMessage", "params": question } },
            }),
            Some(answers) => json!({
                "resultType": "complete", "content": [], "state": params["requestState"], "answer": answers["who"],
            }),
        };
        return json_text(200, result_text(&id, &result.to_string()));
    }
    let (talk, response) = Talk::begin(member);
    tokio::spawn(async move {
        // Every member uses the same id: one.
        let answer = talk.ask("1", "sampling/createMessage", question).await;
        let answer = answer.get("result").or(answer.get("error")).cloned();
        talk.say(&result_text(
            &id,
            &json!({ "content": [], "answer": answer }).to_string(),
        ));
    });
    response
}

/// Never answers; notes when nobody listens any more.
fn hang(member: Arc<Member>, id: String) -> Response {
    let (talk, response) = Talk::begin(member.clone());
    talk.say(&json!({ "jsonrpc": "2.0", "method": "notifications/message", "params": { "level": "info", "data": "begun" } }).to_string());
    tokio::spawn(async move {
        let legacy = member.era != Era::Modern;
        while talk.to.send(": still here\n\n".to_owned()).is_ok() {
            if legacy && member.cancelled.load(Ordering::Relaxed) {
                return;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        if !legacy {
            member.cancelled.store(true, Ordering::Relaxed);
        }
        drop(id);
    });
    response
}
