//! The process: how it starts, drains, and what a kill leaves behind.

use std::collections::BTreeSet;
use std::io::Read as _;
use std::net::{TcpListener, TcpStream};
use std::process::Stdio;
use std::sync::Mutex;
use std::sync::mpsc::channel;
use std::time::{Duration, Instant};

use rustix::process::Signal;
use sluice::cli::serve::Gateway;
use sluice::control::config;
use sluice::record::Outcome;
use sluice::record::verify::{Trust, Verdict};
use sluice::recorder::read::{ExchangeSummary, Filter, Recording, recordings, sessions};
use sluice::worker::io::IoChoice;

use super::origin::Origin;
use super::scene::{Plan, Process, Scene, directory, serve};

on_every_driver!(
    a_drain_lets_calls_end_and_nothing_begin,
    a_drain_that_takes_too_long_cuts_off,
    a_kill_loses_nothing_that_was_acknowledged,
);

fn verified(recordings: &[Recording]) -> Verdict {
    let [recording] = recordings else {
        panic!("{recordings:?}");
    };
    let report = recording.verify(Trust::FirstSeen, None).unwrap();
    report.verdict
}

fn exchanges(recordings: &[Recording]) -> Vec<ExchangeSummary> {
    let (sessions, _) = sessions(recordings, &Filter::default()).unwrap();
    sessions
        .into_iter()
        .flat_map(|session| session.exchanges)
        .collect()
}

fn a_drain_lets_calls_end_and_nothing_begin(io: IoChoice) {
    let (begun, has_begun) = channel();
    let (go_on, goes_on) = channel::<()>();
    let (begun, goes_on) = (Mutex::new(begun), Mutex::new(goes_on));
    let origin = Origin::talking(None, move |mut conn| {
        conn.head()?;
        conn.send(
            "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 10\r\n\r\nhello",
        )?;
        begun.lock().unwrap().send(()).unwrap();
        let _ = goes_on.lock().unwrap().recv();
        conn.send("world")
    });
    let Process { child, scene } = &mut Plan::new(io, &origin).spawn();
    let mut idle = scene.caller();
    let mut secure = scene.secure_caller();
    let mut busy = scene.caller();
    busy.send(scene.get("/"));
    has_begun.recv().unwrap();
    let pid = rustix::process::Pid::from_child(child);
    rustix::process::kill_process(pid, Signal::TERM).unwrap();
    assert!(idle.ends_within(Duration::from_secs(2)));
    assert!(secure.ends_within(Duration::from_secs(2)));
    let until = Instant::now() + Duration::from_secs(2);
    while TcpStream::connect(scene.address).is_ok() {
        assert!(Instant::now() < until, "it still listens");
    }
    assert_eq!(
        child.try_wait().unwrap(),
        None,
        "it does not wait for the call"
    );
    go_on.send(()).unwrap();
    let reply = busy.reply();
    assert_eq!((reply.status, reply.text()), (200, "helloworld"));
    assert!(busy.ends_within(Duration::from_secs(2)));
    assert_eq!(child.wait().unwrap().code(), Some(0));
    let left = recordings(scene.data()).unwrap();
    assert_eq!(verified(&left), Verdict::Ok);
    let ends: Vec<_> = exchanges(&left).iter().map(|it| it.end).collect();
    assert_eq!(ends[0].unwrap().end.outcome, Outcome::Complete);
}

fn a_drain_that_takes_too_long_cuts_off(io: IoChoice) {
    let (begun, has_begun) = channel();
    let begun = Mutex::new(begun);
    let origin = Origin::talking(None, move |mut conn| {
        conn.head()?;
        conn.send(
            "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 10\r\n\r\nhello",
        )?;
        begun.lock().unwrap().send(()).unwrap();
        conn.wire.read_to_end(&mut Vec::new()).map(|_| ())
    });
    let plan = Plan {
        drain_time: "300ms",
        ..Plan::new(io, &origin)
    };
    let scene = plan.ready();
    let mut caller = scene.caller();
    caller.send(scene.get("/"));
    has_begun.recv().unwrap();
    let asked = Instant::now();
    let left = scene.stop();
    assert!(asked.elapsed() < Duration::from_secs(5));
    assert!(
        caller.try_reply(false).is_err(),
        "a clean end of half a reply"
    );
    let ends: Vec<_> = exchanges(&left.recordings)
        .iter()
        .map(|it| it.end)
        .collect();
    assert_eq!(ends[0].unwrap().end.outcome, Outcome::Drained);
    assert_eq!(verified(&left.recordings), Verdict::Ok);
}

