//! Sluice with one worker: real tokens, policy, an upstream credential, recording.

use std::fs;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use sluice::cli::demo::issuer::GATEWAY_AUDIENCE;

use super::{Door, Duty, Ground, Kind, Peer};
use crate::run::issuer::{Issued, ROLE};
use crate::run::process::Child;
use crate::{Outcome, bodies, pinned};

/// Starts it and waits until it lets a call pass.
pub fn start(ground: &Ground) -> Outcome<Peer> {
    let Ground { issued, .. } = ground;
    let directory = ground.directory.join("sluice");
    fs::create_dir_all(&directory)?;
    fs::write(directory.join("ca.pem"), &issued.ca_pem)?;
    fs::write(
        directory.join("upstream.token"),
        "a-token-that-no-caller-sees",
    )?;
    fs::write(directory.join("literals.txt"), bodies::LITERALS.join("\n"))?;
    let file = directory.join("sluice.yaml");
    fs::write(&file, configuration(issued, ground.origin))?;
    let process = Child::start(
        pinned::on_core(ground.core, ground.sluice)?
            .arg("serve")
            .arg("-c")
            .arg(&file)
            .args(["--io", ground.io]),
    )?;
    let rest = process.line_after("listening on ")?;
    let address = rest.split(' ').next().unwrap_or_default().parse()?;
    wait_until_it_lets_pass(address, &issued.token)?;
    let door = |duty, prefix| Door {
        duty,
        address,
        prefix,
    };
    Ok(Peer {
        kind: Kind::Sluice,
        version: format!("{} (--io {})", ground.sluice.display(), ground.io),
        processes: vec![process.id()],
        doors: vec![
            door(Duty::Guard, "/plain"),
            door(Duty::Mcp, "/mcp"),
            door(MASK, "/masked"),
            door(Duty::Durable, "/durable"),
        ],
        children: vec![process],
    })
}

const MASK: Duty = Duty::Mask {
    literals: bodies::LITERALS.len(),
    fields: bodies::FIELDS.len(),
};

/// Keys are fetched after the start; until then every call is refused.
fn wait_until_it_lets_pass(address: SocketAddr, token: &str) -> Outcome<()> {
    let begin = Instant::now();
    let request = format!(
        "GET /plain/1k HTTP/1.1\r\nHost: perf\r\nAuthorization: Bearer {token}\r\n\
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
        std::thread::sleep(Duration::from_millis(100));
    }
}

fn configuration(issued: &Issued, origin: SocketAddr) -> String {
    let Issued {
        authority, tenant, ..
    } = issued;
    let connection = |name: &str, rest: &str| {
        format!(
            "  {name}: {{ protocol: http, upstream: \"http://{origin}\", credential: upstream, \
             links: false, {rest} }}\n"
        )
    };
    let mcp = format!(
        "  mcp: {{ protocol: mcp, upstream: \"http://{origin}/mcp\", credential: upstream, \
         record: buffered }}\n"
    );
    let connections = [
        mcp,
        connection("plain", "record: buffered"),
        connection("masked", "record: buffered, masks: [perf]"),
        connection("durable", "record: durable"),
    ]
    .concat();
    let each =
        |line: fn(&str) -> String| -> String { ["plain", "masked", "durable"].map(line).concat() };
    let routes = each(|name| format!("  - {{ path: /{name}/**, connection: {name} }}\n"));
    let policies = each(|name| {
        format!(
            "  - name: {name}\n    connection: {name}\n    \
             who: {{ issuer: perf, roles: [{ROLE}] }}\n    rules: [{{ allow: GET /* }}]\n"
        )
    });
    let fields = bodies::FIELDS.join(", ");
    format!(
        r#"listeners: [{{ bind: "127.0.0.1:0" }}]
admin: {{ bind: "127.0.0.1:0" }}
data: data
access_log: "off"
workers: 1
issuers:
  perf:
    kind: entra
    tenant: {tenant}
    audiences: [{GATEWAY_AUDIENCE}]
    algorithms: [ES256]
    authority: {authority}
    ca_file: ca.pem
credentials:
  upstream: {{ kind: bearer, token: file:upstream.token }}
connections:
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
  perf: {{ fields: [{fields}], literals: file:literals.txt }}
"#
    )
}
