//! The ways on loopback between the gateway and its own servers are for those two only.

use std::collections::BTreeSet;
use std::io::{BufRead as _, BufReader, Read as _};
use std::net::SocketAddr;
use std::process::{Child, Command, Stdio};

use super::super::caller::Caller;
use super::super::scene::{AGENT, place, token};
use super::{tickets, yaml};

/// The program itself, whose sockets are all its own.
struct Program {
    process: Child,
    listens: SocketAddr,
    admin: SocketAddr,
    said: BufReader<std::process::ChildStderr>,
    _directory: tempfile::TempDir,
}

impl Program {
    fn start(yaml: &str) -> Program {
        let directory = place(yaml);
        let mut process = Command::new(env!("CARGO_BIN_EXE_sluice"))
            .args(["serve", "-c", "sluice.yaml"])
            .current_dir(directory.path())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut said = BufReader::new(process.stderr.take().unwrap());
        let mut wait_for = |before: &str| {
            let mut line = String::new();
            loop {
                line.clear();
                assert!(said.read_line(&mut line).unwrap() > 0, "it ended");
                if let Some((_, rest)) = line.split_once(before) {
                    let end = rest.find([' ', '/', '\n']).unwrap();
                    return rest[..end].parse::<SocketAddr>().unwrap();
                }
            }
        };
        Program {
            listens: wait_for("listening on "),
            admin: wait_for("admin on http://"),
            process,
            said,
            _directory: directory,
        }
    }

    /// Where it listens beside what it says.
    fn others(&self) -> Vec<SocketAddr> {
        let descriptors = format!("/proc/{}/fd", self.process.id());
        let own: BTreeSet<String> = std::fs::read_dir(descriptors)
            .unwrap()
            .filter_map(|entry| std::fs::read_link(entry.ok()?.path()).ok())
            .filter_map(|link| {
                Some(
                    link.to_str()?
                        .strip_prefix("socket:[")?
                        .trim_end_matches(']')
                        .to_owned(),
                )
            })
            .collect();
        let table = std::fs::read_to_string("/proc/net/tcp").unwrap();
        let listening = table.lines().skip(1).filter_map(|line| {
            let fields: Vec<&str> = line.split_whitespace().collect();
            let (local, state, inode) = (fields.get(1)?, fields.get(3)?, fields.get(9)?);
            (*state == "0A" && own.contains(*inode)).then_some(*local)
        });
        let mut others = BTreeSet::new();
        for local in listening {
            // Little-endian: 127.0.0.1.
            let port = local.strip_prefix("0100007F:").expect("loopback only");
            others.insert(SocketAddr::from((
                [127, 0, 0, 1],
                u16::from_str_radix(port, 16).unwrap(),
            )));
        }
        others.remove(&self.listens);
        others.remove(&self.admin);
        others.into_iter().collect()
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn posting(path: &str, host: &str, fields: &str) -> String {
    let body = r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"search_a","arguments":{}}}"#;
    let (token, length) = (token(AGENT), body.len());
    format!(
        "POST {path} HTTP/1.1\r\nHost: {host}\r\nAuthorization: Bearer {token}\r\n\
         Accept: application/json, text/event-stream\r\nMCP-Protocol-Version: 2025-11-25\r\n{fields}\
         Content-Type: application/json\r\nContent-Length: {length}\r\n\r\n{body}"
    )
}

#[test]
fn whoever_does_not_know_the_secret_comes_in_by_no_inner_door() {
    let upstream = tickets();
    let mut program = Program::start(&yaml(&upstream, "data"));
    let others = program.others();
    assert_eq!(
        others.len(),
        2,
        "the workers' and the servers' own: {others:?}"
    );
    let principal = "0".repeat(64);
    let guessed = format!("Sluice-Inner: {principal}\r\nSluice-Principal: {principal}\r\n");
    for door in others {
        for path in [
            "/tickets",
            "/files",
            "/all",
            "/mcp/tickets",
            "/stdio/files",
            "/union/all",
            "/",
        ] {
            for fields in ["", "Sluice-Inner: \r\n", &guessed] {
                for host in ["localhost", "tickets"] {
                    let reply = Caller::plain(door).ask(posting(path, host, fields));
                    assert!(
                        matches!(reply.status, 403 | 404),
                        "{door}{path}: {}",
                        reply.status
                    );
                }
            }
        }
    }
    // Nor is there another way to it by the public door.
    for path in ["/tickets", "/files", "/all", "/stdio/files", "/union/all"] {
        let reply = Caller::plain(program.listens).ask(posting(path, "localhost", &guessed));
        assert_eq!(reply.status, 404, "{path}");
    }
    assert!(upstream.requests().is_empty());
    program.process.kill().unwrap();
    let mut rest = String::new();
    program.said.read_to_string(&mut rest).unwrap();
    let token = token(AGENT);
    let claims = token.split('.').nth(1).unwrap();
    assert!(!rest.contains(claims), "{rest}");
}
