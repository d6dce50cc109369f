//! nginx as one would run it as a plain reverse proxy, with one worker.

use std::fmt::Write;
use std::fs;
use std::net::SocketAddr;
use std::path::Path;

use super::{Door, Duty, Ground, Kind, Peer, Tls, free_address, install, wait_until_open};
use crate::run::process::{Child, child_of};
use crate::{Outcome, bodies, pinned};

pub fn start(ground: &Ground) -> Outcome<Peer> {
    let said = install::ask("nginx", &["-v"], "nginx-light")?;
    let said = String::from_utf8_lossy(&said.stderr).into_owned();
    let version = said.trim().rsplit('/').next().unwrap_or_default();
    let directory = ground.directory.join("nginx");
    fs::create_dir_all(&directory)?;
    let addresses = [free_address()?, free_address()?];
    let file = directory.join("nginx.conf");
    fs::write(&file, configuration(&directory, addresses, ground))?;
    let master = Child::start(
        pinned::on_core(ground.core, "nginx")?
            .arg("-p")
            .arg(&directory)
            .arg("-c")
            .arg(&file),
    )?;
    wait_until_open(&master, addresses[1])?;
    let door = |duty, tls: Tls, prefix| Door {
        duty,
        tls,
        address: addresses[usize::from(tls.down)],
        prefix,
    };
    Ok(Peer {
        kind: Kind::Nginx,
        version: version.to_owned(),
        processes: vec![child_of(master.id())?],
        doors: vec![
            door(Duty::Relay, Tls::NONE, "/plain"),
            door(Duty::Relay, Tls::DOWN, "/plain"),
            door(Duty::Relay, Tls::UP, "/up"),
            door(Duty::Relay, Tls::BOTH, "/up"),
            door(Duty::Stream, Tls::NONE, "/mcp"),
            door(Duty::Stream, Tls::DOWN, "/mcp"),
            door(Duty::TEXTS, Tls::NONE, "/masked"),
            door(Duty::LONG_TEXTS, Tls::NONE, "/long"),
        ],
        children: vec![master],
    })
}

/// How many literals fit one location: more than 255 it refuses. So the first half of a long list is
/// replaced in one location, and the rest in another that the first is proxied to.
const FIT: usize = 200;

/// Replaces some literals.
fn filters(literals: &[String]) -> String {
    let mut text = String::from("      sub_filter_types *;\n      sub_filter_once off;\n");
    for literal in literals {
        let _ = writeln!(text, "      sub_filter '{literal}' '[literal]';");
    }
    text
}

fn upstream(name: &str, address: SocketAddr) -> String {
    format!(
        "  upstream {name} {{
    server {address};
    keepalive 512;
    keepalive_requests 100000000;
  }}
"
    )
}

/// The files it needs, one worker, and a location for each of its doors.
fn configuration(directory: &Path, addresses: [SocketAddr; 2], ground: &Ground) -> String {
    let directory = directory.display();
    let [plain, tls] = addresses;
    let Ground {
        origin,
        origin_tls,
        files,
        pki,
        ..
    } = ground;
    let (certificate, key) = (pki.certificate.display(), pki.key.display());
    let locations = locations(ground);
    let upstreams = [
        ("origin", *origin),
        ("origin_tls", *origin_tls),
        ("itself", plain),
    ];
    let upstreams = upstreams
        .map(|(name, address)| upstream(name, address))
        .concat();
    format!(
        r"daemon off;
worker_processes 1;
worker_rlimit_nofile {files};
pid {directory}/pid;
error_log {directory}/error.log warn;
events {{ worker_connections {files}; }}
http {{
  access_log off;
  client_body_temp_path {directory}/client;
  proxy_temp_path {directory}/proxy;
  fastcgi_temp_path {directory}/fastcgi;
  uwsgi_temp_path {directory}/uwsgi;
  scgi_temp_path {directory}/scgi;
  keepalive_requests 100000000;
  keepalive_timeout 600s;
  tcp_nodelay on;
{upstreams}  server {{
    listen {plain} backlog=4096;
    listen {tls} ssl backlog=4096;
    ssl_certificate {certificate};
    ssl_certificate_key {key};
    ssl_protocols TLSv1.2 TLSv1.3;
    ssl_session_cache shared:sessions:10m;
    proxy_http_version 1.1;
    proxy_set_header Connection '';
    proxy_buffer_size 16k;
    proxy_buffers 16 16k;
    proxy_max_temp_file_size 0;
{locations}  }}
}}
"
    )
}

/// One for each duty, and what the one for long lists needs.
fn locations(ground: &Ground) -> String {
    let ca = ground.pki.ca.display();
    let literals = bodies::literals(bodies::LONG_LIST);
    let short = &literals[..bodies::LITERALS.len()];
    let [short, first, rest] = [short, &literals[..FIT], &literals[FIT..]].map(filters);
    format!(
        r"    location / {{ proxy_pass http://origin; }}
    location /mcp/ {{
      proxy_pass http://origin;
      proxy_buffering off;
      proxy_buffer_size 4k;
      proxy_read_timeout 600s;
    }}
    location /up/ {{
      proxy_pass https://origin_tls;
      proxy_ssl_protocols TLSv1.3;
      proxy_ssl_trusted_certificate {ca};
      proxy_ssl_verify on;
      proxy_ssl_name localhost;
    }}
    location /masked/ {{
      proxy_pass http://origin;
{short}    }}
    location /long/ {{
      proxy_pass http://itself/rest/;
{first}    }}
    location /rest/ {{
      proxy_pass http://origin;
{rest}    }}
"
    )
}
