//! haproxy with one thread, as its manual would have it relay, and prove tokens by `jwt_verify`.

use std::fmt::Write;
use std::fs;
use std::net::SocketAddr;

use super::{Door, Duty, Ground, Kind, Peer, Tls, free_address, install, wait_until_open};
use crate::run::keys::Algorithm;
use crate::run::process::Child;
use crate::{Outcome, pinned};

/// Connections it may have on either side; what it keeps of each is allocated when it comes.
const CONNECTIONS: u64 = 20_000;

pub fn start(ground: &Ground) -> Outcome<Peer> {
    let said = install::ask("haproxy", &["-v"], "haproxy")?;
    let said = String::from_utf8_lossy(&said.stdout).into_owned();
    let version = said.split(' ').nth(2).ok_or("it has no version")?;
    let directory = ground.directory.join("haproxy");
    fs::create_dir_all(&directory)?;
    let doors = doors()?;
    let file = directory.join("haproxy.cfg");
    fs::write(&file, configuration(ground, &doors)?)?;
    let process = Child::start(
        pinned::on_core(ground.core, "haproxy")?
            .args(["-db", "-f"])
            .arg(&file),
    )?;
    wait_until_open(&process, doors[0].address)?;
    Ok(Peer {
        kind: Kind::Haproxy,
        version: version.to_owned(),
        processes: vec![process.id()],
        doors,
        children: vec![process],
    })
}

/// A listener of its own for each, so that none pays for another's rules.
fn doors() -> Outcome<Vec<Door>> {
    [
        (Duty::Relay, Tls::NONE),
        (Duty::Relay, Tls::DOWN),
        (Duty::Relay, Tls::UP),
        (Duty::Relay, Tls::BOTH),
        (Duty::Stream, Tls::NONE),
        (Duty::Stream, Tls::DOWN),
        (Duty::Token(Algorithm::Rs256), Tls::NONE),
        (Duty::Token(Algorithm::Es256), Tls::NONE),
    ]
    .into_iter()
    .map(|(duty, tls)| {
        Ok(Door {
            duty,
            tls,
            address: free_address()?,
            prefix: "",
        })
    })
    .collect()
}

fn configuration(ground: &Ground, doors: &[Door]) -> Outcome<String> {
    let connections = CONNECTIONS.min(ground.files.saturating_sub(200) / 2);
    let mut text = format!(
        "global
  nbthread 1
  maxconn {connections}
  ssl-default-bind-options ssl-min-ver TLSv1.2

defaults
  mode http
  timeout connect 5s
  timeout client 600s
  timeout server 600s
  timeout http-keep-alive 600s
  http-reuse always
"
    );
    for (number, door) in doors.iter().enumerate() {
        let bind = match door.tls.down {
            true => format!(" ssl crt {}", ground.pki.both.display()),
            false => String::new(),
        };
        let backend = backend(door);
        let _ = write!(
            text,
            "\nfrontend door{number}\n  bind {}{bind}\n  default_backend {backend}\n",
            door.address
        );
        if let Duty::Token(algorithm) = door.duty {
            text.push_str(&proof(ground, algorithm));
        }
        if door.duty == Duty::Stream {
            // Else an event waits for the next one.
            text.push_str("  option http-no-delay\n");
        }
    }
    let plain = server(ground.origin, "");
    let tls = format!(
        " ssl verify required ca-file {} verifyhost localhost sni str(localhost)",
        ground.pki.ca.display()
    );
    let tls = server(ground.origin_tls, &tls);
    let _ = write!(
        text,
        "\nbackend plain\n{plain}\nbackend streams\n  option http-no-delay\n{plain}\nbackend tls\n{tls}"
    );
    Ok(text)
}

fn backend(door: &Door) -> &'static str {
    match (door.duty, door.tls.up) {
        (_, true) => "tls",
        (Duty::Stream, _) => "streams",
        _ => "plain",
    }
}

fn server(address: SocketAddr, more: &str) -> String {
    format!("  server origin {address}{more}\n")
}

/// Refuses whoever shows no good token: its algorithm, issuer, audience, time and signature.
fn proof(ground: &Ground, algorithm: Algorithm) -> String {
    let issued = ground.issued;
    let mut text = String::from(
        "  http-request set-var(txn.token) http_auth_bearer
  http-request set-var(txn.alg) var(txn.token),jwt_header_query('$.alg')
  http-request set-var(txn.iss) var(txn.token),jwt_payload_query('$.iss')
  http-request set-var(txn.aud) var(txn.token),jwt_payload_query('$.aud')
  http-request set-var(txn.exp) var(txn.token),jwt_payload_query('$.exp','int')
  http-request set-var(txn.now) date()
",
    );
    let key = issued.public_key(algorithm);
    let key = key.display();
    for good in [
        format!("var(txn.alg) -m str {}", algorithm.name()),
        format!("var(txn.iss) -m str {}", issued.issuer),
        format!("var(txn.aud) -m str {}", issued.audience),
        "var(txn.exp),sub(txn.now) -m int gt 0".to_owned(),
        format!("var(txn.token),jwt_verify(txn.alg,\"{key}\") -m int 1"),
    ] {
        let _ = writeln!(
            text,
            "  http-request deny deny_status 401 unless {{ {good} }}"
        );
    }
    text
}
