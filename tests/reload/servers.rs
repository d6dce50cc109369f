//! Servers of the gateway's own that come with another configuration.

use serde_json::{Value, json};

use super::caller::Caller;
use super::origin::Origin;
use super::scene::{AGENT, Part, Scene, posting, saying, token};

/// A server in a line of shell: it answers every request with one that names it.
const SHELL: &str = r#"while read -r line; do id=$(printf %s "$line" | sed -n 's/.*"id":\([0-9]*\).*/\1/p'); [ -n "$id" ] && printf '{"jsonrpc":"2.0","id":%s,"result":{"protocolVersion":"2025-11-25","capabilities":{"tools":{}},"serverInfo":{"name":"shell","version":"1"}}}\n' "$id"; done"#;

fn initialize(scene: &Scene, connection: &str) -> (String, Value) {
    let params = json!({"protocolVersion": "2025-11-25", "capabilities": {},
        "clientInfo": {"name": "test", "version": "1"}});
    let request = posting(connection, "initialize", &params, &token(AGENT), "");
    let reply = Caller::plain(scene.address).ask(request);
    assert_eq!(reply.status, 200, "{}", reply.text());
    let session = reply.field("mcp-session-id").unwrap_or_default().to_owned();
    let text = reply.text();
    let text = text.split("data: ").last().unwrap().trim();
    (
        session,
        serde_json::from_str(text).unwrap_or_else(|_| panic!("{text}")),
    )
}

#[test]
fn a_stdio_server_that_is_added_answers() {
    let up = super::scene::server("up");
    let first = Part::mcp("up", &up, &["allow: tools/call *"]);
    let mut scene = Scene::start(std::slice::from_ref(&first));
    let shell = Part {
        name: "shell",
        reach: format!(
            "protocol: mcp, stdio: {{ command: sh, args: [-c, {}] }}",
            serde_json::to_string(SHELL).unwrap()
        ),
        rules: vec!["allow: tools/call *"],
    };
    scene.reload(&[shell, first]);
    let (_, reply) = initialize(&scene, "shell");
    assert_eq!(reply["result"]["serverInfo"]["name"], "shell", "{reply}");
}

/// A server with one tool.
fn with_tool(tool: &'static str) -> Origin {
    Origin::answering(move |request| {
        let asked: Value = serde_json::from_slice(&request.body).unwrap_or(Value::Null);
        let result = match asked["method"].as_str() {
            Some("initialize") => json!({"protocolVersion": "2025-11-25",
                "capabilities": {"tools": {}}, "serverInfo": {"name": tool, "version": "1"}}),
            Some("tools/list") => {
                json!({"tools": [{"name": tool, "inputSchema": {"type": "object"}}]})
            }
            Some(method) if !method.starts_with("notifications/") => {
                return saying(&asked["id"], tool);
            }
            _ => return b"HTTP/1.1 202 Accepted\r\nContent-Length: 0\r\n\r\n".to_vec(),
        };
        let body = json!({"jsonrpc": "2.0", "id": asked["id"], "result": result}).to_string();
        format!(
            "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
            body.len()
        )
        .into_bytes()
    })
}

fn tools(scene: &Scene) -> String {
    let (session, _) = initialize(scene, "whole");
    let fields = format!("Mcp-Session-Id: {session}\r\n");
    let request = posting("whole", "tools/list", &json!({}), &token(AGENT), &fields);
    let reply = Caller::plain(scene.address).ask(request);
    assert_eq!(reply.status, 200, "{}", reply.text());
    reply.text().to_owned()
}

#[test]
fn a_virtual_connection_gains_a_member() {
    let (one, two) = (with_tool("hammer"), with_tool("saw"));
    let all = &["allow: tools/call *"];
    let (one, two) = (Part::mcp("one", &one, all), Part::mcp("two", &two, all));
    let whole = |members: &str| Part {
        name: "whole",
        reach: format!("protocol: mcp, virtual: {{ members: [{members}] }}"),
        rules: all.to_vec(),
    };
    let mut scene = Scene::start(&[one.clone(), whole("one")]);
    let before = tools(&scene);
    assert!(
        before.contains("one__hammer") && !before.contains("saw"),
        "{before}"
    );
    scene.reload(&[one, two, whole("one, two")]);
    let after = tools(&scene);
    assert!(
        after.contains("one__hammer") && after.contains("two__saw"),
        "{after}"
    );
}
