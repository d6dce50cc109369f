//! How processes start, are limited, and end; how a reload meets them.

use std::io::{BufRead as _, BufReader, Read as _};
use std::process::{Command, Stdio};
use std::time::Duration;

use serde_json::json;
use sluice::base::secret::Secret;
use sluice::servers::{Health, Host};

use crate::client::{
    ALICE, BOB, Caller, LONG, host, host_of, initialize, is_alive, plan, server, until,
};

async fn pid(caller: &Caller) -> u64 {
    let answer = caller.call("99", "echo", "{}").await.json().await;
    answer["result"]["pid"].as_u64().expect("a pid")
}

async fn stop(host: Host) {
    tokio::task::spawn_blocking(|| host.stop())
        .await
        .expect("it stops");
}

#[tokio::test]
async fn nothing_is_left_when_the_host_stops() {
    for env in [&[][..], &[("STUBBORN", "1")]] {
        let host = host(env);
        let caller = Caller::with_session(&host, ALICE, "2025-06-18").await;
        let forked = caller
            .call("1", "fork", r#"{"processes":2}"#)
            .await
            .json()
            .await;
        let children = forked["result"]["children"].as_array().unwrap();
        let mut all: Vec<_> = children
            .iter()
            .map(|child| child.as_u64().unwrap())
            .collect();
        all.push(pid(&caller).await);
        assert!(all.iter().all(|pid| is_alive(*pid)));
        stop(host).await;
        for pid in all {
            let gone = !std::path::Path::new(&format!("/proc/{pid}/stat")).exists();
            assert!(gone || !is_alive(pid), "{pid} is left, {env:?}");
        }
    }
}

#[tokio::test]
async fn a_process_gets_its_environment_and_nothing_of_ours() {
    let mut server = server("s", &[("TOKEN", "hunter2hunter2")]);
    server.cwd = Some("/".into());
    let host = host_of(server);
    let caller = Caller::with_session(&host, ALICE, "2025-06-18").await;
    let result = caller.call("1", "environment", "{}").await.json().await["result"].take();
    assert_eq!(result["cwd"], "/");
    let names: Vec<_> = result["names"]
        .as_array()
        .unwrap()
        .iter()
        .map(|n| n.as_str().unwrap())
        .collect();
    assert!(names.contains(&"TOKEN") && names.contains(&"PATH"));
    // The shell that starts it adds some of its own.
    let known = [
        "TOKEN", "PATH", "HOME", "SCRIPTED", "PWD", "OLDPWD", "SHLVL", "_",
    ];
    assert!(names.iter().all(|name| known.contains(name)), "{names:?}");
}

#[tokio::test]
async fn there_are_only_so_many_processes_and_one_for_each_principal() {
    let mut server = server("s", &[]);
    server.processes = 1;
    let host = host_of(server);
    let first = Caller::with_session(&host, ALICE, "2025-06-18").await;
    let second = Caller::with_session(&host, ALICE, "2025-06-18").await;
    assert_eq!(
        pid(&first).await,
        pid(&second).await,
        "sessions of one principal share it"
    );
    let refused = Caller::new(&host, BOB)
        .post(&initialize("2025-06-18"))
        .await;
    assert_eq!(refused.status, 503);
    assert!(refused.header("retry-after").is_some());
    assert_eq!(refused.json().await["error"]["code"], 50300);
    assert_eq!(host.health("s"), Some(Health::Running { parts: 1 }));

    // The last session's end is the process's.
    let old = pid(&first).await;
    assert_eq!(first.delete().await.status, 200);
    assert_eq!(pid(&second).await, old);
    assert_eq!(second.delete().await.status, 200);
    until("the process ends", || !is_alive(old)).await;
    until("its place is free", || {
        host.health("s") == Some(Health::Idle)
    })
    .await;
    Caller::with_session(&host, BOB, "2025-06-18").await;
}

#[tokio::test]
async fn what_nobody_uses_ends() {
    let mut server = server("s", &[]);
    server.idle = Duration::from_millis(400);
    let host = host_of(server);
    let listening = Caller::with_session(&host, ALICE, "2025-06-18").await;
    let stream = listening.get().await;
    let silent = Caller::with_session(&host, BOB, "2025-06-18").await;
    let (used, unused) = (pid(&listening).await, pid(&silent).await);
    until("the idle one ends", || !is_alive(unused)).await;
    assert_eq!(silent.call("1", "echo", "{}").await.status, 404);
    tokio::time::sleep(Duration::from_millis(600)).await;
    assert!(is_alive(used), "somebody listens");
    drop(stream);
    until("the other ends, too", || !is_alive(used)).await;
    until("and nothing is wrong", || {
        host.health("s") == Some(Health::Idle)
    })
    .await;
}

#[tokio::test]
async fn a_reload_keeps_what_is_unchanged_and_drains_what_is_gone() {
    let (kept, changed, removed) = (
        server("kept", &[]),
        server("changed", &[]),
        server("removed", &[]),
    );
    let host = Host::start(plan(vec![kept.clone(), changed.clone(), removed])).expect("a host");
    let mut callers = Vec::new();
    for name in ["kept", "changed", "removed"] {
        let mut caller = Caller::new(&host, ALICE);
        caller.path = format!("/stdio/{name}");
        let session = caller
            .post(&initialize("2025-06-18"))
            .await
            .header("mcp-session-id");
        callers.push(caller.with("mcp-session-id", &session.unwrap()));
    }
    let [a, b, c] = [&callers[0], &callers[1], &callers[2]];
    let pids = [pid(a).await, pid(b).await, pid(c).await];
    let open = tokio::spawn({
        let c = c.clone();
        async move {
            c.call("1", "sleep", r#"{"ms":700,"mine":1}"#)
                .await
                .json()
                .await
        }
    });
    tokio::time::sleep(Duration::from_millis(200)).await;

    let mut other = changed.clone();
    other
        .env
        .push(("NEW".to_owned(), Secret::new(b"1".to_vec())));
    let (same, added) = (kept.clone(), server("added", &[]));
    host.set(plan(vec![same, other, added]));

    assert_eq!(pid(a).await, pids[0], "unchanged");
    assert_eq!(pid(b).await, pids[1], "an open session goes on");
    let newer = b.without("mcp-session-id");
    let session = newer
        .post(&initialize("2025-06-18"))
        .await
        .header("mcp-session-id");
    assert_ne!(
        pid(&newer.with("mcp-session-id", &session.unwrap())).await,
        pids[1]
    );
    assert_eq!(b.delete().await.status, 200);
    until("the old process ends with its last session", || {
        !is_alive(pids[1])
    })
    .await;
    assert_eq!(
        c.call("2", "echo", "{}").await.status,
        404,
        "it is not configured any more"
    );
    assert!(host.health("removed").is_none());
    assert_eq!(
        open.await.unwrap()["result"]["mine"],
        1,
        "an open call gets its answer"
    );
    until("then it ends", || !is_alive(pids[2])).await;
    assert_eq!(host.health("added"), Some(Health::Idle));
}

/// A gateway that is killed takes its servers along, also those that ignore everything else.
#[tokio::test]
async fn servers_do_not_outlive_a_gateway_that_is_killed() {
    let exe = std::env::current_exe().expect("this test's own path");
    let mut gateway = Command::new(exe);
    gateway.args([
        "supervision::gateway_to_be_killed",
        "--exact",
        "--nocapture",
    ]);
    gateway
        .env("GATEWAY", "1")
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let mut gateway = gateway.spawn().expect("a gateway");
    let lines = BufReader::new(gateway.stdout.take().expect("a pipe")).lines();
    let mut lines = lines.map(|line| line.expect("a line"));
    let pids = lines
        .find_map(|line| Some(line.strip_prefix("pids: ")?.to_owned()))
        .expect("pids");
    let pids: Vec<u64> = pids
        .split(' ')
        .map(|pid| pid.parse().expect("a pid"))
        .collect();
    assert!(pids.len() == 3 && pids.iter().all(|pid| is_alive(*pid)));
    gateway.kill().expect("it is killed");
    gateway.wait().expect("it is dead");
    for pid in pids {
        until("its servers die", || !is_alive(pid)).await;
    }
    // What a server says on its standard error is told under its name, without its secrets.
    let mut told = String::new();
    gateway
        .stderr
        .take()
        .expect("a pipe")
        .read_to_string(&mut told)
        .expect("text");
    let line = "sluice: stdio s: stderr: the token is [secret]";
    let count = told.lines().filter(|known| *known == line).count();
    assert!(
        (50..100).contains(&count),
        "{count} of 500: more than none and not all"
    );
    assert!(!told.contains("hunter2"));
}

#[tokio::test]
async fn gateway_to_be_killed() {
    if std::env::var_os("GATEWAY").is_none() {
        return;
    }
    let host = host(&[("STUBBORN", "1"), ("TOKEN", "hunter2hunter2")]);
    let caller = Caller::with_session(&host, ALICE, "2025-06-18").await;
    let params = json!({ "lines": 500, "text": "the token is hunter2hunter2" }).to_string();
    caller.call("1", "stderr", &params).await;
    let forked = caller
        .call("2", "fork", r#"{"processes":2}"#)
        .await
        .json()
        .await;
    let mut pids = forked["result"]["children"].as_array().unwrap().clone();
    pids.push(forked["result"]["pid"].clone());
    let pids: Vec<_> = pids.iter().map(ToString::to_string).collect();
    tokio::time::sleep(Duration::from_millis(300)).await;
    println!("\npids: {}", pids.join(" "));
    tokio::time::sleep(LONG).await;
}
