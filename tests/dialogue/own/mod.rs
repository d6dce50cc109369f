//! Servers that the gateway runs and puts together, by the way that callers come.

mod doors;
mod health;
mod processes;
mod records;
mod scripted;
mod whole;

use serde_json::{Value, json};

use super::origin::Origin;
use super::scene::{AGENT, Agent, OTHER, STRANGER, Scene, prelude, server, start};

/// The upstream of `tickets`.
pub fn tickets() -> Origin {
    server(|asked| match asked["method"].as_str() {
        Some("initialize") => {
            json!({"protocolVersion": "2025-11-25", "capabilities": {"tools": {}},
            "serverInfo": {"name": "tickets", "version": "1"}})
        }
        Some("tools/list") => {
            let names = ["search_a", "search_few", "delete_all"];
            let tools = names.map(|name| json!({"name": name, "inputSchema": {"type": "object"}}));
            json!({ "tools": tools })
        }
        _ => json!({"content": [], "structuredContent": {"mail": "ada@tickets.example", "n": 1}}),
    })
}

/// `tickets` is HTTP, `files` a process, `all` the two together. The agent may do most in both, the
/// other little; the stranger may use nothing but `all` itself.
pub fn yaml(upstream: &Origin, data: &str) -> String {
    let (before, url, files) = (prelude(data), upstream.url(), scripted::stdio());
    format!(
        "{before}masks: {{ people: {{ fields: [mail] }} }}
connections:
  tickets:
    protocol: mcp
    upstream: \"{url}/mcp\"
    record: buffered
    masks: [people]
    hosts: [localhost]
    budgets: [{{ calls: 2/h, tools: search_few }}]
  files: {{ protocol: mcp, record: buffered, {files} }}
  all: {{ protocol: mcp, record: buffered, virtual: {{ members: [tickets, files] }} }}
routes:
  - {{ path: /mcp/tickets/**, connection: tickets }}
  - {{ path: /mcp/files/**, connection: files }}
  - {{ path: /mcp/all/**, connection: all }}
policies:
  - name: tickets-agent
    connection: tickets
    who: {{ issuer: local, clients: [{AGENT}] }}
    rules:
      - allow: tools/call search_*
      - deny: tools/call delete_*
      - allow: tools/call near
        when: source.ip == \"127.0.0.1\"
  - name: tickets-other
    connection: tickets
    who: {{ issuer: local, clients: [{OTHER}] }}
    rules: [{{ allow: tools/call search_a }}]
  - name: files-agent
    connection: files
    who: {{ issuer: local, clients: [{AGENT}] }}
    rules:
      - deny: tools/call write_*
      - allow: tools/call *
      - allow: sampling/createMessage
  - name: files-other
    connection: files
    who: {{ issuer: local, clients: [{OTHER}] }}
    rules: [{{ allow: \"tools/call ask\" }}]
  - name: everybody
    connection: all
    who: {{ issuer: local, clients: [{AGENT}, {OTHER}, {STRANGER}] }}
    rules: [{{ allow: \"*\" }}]
"
    )
}

/// That gateway.
pub fn gateway(upstream: &Origin) -> Scene {
    start(&yaml(upstream, "data"))
}

/// A caller of the connection at `path`, with a session.
pub fn caller(scene: &Scene, client: &str, path: &'static str) -> Agent {
    let mut agent = scene.agent(client);
    agent.path = path;
    agent.initialize();
    assert!(agent.session.is_some(), "{path}");
    agent
}

/// Names in a list of tools.
pub fn names(list: &Value) -> Vec<&str> {
    let tools = list["result"]["tools"].as_array();
    let tools = tools.unwrap_or_else(|| panic!("{list}"));
    tools
        .iter()
        .filter_map(|tool| tool["name"].as_str())
        .collect()
}

/// What calling a tool came to.
pub fn call(agent: &mut Agent, tool: &str) -> Value {
    agent.ask("tools/call", json!({"name": tool, "arguments": {}}))
}
