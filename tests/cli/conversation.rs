//! `sessions show`, over a recording that the recorder itself has written.

use crate::{run, stderr, stdout};
use serde_json::Value;
use sluice::base::clock::Clock;
use sluice::mask::{ContentKind, MaskSpec, Masks, Recogniser, Stream, unmasked};
use sluice::record::{
    Class, Decision, EndRecord, ExchangeLog, Outcome, RequestRecord, SessionTable, Sessions,
    Settle, Timings, Writer,
};
use sluice::recorder::{Recorder, Settings};
use std::path::Path;
use std::process::Output;
use std::sync::Arc;

/// A worker that records what it is told, through masks that hide addresses.
struct Scene {
    data: tempfile::TempDir,
    recorder: Recorder,
    writer: Writer,
    sessions: Sessions,
    clock: Clock,
    masks: Arc<Masks>,
    session: String,
}

/// One exchange.
struct Call<'a> {
    method: &'a str,
    request: &'a str,
    /// The reply's fields and its body, in pieces.
    reply: Option<(&'a str, &'a [&'a str])>,
    outcome: Option<Outcome>,
}

const JSON: &str = "content-type: application/json\r\n";
const SSE: &str = "content-type: text/event-stream; charset=utf-8\r\n";

impl Scene {
    fn start() -> Scene {
        let data = tempfile::tempdir().expect("a directory");
        let clock = Clock::start();
        let settings = Settings {
            segment_bytes: 1 << 20,
            reserve_bytes: 0,
            retention_bytes: u64::MAX,
        };
        let started = Recorder::start(data.path(), settings, clock, 1);
        let (recorder, mut writers) = started.expect("a recorder");
        let spec = MaskSpec {
            recognise: vec![Recogniser::Email],
            ..MaskSpec::default()
        };
        Scene {
            data,
            recorder,
            writer: writers.remove(0),
            sessions: Sessions::new(SessionTable::new(&[1; 32])),
            clock,
            masks: Arc::new(Masks::compile(&spec).expect("a profile")),
            session: String::new(),
        }
    }

    fn stream(&self, kind: ContentKind) -> Stream {
        Stream::new(Arc::clone(&self.masks), kind, "")
    }

    fn begin(&mut self, method: &str) -> ExchangeLog {
        let now = self.clock.now();
        let session = self.sessions.enter("entra/t1/alice", "tickets", now);
        self.session = session.id().to_string();
        let request = RequestRecord {
            decision: Decision::Allowed,
            rule: "ticket-agents/allow: tools/call search_*",
            generation: 1,
            method,
            path: "/mcp/tickets",
            query: None,
            headers: b"",
        };
        let admitted = self
            .writer
            .admit((), &session, &request, Class::Buffered, now);
        let (log, pending) = admitted.map_err(|it| it.why).expect("room");
        match self.writer.settle(pending) {
            Settle::Ready(receipt) => receipt.spend(),
            _ => panic!("a buffered exchange waits for nothing"),
        }
        log
    }

    fn call(&mut self, call: &Call<'_>) {
        let mut log = self.begin(call.method);
        let now = self.clock.now();
        if !call.request.is_empty() {
            let mut stream = self.stream(ContentKind::Json);
            let masked = stream.last(call.request.as_bytes()).expect("readable");
            let sent = call.request.len();
            let body = self.writer.request_chunk(&mut log, &masked, sent, now);
            drop(body.expect("room"));
        }
        if let Some((fields, pieces)) = call.reply {
            let head = format!("HTTP/1.1 200 OK\r\n{fields}\r\n");
            let head = self
                .writer
                .reply_head(&mut log, unmasked(head.as_bytes()), now);
            drop(head.map_err(|it| it.why).expect("room"));
            let kind = match fields {
                SSE => ContentKind::EventStream,
                _ => ContentKind::Json,
            };
            let mut stream = self.stream(kind);
            for (index, piece) in pieces.iter().enumerate() {
                let piece = piece.as_bytes();
                let is_last = index + 1 == pieces.len();
                let masked = match is_last && call.outcome == Some(Outcome::Complete) {
                    true => stream.last(piece),
                    false => stream.push(piece),
                };
                let masked = masked.expect("readable");
                let chunk = self.writer.reply_chunk(&mut log, masked, self.clock.now());
                drop(chunk.map_err(|it| it.why).expect("room"));
            }
        }
        match call.outcome {
            Some(outcome) => self.end(log, outcome),
            None => drop(log),
        }
    }

    fn end(&mut self, log: ExchangeLog, outcome: Outcome) {
        let end = EndRecord {
            outcome,
            status: 200,
            timings: Timings {
                ended: 12_345_000,
                ..Timings::default()
            },
        };
        self.writer.end(log, &end, self.clock.now());
    }

    /// Closes the recording, and gives what shows it.
    fn shown(self) -> Shown {
        self.recorder.close().expect("closed in order");
        Shown {
            data: self.data,
            session: self.session,
        }
    }
}

struct Shown {
    data: tempfile::TempDir,
    session: String,
}

impl Shown {
    fn show(&self, options: &[&str]) -> Output {
        show(self.data.path(), &self.session, options)
    }

    fn text(&self, options: &[&str]) -> String {
        let output = self.show(options);
        assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
        stdout(&output)
    }

    fn json(&self) -> Vec<Value> {
        let lines = self.text(&["--json"]);
        let lines = lines.lines().map(serde_json::from_str);
        lines.collect::<Result<_, _>>().expect("JSON")
    }
}

fn show(data: &Path, session: &str, options: &[&str]) -> Output {
    let data = data.display().to_string();
    let arguments = ["sessions", "show", session, "--data", &data];
    run(&[&arguments[..], options].concat())
}

/// The lines of a text without the times they begin with and without margins.
fn told(text: &str) -> Vec<String> {
    let is_time = |word: &str| word.len() == 24 && word.ends_with('Z');
    let line = |line: &str| {
        let mut words: Vec<_> = line.split_whitespace().collect();
        if words.first().is_some_and(|word| is_time(word)) {
            words.remove(0);
        }
        words.join(" ")
    };
    text.lines().map(line).collect()
}

#[test]
fn a_call_is_told_as_it_was_said_and_masked() {
    let mut scene = Scene::start();
    scene.call(&Call {
        method: "POST",
        request: r#"{"jsonrpc":"2.0","id":9007199254740993,"method":"tools/call","params":
            {"name":"search_tickets","arguments":{"by":"alice@example.org","n":2}}}"#,
        reply: Some((
            JSON,
            &[
                r#"{"jsonrpc":"2.0","id":9007199254740993,"result":{"content":[{"type":"text",
                "text":"bob@example.org asks\ncarol@example.org, hid\u200bden"}]}}"#,
            ],
        )),
        outcome: Some(Outcome::Complete),
    });
    let shown = scene.shown();
    let text = shown.text(&[]);
    let lines = told(&text);
    assert_eq!(lines[0], format!("session {} on tickets", shown.session));
    assert_eq!(
        lines[1..],
        [
            "caller is entra/t1/alice",
            "",
            "caller tools/call search_tickets #9007199254740993",
            r#"{"by":"[email]","n":2}"#,
            "server result #9007199254740993",
            "[email] asks",
            "[email], hid\\u{200b}den",
            "end complete, status 200, 12.345 ms, \
             allowed by ticket-agents/allow: tools/call search_*, \
             masked 1 in the request, 2 in the reply",
        ]
    );
    assert!(!text.contains("example.org"));

    let lines = shown.json();
    let [line] = &lines[..] else {
        panic!("{lines:?}")
    };
    assert_eq!(line["principal"], "entra/t1/alice");
    assert_eq!(
        line["masked"],
        serde_json::json!({ "request": 1, "reply": 2 })
    );
    assert_eq!(
        line["caller"][0]["message"]["params"]["name"],
        "search_tickets"
    );
    let raw = shown.text(&["--json"]);
    assert!(
        raw.contains("\"id\":9007199254740993"),
        "to the letter: {raw}"
    );
    // The frames are there for those who ask.
    let raw = shown.text(&["--raw"]);
    assert!(raw.contains("request body, ") && raw.contains("session opened"));
    assert!(
        shown
            .text(&["--raw", "--json"])
            .contains("\"kind\":\"request_chunk\"")
    );
}

