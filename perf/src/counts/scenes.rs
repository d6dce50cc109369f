//! What is asked for, of whom, and what is answered.

use sluice::mask::MaskSpec;
use sluice::policy::Effect;

use super::rig::Shape;
use super::signer;
use crate::bodies;

/// Sizes of replies.
pub const SIZES: [(&str, usize); 3] = [("1k", 1024), ("10k", 10 * 1024), ("100k", 100 * 1024)];
/// Bytes of an event.
pub const EVENT: usize = 256;
/// How a stream of them begins.
pub const EVENT_STREAM: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\
    Transfer-Encoding: chunked\r\n\r\n";

/// One exchange again and again.
pub struct Scene {
    pub shape: Shape,
    pub masks: Option<MaskSpec>,
    pub request: String,
    pub reply: Vec<u8>,
}

impl Scene {
    /// A token that is known, one rule that allows all, no credential, no mask; recorded.
    pub fn get(reply: Vec<u8>) -> Scene {
        let shape = Shape {
            credential: false,
            lines: vec![(Effect::Allow, "* /**")],
            ..Shape::default()
        };
        let request = format!(
            "GET /up/v1.0/users?$select=id,displayName,mail&$top=25 HTTP/1.1\r\n{FIELDS}\
             Authorization: Bearer {}\r\n\r\n",
            signer::good()
        );
        Scene {
            shape,
            masks: None,
            request,
            reply,
        }
    }

    /// With another request.
    pub fn asking(self, request: String) -> Scene {
        Scene { request, ..self }
    }

    pub fn with(mut self, change: impl FnOnce(&mut Shape)) -> Scene {
        change(&mut self.shape);
        self
    }

    pub fn masked(self, spec: MaskSpec) -> Scene {
        Scene {
            masks: Some(spec),
            ..self
        }
    }
}

const FIELDS: &str = "Host: graph.gateway.example\r\nUser-Agent: python-httpx/0.28.1\r\n\
    Accept: application/json\r\nAccept-Encoding: gzip, deflate\r\nConnection: keep-alive\r\n\
    client-request-id: 6f0c5e0e-8d7e-4a52-9a3b-1f0a3c1f7f10\r\nConsistencyLevel: eventual\r\n";

/// A head of so many bytes, most of them the token's.
pub fn head(length: usize) -> Vec<u8> {
    let head = |token: &str| {
        format!(
            "GET /v1.0/users?$select=id,displayName,mail&$top=25 HTTP/1.1\r\n{FIELDS}\
             Authorization: Bearer {token}\r\n\r\n"
        )
    };
    let token = "x".repeat(length - head("").len());
    head(&token).into_bytes()
}

/// A request with a JSON body of `size` bytes.
pub fn post(size: usize) -> String {
    let body = bodies::users(size);
    format!(
        "POST /up/v1.0/users HTTP/1.1\r\n{FIELDS}Content-Type: application/json\r\n\
         Content-Length: {size}\r\nAuthorization: Bearer {}\r\n\r\n{}",
        signer::good(),
        String::from_utf8_lossy(&body)
    )
}

/// A call of a tool.
pub fn call() -> String {
    let body = bodies::TOOL_CALL;
    format!(
        "POST /up HTTP/1.1\r\nHost: gateway.example\r\nUser-Agent: mcp-client/1.0\r\n\
         Accept: application/json, text/event-stream\r\nMCP-Protocol-Version: 2025-06-18\r\n\
         Content-Type: application/json\r\nContent-Length: {}\r\n\
         Authorization: Bearer {}\r\n\r\n{body}",
        body.len(),
        signer::good()
    )
}

/// A caller of an MCP server that wants to hear what it has to say.
pub fn listen() -> String {
    format!(
        "GET /up HTTP/1.1\r\nHost: gateway.example\r\nAccept: text/event-stream\r\n\
         MCP-Protocol-Version: 2025-06-18\r\nAuthorization: Bearer {}\r\n\r\n",
        signer::good()
    )
}

/// A reply of `size` bytes of JSON.
pub fn reply(size: usize, chunked: bool) -> Vec<u8> {
    let body = bodies::users(size);
    let (framing, body) = match chunked {
        false => (format!("Content-Length: {size}"), body),
        true => ("Transfer-Encoding: chunked".to_owned(), chunks(&body)),
    };
    let head = format!(
        "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\
         Date: Sun, 22 Nov 2026 21:00:00 GMT\r\nrequest-id: 0f8fad5b-d9cb-469f-a165-70867728950e\r\n\
         {framing}\r\n\r\n"
    );
    [head.into_bytes(), body].concat()
}

/// In chunks as servers write them.
fn chunks(body: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    for piece in body.chunks(4096) {
        out.extend_from_slice(format!("{:x}\r\n", piece.len()).as_bytes());
        out.extend_from_slice(piece);
        out.extend_from_slice(b"\r\n");
    }
    out.extend_from_slice(b"0\r\n\r\n");
    out
}

/// The result of a call as JSON, and as the only event of a stream.
pub fn results() -> [(&'static str, Vec<u8>); 2] {
    let json = bodies::result();
    let json = format!(
        "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n{json}",
        json.len()
    );
    let events = [EVENT_STREAM, &bodies::result_event()].concat();
    [("JSON", json.into_bytes()), ("SSE", events)]
}

/// Twenty rules, of which the last lets a call pass.
pub fn lines() -> Vec<(Effect, &'static str)> {
    let mut lines = vec![
        (Effect::Deny, "DELETE /**"),
        (Effect::Deny, "* /secret/**"),
        (Effect::Approve, "POST /v1.0/users/*/revokeSignInSessions"),
    ];
    lines.extend([(Effect::Allow, "GET,HEAD /v1.0/groups/*/members/**"); 16]);
    lines.push((Effect::Allow, "GET /v1.0/users"));
    lines
}

/// An MCP server, of which some tools may be called.
pub fn talks_mcp(shape: &mut Shape) {
    shape.mcp = true;
    shape.credential = true;
    shape.lines = vec![
        (Effect::Deny, "tools/call delete_*"),
        (Effect::Allow, "tools/call search_*"),
        (Effect::Allow, "GET"),
    ];
}

/// The first `count` literals: twenty that bodies have, then others.
pub fn literals(count: usize) -> MaskSpec {
    let known = bodies::LITERALS.map(str::to_owned).into_iter();
    let made = (0..).map(|number| format!("{}-{number:03} Nachtrag", number * 37 % 1000));
    MaskSpec {
        literals: known.chain(made).take(count).collect(),
        ..MaskSpec::default()
    }
}

pub fn fields() -> MaskSpec {
    MaskSpec {
        fields: bodies::FIELDS.map(str::to_owned).to_vec(),
        ..MaskSpec::default()
    }
}

pub fn both() -> MaskSpec {
    MaskSpec {
        fields: fields().fields,
        ..literals(20)
    }
}
