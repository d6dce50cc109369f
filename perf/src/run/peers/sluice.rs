//! Sluice with one worker: real tokens, policy, an upstream credential, recording.

use std::fmt::Write as _;
use std::fs;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use super::{Door, Duty, Ground, Kind, Peer, Tls, free_address};
use crate::run::issuer::{Issued, ROLE};
use crate::run::process::Child;
use crate::{Outcome, bodies, pinned};

/// One step of the ladder: a connection of Sluice's own, with no more on it than the duty asks for.
struct Rung {
    duty: Duty,
    /// What stands before the origin's target; without its slash the connection's name.
    prefix: &'static str,
    /// The origin is spoken to in TLS.
    up: bool,
    has: &'static str,
}

/// Identity, policy and recording are on every step: they cannot be left out.
const RUNGS: [Rung; 7] = [
    rung(Duty::Policy, "/least", "record: buffered"),
    rung(
        Duty::Guard,
        "/guard",
        "record: buffered, credential: upstream",
    ),
    rung(
        Duty::Durable,
        "/durable",
        "record: durable, credential: upstream",
    ),
    rung(
        Duty::TEXTS,
        "/texts",
        "record: buffered, credential: upstream, masks: [texts]",
    ),
    rung(
        Duty::EVERYTHING,
        "/masked",
        "record: buffered, credential: upstream, masks: [short]",
    ),
    rung(
        Duty::LONG_MASK,
        "/long",
        "record: buffered, credential: upstream, masks: [long]",
    ),
    Rung {
        up: true,
        ..rung(
            Duty::Guard,
            "/up",
            "record: buffered, credential: upstream, ca_file: origin.pem",
        )
    },
];

const fn rung(duty: Duty, prefix: &'static str, has: &'static str) -> Rung {
    Rung {
        duty,
        prefix,
        up: false,
        has,
    }
}

/// Starts it and waits until it lets a call pass.
pub fn start(ground: &Ground, kind: Kind, program: &Path) -> Outcome<Peer> {
    let directory = ground.directory.join(kind.name());
    fs::create_dir_all(&directory)?;
    let file = write_files(&directory, ground)?;
    let process = Child::start(
        pinned::on_core(ground.core, program)?
            .arg("serve")
            .arg("-c")
            .arg(&file)
            .args(["--io", ground.io]),
    )?;
    let address = || -> Outcome<SocketAddr> {
        let rest = process.line_after("listening on ")?;
        Ok(rest.split(' ').next().unwrap_or_default().parse()?)
    };
    // In plain text, and in TLS.
    let addresses = [address()?, address()?];
    wait_until_it_lets_pass(addresses[0], &ground.issued.token)?;
    Ok(Peer {
        kind,
        version: format!("{} (--io {})", version(program)?, ground.io),
        processes: vec![process.id()],
        doors: doors(addresses),
        children: vec![process],
    })
}

/// What it calls itself.
fn version(program: &Path) -> Outcome<String> {
    let output = Command::new(program).arg("--version").output()?;
    let text = String::from_utf8_lossy(&output.stdout);
    Ok(text.trim().trim_start_matches("sluice ").to_owned())
}

fn doors(addresses: [SocketAddr; 2]) -> Vec<Door> {
    let mut doors = Vec::new();
    for (down, address) in [(false, addresses[0]), (true, addresses[1])] {
        let mut add = |duty, up, prefix| {
            doors.push(Door {
                duty,
                tls: Tls { down, up },
                address,
                prefix,
            });
        };
        add(Duty::Mcp, false, "/mcp");
        for rung in &RUNGS {
            add(rung.duty, rung.up, rung.prefix);
        }
    }
    doors
}