#[test]
fn a_stream_is_told_event_by_event() {
    let mut scene = Scene::start();
    scene.call(&Call {
        method: "POST",
        request: r#"{"jsonrpc":"2.0","id":1,"method":"tools/call",
            "params":{"name":"close","arguments":{}}}"#,
        reply: Some((
            SSE,
            &[
                "id: e1\ndata:\n\n: still here\n\ndata: {\"jsonrpc\":\"2.0\",\"method\":",
                "\"notifications/progress\",\"params\":{\"progress\":1}}\n\n",
                "event: message\ndata: {\"jsonrpc\":\"2.0\",\"id\":5,\"method\":\"sampling/createMessage\",\
                 \"params\":{\"maxTokens\":9}}\n\n",
                "event: endpoint\ndata: /messages?x=1\n\n",
                "data: {\"jsonrpc\":\"2.0\",\"id\":1,\"error\":{\"code\":-32000,\"message\":\"no\"}}\n\n",
            ],
        )),
        outcome: Some(Outcome::Complete),
    });
    let shown = scene.shown();
    let lines = told(&shown.text(&[]));
    assert_eq!(
        lines[3..lines.len() - 1],
        [
            "caller tools/call close #1",
            "{}",
            "server event without data, id e1",
            "server notifications/progress",
            "progress: 1",
            "server sampling/createMessage #5",
            "maxTokens: 9",
            "server event endpoint",
            "/messages?x=1",
            "server error -32000 #1",
            "no",
        ]
    );
    let lines = shown.json();
    assert_eq!(lines[0]["server"].as_array().map(Vec::len), Some(5));
    assert!(lines[0]["server"][1]["time"].is_string());
}

