//! Reloads while calls come from several threads.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};

use serde_json::Value;

use super::caller::Caller;
use super::scene::{AGENT, Part, Scene, calling, server, token};

const RELOADS: u64 = 1000;

/// What a call came to: whether the tool was called, or a rule denied it.
fn verdict(text: &str) -> Option<bool> {
    let reply: Value = serde_json::from_str(text).ok()?;
    match (&reply["result"]["who"], &reply["error"]["code"]) {
        (Value::String(_), Value::Null) => Some(true),
        (Value::Null, code) if *code == 40300 => Some(false),
        _ => None,
    }
}

#[test]
fn no_call_is_lost_or_judged_by_half_while_configurations_come_and_go() {
    let (up, extra) = (server("up"), server("extra"));
    // `always` is allowed and `never` denied by both; which of the others is, tells them apart.
    let first = Part::mcp(
        "up",
        &up,
        &["allow: tools/call always", "allow: tools/call odd"],
    );
    let second = Part {
        rules: vec!["allow: tools/call always", "allow: tools/call even"],
        ..first.clone()
    };
    let more = Part::mcp("extra", &extra, &["allow: tools/call *"]);
    let mut scene = Scene::start(std::slice::from_ref(&first));
    let address = scene.address;
    let (over, calls) = (AtomicBool::new(false), AtomicUsize::new(0));
    let flips = AtomicUsize::new(0);
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                let token = token(AGENT);
                let mut caller = Caller::plain(address);
                let mut last = None;
                while !over.load(SeqCst) {
                    for (tool, want) in [
                        ("always", Some(true)),
                        ("never", Some(false)),
                        ("odd", None),
                        ("even", None),
                    ] {
                        caller.send(calling("up", tool, &token));
                        let reply = match caller.try_reply(false) {
                            Ok(reply) => reply,
                            // Cut while its reply ran: only what lost its right may be.
                            Err(why) => {
                                assert!(want.is_none(), "{tool}: {why}");
                                caller = Caller::plain(address);
                                continue;
                            }
                        };
                        let got = match reply.status {
                            // Allowed by the one, and denied by the other before it went upstream.
                            503 if want.is_none() && reply.code() == "superseded" => {
                                caller = Caller::plain(address);
                                Some(false)
                            }
                            200 => verdict(reply.text()),
                            status => panic!("{tool}: {status} {}", reply.text()),
                        };
                        assert!(got.is_some(), "{tool}: {}", reply.text());
                        assert!(want.is_none() || got == want, "{tool}: {}", reply.text());
                        if tool == "odd" && last.replace(got) != Some(got) {
                            flips.fetch_add(1, SeqCst);
                        }
                        calls.fetch_add(1, SeqCst);
                    }
                }
            });
        }
        for number in 0..RELOADS {
            // Each puts the connection in another place, too.
            match number % 2 {
                0 => scene.reload(&[more.clone(), second.clone()]),
                _ => scene.reload(std::slice::from_ref(&first)),
            };
            std::thread::sleep(std::time::Duration::from_millis(3));
        }
        over.store(true, SeqCst);
    });
    assert_eq!(scene.generation(), RELOADS + 1);
    assert!(calls.load(SeqCst) > 200, "{calls:?} calls");
    assert!(flips.load(SeqCst) > 4, "both were in force: {flips:?}");
    let metrics = scene.metrics();
    for line in [
        format!("sluice_configuration_generation {}\n", RELOADS + 1),
        format!("sluice_reloads_total{{outcome=\"taken\"}} {RELOADS}\n"),
    ] {
        assert!(metrics.contains(&line), "{metrics}");
    }
    // Counted and logged by name, wherever it stood.
    let done = "sluice_exchanges_total{connection=\"extra\",outcome=\"complete\"} 0";
    assert!(metrics.contains(done), "{metrics}");
    assert!(!scene.access_log().contains("\"connection\":\"extra\""));
}
