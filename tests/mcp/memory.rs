//! In steady state nothing is allocated for a call, an event, or a session that comes back.

use allocation_counter::measure;
use sluice::base::clock::Wall;
use sluice::base::secret::Secret;
use sluice::mcp::pins::{Pins, Sight, ToolPolicy};
use sluice::mcp::print::Fingerprint;
use sluice::mcp::tasks::Tasks;
use sluice::mcp::{
    Answers, Events, Fields, Reader, Revision, Sealer, SessionState, principal, same_id,
};

const CALL: &[u8] = br#"{"jsonrpc":"2.0","id":17,"method":"tools/call","params":{"name":"s\u0065arch",
    "arguments":{"query":"x","list":[1,2,3]},"_meta":{
    "io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientCapabilities":{}}}}"#;

#[test]
fn a_call_is_read_without_allocating() {
    let fields = Fields {
        version: Some(b"2026-07-28"),
        method: Some(b"tools/call"),
        name: Some(b"=?base64?c2VhcmNo?="),
        params: &[],
        content_type: Some(b"application/json; charset=utf-8"),
    };
    let mut reader = Reader::new();
    assert!(reader.read(CALL, &fields).is_ok());
    let again = measure(|| assert!(reader.read(CALL, &fields).is_ok()));
    assert_eq!(again.count_total, 0);
}

#[test]
fn events_pass_without_allocating() {
    const STREAM: &[u8] = b"id: 1\r\ndata: {\"jsonrpc\":\"2.0\",\r\ndata: \"id\":17,\"result\":{\"content\":[]}}\r\n\r\n: ping\r\n";
    let (mut events, mut answers) = (Events::new(4096), Answers::new());
    let mut pass = || {
        let mut answered = 0;
        for piece in STREAM.chunks(7) {
            events.push(piece);
            while let Some(frame) = events.frame().unwrap() {
                let said = frame.data.map(|data| answers.read(data).unwrap());
                let ids = said.iter().flat_map(|said| said.answers());
                answered += ids
                    .filter(|answer| same_id(answer.id.unwrap(), "17"))
                    .count();
            }
        }
        assert_eq!(answered, 1);
    };
    pass();
    assert_eq!(measure(pass).count_total, 0);
}

/// What a stream holds while nothing comes.
#[test]
fn an_idle_stream_owns_no_memory() {
    let idle = measure(|| {
        let mut events = Events::new(1 << 20);
        events.push(b"data: x\n\n");
        while events.frame().unwrap().is_some() {}
        events.release();
        assert!(events.frame().unwrap().is_none());
        std::mem::forget(events);
    });
    assert_eq!(idle.bytes_current, 0);
}

#[test]
fn a_session_is_opened_without_allocating() {
    let key = Secret::new(vec![7; 32]);
    let sealer = Sealer::new([("k1", &key)]).unwrap();
    let who = principal(["entra", "t", "o", "c"]);
    let session = SessionState {
        upstream: "3f2b8c1d-5e6f-4a7b",
        address: None,
        replica: 0,
        revision: Revision::V2025_11_25,
        opened: 0,
    };
    let text = sealer.seal_session(&session, "tickets", &who).unwrap();
    let mut scratch = Vec::new();
    let mut open = || {
        let opened = sealer.open_session(text.as_bytes(), "tickets", &who, &mut scratch);
        assert!(opened == Ok(session));
    };
    open();
    assert_eq!(measure(open).count_total, 0);
}

/// Every call asks about its tool and some about their task; every list about each of its tools.
#[test]
fn tools_and_tasks_that_are_known_are_judged_without_allocating() {
    let definition = r#"{"name":"search","annotations":{"readOnlyHint":true}}"#;
    let (pins, _seen) = Pins::new();
    pins.set_connections(&[("tickets".into(), ToolPolicy::default())]);
    let print = Fingerprint([7; 32]);
    let see = || pins.see("tickets", "search", &print, definition);
    assert_eq!(see(), Sight::Shown);
    let (tasks, _bound) = Tasks::new();
    let (who, now) = ([1; 32], Wall(1));
    tasks.bind("tickets", "7", &who, None, now).unwrap();
    let judge = || {
        assert_eq!(see(), Sight::Shown);
        assert!(!pins.is_quarantined("tickets", "search"));
        assert!(pins.annotations("tickets", "search").is_some());
        assert!(tasks.is_of("tickets", "7", &who, now));
    };
    judge();
    assert_eq!(measure(judge).count_total, 0);
}