/// Keys are fetched after the start; until then every call is refused.
fn wait_until_it_lets_pass(address: SocketAddr, token: &str) -> Outcome<()> {
    let begin = Instant::now();
    let request = format!(
        "GET /least/1k HTTP/1.1\r\nHost: perf\r\nAuthorization: Bearer {token}\r\n\
         Connection: close\r\n\r\n"
    );
    loop {
        let mut answer = String::new();
        let mut socket = TcpStream::connect(address)?;
        socket.set_read_timeout(Some(Duration::from_secs(5)))?;
        socket.write_all(request.as_bytes())?;
        let read = socket.read_to_string(&mut answer);
        if answer.starts_with("HTTP/1.1 200 ") {
            return Ok(());
        }
        if begin.elapsed() > Duration::from_secs(15) {
            return Err(format!("the gateway lets no call pass: {read:?} {answer}").into());
        }
        std::thread::sleep(Duration::from_millis(50));
    }
}

/// Writes the configuration and all it refers to; answers where the configuration lies.
fn write_files(directory: &Path, ground: &Ground) -> Outcome<PathBuf> {
    let write = |name: &str, text: &str| fs::write(directory.join(name), text);
    write("ca.pem", &ground.issued.ca_pem)?;
    write("upstream.token", "a-token-that-no-caller-sees")?;
    write(
        "short.txt",
        &bodies::literals(bodies::LITERALS.len()).join("\n"),
    )?;
    write("long.txt", &bodies::literals(bodies::LONG_LIST).join("\n"))?;
    fs::copy(&ground.pki.ca, directory.join("origin.pem"))?;
    fs::copy(&ground.pki.certificate, directory.join("server.pem"))?;
    fs::copy(&ground.pki.key, directory.join("server.key"))?;
    let file = directory.join("sluice.yaml");
    fs::write(&file, configuration(ground, free_address()?))?;
    Ok(file)
}

fn configuration(ground: &Ground, tls: SocketAddr) -> String {
    let Issued {
        authority,
        tenant,
        audience,
        ..
    } = ground.issued;
    let (origin, origin_tls) = (ground.origin, ground.origin_tls);
    let (mut connections, mut routes, mut policies) = (String::new(), String::new(), String::new());
    for Rung {
        prefix, up, has, ..
    } in &RUNGS
    {
        let name = prefix.trim_start_matches('/');
        let upstream = match up {
            true => format!("https://{origin_tls}"),
            false => format!("http://{origin}"),
        };
        let _ = writeln!(
            connections,
            "  {name}: {{ protocol: http, upstream: \"{upstream}\", links: false, {has} }}"
        );
        let _ = writeln!(routes, "  - {{ path: {prefix}/**, connection: {name} }}");
        let _ = writeln!(
            policies,
            "  - name: {name}\n    connection: {name}\n    \
             who: {{ issuer: perf, roles: [{ROLE}] }}\n    rules: [{{ allow: GET /* }}]"
        );
    }
    let fields = bodies::FIELDS.join(", ");
    format!(
        r#"listeners:
  - {{ bind: "127.0.0.1:0" }}
  - {{ bind: "{tls}", tls: {{ cert: file:server.pem, key: file:server.key }} }}
admin: {{ bind: "127.0.0.1:0" }}
data: data
access_log: "off"
workers: 1
limits: {{ connections_per_address: 20000, handshakes_per_worker: 100000 }}
issuers:
  perf:
    kind: entra
    tenant: {tenant}
    audiences: [{audience}]
    algorithms: [RS256, ES256]
    authority: {authority}
    ca_file: ca.pem
credentials:
  upstream: {{ kind: bearer, token: file:upstream.token }}
connections:
  mcp: {{ protocol: mcp, upstream: "http://{origin}/mcp", credential: upstream, record: buffered }}
{connections}routes:
  - {{ path: /mcp/**, connection: mcp }}
{routes}policies:
  - name: mcp
    connection: mcp
    who: {{ issuer: perf, roles: [{ROLE}] }}
    rules:
      - {{ deny: tools/call delete_* }}
      - {{ allow: tools/call search_* }}
{policies}masks:
  texts: {{ literals: file:short.txt }}
  short: {{ fields: [{fields}], literals: file:short.txt }}
  long: {{ fields: [{fields}], literals: file:long.txt }}
"#
    )
}
