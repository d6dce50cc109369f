//! A server over standard input and output. It is this test's own executable, started again.

use std::fs::File;
use std::io::{BufRead as _, Write as _};
use std::process::exit;

use serde_json::{Value, json};

/// How a configuration starts it. The test harness writes to standard output, too: the server
/// writes to a copy of it.
pub fn stdio() -> String {
    let exe = std::env::current_exe().expect("this test's own path");
    let run = r#"exec \"$0\" own::scripted::scripted --exact --nocapture --test-threads 1 3>&1 >/dev/null"#;
    format!(
        r#"stdio: {{ command: sh, args: [-c, "{run}", "{}"], env: {{ SCRIPTED: "1" }} }}"#,
        exe.display()
    )
}

/// Serves if it was started to; else there is nothing to test here.
#[test]
fn scripted() {
    if std::env::var_os("SCRIPTED").is_none() {
        return;
    }
    let mut out = File::options()
        .write(true)
        .open("/dev/fd/3")
        .expect("the real standard output");
    let mut lines = std::io::stdin().lock().lines();
    let mut seen = String::new();
    while let Some(Ok(line)) = lines.next() {
        seen.push_str(&line);
        let asked: Value = serde_json::from_str(&line).expect("JSON");
        if asked["id"].is_null() || asked["method"].is_null() {
            continue;
        }
        let result = match (asked["method"].as_str(), asked["params"]["name"].as_str()) {
            (Some("initialize"), _) => json!({
                "protocolVersion": asked["params"]["protocolVersion"],
                "capabilities": {"tools": {}},
                "serverInfo": {"name": "scripted", "version": "1"},
            }),
            (Some("tools/list"), _) => {
                let names = ["read_file", "write_file", "ask", "look"];
                let tools =
                    names.map(|name| json!({"name": name, "inputSchema": {"type": "object"}}));
                json!({ "tools": tools })
            }
            // What it knows of whoever calls it.
            (_, Some("look")) => {
                let around: Vec<_> = std::env::vars().collect();
                json!({"content": [], "environment": around, "pid": std::process::id(), "seen": seen})
            }
            // What its question is answered with.
            (_, Some("ask")) => {
                let question = json!({"jsonrpc": "2.0", "id": "q1",
                    "method": "sampling/createMessage", "params": {"messages": [], "maxTokens": 1}});
                writeln!(out, "{question}").expect("a reader");
                let answer = loop {
                    let line = lines.next().expect("an answer").expect("a line");
                    let answer: Value = serde_json::from_str(&line).expect("JSON");
                    if answer["method"].is_null() {
                        break answer;
                    }
                };
                json!({"content": [], "answer": answer})
            }
            (_, name) => json!({"content": [{"type": "text", "text": format!("did {name:?}")}]}),
        };
        let answer = json!({"jsonrpc": "2.0", "id": asked["id"], "result": result});
        // Nobody reads any more when the test is over.
        let _ = writeln!(out, "{answer}");
    }
    exit(0);
}