#[test]
fn batches_notifications_and_streams_without_a_request_are_told() {
    let mut scene = Scene::start();
    scene.call(&Call {
        method: "POST",
        request: r#"[{"jsonrpc":"2.0","id":1,"method":"ping"},
            {"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":7}}]"#,
        reply: Some((JSON, &[r#"[{"jsonrpc":"2.0","id":1,"result":{}}]"#])),
        outcome: Some(Outcome::Complete),
    });
    scene.call(&Call {
        method: "GET",
        request: "",
        reply: Some((
            SSE,
            &["data: {\"jsonrpc\":\"2.0\",\"method\":\"notifications/tools/list_changed\"}\n\n"],
        )),
        outcome: Some(Outcome::CallerGone),
    });
    let lines = told(&scene.shown().text(&[]));
    let has = |line: &str| assert!(lines.iter().any(|it| it == line), "{line} in {lines:#?}");
    has("caller ping #1");
    has("caller notifications/cancelled");
    has("requestId: 7");
    has("server result #1");
    has("caller GET /mcp/tickets");
    has("server notifications/tools/list_changed");
    assert!(lines.iter().any(|it| it.starts_with("end caller_gone")));
}

#[test]
fn what_is_missing_is_said_so() {
    let mut scene = Scene::start();
    let ping = r#"{"jsonrpc":"2.0","id":1,"method":"ping"}"#;
    scene.call(&Call {
        method: "POST",
        request: ping,
        reply: Some((JSON, &[r#"{"jsonrpc":"2.0","id":1,"res"#])),
        outcome: Some(Outcome::UpstreamTruncated),
    });
    scene.call(&Call {
        method: "POST",
        request: ping,
        reply: None,
        outcome: None,
    });
    let mut log = scene.begin("POST");
    let now = scene.clock.now();
    let withheld = scene.writer.request_withheld(&mut log, &[0xff; 77], now);
    drop(withheld.expect("room"));
    scene.end(log, Outcome::Complete);
    scene.call(&Call {
        method: "POST",
        request: ping,
        reply: Some(("content-encoding: gzip\r\n", &["{}"])),
        outcome: Some(Outcome::Complete),
    });
    let shown = scene.shown();
    let text = shown.text(&[]);
    for part in [
        "bytes: it is not JSON: unexpected end at byte",
        "upstream_truncated",
        "no end: the outcome is unknown",
        "a body of 77 bytes, which was not to be read",
        "a reply of 2 bytes: it is encoded: gzip",
    ] {
        assert!(text.contains(part), "{part} in\n{text}");
    }
    let lines = shown.json();
    assert_eq!(lines.len(), 4);
    assert_eq!(lines.iter().filter(|it| it["outcome"].is_null()).count(), 1);
    assert!(lines.iter().any(|it| it["withheld_bytes"] == 77));
}

#[test]
fn long_texts_are_cut_for_people_only() {
    let mut scene = Scene::start();
    let long = "word ".repeat(40_000);
    let reply = format!(
        r#"{{"jsonrpc":"2.0","id":1,"result":{{"content":[{{"type":"text","text":"{long}"}},
            {{"type":"text","text":"the end"}}]}}}}"#
    );
    let request = format!(
        r#"{{"jsonrpc":"2.0","id":1,"method":"tools/call","params":
            {{"name":"x","arguments":{{"text":"{long}"}}}}}}"#
    );
    scene.call(&Call {
        method: "POST",
        request: &request,
        reply: Some((JSON, &[&reply])),
        outcome: Some(Outcome::Complete),
    });
    let shown = scene.shown();
    let text = shown.text(&[]);
    assert!(text.len() < 20_000, "{}", text.len());
    assert!(text.contains("… and 196007 bytes more"), "{text}");
    let lines = shown.json();
    let result = &lines[0]["server"][0]["message"]["result"]["content"];
    assert_eq!(result[0]["text"].as_str(), Some(&*long));
}

#[test]
fn what_speaks_no_mcp_is_shown_frame_by_frame() {
    let mut scene = Scene::start();
    scene.call(&Call {
        method: "POST",
        request: r#"{"value":[]}"#,
        reply: Some((JSON, &["{}"])),
        outcome: Some(Outcome::Complete),
    });
    let shown = scene.shown();
    assert_eq!(shown.text(&[]), shown.text(&["--raw"]));
    assert!(
        shown
            .text(&[])
            .contains("session opened: entra/t1/alice on tickets")
    );
    assert!(shown.json().iter().any(|line| line["kind"] == "end"));
    let nobody = "0".repeat(32);
    for options in [&[][..], &["--raw"], &["--json"]] {
        let output = show(shown.data.path(), &nobody, options);
        assert_eq!(output.status.code(), Some(1), "{options:?}");
    }
}
