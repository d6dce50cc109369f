//! A server that does what its caller asks for, well or badly. It is this test's own executable,
//! started again.

use std::fs::File;
use std::io::Write as _;
use std::os::unix::process::CommandExt as _;
use std::process::{Command, exit};
use std::sync::{Arc, Mutex};
use std::thread::{sleep, spawn};
use std::time::Duration;

use serde_json::{Value, json};
use sluice::json::Document;

/// Serves if it was started to; else there is nothing to test here.
#[test]
fn scripted() {
    if std::env::var_os("SCRIPTED").is_none() {
        return;
    }
    let out = File::options()
        .write(true)
        .open("/dev/fd/3")
        .expect("the real standard output");
    let server = Server {
        out: Arc::new(Mutex::new(out)),
        seen: Arc::default(),
    };
    if std::env::var_os("BROKEN").is_some() {
        exit(7);
    }
    for line in std::io::stdin().lines() {
        server.line(&line.expect("a line"));
    }
    if std::env::var_os("STUBBORN").is_some() {
        sleep(Duration::from_secs(600));
    }
    exit(0);
}

#[derive(Clone)]
struct Server {
    out: Arc<Mutex<File>>,
    /// Notifications and answers that came.
    seen: Arc<Mutex<Vec<String>>>,
}

/// A request: its parts as they are written, and its parameters.
struct Request {
    line: String,
    id: String,
    params: Value,
    token: Option<String>,
}

impl Server {
    fn line(&self, line: &str) {
        let document = Document::parse(line.as_bytes()).expect("JSON");
        let root = document.root();
        let (method, id) = (root.get("method").and_then(|m| m.as_str()), root.get("id"));
        let (Some(method), Some(id)) = (method, id) else {
            self.seen.lock().unwrap().push(line.to_owned());
            return;
        };
        let meta = root.get("params").and_then(|params| params.get("_meta"));
        let token = meta.and_then(|meta| meta.get("progressToken"));
        let request = Request {
            line: line.to_owned(),
            id: id.raw().to_owned(),
            // Numbers that fit no machine type are passed on all the same.
            params: root
                .get("params")
                .and_then(|params| serde_json::from_str(params.raw()).ok())
                .unwrap_or_default(),
            token: token.map(|token| token.raw().to_owned()),
        };
        self.answer(method, request);
    }

    fn answer(&self, method: &str, request: Request) {
        let params = &request.params;
        let number = |name: &str| params[name].as_u64().unwrap_or(0);
        match method {
            "initialize" => self.initialize(&request),
            "server/discover" if std::env::var_os("MODERN").is_none() => {
                let (code, message) = (-32601, "Method not found");
                self.write(&format!(
                    r#"{{"jsonrpc":"2.0","id":{},"error":{{"code":{code},"message":"{message}"}}}}"#,
                    request.id
                ));
            }
            "echo" | "ping" | "resources/subscribe" | "server/discover" => {
                self.result(
                    &request,
                    &json!({ "line": request.line, "pid": std::process::id() }),
                );
            }
            // Writes lines as they are given; `$ID` and `$TOKEN` stand for the request's own.
            "write" => {
                let text = params["text"].as_str().expect("text");
                let token = request.token.as_deref().unwrap_or("null");
                self.write(&text.replace("$ID", &request.id).replace("$TOKEN", token));
            }
            "seen" => {
                let seen = self.seen.lock().unwrap().clone();
                self.result(&request, &json!({ "seen": seen }));
            }
            "sleep" => {
                let (server, time) = (self.clone(), Duration::from_millis(number("ms")));
                spawn(move || {
                    sleep(time);
                    server.result(&request, &json!({ "mine": request.params["mine"] }));
                });
            }
            "environment" => {
                let names: Vec<_> = std::env::vars().map(|(name, _)| name).collect();
                let here = std::env::current_dir().expect("a directory");
                self.result(&request, &json!({ "names": names, "cwd": here }));
            }
            "stderr" => {
                for _ in 0..number("lines") {
                    eprintln!("{}", params["text"].as_str().expect("text"));
                }
                self.result(&request, &json!({}));
            }
            _ => self.misbehave(method, &request),
        }
    }

    fn misbehave(&self, method: &str, request: &Request) {
        let number = |name: &str| request.params[name].as_u64().unwrap_or(0);
        match method {
            "hang" => {}
            "crash" => exit(3),
            "deaf" => sleep(Duration::from_secs(600)),
            "flood" => {
                let mut out = self.out.lock().unwrap();
                while out.write_all(&[b'x'; 65536]).is_ok() {}
                exit(0);
            }
            "fork" => {
                let seconds = request.params["seconds"].as_str().unwrap_or("600");
                let children = (0..number("processes")).map(|_| {
                    let child = Command::new("sleep").arg(seconds).spawn();
                    child.expect("a child").id()
                });
                let children: Vec<_> = children.collect();
                let pid = std::process::id();
                self.result(request, &json!({ "children": children, "pid": pid }));
            }
            "stream" => {
                let token = request.token.as_deref().unwrap_or("null");
                let (filler, method) = (
                    "x".repeat(number("size") as usize),
                    match token {
                        "null" => "notifications/message",
                        _ => "notifications/progress",
                    },
                );
                for n in 0..number("count") {
                    self.write(&format!(
                        r#"{{"method":"{method}","params":{{"progressToken":{token},"n":{n},"filler":"{filler}"}}}}"#
                    ));
                }
                self.result(request, &json!({}));
            }
            "launch" => {
                // What a launcher leaves behind when it is replaced.
                let child = Command::new("sleep")
                    .arg("600")
                    .spawn()
                    .expect("a child")
                    .id();
                self.result(request, &json!({ "child": child }));
                let error = Command::new("true").exec();
                panic!("{error}");
            }
            "memory" => {
                let held = vec![1u8; number("bytes") as usize];
                sleep(Duration::from_secs(600));
                drop(held);
            }
            other => panic!("no such method: {other}"),
        }
    }

    fn initialize(&self, request: &Request) {
        let result = json!({
            "protocolVersion": request.params["protocolVersion"],
            "capabilities": {},
            "serverInfo": { "name": "scripted", "version": std::process::id().to_string() },
        });
        self.result(request, &result);
    }

    fn result(&self, request: &Request, result: &Value) {
        self.write(&format!(
            r#"{{"jsonrpc":"2.0","id":{},"result":{result}}}"#,
            request.id
        ));
    }

    fn write(&self, line: &str) {
        let line = format!("{line}\n");
        // Nobody reads any more when the test is over.
        let _ = self.out.lock().unwrap().write_all(line.as_bytes());
    }
}
