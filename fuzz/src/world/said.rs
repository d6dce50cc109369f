//! What callers and upstreams say: something good with anything behind it, or anything at all.

use crate::ops::Ops;
use crate::rig::Shape;
use crate::signer;

const REQUESTS: [(&str, &str); 6] = [
    ("GET", "\r\n"),
    (
        "POST",
        "Content-Type: application/json\r\nContent-Length: 9\r\n\r\n",
    ),
    ("PUT", "Transfer-Encoding: chunked\r\n\r\n"),
    (
        "PUT",
        "Expect: 100-continue\r\nContent-Type: text/plain\r\nTransfer-Encoding: chunked\r\n\r\n",
    ),
    ("HEAD", "\r\n"),
    ("GET", "Connection: Upgrade\r\nUpgrade: chat\r\n\r\n"),
];

const REPLIES: [&str; 8] = [
    "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 20\r\n\r\n",
    "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nTransfer-Encoding: chunked\r\n\r\n",
    "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n",
    "HTTP/1.1 103 Early Hints\r\n\r\nHTTP/1.1 204 No Content\r\n\r\n",
    "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n\
     a\r\n{\"mail\":\"x\r\n8\r\n\",\"a\":1}\r\n0\r\n\r\n",
    "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n\
     14\r\ndata: {\"mail\":\"x\"}\n\n\r\n",
    "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 5\r\n\r\nhello",
    "",
];

/// What answers the last of the requests.
const SWITCHES: &str =
    "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: chat\r\n\r\n";

const CALLS: [&str; 6] = [
    r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"search_it","arguments":{"mail":"x"}}}"#,
    r#"{"jsonrpc":"2.0","id":2,"method":"tools/call","params":{"name":"delete_it","arguments":{}}}"#,
    r#"{"jsonrpc":"2.0","id":"i","method":"initialize","params":{"protocolVersion":"2025-06-18","capabilities":{},"clientInfo":{"name":"c","version":"1"}}}"#,
    r#"{"jsonrpc":"2.0","method":"notifications/initialized"}"#,
    r#"{"jsonrpc":"2.0","id":3,"method":"tools/list"}"#,
    r#"{"jsonrpc":"2.0","id":4,"method":"resources/read","params":{"uri":"file:///docs/a"}}"#,
];

const ANSWERS: [&str; 6] = [
    r#"{"jsonrpc":"2.0","id":1,"result":{"content":[{"type":"text","text":"%"}]}}"#,
    r#"{"jsonrpc":"2.0","id":3,"result":{"tools":[{"name":"search_it","inputSchema":{}},{"name":"delete_it","inputSchema":{}}]}}"#,
    r#"{"jsonrpc":"2.0","id":"i","result":{"protocolVersion":"2025-06-18","capabilities":{},"serverInfo":{"name":"s","version":"1"}}}"#,
    r#"{"jsonrpc":"2.0","id":1,"error":{"code":-32000,"message":"no"}}"#,
    r#"{"jsonrpc":"2.0","id":9,"method":"sampling/createMessage","params":{}}"#,
    r#"{"jsonrpc":"2.0","method":"notifications/progress","params":{"progressToken":1,"progress":1}}"#,
];

/// A request whose head may be good.
pub(super) fn request(shape: &Shape, path: &str, ops: &mut Ops<'_>) -> Vec<u8> {
    let kind = ops.byte();
    let token = signer::good();
    let mut request = Vec::new();
    if shape.mcp && kind % 8 != 7 {
        let call = CALLS[usize::from(kind / 8) % CALLS.len()];
        let head = format!(
            "POST /up HTTP/1.1\r\nHost: gw\r\nAuthorization: Bearer {token}\r\n\
             Accept: application/json, text/event-stream\r\nContent-Type: application/json\r\n\
             MCP-Protocol-Version: 2025-06-18\r\nContent-Length: {}\r\n\r\n{call}",
            call.len()
        );
        request.extend_from_slice(head.as_bytes());
    } else if let Some((method, rest)) = REQUESTS.get(usize::from(kind % 8)) {
        let head = format!(
            "{method} /up{path} HTTP/1.1\r\nHost: gw\r\nAuthorization: Bearer {token}\r\n{rest}"
        );
        request.extend_from_slice(head.as_bytes());
    }
    request.extend_from_slice(ops.bytes());
    request
}

/// Whether what is asked for first is surely that path: what follows nothing, or anything at all, may
/// be another request.
pub(super) fn asks_for(path: &str, request: &[u8]) -> bool {
    REQUESTS.iter().any(|(method, _)| {
        let line = format!("{method} /up{path} HTTP/1.1\r\n");
        request.starts_with(line.as_bytes())
    })
}

/// A reply of which the same is true as of a request.
pub(super) fn reply(shape: &Shape, ops: &mut Ops<'_>) -> Vec<u8> {
    let kind = usize::from(ops.byte());
    let mut reply = Vec::new();
    let answer = ANSWERS[kind / 8 % ANSWERS.len()];
    match kind % 8 {
        head @ 0..3 if shape.mcp => {
            let typed = ["application/json", "text/event-stream", "text/event-stream"][head];
            let body = match head {
                0 => answer.to_owned(),
                1 => format!("id: 1\ndata: {answer}\n\n"),
                _ => format!(
                    "data: {}\n\n: ping\n\ndata: {answer}\n\n",
                    ANSWERS[4 + kind / 64 % 2]
                ),
            };
            let head = format!(
                "HTTP/1.1 200 OK\r\nContent-Type: {typed}\r\nContent-Length: {}\r\n\r\n{body}",
                body.len()
            );
            reply.extend_from_slice(head.as_bytes());
        }
        7 if kind / 8 % 4 == 3 => reply.extend_from_slice(SWITCHES.as_bytes()),
        head => reply.extend_from_slice(REPLIES[head].as_bytes()),
    }
    reply.extend_from_slice(ops.bytes());
    reply
}
