//! The operator sees how each of them is.

use serde_json::{Value, json};

use super::super::scene::{AGENT, prelude, start};
use super::scripted::stdio;

#[test]
fn the_operator_sees_each_server_and_a_bad_one_does_not_stop_the_others() {
    let (before, files) = (prelude("data"), stdio());
    let rules = |connection: &str| {
        format!(
            "  - {{ name: {connection}, connection: {connection}, who: {{ issuer: local, clients: [{AGENT}] }}, rules: [{{ allow: \"*\" }}] }}\n"
        )
    };
    let (a, b, c) = (rules("files"), rules("lame"), rules("all"));
    let scene = start(&format!(
        "{before}connections:
  files: {{ protocol: mcp, record: buffered, {files} }}
  lame: {{ protocol: mcp, record: buffered, stdio: {{ command: sh, args: [-c, \"exit 7\"] }} }}
  all: {{ protocol: mcp, record: buffered, virtual: {{ members: [files, lame] }} }}
routes: [{{ path: /mcp/files/**, connection: files }}, {{ path: /mcp/lame/**, connection: lame }}, {{ path: /mcp/all/**, connection: all }}]
policies:
{a}{b}{c}"
    ));
    let ready = || {
        let reply = scene.admin("/readyz");
        let report: Value = serde_json::from_str(reply.text()).unwrap();
        assert_eq!((reply.status, &report["ready"]), (200, &json!(true)));
        report["upstreams"].clone()
    };
    let idle = json!({"ready": true, "error": null, "state": "idle"});
    assert_eq!(ready(), json!({"files": idle, "lame": idle, "all": idle}));
    super::caller(&scene, AGENT, "/mcp/files");
    // One member that fails takes nothing from the whole but its own.
    let mut whole = super::caller(&scene, AGENT, "/mcp/all");
    let list = whole.ask("tools/list", json!({}));
    assert!(super::names(&list).contains(&"files__read_file"), "{list}");
    let mut lame = scene.agent(AGENT);
    lame.path = "/mcp/lame";
    let hello = json!({"jsonrpc": "2.0", "id": 0, "method": "initialize", "params": {
        "protocolVersion": "2025-11-25", "capabilities": {},
        "clientInfo": {"name": "test", "version": "1"}}});
    let reply = lame.post(&hello.to_string());
    assert!(!reply.text().contains("\"result\""), "{}", reply.text());
    let upstreams = ready();
    assert_eq!(upstreams["files"]["state"], "running (1)");
    assert_eq!(upstreams["all"]["ready"], true);
    assert_eq!(upstreams["lame"]["ready"], false);
    let why = upstreams["lame"]["error"].as_str().unwrap();
    assert!(why.contains("exit status: 7"), "{why}");
    let metrics = scene.admin("/metrics");
    for line in [
        "sluice_server_good{connection=\"files\"} 1",
        "sluice_server_good{connection=\"lame\"} 0",
        "sluice_server_good{connection=\"all\"} 1",
    ] {
        assert!(metrics.text().contains(line), "{line}: {}", metrics.text());
    }
    // They have no address that anybody would look for.
    assert!(!metrics.text().contains("what=\"address\""));
}
