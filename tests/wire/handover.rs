//! One process after another: the next takes the listening sockets over, the one before drains.

use std::io::{BufRead as _, BufReader, Lines};
use std::net::{SocketAddr, TcpListener};
use std::process::{Child, ChildStderr, Stdio};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU16, AtomicUsize, Ordering::Relaxed};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal};
use sluice::record::verify::{Trust, Verdict};
use sluice::recorder::read::{Filter, recordings, sessions};
use sluice::worker::io::IoChoice;

use super::caller::Caller;
use super::issuer::CLIENT;
use super::origin::{Origin, reply};
use super::revoke::revoke;
use super::scene::{Plan, Process, eventually, serve};

on_every_driver!(a_next_process_takes_over_and_no_connection_is_lost);

/// A process after the first, and what it says.
struct Next {
    child: Child,
    lines: Lines<BufReader<ChildStderr>>,
}

impl Next {
    fn start(first: &Process) -> Next {
        let config = first.scene.data().with_file_name("sluice.yaml");
        let mut child = serve(&config)
            .arg("--take-over")
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let lines = BufReader::new(child.stderr.take().unwrap()).lines();
        Next { child, lines }
    }

    fn says(&mut self, what: &str) -> String {
        let mut heard = Vec::new();
        for line in &mut self.lines {
            let line = line.unwrap();
            if line.contains(what) {
                return line;
            }
            heard.push(line);
        }
        panic!("{what} never came: {heard:?}");
    }

    fn end(mut self) {
        end(Pid::from_child(&self.child));
        assert_eq!(self.child.wait().unwrap().code(), Some(0));
    }
}

