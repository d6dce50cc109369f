//! Kept connections that had ended: which requests go upstream once more.

use std::time::Duration;

use sluice::exchange::Refusal;
use sluice::policy::Effect;
use sluice::record::Class;

use super::check;
use super::drive::{After, Caller, Drive, End, Origin, Wait};
use super::replies::request;
use super::rig::{Hiding, Rig, Shape, What};
use super::signer::{FIRST, START, good};

const OK: &str = "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 2\r\n\r\nhi";

fn stale() -> Origin {
    Origin {
        stale: 1,
        ..Origin::new(OK)
    }
}

/// One exchange whose waits `on_wait` ends, or time.
fn run(
    rig: &mut Rig,
    text: &str,
    origin: Origin,
    on_wait: impl FnMut(&mut Rig, &[Wait]) -> bool,
) -> End {
    let mut caller = Caller::new(text, 0);
    let end = Drive::new(rig, origin, 0).run(rig, &mut caller, on_wait);
    rig.drain();
    rig.sync();
    rig.assert_clean();
    end
}

fn repeats_of(rig: &Rig, path: &str) -> usize {
    let told = rig.of(path);
    let repeats = told.iter().filter(|what| matches!(what, What::Repeated));
    repeats.count()
}

#[test]
fn a_safe_request_goes_once_more_and_that_is_recorded() {
    for method in ["GET", "HEAD", "OPTIONS"] {
        for seed in 0..50 {
            let mut rig = Rig::new(Shape::default());
            let mut caller = Caller::new(request(method, "/a", ""), seed);
            let reply = match method {
                "HEAD" => "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n",
                _ => OK,
            };
            let origin = Origin {
                stale: 1,
                ..Origin::new(reply)
            };
            let drive = Drive::new(&mut rig, origin, seed).watching("/a");
            let end = drive.run(&mut rig, &mut caller, |_, _| false);
            rig.drain();
            assert!(end.refusal.is_none(), "{:?}", end.refusal);
            assert_eq!(end.repeated, 1);
            assert_eq!(end.after, After::KeepAlive);
            assert!(end.to_caller.starts_with(b"HTTP/1.1 200 "));
            assert_eq!(
                check::request(&end.to_upstream).start.split(' ').next(),
                Some(method)
            );
            assert_eq!(repeats_of(&rig, "/a"), 1);
            rig.assert_clean();
        }
    }
}

#[test]
fn what_may_have_had_an_effect_goes_once() {
    let with_body = "Content-Length: 4\r\n";
    for (method, more, body) in [
        ("POST", with_body, "body"),
        ("POST", "Content-Length: 0\r\n", ""),
        ("PUT", with_body, "body"),
        ("DELETE", "", ""),
        ("GET", with_body, "body"),
        ("get", "", ""),
    ] {
        let mut rig = Rig::new(Shape::default());
        let text = request(method, "/a", more) + body;
        let end = run(&mut rig, &text, stale(), |_, _| false);
        assert_eq!(end.repeated, 0, "{method} {more}");
        let refusal = end.refusal;
        assert!(
            matches!(refusal, Some(Refusal::UpstreamUnreachable)),
            "{method}: {refusal:?}"
        );
        assert_eq!(repeats_of(&rig, "/a"), 0);
    }
}

#[test]
fn what_never_left_goes_once_more_whatever_it_is() {
    let mut rig = Rig::new(Shape::default());
    let origin = Origin {
        takes: 0,
        ..stale()
    };
    let text = request("POST", "/a", "Content-Length: 4\r\n") + "body";
    let end = run(&mut rig, &text, origin.clone(), |_, _| false);
    assert_eq!((end.repeated, end.after), (1, After::KeepAlive));
    assert_eq!(check::request(&end.to_upstream).body, b"body");
    // A byte that left is too many.
    let mut rig = Rig::new(Shape::default());
    let one_byte = Origin {
        takes: 1,
        ..origin.clone()
    };
    let end = run(&mut rig, &text, one_byte, |_, _| false);
    assert_eq!(end.repeated, 0);
    // What the recording's masks had taken of it, they take once more.
    let mut rig = Rig::new(Shape {
        hiding: Hiding::All,
        ..Shape::default()
    });
    let body = r#"{"mail":"eve@tail.test"}"#;
    let json = format!(
        "Content-Type: application/json\r\nContent-Length: {}\r\n",
        body.len()
    );
    let text = request("POST", "/a", &json) + body;
    let end = run(&mut rig, &text, origin, |_, _| false);
    assert_eq!(end.repeated, 1, "{:?}", end.refusal);
    assert_eq!(check::request(&end.to_upstream).body, body.as_bytes());
}

#[test]
fn it_goes_once_more_once_and_not_where_that_is_turned_off() {
    let mut rig = Rig::new(Shape::default());
    let twice = Origin {
        stale: 2,
        ..Origin::new(OK)
    };
    let text = request("GET", "/a", "");
    let end = run(&mut rig, &text, twice, |_, _| false);
    assert_eq!(end.repeated, 1);
    assert!(matches!(end.refusal, Some(Refusal::UpstreamUnreachable)));

    let mut rig = Rig::new(Shape::default());
    rig.reconnect(|connection| connection.retry = false);
    let end = run(&mut rig, &text, stale(), |_, _| false);
    assert_eq!(end.repeated, 0);
}

#[test]
fn whether_it_may_go_on_is_looked_at_again() {
    let durable = || {
        Rig::new(Shape {
            class: Class::Durable,
            ..Shape::default()
        })
    };
    // The second wait for the disk is that of the repeat.
    let at_repeat = |change: fn(&mut Rig)| {
        let mut rig = durable();
        let mut syncs = 0;
        let text = request("GET", "/a", "").replace(good(), &FIRST.token("reader", START + 3));
        let end = run(&mut rig, &text, stale(), |rig, waits| {
            let sync = waits.iter().any(|wait| matches!(wait, Wait::Sync(_)));
            syncs += usize::from(sync);
            if sync && syncs == 2 {
                change(rig);
            }
            if sync {
                rig.drain();
                rig.sync();
            }
            sync || matches!(waits, [Wait::Connect])
        });
        assert_eq!((syncs, end.repeated), (2, 1));
        end
    };
    let end = at_repeat(|_| ());
    assert!(end.refusal.is_none(), "{:?}", end.refusal);

    let end = at_repeat(|rig| {
        rig.reload(|shape| shape.lines.push((Effect::Deny, "GET /a")));
    });
    assert!(
        matches!(end.refusal, Some(Refusal::Superseded)),
        "{:?}",
        end.refusal
    );
    assert!(end.to_upstream.is_empty(), "nothing goes under other rules");

    let end = at_repeat(|rig| rig.pass(Duration::from_secs(5)));
    assert!(
        matches!(end.refusal, Some(Refusal::Token(_))),
        "{:?}",
        end.refusal
    );
    assert!(end.to_upstream.is_empty());
}
