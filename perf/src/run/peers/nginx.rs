//! nginx as one would run it as a plain reverse proxy, with one worker.

use std::fmt::Write;
use std::fs;
use std::net::SocketAddr;
use std::path::Path;
use std::process::Command;

use super::{Door, Duty, Ground, Kind, Peer, Tls, free_address, wait_until_open};
use crate::run::process::{Child, child_of};
use crate::{Outcome, bodies, pinned};

pub fn start(ground: &Ground) -> Outcome<Peer> {
    let version = version()?;
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
        version,
        processes: vec![child_of(master.id())?],
        doors: vec![
            door(Duty::Relay, Tls::NONE, "/plain"),
            door(Duty::Relay, Tls::DOWN, "/plain"),
            door(Duty::Relay, Tls::UP, "/up"),
            door(Duty::Relay, Tls::BOTH, "/up"),
            door(Duty::Stream, Tls::NONE, "/mcp"),
            door(Duty::Stream, Tls::DOWN, "/mcp"),
            door(MASK, Tls::NONE, "/masked"),
        ],
        children: vec![master],
    })
}

/// `sub_filter` knows no fields.
const MASK: Duty = Duty::Mask {
    literals: 20,
    fields: 0,
};

/// What nginx calls itself; installs it where that takes no question.
fn version() -> Outcome<String> {
    let ask = || Command::new("nginx").arg("-v").output();
    let output = match ask() {
        Ok(output) => output,
        Err(_) if rustix::process::geteuid().is_root() => {
            eprintln!("sluice-perf: installing nginx-light");
            let _ = Command::new("apt-get")
                .args([
                    "install",
                    "-qq",
                    "-y",
                    "--no-install-recommends",
                    "nginx-light",
                ])
                .env("DEBIAN_FRONTEND", "noninteractive")
                .output();
            ask().map_err(|_| "nginx is missing and apt-get could not install it")?
        }
        Err(_) => return Err("nginx is missing; on Debian: apt-get install nginx-light".into()),
    };
    let text = String::from_utf8_lossy(&output.stderr);
    let version = text.trim().rsplit('/').next().unwrap_or_default();
    Ok(version.to_owned())
}

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
    let ca = pki.ca.display();
    let mut filters = String::new();
    for literal in bodies::LITERALS {
        let _ = writeln!(filters, "      sub_filter '{literal}' '[literal]';");
    }
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
  upstream origin {{
    server {origin};
    keepalive 512;
    keepalive_requests 100000000;
  }}
  upstream origin_tls {{
    server {origin_tls};
    keepalive 512;
    keepalive_requests 100000000;
  }}
  server {{
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
    location / {{ proxy_pass http://origin; }}
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
      sub_filter_types *;
      sub_filter_once off;
{filters}    }}
  }}
}}
"
    )
}