impl Drop for Next {
    fn drop(&mut self) {
        // It has ended already, unless the test failed.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn end(pid: Pid) {
    rustix::process::kill_process(pid, Signal::TERM).unwrap();
}

/// A port that nobody has, nor is given who asks for any: it is below those (`ip_local_port_range`).
fn free_port() -> u16 {
    static NEXT: AtomicU16 = AtomicU16::new(0);
    let first = 20_000 + std::process::id() as u16 % 10_000;
    loop {
        let port = first + NEXT.fetch_add(1, Relaxed);
        if TcpListener::bind(("127.0.0.1", port)).is_ok() {
            return port;
        }
    }
}

/// A gateway on a port that others can be told.
fn first(io: IoChoice, origin: &Origin) -> Process {
    let port = free_port();
    let plan = Plan {
        port,
        ..Plan::new(io, origin)
    };
    plan.spawn()
}

/// Answers `/` at once, and of anything else one half until it is told to go on.
fn origin(begun: Sender<()>, goes_on: Receiver<()>) -> Origin {
    let held = Mutex::new((begun, goes_on));
    Origin::talking(None, move |mut conn| {
        while let Some(head) = conn.head()? {
            if head.starts_with("GET / ") {
                conn.send(reply("200 OK", "whole"))?;
                continue;
            }
            let whole = reply("200 OK", "in two halves");
            let (one, other) = whole.split_at(whole.len() - 6);
            conn.send(one)?;
            let held = held.lock().unwrap();
            held.0.send(()).unwrap();
            held.1.recv().unwrap();
            conn.send(other)?;
        }
        Ok(())
    })
}

fn a_next_process_takes_over_and_no_connection_is_lost(io: IoChoice) {
    let (begun, has_begun) = channel();
    let (go_on, goes_on) = channel();
    let mut before = first(io, &origin(begun, goes_on));
    let mut held = before.scene.caller();
    held.send(before.scene.get("/held-up"));
    has_begun.recv().unwrap();
    let (ended, answered) = (AtomicBool::new(false), AtomicUsize::new(0));
    std::thread::scope(|scope| {
        for _ in 0..4 {
            let (scene, ended, answered) = (&before.scene, &ended, &answered);
            scope.spawn(move || {
                while !ended.load(Relaxed) {
                    let reply = scene.caller().ask(scene.get("/"));
                    assert_eq!((reply.status, reply.text()), (200, "whole"));
                    answered.fetch_add(1, Relaxed);
                }
            });
        }
        // Set whatever happens: who asks must end before a failure can be told.
        let _ended = Set(&ended);
        let mut next = Next::start(&before);
        next.says("taken over");
        await_more(&answered, 50);
        assert_eq!(
            before.child.try_wait().unwrap(),
            None,
            "it does not wait for the call"
        );
        go_on.send(()).unwrap();
        assert_eq!(held.reply().text(), "in two halves");
        assert_eq!(before.child.wait().unwrap().code(), Some(0));
        await_more(&answered, 50);
        ended.store(true, Relaxed);
        next.end();
    });
    let left = recordings(before.scene.data()).unwrap();
    assert_eq!(left.len(), 2, "each process has a directory of its own");
    for recording in &left {
        let report = recording.verify(Trust::FirstSeen, None).unwrap();
        assert_eq!(report.verdict, Verdict::Ok);
    }
    let (sessions, _) = sessions(&left, &Filter::default()).unwrap();
    let exchanges: usize = sessions.iter().map(|session| session.exchanges.len()).sum();
    assert_eq!(exchanges, answered.load(Relaxed) + 1);
}

/// Waits until so many more calls are answered.
fn await_more(answered: &AtomicUsize, more: usize) {
    let most = answered.load(Relaxed) + more;
    let until = Instant::now() + Duration::from_secs(20);
    while answered.load(Relaxed) < most {
        assert!(Instant::now() < until, "nobody answers");
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// Sets a flag when it is dropped.
struct Set<'f>(&'f AtomicBool);

impl Drop for Set<'_> {
    fn drop(&mut self) {
        self.0.store(true, Relaxed);
    }
}

#[test]
fn a_next_process_that_does_not_start_changes_nothing() {
    let origin = Origin::answering(|_| reply("200 OK", "whole"));
    let mut before = first(IoChoice::Tokio, &origin);
    let config = before.scene.data().with_file_name("sluice.yaml");
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let admin = format!("admin: {{ bind: {} }}", taken.local_addr().unwrap());
    let text = std::fs::read_to_string(&config).unwrap();
    let other = config.with_file_name("other.yaml");
    std::fs::write(&other, text.replace("admin: { bind: 127.0.0.1:0 }", &admin)).unwrap();
    let next = serve(&other).arg("--take-over").output().unwrap();
    assert_eq!(next.status.code(), Some(1), "{next:?}");
    for _ in 0..20 {
        let reply = before.scene.caller().ask(before.scene.get("/"));
        assert_eq!((reply.status, reply.text()), (200, "whole"));
    }
    // And it can still be taken over from.
    let mut next = Next::start(&before);
    next.says("taken over");
    assert_eq!(before.child.wait().unwrap().code(), Some(0));
    next.end();
}

#[test]
fn without_a_process_before_it_starts_as_ever() {
    let origin = Origin::answering(|_| reply("200 OK", "whole"));
    let mut before = first(IoChoice::Tokio, &origin);
    before.signal(Signal::TERM);
    assert_eq!(before.child.wait().unwrap().code(), Some(0));
    let mut next = Next::start(&before);
    next.says("starting without");
    next.says("admin on");
    let until = Instant::now() + Duration::from_secs(10);
    // It listens before it has keys.
    while before.scene.caller().ask(before.scene.get("/")).status != 200 {
        assert!(Instant::now() < until, "it does not serve");
        std::thread::sleep(Duration::from_millis(20));
    }
    next.end();
}

#[test]
fn a_signal_has_the_program_file_started_again() {
    let origin = Origin::answering(|_| reply("200 OK", "whole"));
    let directory = super::scene::directory();
    let port = free_port();
    let plan = Plan {
        port,
        ..Plan::new(IoChoice::Tokio, &origin)
    };
    let mut child = serve(&plan.write(directory.path()))
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let lines = BufReader::new(child.stderr.take().unwrap()).lines();
    // What the process says that it starts comes through the same pipe.
    let mut process = Next { child, lines };
    process.says("admin on");
    let pid = Pid::from_child(&process.child);
    rustix::process::kill_process(pid, Signal::USR2).unwrap();
    let line = process.says("is to take over");
    let next = line
        .split(' ')
        .find_map(|word| word.parse().ok())
        .and_then(Pid::from_raw)
        .unwrap();
    process.says("another process has taken over");
    assert_eq!(process.child.wait().unwrap().code(), Some(0));
    let reply = Caller::plain(SocketAddr::from(([127, 0, 0, 1], port)))
        .ask("GET /none HTTP/1.1\r\nHost: localhost\r\n\r\n");
    assert_eq!(reply.status, 404);
    end(next);
    process.says("the recording is sealed");
    for line in process.lines.by_ref() {
        drop(line);
    }
}

#[test]
fn what_was_revoked_stays_so_in_the_process_that_takes_over() {
    let origin = Origin::answering(|_| reply("200 OK", "whole"));
    let mut before = first(IoChoice::default(), &origin);
    let scene = &before.scene;
    let status = || scene.caller().ask(scene.get("/")).status;
    assert_eq!(status(), 200);
    revoke(scene.data(), &["client", CLIENT]);
    eventually("it is revoked", || status() == 401);
    let mut next = Next::start(&before);
    next.says("taken over");
    assert_eq!(before.child.wait().unwrap().code(), Some(0));
    assert_eq!(status(), 401);
    revoke(scene.data(), &["lift", "1"]);
    eventually("the next one hears of it", || status() == 200);
    next.end();
}