fn a_kill_loses_nothing_that_was_acknowledged(io: IoChoice) {
    let origin = Origin::echoing();
    let plan = Plan {
        class: "durable",
        ..Plan::new(io, &origin)
    };
    let mut process = plan.spawn();
    let acknowledged = Mutex::new(BTreeSet::new());
    std::thread::scope(|scope| {
        for caller in 0..4 {
            let (scene, acknowledged) = (&process.scene, &acknowledged);
            scope.spawn(move || {
                let mut wire = scene.caller();
                for number in 0.. {
                    let path = format!("/{caller}/{number}");
                    if wire.try_send(scene.get(&path)).is_err() {
                        return;
                    }
                    match wire.try_reply(false) {
                        Ok(reply) => assert_eq!(reply.status, 200),
                        Err(_) => return,
                    }
                    acknowledged.lock().unwrap().insert(path);
                }
            });
        }
        std::thread::sleep(Duration::from_millis(500));
        process.signal(Signal::KILL);
    });
    process.child.wait().unwrap();
    let left = recordings(process.scene.data()).unwrap();
    let verdict = verified(&left);
    assert!(verdict <= Verdict::Torn, "{verdict:?}");
    let recorded: BTreeSet<_> = exchanges(&left).into_iter().map(|it| it.path).collect();
    let acknowledged = acknowledged.into_inner().unwrap();
    assert!(acknowledged.len() > 4, "{}", acknowledged.len());
    let lost: Vec<_> = acknowledged.difference(&recorded).collect();
    assert!(lost.is_empty(), "{lost:?} of {}", acknowledged.len());
    // The next process takes over what the kill left, and says what was torn off.
    let plan = Plan {
        class: "durable",
        data: Some(process.scene.data().to_owned()),
        ..Plan::new(io, &origin)
    };
    let again = plan.ready();
    assert_eq!(again.caller().ask(again.get("/again")).status, 200);
    let left = again.stop();
    assert_eq!(verified(&left.recordings), Verdict::Ok);
    let recorded: BTreeSet<_> = exchanges(&left.recordings)
        .into_iter()
        .map(|it| it.path)
        .collect();
    assert!(acknowledged.is_subset(&recorded) && recorded.contains("/again"));
    // What reached the upstream was recorded first, too.
    for request in origin.requests() {
        assert!(recorded.contains(request.target()), "{}", request.target());
    }
}

#[test]
fn a_port_in_use_is_a_clear_start_error() {
    let origin = Origin::echoing();
    let other = TcpListener::bind("127.0.0.1:0").unwrap();
    let sluice = Scene::start(IoChoice::Tokio, &origin);
    // Another gateway shares its port with whoever asks, so this needs more than a failed bind.
    for port in [other.local_addr().unwrap().port(), sluice.address.port()] {
        let place = directory();
        let plan = Plan {
            port,
            ..Plan::new(IoChoice::Tokio, &origin)
        };
        let path = plan.write(place.path());
        let config = config::load(&path).unwrap();
        let message = Gateway::start(&config).err().unwrap().to_string();
        let want = format!("listen on 127.0.0.1:{port}: Address already in use");
        assert!(message.starts_with(&want), "{message}");
        let ended = serve(&path).output().unwrap();
        assert_eq!(ended.status.code(), Some(1));
        let said = String::from_utf8(ended.stderr).unwrap();
        assert!(said.contains(&want), "{said}");
    }
    assert_eq!(sluice.caller().ask(sluice.get("/")).status, 200);
}

/// However few descriptors there are: it serves, or it says what is wrong and ends. In between lies
/// a core that could not take over its listener, which must not be left limping.
#[test]
fn a_core_that_cannot_run_ends_the_process() {
    let origin = Origin::echoing();
    let mut ended = 0;
    for descriptors in (6..70).step_by(3) {
        let place = directory();
        let path = Plan::new(IoChoice::Epoll, &origin).write(place.path());
        let limited = format!("ulimit -n {descriptors} && exec \"$@\"");
        let serve = serve(&path);
        let mut child = std::process::Command::new("sh")
            .args(["-c", &limited, "sh"])
            .arg(serve.get_program())
            .args(serve.get_args())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let until = Instant::now() + Duration::from_millis(1500);
        let status = loop {
            match child.try_wait().unwrap() {
                Some(status) => break Some(status),
                None if Instant::now() > until => break None,
                None => std::thread::sleep(Duration::from_millis(10)),
            }
        };
        match status {
            None => {
                child.kill().unwrap();
                child.wait().unwrap();
                break;
            }
            Some(status) => {
                let mut said = String::new();
                child
                    .stderr
                    .take()
                    .unwrap()
                    .read_to_string(&mut said)
                    .unwrap();
                assert!(
                    status.code().is_some_and(|code| code != 0),
                    "{status} {said}"
                );
                assert!(
                    !said.trim().is_empty(),
                    "{descriptors} descriptors: {status}"
                );
                ended += 1;
            }
        }
    }
    assert!(ended > 2, "the limit was never felt");
}
